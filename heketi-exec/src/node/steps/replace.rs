//! Bricks that take the place of others, and what is left to heal.

use heketi_core::operation::{Certainty, FailureKind, GlusterBrick, Observation, StepFailure, StepOutcome};

use super::volume::bricks_of;
use crate::node::commands::gluster;
use crate::node::parse::gluster_xml;
use crate::node::session::{Session, Verdict};

pub(super) async fn replace(
    session: &mut Session<'_>,
    name: &str,
    old: &GlusterBrick,
    new: &GlusterBrick,
) -> StepOutcome {
    let line = gluster::replace_brick(session.options, name, old, new);
    let failure = match session.act_gluster(vec![line], |_, _| Verdict::Fail).await {
        Ok(_) => return Ok(Observation::Done),
        Err(failure) => failure,
    };
    // An earlier try may have done it: gluster refuses to replace a brick that is no longer there.
    if failure.certainty == Certainty::Failed && failure.kind == FailureKind::Command {
        let known = bricks_of(session, name).await.unwrap_or_default();
        if known.contains(new) && !known.contains(old) {
            return Ok(Observation::Done);
        }
    }
    let text = format!("Unable to replace brick {old} with {new} for volume {name}: {}", failure.text);
    Err(StepFailure { text, ..failure })
}

pub(super) async fn heal_info(session: &mut Session<'_>, name: &str) -> StepOutcome {
    let line = gluster::heal_info(session.options, name);
    let unable = |failure: StepFailure| {
        let text = format!("Unable to get heal info of volume : {name} : {}", failure.text);
        StepFailure { text, ..failure }
    };
    let result = session.ask(line.clone()).await.map_err(unable)?;
    let reply = session.reply(&line, &result, gluster_xml::heal_info).map_err(unable)?;
    reply.map(Observation::Heal).map_err(|words| unable(session.refused(words)))
}
