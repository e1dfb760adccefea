//! The one error type of planning: a kind the front-ends map to a status, and a text for the user.

use std::fmt;

/// What kind of refusal, for front-ends: heketi-http maps it to an HTTP status, heketi-py to an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The named object does not exist, or is hidden while an operation creates or deletes it.
    NotFound,
    /// The object's state or contents forbid the request.
    Conflict,
    /// The request itself is wrong.
    Invalid,
    /// The request is right but cannot be placed: space, nodes, devices, limits, names.
    CannotAllocate,
    /// Another operation works on the object; trying again later can succeed.
    Busy,
    /// heketi takes no work now: it is stopping, or its store failed.
    NotServing,
    /// A node needed for the request does not answer.
    Unavailable,
    /// The stored state is inconsistent, or another defect of heketi.
    Internal,
}

/// Why a request was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    text: String,
    explanation: Vec<String>,
}

impl Error {
    /// An error with the text its reader gets. Where heketi v10 has a text for it, this is that text, exactly.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), explanation: Vec::new() }
    }

    /// Adds lines that follow the text, such as why each device was refused.
    pub fn explain(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.explanation.extend(lines);
        self
    }

    /// The text with `prefix` before it; kind and explanation stay.
    pub fn prefixed(mut self, prefix: &str) -> Self {
        self.text.insert_str(0, prefix);
        self
    }

    /// What kind of refusal.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text alone, without the explanation.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines after the text; empty for most errors.
    pub fn explanation(&self) -> &[String] {
        &self.explanation
    }

    /// `Id not found`, which clients compare literally.
    pub fn not_found() -> Self {
        Self::new(ErrorKind::NotFound, "Id not found")
    }

    /// The text heketi v10 uses when an object is in use by another operation.
    pub fn conflict() -> Self {
        Self::new(ErrorKind::Conflict, "The target exists, contains other items, or is in use.")
    }

    /// The text heketi v10's clients answer by trying again.
    pub fn busy() -> Self {
        Self::new(ErrorKind::Busy, "Server busy. Retry operation later.")
    }

    /// The state contradicts itself; `what` names the objects.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, what)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.explanation.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl std::error::Error for Error {}
