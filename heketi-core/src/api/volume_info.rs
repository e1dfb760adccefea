use serde::{Deserialize, Serialize};

use super::{BrickInfo, is_false, is_zero};
use crate::id::{ClusterId, VolumeId};
use crate::model::{BlockHosting, BlockRestriction, Durability, Snapshot};
use crate::units::Gib;

/// Durability as requests and answers hold it: all three members always, numbers that are 0 left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct DurabilityInfo {
    /// `none`, `replicate` or `disperse`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["", "none", "replicate", "disperse"])))]
    pub kind: String,
    /// Used by `replicate`.
    pub replicate: ReplicateInfo,
    /// Used by `disperse`.
    pub disperse: DisperseInfo,
}

/// Part of [`DurabilityInfo`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ReplicateInfo {
    /// Bricks of a set.
    #[serde(skip_serializing_if = "is_zero")]
    pub replica: i64,
}

/// Part of [`DurabilityInfo`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct DisperseInfo {
    /// Bricks of a set that hold data.
    #[serde(skip_serializing_if = "is_zero")]
    pub data: i64,
    /// Bricks of a set that may be lost.
    #[serde(skip_serializing_if = "is_zero")]
    pub redundancy: i64,
}

impl From<Durability> for DurabilityInfo {
    fn from(durability: Durability) -> Self {
        let (kind, replica, data, redundancy) = match durability {
            Durability::None => ("none", 0, 0, 0),
            Durability::Replicate { replica } => ("replicate", replica, 0, 0),
            Durability::Disperse { data, redundancy } => ("disperse", 0, data, redundancy),
        };
        Self {
            kind: kind.to_owned(),
            replicate: ReplicateInfo { replica: replica.into() },
            disperse: DisperseInfo { data: data.into(), redundancy: redundancy.into() },
        }
    }
}

/// Room for snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct SnapshotInfo {
    /// Was room asked for?
    pub enable: bool,
    /// Thin pool size over brick size; 1 when not enabled.
    pub factor: f32,
}

impl From<Snapshot> for SnapshotInfo {
    fn from(snapshot: Snapshot) -> Self {
        Self { enable: snapshot.enable, factor: snapshot.factor }
    }
}

/// How a client mounts the volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MountInfo {
    /// With gluster's own client, the only way there is.
    pub glusterfs: GlusterMount,
}

/// Part of [`MountInfo`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct GlusterMount {
    /// First storage host name of every node of the cluster, in the order of node ids.
    pub hosts: Vec<String>,
    /// `<first host>:<volume name>`.
    pub device: String,
    /// Mount options.
    pub options: MountOptions,
}

/// Part of [`GlusterMount`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MountOptions {
    /// The other hosts, joined by commas.
    #[serde(rename = "backup-volfile-servers")]
    pub backup_volfile_servers: String,
}

impl MountInfo {
    /// How the volume `name` is mounted from a cluster with these storage hosts.
    pub fn new(hosts: Vec<String>, name: &str) -> Self {
        let (first, rest) = match hosts.split_first() {
            Some((first, rest)) => (first.as_str(), rest.join(",")),
            None => ("", String::new()),
        };
        let device = format!("{first}:{name}");
        Self { glusterfs: GlusterMount { device, options: MountOptions { backup_volfile_servers: rest }, hosts } }
    }
}

/// What a block hosting volume hosts; an empty object for other volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct BlockInfo {
    /// Free GiB.
    #[serde(skip_serializing_if = "is_zero")]
    pub freesize: i64,
    /// GiB set aside.
    #[serde(skip_serializing_if = "is_zero")]
    pub reservedsize: i64,
    /// Ids of the block volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blockvolume: Vec<String>,
    /// Empty, `locked` or `locked-by-update`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub restriction: String,
}

impl BlockInfo {
    /// What a block hosting volume hosts.
    pub fn new(hosting: BlockHosting, blockvolume: Vec<String>) -> Self {
        let gib = |size: Gib| i64::try_from(size.0).unwrap_or(i64::MAX);
        let restriction = match hosting.restriction {
            BlockRestriction::None => "",
            BlockRestriction::Locked => "locked",
            BlockRestriction::LockedByUpdate => "locked-by-update",
        };
        Self {
            freesize: gib(hosting.free),
            reservedsize: gib(hosting.reserved),
            blockvolume,
            restriction: restriction.to_owned(),
        }
    }
}

