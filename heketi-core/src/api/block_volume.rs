use serde::{Deserialize, Serialize};

use super::validate::{Problems, not_negative, object_name, positive};
use super::{Validate, ValidationError, is_false, is_zero};
use crate::id::{BlockVolumeId, ClusterId, VolumeId};
use crate::model::{BlockVolume, Secret};
use crate::units::Gib;

/// Body of `POST /blockvolumes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["size"])))]
pub struct BlockVolumeCreateRequest {
    /// Size in GiB.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub size: i64,
    /// Clusters that may be taken, in order of preference; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// Its name; empty means `blockvol_<id>`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9_-]*$")))]
    pub name: String,
    /// Over how many hosts it can be reached; 0, or more than there are, means all of its hosting volume.
    #[serde(skip_serializing_if = "is_zero")]
    pub hacount: i64,
    /// Ask initiators for a user name and a password?
    #[serde(skip_serializing_if = "is_false")]
    pub auth: bool,
}

impl BlockVolumeCreateRequest {
    /// The size; `None` when the request is not valid.
    pub fn size(&self) -> Option<Gib> {
        size(self.size)
    }

    /// Over how many hosts it can be reached; 0 means all.
    pub fn hosts(&self) -> u32 {
        u32::try_from(self.hacount.max(0)).unwrap_or(u32::MAX)
    }
}

impl Validate for BlockVolumeCreateRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default()
            .field("size", positive(self.size))
            .field("name", object_name(&self.name))
            .field("hacount", not_negative(self.hacount))
            .result()
    }
}

/// Body of `POST /blockvolumes/{id}/expand`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["new_size"])))]
pub struct BlockVolumeExpandRequest {
    /// GiB it shall have then: unlike for volumes, the new total.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub new_size: i64,
}

impl BlockVolumeExpandRequest {
    /// The new total; `None` when the request is not valid.
    pub fn new_size(&self) -> Option<Gib> {
        size(self.new_size)
    }
}

impl Validate for BlockVolumeExpandRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default().field("new_size", positive(self.new_size)).result()
    }
}

fn size(gib: i64) -> Option<Gib> {
    u64::try_from(gib).ok().filter(|size| *size > 0).map(Gib)
}

/// Where initiators find a block volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct BlockTarget {
    /// Storage host names it is exported from.
    pub hosts: Vec<String>,
    /// iSCSI qualified name.
    pub iqn: String,
    /// Logical unit number: always 0.
    pub lun: i64,
    /// User name of initiators; empty when none is asked for.
    pub username: String,
    /// Password of initiators; empty when none is asked for.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub password: Secret,
}

/// Answer of `GET /blockvolumes/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockVolumeInfo {
    /// Size, expansions included.
    pub size: Gib,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Over how many hosts it can be reached.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hacount: i64,
    /// Its id.
    pub id: BlockVolumeId,
    /// Where initiators find it.
    #[serde(default)]
    pub blockvolume: BlockTarget,
    /// The cluster it lives in.
    pub cluster: ClusterId,
    /// The volume that hosts it.
    pub blockhostingvolume: VolumeId,
    /// What every host serves: less than `size` after an expansion that failed on some hosts.
    #[serde(default)]
    pub usablesize: Gib,
}

impl From<&BlockVolume> for BlockVolumeInfo {
    fn from(volume: &BlockVolume) -> Self {
        Self {
            size: volume.size,
            name: volume.name.clone(),
            hacount: volume.ha_count.into(),
            id: volume.id,
            blockvolume: BlockTarget {
                hosts: volume.hosts.clone(),
                iqn: volume.iqn.clone(),
                lun: 0,
                username: volume.username.clone(),
                password: volume.password.clone(),
            },
            cluster: volume.cluster,
            blockhostingvolume: volume.hosting,
            // Records of old versions of heketi have none.
            usablesize: if volume.usable == Gib(0) { volume.size } else { volume.usable },
        }
    }
}

/// Answer of `GET /blockvolumes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockVolumeList {
    /// All block volumes, sorted, without those being created or deleted.
    #[serde(default)]
    pub blockvolumes: Vec<BlockVolumeId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{decode, encode};

    #[test]
    fn a_block_volume_is_written_as_v10_writes_it() {
        let full = concat!(
            r#"{"size":3,"name":"bv1","hacount":2,"id":"b10cb10c00112233445566778899aabb","#,
            r#""blockvolume":{"hosts":["192.0.2.11","192.0.2.12"],"iqn":"iqn.2016-12.org.gluster-block:9f0e8d7c","#,
            r#""lun":0,"username":"b10cb10c","password":"s3cret"},"cluster":"4f1a7c02b8d94e6fa3c5d7e9012b3c4d","#,
            r#""blockhostingvolume":"ba5eba5e00112233445566778899aabb","usablesize":3}"#
        );
        let read: BlockVolumeInfo = decode(full.as_bytes()).unwrap();
        assert_eq!(encode(&read), full);
        assert!(!format!("{read:?}").contains("s3cret"));
        let record = BlockVolume {
            id: read.id,
            cluster: read.cluster,
            hosting: read.blockhostingvolume,
            name: read.name.clone(),
            size: Gib(3),
            usable: Gib(0),
            ha_count: 2,
            auth: true,
            hosts: read.blockvolume.hosts.clone(),
            iqn: read.blockvolume.iqn.clone(),
            username: read.blockvolume.username.clone(),
            password: read.blockvolume.password.clone(),
        };
        assert_eq!(BlockVolumeInfo::from(&record), read);
        let bare = BlockVolume { ha_count: 0, usable: Gib(2), ..record };
        let bare = BlockVolumeInfo::from(&bare);
        assert_eq!((bare.hacount, bare.usablesize), (0, Gib(2)));
        assert!(encode(&bare).starts_with(r#"{"size":3,"name":"bv1","id":"#));
    }

    #[test]
    fn fields_are_validated() {
        for (body, problem) in [
            (r#"{"size":1,"hacount":0}"#, None),
            (r#"{"size":1,"name":"a-B_9","hacount":3,"auth":true,"clusters":["x"]}"#, None),
            ("{}", Some("size: cannot be blank.")),
            (
                r#"{"size":-1,"name":"a.b","hacount":-1}"#,
                Some("hacount: must be no less than 1; name: must be in a valid format; size: must be no less than 1."),
            ),
        ] {
            let request: BlockVolumeCreateRequest = decode(body.as_bytes()).unwrap();
            let told = request.validate().err().map(|error| error.to_string());
            assert_eq!(told, problem.map(|text| format!("validation failed: {text}")), "{body}");
            assert_eq!(request.size().is_some(), problem.is_none());
        }
        for (size, problem) in [(0, "cannot be blank"), (-3, "must be no less than 1")] {
            let request = BlockVolumeExpandRequest { new_size: size };
            let told = request.validate().unwrap_err().to_string();
            assert_eq!((told, request.new_size()), (format!("validation failed: new_size: {problem}."), None));
        }
        assert_eq!(BlockVolumeExpandRequest { new_size: 4 }.new_size(), Some(Gib(4)));
        let many = BlockVolumeCreateRequest { hacount: i64::MAX, ..Default::default() };
        assert_eq!(many.hosts(), u32::MAX);
    }

    #[test]
    fn a_request_is_written_as_the_go_client_writes_it() {
        let request = BlockVolumeCreateRequest { size: 1, ..Default::default() };
        assert_eq!(encode(&request), r#"{"size":1,"name":""}"#);
    }
}
