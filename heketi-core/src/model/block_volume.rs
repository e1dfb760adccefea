use serde::{Deserialize, Serialize};

use super::Secret;
use crate::id::{BlockVolumeId, ClusterId, VolumeId};
use crate::units::Gib;

/// An iSCSI target whose data is one file in a block hosting volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockVolume {
    /// Its id.
    pub id: BlockVolumeId,
    /// The cluster it lives in.
    pub cluster: ClusterId,
    /// The volume that hosts it.
    pub hosting: VolumeId,
    /// Its name, unique in its hosting volume.
    pub name: String,
    /// What was asked for, expansions included.
    pub size: Gib,
    /// What every host serves: less than `size` after an expansion that failed on some hosts.
    pub usable: Gib,
    /// Over how many hosts it can be reached.
    pub ha_count: u32,
    /// Are initiators asked for a user name and a password?
    #[serde(default)]
    pub auth: bool,
    /// Storage host names it is exported from.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// iSCSI qualified name; empty until gluster-block made it.
    #[serde(default)]
    pub iqn: String,
    /// User name of initiators.
    #[serde(default)]
    pub username: String,
    /// Password of initiators.
    #[serde(default)]
    pub password: Secret,
}
