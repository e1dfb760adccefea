use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::validate::{Problems, blank};
use super::{Validate, ValidationError};

/// What requests the server takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdminState {
    /// All.
    #[default]
    Normal,
    /// Changes from the same host only.
    LocalClient,
    /// No changes.
    ReadOnly,
}

impl AdminState {
    const ALL: [Self; 3] = [Self::Normal, Self::LocalClient, Self::ReadOnly];

    /// The state of this name, as requests and the configuration write it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::LocalClient => "local-client",
            Self::ReadOnly => "read-only",
        }
    }
}

impl fmt::Display for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Body of `POST /admin` and answer of `GET /admin`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AdminStatus {
    /// `normal`, `local-client` or `read-only`.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["normal", "local-client", "read-only"])))]
    pub state: String,
}

impl AdminStatus {
    /// The state asked for; `None` when the text is none.
    pub fn target(&self) -> Option<AdminState> {
        AdminState::named(&self.state)
    }
}

impl From<AdminState> for AdminStatus {
    fn from(state: AdminState) -> Self {
        Self { state: state.to_string() }
    }
}

impl Validate for AdminStatus {
    fn validate(&self) -> Result<(), ValidationError> {
        let problem = match self.target() {
            Some(_) => None,
            None if self.state.is_empty() => blank(),
            None => Some("must be a valid value".to_owned()),
        };
        Problems::default().field("state", problem).result()
    }
}

/// Body and answer of `/internal/logging`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LogLevelInfo {
    /// Levels by the name of the logger; there is one, `glusterfs`.
    pub loglevel: BTreeMap<String, String>,
}

impl LogLevelInfo {
    /// The name of the one logger.
    pub const LOGGER: &'static str = "glusterfs";

    /// This level.
    pub fn new(level: impl Into<String>) -> Self {
        Self { loglevel: BTreeMap::from([(Self::LOGGER.to_owned(), level.into())]) }
    }

    /// The level, if there is one.
    pub fn level(&self) -> Option<&str> {
        self.loglevel.get(Self::LOGGER).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_names() {
        for (name, state) in [
            ("normal", Some(AdminState::Normal)),
            ("local-client", Some(AdminState::LocalClient)),
            ("read-only", Some(AdminState::ReadOnly)),
            ("Normal", None),
            ("", None),
        ] {
            let status = AdminStatus { state: name.into() };
            assert_eq!(status.target(), state, "{name}");
            assert_eq!(status.validate().is_ok(), state.is_some(), "{name}");
            assert_eq!(state.map(AdminStatus::from), state.map(|_| status), "{name}");
        }
        let told = |state: &str| AdminStatus { state: state.into() }.validate().unwrap_err().to_string();
        assert_eq!(told(""), "validation failed: state: cannot be blank.");
        assert_eq!(told("open"), "validation failed: state: must be a valid value.");
    }
}
