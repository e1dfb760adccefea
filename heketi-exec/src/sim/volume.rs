//! Volumes of a trusted pool: `gluster volume …`, with gluster's refusals.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::gluster_command::BrickList;
use super::state::State;

/// A gluster volume.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Volume {
    pub uuid: String,
    pub layout: Layout,
    pub bricks: Vec<Brick>,
    pub status: VolumeStatus,
    pub options: Vec<(String, String)>,
    /// Names of its snapshots.
    pub snapshots: Vec<String>,
    /// How often a rebalance was started; each ends at once.
    pub rebalances: u32,
    /// Entries that wait to be healed, by brick (`host:path`).
    pub heal: HashMap<String, u64>,
}

/// How bricks form sets.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Layout {
    pub replica: u32,
    pub arbiter: u32,
    pub data: u32,
    pub redundancy: u32,
}

/// A brick of a volume.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Brick {
    pub host: String,
    pub node: usize,
    pub path: String,
}

/// Where a volume stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum VolumeStatus {
    Created,
    Started,
    Stopped,
}

/// A snapshot of a volume.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub uuid: String,
    pub volume: String,
    pub active: bool,
    pub layout: Layout,
    pub bricks: Vec<SnapshotBrick>,
    /// Options the volume had then.
    pub options: Vec<(String, String)>,
}

/// The logical volume that holds one brick of a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SnapshotBrick {
    pub node: usize,
    pub host: String,
    pub vg: String,
    pub lv: String,
    pub mount_point: String,
}

/// First parts of the option names that gluster knows.
const OPTION_NAMESPACES: [&str; 21] = [
    "auth",
    "changelog",
    "client",
    "cluster",
    "config",
    "debug",
    "diagnostics",
    "disperse",
    "dht",
    "features",
    "geo-replication",
    "locks",
    "network",
    "nfs",
    "performance",
    "server",
    "ssl",
    "storage",
    "transport",
    "user",
    "ctime",
];

/// Options of the groups that gluster ships (an extract).
const GROUPS: [(&str, &[(&str, &str)]); 4] = [
    (
        "gluster-block",
        &[
            ("performance.quick-read", "off"),
            ("performance.read-ahead", "off"),
            ("network.remote-dio", "disable"),
            ("features.shard", "on"),
        ],
    ),
    ("virt", &[("performance.quick-read", "off"), ("network.remote-dio", "disable"), ("features.shard", "on")]),
    ("metadata-cache", &[("features.cache-invalidation", "on"), ("performance.stat-prefetch", "on")]),
    ("db-workload", &[("performance.open-behind", "on"), ("performance.write-behind", "off")]),
];

impl Layout {
    /// Bricks of one set.
    pub const fn set_size(&self) -> usize {
        if self.data > 0 { (self.data + self.redundancy) as usize } else { self.replica as usize }
    }

    /// gluster's word for sets of more than one brick.
    pub fn kind(&self) -> &'static str {
        if self.data > 0 { "disperse" } else { "replicate" }
    }
}

impl Volume {
    /// Is it running?
    pub fn started(&self) -> bool {
        self.status == VolumeStatus::Started
    }

    /// Sets an option, in place when it was set before.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.options.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.options.push((key.to_owned(), value.to_owned())),
        }
    }
}

fn missing(name: &str) -> String {
    format!("Volume {name} does not exist")
}

