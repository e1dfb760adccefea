use heketi_core::operation::{Certainty, FailureKind, GlusterBlockSpec, Observation, StepFailure, StepOutcome};
use heketi_core::units::Gib;

use crate::node::commands::block;
use crate::node::parse::gluster_block::{Answer, without_password};
use crate::node::session::{Session, Verdict, program_missing, says};
use crate::runner::{CommandLine, LineResult};

/// What a command wrote, and what it means.
struct Reply {
    result: LineResult,
    /// Where the answer stands: newer versions write failures to standard error.
    output: String,
    answer: Option<Answer>,
}

impl Reply {
    fn new(result: LineResult, stderr_first: bool) -> Self {
        let streams = if stderr_first { [&result.stderr, &result.stdout] } else { [&result.stdout, &result.stderr] };
        let output = streams.into_iter().find(|text| !text.trim().is_empty()).cloned().unwrap_or_default();
        let answer = Answer::read(&output);
        Self { result, output, answer }
    }

    /// The answer, if it did what it was asked.
    fn success(self) -> Result<Answer, Self> {
        match self.answer {
            Some(answer) if self.result.success() && !answer.failed() => Ok(answer),
            answer => Err(Self { answer, ..self }),
        }
    }

    /// Why it failed, as the answer has it; empty when it does not say.
    fn message(&self) -> &str {
        self.answer.as_ref().filter(|answer| answer.failed()).map_or("", Answer::message)
    }

    fn said(&self, texts: &[&str]) -> bool {
        says(&self.result, texts)
    }

    /// Is it the hosting volume that does not exist?
    fn lacks_hosting(&self, hosting: &str) -> bool {
        self.message().contains("does not exist") && self.message().contains(hosting)
    }

    /// How much is known about what was done.
    fn certainty(&self) -> Certainty {
        let no_daemon = self.said(&["please check if gluster-block daemon is operational"]);
        // The volume could not even be opened there.
        let no_volume = self.said(&["check if volume ", "not able to initialize volume", "not able to add volfile"]);
        if no_daemon || no_volume || program_missing(&self.result) {
            Certainty::NotStarted
        } else if self.said(&["did not receive any response from gluster-block daemon"]) {
            // The daemon may go on.
            Certainty::Unknown
        } else {
            Certainty::Failed
        }
    }

    /// What else it wrote, as far as it can be shown.
    fn shown(&self) -> String {
        match without_password(&self.output) {
            text if text.is_empty() => self.result.failure_text(),
            text => text,
        }
    }

    fn failure(&self, session: &Session<'_>, text: String) -> StepFailure {
        let kind = if self.answer.is_some() { FailureKind::Command } else { FailureKind::Answer };
        session.failure(kind, self.certainty(), text)
    }
}

/// Runs a line that changes something. Every answer is left to the caller.
async fn act(session: &mut Session<'_>, line: CommandLine, stderr_first: bool) -> Result<Reply, StepFailure> {
    let results = session.act(vec![line.clone()], |_, _, _| Verdict::GoOn).await?;
    let result = results.into_iter().next().ok_or_else(|| session.unanswered(&line))?;
    Ok(Reply::new(result, stderr_first))
}

async fn ask(session: &mut Session<'_>, line: CommandLine) -> Result<Reply, StepFailure> {
    Ok(Reply::new(session.ask(line).await?, false))
}

pub(super) async fn create(session: &mut Session<'_>, spec: &GlusterBlockSpec) -> StepOutcome {
    let reply = act(session, block::create(session.options, spec), false).await?;
    reply.success().map(|answer| Observation::BlockVolume(answer.created())).map_err(|reply| {
        let text = match (&reply.answer, reply.message()) {
            (None, _) => format!("Unparsable error during block volume create: {}", reply.shown()),
            (Some(_), "") => format!("Failed to create block volume: {}", reply.shown()),
            (Some(_), message) => format!("Failed to create block volume: {message}"),
        };
        reply.failure(session, text)
    })
}

pub(super) async fn delete(session: &mut Session<'_>, hosting: &str, name: &str) -> StepOutcome {
    let reply = match act(session, block::delete(hosting, name), true).await?.success() {
        Ok(_) => return Ok(Observation::Done),
        Err(reply) => reply,
    };
    let lacks_block = reply.message().contains("doesn't exist") && reply.message().contains(name);
    if lacks_block || reply.lacks_hosting(hosting) {
        return Ok(Observation::Done);
    }
    let failed_on = reply.answer.as_ref().map(|answer| answer.failed_on().join(", ")).unwrap_or_default();
    let text = match (&reply.answer, reply.message()) {
        (None, _) if !reply.result.success() => reply.shown(),
        (None, _) => format!("Unable to parse output from block volume delete: {}", reply.shown()),
        (Some(_), "") if !failed_on.is_empty() => {
            format!("Failed to delete block volume {hosting}/{name} on {failed_on}")
        }
        (Some(_), "") => reply.shown(),
        (Some(_), message) => message.to_owned(),
    };
    Err(reply.failure(session, text))
}

pub(super) async fn expand(session: &mut Session<'_>, hosting: &str, name: &str, size: Gib) -> StepOutcome {
    let reply = match act(session, block::expand(hosting, name, size), false).await?.success() {
        Ok(_) => return Ok(Observation::Done),
        Err(reply) => reply,
    };
    // Only said when every host serves that size.
    if reply.message().contains("is same as current size") {
        return Ok(Observation::Done);
    }
    let text = match (&reply.answer, reply.message()) {
        (None, _) => format!("Unparsable error during block volume expand: {}", reply.shown()),
        (Some(_), "") => "Failed to expand block volume (see logs for details, and retry the operation)".to_owned(),
        (Some(_), message) => {
            format!("Failed to expand block volume: {message} (see logs for details, and retry the operation)")
        }
    };
    Err(reply.failure(session, text))
}

pub(super) async fn read(session: &mut Session<'_>, hosting: &str, name: &str) -> StepOutcome {
    let reply = ask(session, block::info(hosting, name)).await?;
    let unparsable = |why: String| format!("Unparsable error during block volume info: {why}");
    match reply.success() {
        Ok(answer) => match answer.info() {
            Ok(Some(found)) => Ok(Observation::BlockVolume(found)),
            Ok(None) => Err(senseless(session, unparsable(format!("no GBID of {hosting}/{name}")))),
            Err(error) => Err(senseless(session, unparsable(error.to_string()))),
        },
        Err(reply) => {
            let text = match (&reply.answer, reply.message()) {
                (None, _) if reply.result.success() => unparsable(reply.shown()),
                (_, "") => reply.shown(),
                (_, message) => message.to_owned(),
            };
            Err(reply.failure(session, format!("cannot read block volume {hosting}/{name}: {text}")))
        }
    }
}

fn senseless(session: &Session<'_>, text: String) -> StepFailure {
    session.failure(FailureKind::Answer, Certainty::Failed, text)
}

pub(super) async fn list(session: &mut Session<'_>, hosting: &str) -> StepOutcome {
    let reply = ask(session, block::list(hosting)).await?;
    reply.success().map(|answer| Observation::BlockVolumes(answer.names())).or_else(|reply| {
        if reply.lacks_hosting(hosting) {
            return Ok(Observation::BlockVolumes(Vec::new()));
        }
        let why = if reply.message().is_empty() { reply.shown() } else { reply.message().to_owned() };
        let text = format!("unable to list blockvolumes on block hosting volume {hosting} : {why}");
        Err(reply.failure(session, text))
    })
}
