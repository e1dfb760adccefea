//! A simulated cluster: storage nodes with state, behind the same door as real ones.
//!
//! [`SimCluster`] keeps disks, volume groups, thin pools, file systems, mounts, fstab, peers and volumes of
//! its nodes. [`SimRunner`] runs command lines on them: it understands the lines heketi uses, changes the
//! state, answers in the shape of the real tools, and refuses what they refuse. A line it does not know
//! fails with exit status 127, never succeeds.
//!
//! Faults, latency and the end of the manager can be scripted at any line ([`Fault`],
//! [`SimCluster::set_stop_after`]), and what is on the nodes can be compared before and after
//! ([`SimSnapshot`]).
//!
//! ```
//! use heketi_exec::sim::{SimCluster, SimDisk};
//!
//! let sim = SimCluster::new();
//! sim.add_node("node-a", "10.0.0.1", [SimDisk::gib("/dev/sdb", 500)]);
//! sim.add_node("node-b", "10.0.0.2", [SimDisk::gib("/dev/sdb", 500)]);
//! assert!(sim.admin("node-a", "gluster --mode=script peer probe 10.0.0.2").success());
//! let before = sim.snapshot();
//! assert!(!sim.admin("node-a", "rm -rf /").success());
//! assert!(sim.leftovers(&before).is_empty());
//! ```

mod adopt;
mod args;
mod block;
mod bricks;
mod clones;
mod command;
mod disk;
mod faults;
mod filesystem;
mod gluster;
mod gluster_block;
mod gluster_command;
mod lvm;
mod mock;
mod node;
mod picture;
mod populate;
mod rebuilt;
mod report;
mod runner;
mod saved;
mod server;
mod shell;
mod state;
mod survey;
#[cfg(test)]
mod tests;
mod text_file;
mod volume;
mod xml;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use disk::SimDisk;
pub use faults::{Callback, Effect, Fault, LineRecord, Matcher, Predicate, RandomFaults, StopPoint, When};
pub use mock::MockExecutor;
pub use picture::{BlockVolumeSnapshot, NodeSnapshot, PoolSnapshot, SimSnapshot, VolumeGroupSnapshot, VolumeSnapshot};
pub use runner::SimRunner;
pub use saved::SavedError;
pub use server::{SshServer, SshServerOptions};

use crate::runner::LineResult;
use faults::Script;
use node::Node;
use state::{Pool, State};

/// A simulated cluster. Clones are handles to the same one.
#[derive(Clone)]
pub struct SimCluster {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    script: Mutex<Script>,
}

/// A directory on a simulated node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimDirectory {
    /// Its group.
    pub group: u32,
    /// Its mode.
    pub mode: u32,
    /// gluster's id of the volume it is or was a brick of.
    pub volume_id: Option<String>,
}

impl Default for SimCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SimCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimCluster").field("nodes", &self.state().nodes.len()).finish_non_exhaustive()
    }
}

impl SimCluster {
    /// A cluster without nodes.
    pub fn new() -> Self {
        let shared = Shared { state: Mutex::new(State::new()), script: Mutex::new(Script::default()) };
        Self { shared: Arc::new(shared) }
    }

    /// Adds a node: up, with glusterd running, in a trusted pool of its own. Commands reach it by both
    /// names; gluster's pool knows it by `storage`. A node that has one of the names already stays as it is
    /// and takes the other name and the disks.
    pub fn add_node(&self, manage: &str, storage: &str, disks: impl IntoIterator<Item = SimDisk>) {
        let mut state = self.state();
        let known = state.names.get(manage).or_else(|| state.names.get(storage)).copied();
        let at = known.unwrap_or(state.nodes.len());
        if known.is_none() {
            let (uuid, pool) = (state.uuid(), state.pools.len());
            state.nodes.push(Node::new(manage, storage, uuid, pool, Vec::new()));
            state.pools.push(Pool { members: vec![at], ..Pool::default() });
        }
        for name in [manage, storage] {
            state.names.entry(name.to_owned()).or_insert(at);
        }
        if let Some(node) = state.nodes.get_mut(at) {
            disks.into_iter().for_each(|disk| node.add_disk(disk));
        }
    }

    /// Gives a node another host name.
    pub fn add_host_name(&self, host: &str, name: &str) {
        let mut state = self.state();
        if let Some(at) = state.names.get(host).copied() {
            state.names.insert(name.to_owned(), at);
        }
    }

    /// Plugs a disk into a node.
    pub fn add_disk(&self, host: &str, disk: SimDisk) {
        self.with_node(host, |node| node.add_disk(disk));
    }

    /// Every path below `/dev` that a node is asked about is an empty disk of this size from then on.
    pub fn set_auto_disks(&self, size_kib: Option<u64>) {
        self.state().auto_disk_kib = size_kib;
    }

    /// A runner that reaches the nodes.
    pub fn runner(&self) -> SimRunner {
        SimRunner::new(self.clone())
    }

    /// Runs a line as an admin on the node would: no fault, no latency, not counted, also while the node
    /// cannot be reached.
    pub fn admin(&self, host: &str, line: &str) -> LineResult {
        let command = command::parse(line);
        let mut state = self.state();
        let output = match state.names.get(host).copied() {
            Some(at) => runner::run(&mut state, at, &command, line),
            None => node::fail(255, format!("no node {host}")),
        };
        runner::result(output, Duration::ZERO)
    }

    /// Switches the network of a node on or off: while off, it is unreachable, for its peers too.
    pub fn set_up(&self, host: &str, up: bool) {
        self.with_node(host, |node| node.up = up);
    }

    /// Starts or stops glusterd on a node. Bricks keep running.
    pub fn set_glusterd(&self, host: &str, running: bool) {
        self.with_node(host, |node| node.glusterd = running);
    }