impl State {
    /// `volume create`.
    pub(super) fn create_volume(&mut self, at: usize, name: &str, list: &BrickList) -> Result<String, String> {
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err(format!("Volume name {name} contains invalid characters"));
        }
        let pool = self.nodes[at].pool;
        if self.pools[pool].volumes.contains_key(name) {
            return Err(format!("Volume {name} already exists"));
        }
        if list.replica == Some(1) || (list.data > 0 && list.redundancy == 0) {
            return Err("replica count should be greater than 1, redundancy at least 1".into());
        }
        if list.arbiter > 0 && (list.arbiter != 1 || list.replica != Some(3)) {
            return Err("For arbiter configuration, replica count must be 3 and arbiter count must be 1. The 3rd brick of the replica will be the arbiter".into());
        }
        let (replica, arbiter) = (list.replica.unwrap_or(1), list.arbiter);
        let layout = Layout { replica, arbiter, data: list.data, redundancy: list.redundancy };
        if !list.bricks.len().is_multiple_of(layout.set_size()) {
            let kind = if layout.data > 0 { "disperse" } else { "replica" };
            return Err(format!("number of bricks is not a multiple of {kind} count"));
        }
        let bricks = self.check_bricks(at, layout, &list.bricks, list.force)?;
        let uuid = self.uuid();
        self.claim_bricks(name, &uuid, &bricks);
        let mut volume = Volume {
            uuid,
            layout,
            bricks,
            status: VolumeStatus::Created,
            options: Vec::new(),
            snapshots: Vec::new(),
            rebalances: 0,
            heal: HashMap::new(),
        };
        for (key, value) in
            [("storage.fips-mode-rchecksum", "on"), ("transport.address-family", "inet"), ("nfs.disable", "on")]
        {
            volume.set(key, value);
        }
        self.pools[pool].volumes.insert(name.to_owned(), volume);
        Ok("success: please start the volume to access data".into())
    }

    /// `volume add-brick`.
    pub(super) fn add_bricks(&mut self, at: usize, name: &str, list: &BrickList) -> Result<String, String> {
        let pool = self.nodes[at].pool;
        let volume = self.pools[pool].volumes.get(name).ok_or_else(|| missing(name))?;
        let (layout, uuid, started) = (volume.layout, volume.uuid.clone(), volume.started());
        if list.replica.is_some_and(|replica| replica != layout.replica) || list.data > 0 {
            return Err("changing the layout of a volume is not simulated".into());
        }
        let (given, set) = (list.bricks.len(), layout.set_size());
        if !given.is_multiple_of(set) {
            return Err(format!("Incorrect number of bricks supplied {given} with count {set}"));
        }
        let bricks = self.check_bricks(at, layout, &list.bricks, list.force)?;
        self.claim_bricks(name, &uuid, &bricks);
        if started {
            self.fill_bricks(&bricks);
        }
        if let Some(volume) = self.pools[pool].volumes.get_mut(name) {
            volume.bricks.extend(bricks);
        }
        Ok("success".into())
    }

    /// `volume set`.
    pub(super) fn set_options(&mut self, at: usize, name: &str, pairs: &[(String, String)]) -> Result<String, String> {
        let pool = self.nodes[at].pool;
        let volume = self.pools[pool].volumes.get_mut(name).ok_or_else(|| missing(name))?;
        // The self-heal daemon, which runs for the source, has no volume file for a clone that was never started.
        if volume.status == VolumeStatus::Created && super::clones::is_clone(volume) {
            return Err("Commit failed on localhost. Please check the log file for more details.".into());
        }
        let mut wanted: Vec<(&str, &str)> = Vec::new();
        for (key, value) in pairs {
            if key == "group" {
                let group = GROUPS.iter().find(|(group, _)| group == value).ok_or_else(|| {
                    format!("Unable to open file '/var/lib/glusterd/groups/{value}'. Error: No such file or directory")
                })?;
                wanted.extend(group.1);
                continue;
            }
            let namespace = key.split_once('.').map(|(namespace, _)| namespace);
            if !namespace.is_some_and(|n| OPTION_NAMESPACES.contains(&n)) {
                return Err(format!("option : {key} does not exist"));
            }
            wanted.push((key, value));
        }
        wanted.into_iter().for_each(|(key, value)| volume.set(key, value));
        Ok("success".into())
    }

    /// `volume start`.
    pub(super) fn start_volume(&mut self, at: usize, name: &str, force: bool) -> Result<String, String> {
        let pool = self.nodes[at].pool;
        let volume = self.pools[pool].volumes.get(name).ok_or_else(|| missing(name))?;
        if volume.started() && !force {
            return Err(format!("Volume {name} already started"));
        }
        for brick in volume.bricks.iter().filter(|b| !force && self.connected(at, b.node)) {
            let path = &brick.path;
            let staging = |text: String| {
                if brick.node == at { text } else { format!("Staging failed on {}. Error: {text}", brick.host) }
            };
            match self.nodes[brick.node].directory(path) {
                Some(directory) if directory.volume_id.as_ref() == Some(&volume.uuid) => {}
                Some(_) => {
                    return Err(staging(format!(
                        "Failed to get extended attribute trusted.glusterfs.volume-id for brick dir {path}. \
                             Reason : No data available"
                    )));
                }
                None => {
                    return Err(staging(format!(
                        "Failed to find brick directory {path} for volume {name}. Reason : No such file or directory"
                    )));
                }
            }
        }
        let bricks = volume.bricks.clone();
        self.fill_bricks(&bricks);
        if let Some(volume) = self.pools[pool].volumes.get_mut(name) {
            volume.status = VolumeStatus::Started;
        }
        Ok("success".into())
    }

    /// `volume stop`.
    pub(super) fn stop_volume(&mut self, at: usize, name: &str, force: bool) -> Result<String, String> {
        let pool = self.nodes[at].pool;
        let volume = self.pools[pool].volumes.get_mut(name).ok_or_else(|| missing(name))?;
        if !volume.started() && !force {
            return Err(format!("Volume {name} is not in the started state"));
        }
        volume.status = VolumeStatus::Stopped;
        Ok("success".into())
    }

    /// `volume delete`. The bricks keep their volume id.
    pub(super) fn delete_volume(&mut self, at: usize, name: &str) -> Result<String, String> {
        let pool = self.nodes[at].pool;
        let volume = self.pools[pool].volumes.get(name).ok_or_else(|| missing(name))?;
        if volume.started() {
            return Err(format!("Volume {name} has been started.Volume needs to be stopped before deletion."));
        }
        if !volume.snapshots.is_empty() {
            return Err(format!(
                "Cannot delete Volume {name} ,as it has {} snapshots. To delete the volume, first delete all the \
                     snapshots under it.",
                volume.snapshots.len()
            ));
        }
        let away = self.pools[pool].members.iter().any(|member| !self.connected(at, *member));
        if away || !self.pools[pool].rejected.is_empty() {
            return Err("Some of the peers are down".into());
        }
        // gluster does not know that they are there.
        self.pools[pool].blocks.retain(|(hosting, _), _| hosting != name);
        if let Some(volume) = self.pools[pool].volumes.remove(name) {
            for brick in volume.bricks {
                let node = &mut self.nodes[brick.node];
                node.bricks.remove(&brick.path);
                node.gluster_mounts.remove(brick.path.strip_suffix("/brick").unwrap_or_default());
            }
        }
        Ok("success".into())
    }

    /// `volume rebalance V start`.
    pub(super) fn rebalance(&mut self, at: usize, name: &str) -> Result<String, String> {
        let pool = self.nodes[at].pool;
        let volume = self.pools[pool].volumes.get(name).ok_or_else(|| missing(name))?;
        if !volume.started() {
            return Err(format!("Volume {name} needs to be started to perform rebalance"));
        }
        if volume.bricks.len() <= volume.layout.set_size() {
            return Err(format!(
                "Volume {name} is not a distribute volume or contains only 1 brick.\nNot performing rebalance"
            ));
        }
        if let Some(brick) = volume.bricks.iter().find(|b| !self.connected(at, b.node)) {
            return Err(format!("Received rebalance on a volume with brick {}:{} down", brick.host, brick.path));
        }
        let id = self.uuid();
        if let Some(volume) = self.pools[pool].volumes.get_mut(name) {
            volume.rebalances += 1;
        }
        Ok(format!(
            "success: Rebalance on {name} has been started successfully. Use rebalance status command to check \
                 status of the rebalance process.\nID: {id}"
        ))
    }

    /// `volume replace-brick V OLD NEW commit force`.
    pub(super) fn replace_brick(
        &mut self,
        at: usize,
        name: &str,
        old: &(String, String),
        new: &(String, String),
    ) -> Result<String, String> {
        let pool = self.nodes[at].pool;
        let volume = self.pools[pool].volumes.get(name).ok_or_else(|| missing(name))?;
        let (layout, uuid, started) = (volume.layout, volume.uuid.clone(), volume.started());
        if layout.set_size() == 1 {
            return Err("replace-brick is not supported on a distribute only volume".into());
        }
        if !started {
            return Err(format!("volume: {name} is not started"));
        }
        let old_node = self.names.get(&old.0);
        let place = volume.bricks.iter().position(|b| Some(&b.node) == old_node && b.path == old.1);
        let place = place.ok_or_else(|| format!("brick: {}:{} does not exist in volume: {name}", old.0, old.1))?;
        let bricks = self.check_bricks(at, layout, std::slice::from_ref(new), true)?;
        self.claim_bricks(name, &uuid, &bricks);
        self.fill_bricks(&bricks);
        let volume = self.pools[pool].volumes.get_mut(name).ok_or_else(|| missing(name))?;
        for brick in bricks {
            let gone = std::mem::replace(&mut volume.bricks[place], brick);
            self.nodes[gone.node].bricks.remove(&gone.path);
        }
        Ok("success: replace-brick commit force operation successful".into())
    }
}