/// Answer of `GET /volumes/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VolumeInfo {
    /// Size, expansions included.
    pub size: Gib,
    /// Name in gluster.
    pub name: String,
    /// What a brick set is made of.
    pub durability: DurabilityInfo,
    /// Group that owns the brick directories.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gid: i64,
    /// Options that were set. Always present, as heketi v10's list is never empty.
    #[serde(default)]
    pub glustervolumeoptions: Vec<String>,
    /// Does it host block volumes?
    #[serde(default, skip_serializing_if = "is_false")]
    pub block: bool,
    /// Room for snapshots.
    #[serde(default)]
    pub snapshot: SnapshotInfo,
    /// Its id.
    pub id: VolumeId,
    /// The cluster it lives in.
    pub cluster: ClusterId,
    /// How a client mounts it.
    #[serde(default)]
    pub mount: MountInfo,
    /// What it hosts.
    #[serde(default)]
    pub blockinfo: BlockInfo,
    /// Its bricks, sorted by id.
    #[serde(default)]
    pub bricks: Vec<BrickInfo>,
}

/// Answer of `GET /volumes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VolumeList {
    /// All volumes, sorted, without those being created or deleted.
    #[serde(default)]
    pub volumes: Vec<VolumeId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ClusterInfo, decode, encode};

    #[test]
    fn volumes_and_clusters_are_written_as_v10_writes_them() {
        let volume = concat!(
            r#"{"size":10,"name":"alpha","durability":{"type":"replicate","replicate":{"replica":3},"disperse":{}},"gid":2001,"#,
            r#""glustervolumeoptions":["","nfs.disable on",""],"snapshot":{"enable":false,"factor":1},"id":"7e57ab1e00112233445566778899aabb","#,
            r#""cluster":"4f1a7c02b8d94e6fa3c5d7e9012b3c4d","mount":{"glusterfs":{"hosts":["192.0.2.11","192.0.2.12","192.0.2.13"],"#,
            r#""device":"192.0.2.11:alpha","options":{"backup-volfile-servers":"192.0.2.12,192.0.2.13"}}},"blockinfo":{},"#,
            r#""bricks":[{"id":"b41cb41c00112233445566778899aabb","path":"/var/lib/heketi/mounts/vg_d5e6f708192a3b4c5d6e7f8091a2b3c4/brick_b41cb41c00112233445566778899aabb/brick","#,
            r#""device":"d5e6f708192a3b4c5d6e7f8091a2b3c4","node":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","volume":"7e57ab1e00112233445566778899aabb","size":10485760}]}"#
        );
        let read: VolumeInfo = decode(volume.as_bytes()).unwrap();
        assert_eq!(encode(&read), volume);
        assert_eq!(MountInfo::new(read.mount.glusterfs.hosts.clone(), "alpha"), read.mount);
        let cluster = r#"{"id":"4f1a7c02b8d94e6fa3c5d7e9012b3c4d","nodes":["0a1b2c3d4e5f60718293a4b5c6d7e8f9"],"volumes":["7e57ab1e00112233445566778899aabb"],"block":true,"file":true,"blockvolumes":["b10cb10c00112233445566778899aabb"]}"#;
        assert_eq!(encode(&decode::<ClusterInfo>(cluster.as_bytes()).unwrap()), cluster);
    }

    #[test]
    fn numbers_that_do_not_apply_are_left_out() {
        for (durability, json) in [
            (Durability::None, r#"{"type":"none","replicate":{},"disperse":{}}"#),
            (Durability::Replicate { replica: 2 }, r#"{"type":"replicate","replicate":{"replica":2},"disperse":{}}"#),
            (
                Durability::Disperse { data: 4, redundancy: 2 },
                r#"{"type":"disperse","replicate":{},"disperse":{"data":4,"redundancy":2}}"#,
            ),
        ] {
            assert_eq!(encode(&DurabilityInfo::from(durability)), json);
        }
        assert_eq!(encode(&SnapshotInfo { enable: true, factor: 1.2 }), r#"{"enable":true,"factor":1.2}"#);
        assert_eq!(
            encode(&BlockInfo {
                freesize: 91,
                reservedsize: 2,
                blockvolume: vec!["b".into()],
                restriction: "locked".into()
            }),
            r#"{"freesize":91,"reservedsize":2,"blockvolume":["b"],"restriction":"locked"}"#
        );
        let hosting = BlockHosting { free: Gib(0), reserved: Gib(2), restriction: BlockRestriction::LockedByUpdate };
        let json = r#"{"reservedsize":2,"restriction":"locked-by-update"}"#;
        assert_eq!(encode(&BlockInfo::new(hosting, vec![])), json);
        let alone = MountInfo::new(vec!["a".into()], "v").glusterfs;
        assert_eq!((alone.device.as_str(), alone.options.backup_volfile_servers.as_str()), ("a:v", ""));
    }
}
