use serde::{Deserialize, Serialize};

use super::validate::{Problems, heal_check};
use super::{Validate, ValidationError};
use crate::id::{BrickId, DeviceId, NodeId, VolumeId};
use crate::model::Brick;
use crate::units::Kib;

/// A brick as `GET /volumes/{id}`, `/nodes/{id}` and `/devices/{id}` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BrickInfo {
    /// Its id.
    pub id: BrickId,
    /// The directory gluster uses.
    pub path: String,
    /// The device that holds it.
    pub device: DeviceId,
    /// The node of that device.
    pub node: NodeId,
    /// Its volume.
    pub volume: VolumeId,
    /// Usable size.
    pub size: Kib,
}

impl From<&Brick> for BrickInfo {
    fn from(brick: &Brick) -> Self {
        Self {
            id: brick.id,
            path: brick.brick_directory(),
            device: brick.device,
            node: brick.node,
            volume: brick.volume,
            size: brick.size,
        }
    }
}

/// Optional body of `POST /bricks/to-evict/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct BrickEvictRequest {
    /// Empty, `enable` or `disable`.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["", "enable", "disable"])))]
    pub healcheck: String,
}

impl BrickEvictRequest {
    /// Must the set be checked for pending heals before the brick is moved?
    pub fn checks_heal(&self) -> bool {
        self.healcheck != "disable"
    }
}

impl Validate for BrickEvictRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default().field("healcheck", heal_check(&self.healcheck)).result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heal_check_is_on_unless_disabled() {
        for (healcheck, checks) in [("", true), ("enable", true), ("disable", false)] {
            let request = BrickEvictRequest { healcheck: healcheck.into() };
            assert_eq!((request.validate(), request.checks_heal()), (Ok(()), checks), "{healcheck}");
        }
        let told = BrickEvictRequest { healcheck: "maybe".into() }.validate().unwrap_err().to_string();
        assert_eq!(told, "validation failed: healcheck: maybe is not valid heal info check.");
    }
}
