//! One repair of an operation, and how it gets from stage to stage.

use serde::{Deserialize, Serialize};

use super::repair_steps::unusable;
use super::{Certainty, Observation, StepFailure, StepOutcome};
use crate::audit::Repair;
use crate::inventory::Inventory;

/// How often a repair is tried.
pub(super) const TRIES: u32 = 3;

/// How far one repair is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Not begun, or begun and to be looked at again.
    Waiting,
    /// What is on the disk?
    Looking,
    /// gluster stops using a lost brick.
    Stopping,
    /// The node is changed.
    Making,
    /// That failed: what was made of a brick is removed. The text tells why.
    Unmaking(String),
    /// gluster is told.
    Telling,
    /// Repaired.
    Done,
    /// Nothing was to be done any more.
    Needless,
    /// Not repaired, and why.
    Left(String),
}

/// One repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    /// What was found.
    pub what: String,
    /// What is done about it.
    pub repair: Repair,
    pub stage: Stage,
    pub tries: u32,
    /// Something may have been changed already.
    pub begun: bool,
    /// The disk was empty, or the logical volume gone, when it was begun: what is there now is ours.
    pub made: bool,
    /// gluster has to be told afterwards.
    pub tell: bool,
}

impl Item {
    pub fn new(what: String, repair: Repair) -> Self {
        Self { what, repair, stage: Stage::Waiting, tries: 0, begun: false, made: false, tell: false }
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Done | Stage::Needless | Stage::Left(_))
    }

    pub fn is_begun(&self) -> bool {
        matches!(self.stage, Stage::Making | Stage::Unmaking(_) | Stage::Telling)
    }

    /// The step of its stage has ended.
    pub fn ended(&mut self, inventory: &Inventory, outcome: &StepOutcome) {
        let failure = match outcome {
            Ok(observation) => return self.succeeded(inventory, observation),
            Err(failure) => failure,
        };
        let remakes = matches!(self.repair, Repair::ResetBrick(_)) && self.made;
        self.tries += 1;
        match self.stage {
            Stage::Making if remakes => self.stage = Stage::Unmaking(failure.text.clone()),
            // Both are tried until they work, or the operation is suspended.
            Stage::Unmaking(_) | Stage::Telling => {}
            _ if gives_up(failure, self.tries) => self.stage = Stage::Left(failure.text.clone()),
            _ => self.stage = Stage::Waiting,
        }
    }

    fn succeeded(&mut self, inventory: &Inventory, observation: &Observation) {
        let device = match self.repair {
            Repair::MakeGroup(id) => inventory.device(id).map(|device| &**device),
            _ => None,
        };
        self.stage = match (&self.stage, &self.repair, observation) {
            (Stage::Unmaking(why), ..) => Stage::Left(why.clone()),
            (Stage::Looking, _, Observation::Contents(contents)) => match unusable(device, contents, self.made) {
                Some(why) => Stage::Left(why),
                None => {
                    self.made = true;
                    Stage::Making
                }
            },
            (Stage::Stopping, ..) => Stage::Making,
            (Stage::Making, ..) if self.tell => {
                self.tries = 0;
                Stage::Telling
            }
            _ => Stage::Done,
        };
    }
}

/// Nothing else will come of another try.
fn gives_up(failure: &StepFailure, tries: u32) -> bool {
    tries >= TRIES || failure.certainty == Certainty::NotStarted
}
