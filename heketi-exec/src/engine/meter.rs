use std::fmt;
use std::time::Duration;

/// How an operation's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// It did what it was asked for.
    Done,
    /// It failed and was undone.
    Failed,
    /// It stopped halfway and is resumed later.
    Suspended,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Suspended => "suspended",
        })
    }
}

/// Is told how long the engine's work takes, for metrics. The calls are made where the work is done: they must
/// return at once.
pub trait Meter: Send + Sync + fmt::Debug {
    /// Changes became durable, in one flush.
    fn committed(&self, took: Duration);

    /// A run of an operation ended; `kind` is its name in lists, such as `create-volume`.
    fn operation_ended(&self, kind: &str, ended: Ended, took: Duration);
}
