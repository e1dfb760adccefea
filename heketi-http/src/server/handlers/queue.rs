use hyper::StatusCode;

use super::super::reply::{Refusal, empty, pending, redirect};
use super::{Call, Outcome};
use crate::backend::QueueState;

pub(in crate::server) async fn poll(call: Call) -> Outcome {
    match call.backend.queue(call.object()?).await? {
        QueueState::Pending => Ok(pending()),
        QueueState::Done => Ok(empty(StatusCode::NO_CONTENT)),
        QueueState::DoneAt(path) => Ok(redirect(StatusCode::SEE_OTHER, &path)),
        QueueState::Failed(text) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text)),
    }
}
