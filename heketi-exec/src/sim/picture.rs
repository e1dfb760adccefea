//! Everything that is on the nodes, as one comparable value: [`SimSnapshot`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::SimCluster;
use super::gluster_block::Block;
use super::node::{LvKind, Node, mapper_name};
use super::state::State;
use super::xml;

/// Below this directory glusterd mounts the bricks of snapshots and clones.
const SNAPSHOT_ROOT: &str = "/run/gluster/snaps/";
/// Below this directory heketi mounts bricks.
const MOUNT_ROOT: &str = "/var/lib/heketi/mounts/";

/// Everything present on the simulated nodes. Its text has one line for each thing, so two of them can be
/// compared by eye.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimSnapshot {
    /// Nodes by management host name.
    pub nodes: BTreeMap<String, NodeSnapshot>,
    /// Trusted pools.
    pub pools: Vec<PoolSnapshot>,
}

/// What is on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSnapshot {
    /// Physical volumes by disk: UUID, and the volume group if any.
    pub physical_volumes: BTreeMap<String, (String, Option<String>)>,
    /// Volume groups.
    pub volume_groups: BTreeMap<String, VolumeGroupSnapshot>,
    /// Logical volumes mounted by their mount point: device and options.
    pub mounts: BTreeMap<String, String>,
    /// Lines of the text files that heketi writes (fstab), without copies that `sed` left.
    pub files: BTreeMap<String, Vec<String>>,
    /// Directories below `/var/lib/heketi/mounts` and `/run/gluster/snaps`, those inside of mounted bricks too. The directory of a
    /// volume group that exists is left out: it is made with the first brick and stays.
    pub directories: BTreeSet<String>,
}

/// A volume group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeGroupSnapshot {
    /// The disk it is on.
    pub disk: String,
    /// Its size in KiB.
    pub size: u64,
    /// Free space in KiB.
    pub free: u64,
    /// The metadata spare in KiB.
    pub spare: u64,
    /// Thin pools: data and metadata size in KiB, and number of volumes.
    pub thin_pools: BTreeMap<String, (u64, u64, u64)>,
    /// Other logical volumes: size in KiB, and thin pool if any.
    pub logical_volumes: BTreeMap<String, (u64, Option<String>)>,
}

/// A trusted pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSnapshot {
    /// Management host names of its members.
    pub members: BTreeSet<String>,
    /// Its volumes.
    pub volumes: BTreeMap<String, VolumeSnapshot>,
    /// Snapshots with the volume they belong to.
    pub snapshots: BTreeMap<String, String>,
    /// Block volumes by `<hosting volume>/<name>`.
    #[serde(default)]
    pub block_volumes: BTreeMap<String, BlockVolumeSnapshot>,
}

/// A block volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockVolumeSnapshot {
    /// Size in GiB.
    pub size: u64,
    /// What each host serves, in GiB.
    pub hosts: BTreeMap<String, u64>,
    /// Does it ask for a password?
    pub auth: bool,
}

/// A gluster volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSnapshot {
    /// gluster's own id.
    pub uuid: String,
    /// `Created`, `Started` or `Stopped`.
    pub status: String,
    /// Bricks of one set.
    pub set_size: usize,
    /// How often a rebalance was started.
    pub rebalances: u32,
    /// Bricks (`host:path`) in order.
    pub bricks: Vec<String>,
    /// Options in the order they were set.
    pub options: Vec<(String, String)>,
}

impl SimCluster {
    /// Everything present on the nodes.
    pub fn snapshot(&self) -> SimSnapshot {
        let state = self.state();
        let nodes = state.nodes.iter().map(|node| (node.manage.clone(), node_snapshot(node))).collect();
        let mut pools = pool_snapshots(&state);
        pools.sort_by(|a, b| a.members.cmp(&b.members));
        SimSnapshot { nodes, pools }
    }

    /// What is on the nodes and not in `expected`, and the reverse: nothing when all is as expected.
    pub fn leftovers(&self, expected: &SimSnapshot) -> Vec<String> {
        self.snapshot().differences(expected)
    }
}

fn node_snapshot(node: &Node) -> NodeSnapshot {
    let mut found = NodeSnapshot::default();
    for (path, disk) in &node.disks {
        if let Some(pv) = &disk.pv {
            found.physical_volumes.insert(path.clone(), (pv.uuid.clone(), pv.vg.clone()));
        }
    }
    for (name, vg) in &node.vgs {
        let kib = |extents: u64| extents * vg.extent_kib;
        let mut group = VolumeGroupSnapshot {
            disk: vg.disk.clone(),
            size: kib(vg.extents),
            free: kib(vg.extents - vg.used),
            spare: kib(vg.spare),
            ..VolumeGroupSnapshot::default()
        };
        for (name, lv) in &vg.lvs {
            match &lv.kind {
                LvKind::Pool { data, metadata, volumes } => {
                    group.thin_pools.insert(name.clone(), (kib(*data), kib(*metadata), *volumes));
                }
                LvKind::Thin { pool, .. } => {
                    group.logical_volumes.insert(name.clone(), (lv.size_kib, Some(pool.clone())));
                }
                LvKind::Plain { .. } => {
                    group.logical_volumes.insert(name.clone(), (lv.size_kib, None));
                }
            }
        }
        found.volume_groups.insert(name.clone(), group);
    }
    let below_root = |path: &&String| path.starts_with(MOUNT_ROOT);
    for path in node.root.directories.keys().filter(below_root) {
        let inside = path.get(MOUNT_ROOT.len()..).unwrap_or_default();
        if !node.vgs.contains_key(inside) {
            found.directories.insert(path.clone());
        }
    }
    found.directories.extend(node.root.directories.keys().filter(|path| path.starts_with(SNAPSHOT_ROOT)).cloned());
    for (point, mount) in &node.mounts {
        let device = format!("/dev/mapper/{}", mapper_name(&mount.vg, &mount.lv));
        found.mounts.insert(point.clone(), format!("{device} {}", mount.options));
        let fs = node.vgs.get(&mount.vg).and_then(|vg| vg.lvs.get(&mount.lv)).and_then(|lv| lv.fs.as_ref());
        let inner = fs.into_iter().flat_map(|fs| fs.directories.keys()).filter(|path| !path.is_empty());
        found.directories.extend(inner.map(|path| format!("{point}{path}")));
    }
    let files = node.files.iter().filter(|(_, file)| !file.backup);
    found.files = files.map(|(path, file)| (path.clone(), file.lines().map(str::to_owned).collect())).collect();
    found
}

