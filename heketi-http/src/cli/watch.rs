//! `watch`: what happens, as it happens.

use heketi_core::api::{self, EventInfo};

use super::{CliError, Session, text};

pub(super) async fn run(mut session: Session<'_>, since: Option<u64>, count: Option<u64>) -> Result<(), CliError> {
    let mut events = session.client.events(since);
    let mut left = count;
    while left != Some(0) {
        let event = events.next().await?;
        // The stream's own words are for programs; connecting again is done already.
        if event.event == "connected" && !session.json {
            continue;
        }
        let line = if session.json { api::encode(&event) + "\n" } else { words(&event) };
        session.print(&line)?;
        left = left.map(|left| left - 1);
    }
    Ok(())
}

fn words(event: &EventInfo) -> String {
    let of_day = event.time.0 % 86_400;
    let mut out = format!("{:02}:{:02}:{:02} UTC  {:<20}", of_day / 3600, of_day / 60 % 60, of_day % 60, event.event);
    if let Some(object) = &event.object {
        let name = if object.name.is_empty() { String::new() } else { format!(" {}", object.name) };
        let state = object.state.map(|state| format!(": {}", text::state(state))).unwrap_or_default();
        out.push_str(&format!(" {}{name} ({}){state}", object.kind, object.id));
    }
    if let Some(operation) = &event.operation {
        let work = if operation.text.is_empty() { &operation.type_name } else { &operation.text };
        out.push_str(&format!(" {work} ({})", operation.id));
        if let Some(error) = &operation.error {
            out.push_str(&format!(": {error}"));
        }
    }
    if event.event == "missed" {
        out.push_str(" events before this one are gone; what is there now: heketi-cli topology info");
    }
    out.trim_end().to_owned() + "\n"
}
