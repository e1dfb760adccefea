use serde::{Deserialize, Serialize};

use super::validate::{Problems, blank, heal_check};
use super::{Validate, ValidationError};
use crate::model::EntryState;

/// Body of `POST /nodes/{id}/state` and `POST /devices/{id}/state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["state"])))]
pub struct StateRequest {
    /// `online`, `offline` or `failed`.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["online", "offline", "failed"])))]
    pub state: String,
    /// Empty, `enable` or `disable`; matters for `failed` only.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["", "enable", "disable"])))]
    pub healcheck: String,
}

impl StateRequest {
    /// The state asked for; `None` when the text is none.
    pub fn target(&self) -> Option<EntryState> {
        [EntryState::Online, EntryState::Offline, EntryState::Failed]
            .into_iter()
            .find(|state| state.to_string() == self.state)
    }

    /// Must bricks be checked for pending heals before they are moved?
    pub fn checks_heal(&self) -> bool {
        self.healcheck != "disable"
    }
}

impl Validate for StateRequest {
    /// The heal check is looked at first, and alone.
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default().field("healcheck", heal_check(&self.healcheck)).result()?;
        let state = match self.target() {
            Some(_) => None,
            None if self.state.is_empty() => blank(),
            None => Some(format!("{} is not valid state", self.state)),
        };
        Problems::default().field("state", state).result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_checked_after_the_heal_check() {
        for (state, healcheck, problem) in [
            ("online", "", None),
            ("failed", "disable", None),
            ("", "", Some("state: cannot be blank.")),
            ("Online", "enable", Some("state: Online is not valid state.")),
            ("nope", "maybe", Some("healcheck: maybe is not valid heal info check.")),
        ] {
            let request = StateRequest { state: state.into(), healcheck: healcheck.into() };
            let told = request.validate().err().map(|error| error.to_string());
            assert_eq!(told, problem.map(|text| format!("validation failed: {text}")), "{state} {healcheck}");
        }
    }
}