fn pool_snapshots(state: &State) -> Vec<PoolSnapshot> {
    let pools = state.pools.iter().filter(|pool| !pool.members.is_empty());
    pools
        .map(|pool| PoolSnapshot {
            members: pool.members.iter().filter_map(|n| state.nodes.get(*n)).map(|node| node.manage.clone()).collect(),
            volumes: pool
                .volumes
                .iter()
                .map(|(name, volume)| {
                    let bricks = volume.bricks.iter().map(|b| format!("{}:{}", b.host, b.path)).collect();
                    let found = VolumeSnapshot {
                        uuid: volume.uuid.clone(),
                        status: xml::status(volume).1.to_owned(),
                        set_size: volume.layout.set_size(),
                        rebalances: volume.rebalances,
                        bricks,
                        options: volume.options.clone(),
                    };
                    (name.clone(), found)
                })
                .collect(),
            snapshots: pool.snapshots.iter().map(|(name, s)| (name.clone(), s.volume.clone())).collect(),
            block_volumes: pool.blocks.iter().map(block_snapshot).collect(),
        })
        .collect()
}

fn block_snapshot(((hosting, name), block): (&(String, String), &Block)) -> (String, BlockVolumeSnapshot) {
    let found = BlockVolumeSnapshot { size: block.size, hosts: block.hosts.clone(), auth: !block.password.is_empty() };
    (format!("{hosting}/{name}"), found)
}

impl SimSnapshot {
    /// One line for each thing.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (host, node) in &self.nodes {
            let mut add = |text: String| lines.push(format!("{host}: {text}"));
            for (disk, (uuid, vg)) in &node.physical_volumes {
                add(format!("physical volume {uuid} on {disk}, {}", vg.as_deref().unwrap_or("in no volume group")));
            }
            for (name, vg) in &node.volume_groups {
                add(format!(
                    "volume group {name} on {}: {} KiB, {} free, spare {}",
                    vg.disk, vg.size, vg.free, vg.spare
                ));
                for (pool, (data, metadata, volumes)) in &vg.thin_pools {
                    add(format!("thin pool {name}/{pool}: {data} + {metadata} KiB, {volumes} volumes"));
                }
                for (lv, (size, pool)) in &vg.logical_volumes {
                    add(format!("logical volume {name}/{lv}: {size} KiB, {}", pool.as_deref().unwrap_or("in no pool")));
                }
            }
            node.mounts.iter().for_each(|(point, device)| add(format!("mount {point}: {device}")));
            node.directories.iter().for_each(|path| add(format!("directory {path}")));
            for (path, text) in &node.files {
                text.iter().for_each(|line| add(format!("{path}: {line}")));
            }
        }
        for pool in &self.pools {
            let members = pool.members.iter().cloned().collect::<Vec<_>>().join(", ");
            lines.push(format!("trusted pool: {members}"));
            for (name, v) in &pool.volumes {
                lines.push(format!(
                    "volume {name} ({}): {}, sets of {}, {} rebalances",
                    v.uuid, v.status, v.set_size, v.rebalances
                ));
                v.bricks
                    .iter()
                    .enumerate()
                    .for_each(|(n, brick)| lines.push(format!("volume {name}: brick {n} {brick}")));
                v.options.iter().for_each(|(key, value)| lines.push(format!("volume {name}: option {key} {value}")));
            }
            pool.snapshots.iter().for_each(|(name, volume)| lines.push(format!("snapshot {name} of {volume}")));
            for (name, block) in &pool.block_volumes {
                let auth = if block.auth { "with" } else { "without" };
                lines.push(format!("block volume {name}: {} GiB, on {:?}, {auth} password", block.size, block.hosts));
            }
        }
        lines
    }

    /// Lines that are only here (`+ …`) or only in `other` (`- …`).
    pub fn differences(&self, other: &Self) -> Vec<String> {
        if self == other {
            return Vec::new();
        }
        let (mine, theirs) = (self.lines(), other.lines());
        let (here, there): (BTreeSet<_>, BTreeSet<_>) = (mine.iter().collect(), theirs.iter().collect());
        let more = here.difference(&there).map(|line| format!("+ {line}"));
        let less = there.difference(&here).map(|line| format!("- {line}"));
        more.chain(less).collect()
    }
}

impl fmt::Display for SimSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