    /// Starts or stops gluster-blockd on a node.
    pub fn set_block_daemon(&self, host: &str, running: bool) {
        let mut state = self.state();
        if let Some(node) = state.names.get(host).copied() {
            if running {
                state.blockd_stopped.remove(&node)
            } else {
                state.blockd_stopped.insert(node)
            };
        }
    }

    /// Whether resizing block volumes fails on a node, after their files have the new size.
    pub fn set_block_resize_failing(&self, host: &str, failing: bool) {
        let mut state = self.state();
        if let Some(node) = state.names.get(host).copied() {
            if failing {
                state.resize_failing.insert(node)
            } else {
                state.resize_failing.remove(&node)
            };
        }
    }

    /// Whether new block volumes have the fixed access data of heketi v10's mock.
    pub(crate) fn set_mock_targets(&self) {
        self.state().mock_targets = true;
    }

    /// Whether udev keeps links such as `/dev/disk/by-id/lvm-pv-uuid-…` on a node.
    pub fn set_udev(&self, host: &str, running: bool) {
        self.with_node(host, |node| node.udev = running);
    }

    /// Is this program (by the word that starts it: `mkfs.xfs`, `/usr/sbin/lvm`) installed on the node?
    pub fn set_program(&self, host: &str, program: &str, installed: bool) {
        self.with_node(host, |node| match installed {
            true => _ = node.missing.remove(program),
            false => _ = node.missing.insert(program.to_owned()),
        });
    }

    /// Whether the glusterd of two nodes reach each other.
    pub fn set_link(&self, a: &str, b: &str, connected: bool) {
        let mut state = self.state();
        if let (Some(a), Some(b)) = (state.names.get(a).copied(), state.names.get(b).copied()) {
            let link = (a.min(b), a.max(b));
            if connected {
                state.cut_links.remove(&link)
            } else {
                state.cut_links.insert(link)
            };
        }
    }

    /// Exit status of `gluster --xml` when the operation failed; 0 by default. Releases differ.
    pub fn set_xml_failure_status(&self, status: i32) {
        self.state().xml_failure_status = status;
    }

    /// Something outside of gluster keeps a mount point busy, or no longer.
    pub fn set_busy(&self, host: &str, mount_point: &str, busy: bool) {
        self.with_node(host, |node| {
            if busy { node.busy.insert(mount_point.to_owned()) } else { node.busy.remove(mount_point) }
        });
    }

    /// Entries of a brick (`storage host:path`) that wait to be healed.
    pub fn set_heal_entries(&self, host: &str, volume: &str, brick: &str, entries: u64) {
        let mut state = self.state();
        let pool = state.names.get(host).and_then(|at| state.nodes.get(*at)).map(|node| node.pool);
        let found = pool.and_then(|pool| state.pools.get_mut(pool)?.volumes.get_mut(volume));
        if let Some(volume) = found {
            volume.heal.insert(brick.to_owned(), entries);
        }
    }

    /// A power cycle: mounts are gone, then `fstab` is mounted, and node and glusterd are up. Returns the
    /// lines of it that failed.
    pub fn reboot(&self, host: &str, fstab: &str) -> Vec<String> {
        let reboot = |node: &mut Node| {
            (node.up, node.glusterd) = (true, true);
            node.reboot(fstab)
        };
        self.with_node(host, reboot).unwrap_or_default()
    }

    /// The kernel calls a disk by another path now.
    pub fn rename_disk(&self, host: &str, from: &str, to: &str) {
        self.with_node(host, |node| node.rename_disk(from, to));
    }

    /// Makes `alias` lead to the disk `path`, or to nothing.
    pub fn set_alias(&self, host: &str, alias: &str, path: Option<&str>) {
        self.with_node(host, |node| node.set_alias(alias, path));
    }

    /// Writes a whole text file, such as fstab; `None` removes it.
    pub fn set_file(&self, host: &str, path: &str, text: Option<&str>) {
        self.with_node(host, |node| match text {
            Some(text) => _ = node.files.insert(path.to_owned(), text_file::TextFile::from_text(text)),
            None => _ = node.files.remove(path),
        });
    }

    /// Takes a mount away however busy it is.
    pub fn force_unmount(&self, host: &str, mount_point: &str) {
        self.with_node(host, |node| {
            let gone = node.mounts.remove(mount_point);
            if let Some(lv) = gone.and_then(|mount| node.lv_mut(&mount.vg, &mount.lv)) {
                lv.mounts -= 1;
            }
        });
    }

    /// Deletes a directory and all below it, on the file system that holds it.
    pub fn delete_directory(&self, host: &str, path: &str) {
        self.with_node(host, |node| {
            if let Some((tree, rest)) = node.tree_mut(path) {
                let inside = format!("{rest}/");
                tree.directories.retain(|other, _| other != rest && !other.starts_with(&inside));
            }
        });
    }

    /// A directory of a node, if it is there.
    pub fn directory(&self, host: &str, path: &str) -> Option<SimDirectory> {
        self.with_node(host, |node| {
            let directory = node.directory(path)?;
            let volume_id = directory.volume_id.clone();
            Some(SimDirectory { group: directory.group, mode: directory.mode, volume_id })
        })?
    }

    /// The most batches that ran on this host at the same time, since the last call.
    pub fn peak_batches(&self, host: &str) -> usize {
        self.with_node(host, |node| std::mem::replace(&mut node.most_batches, node.batches.len())).unwrap_or(0)
    }

    fn with_node<T>(&self, host: &str, act: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let mut state = self.state();
        let at = state.names.get(host).copied()?;
        state.nodes.get_mut(at).map(act)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
