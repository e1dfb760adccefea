use super::{Call, Outcome};

pub(in crate::server) async fn stream(call: Call) -> Outcome {
    // What is no id of ours names an event that is not remembered.
    let since = call.last_event_id.as_ref().map(|text| text.trim().parse().unwrap_or(0));
    call.streams.open(|| call.backend.events(since))
}
