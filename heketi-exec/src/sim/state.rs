//! The whole simulated cluster, and how a command reaches the part it is about.

use std::collections::{BTreeMap, HashMap, HashSet};

use heketi_core::id::{IdSource, SeededIds};
use serde::{Deserialize, Serialize};

use super::command::Command;
use super::gluster_block::Block;
use super::node::{Node, Output, fail, ok};
use super::volume::{Snapshot, Volume};

/// All nodes and trusted pools.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub nodes: Vec<Node>,
    /// Every host name of every node, management and storage.
    pub names: HashMap<String, usize>,
    /// Trusted pools; one without members is gone.
    pub pools: Vec<Pool>,
    /// Pairs of nodes (smaller first) whose glusterd do not reach each other.
    pub cut_links: HashSet<(usize, usize)>,
    /// Exit status of `gluster --xml` when the operation failed: releases differ.
    pub xml_failure_status: i32,
    /// Size of the disk that appears under any unknown path, if they do.
    pub auto_disk_kib: Option<u64>,
    /// Nodes where gluster-blockd is stopped.
    pub blockd_stopped: HashSet<usize>,
    /// Nodes where resizing a block volume fails.
    pub resize_failing: HashSet<usize>,
    /// New block volumes have the fixed access data of heketi v10's mock.
    pub mock_targets: bool,
    /// Number of the batch that started last.
    #[serde(skip)]
    pub last_batch: u64,
    ids: SeededIds,
}

/// A trusted pool.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Pool {
    pub members: Vec<usize>,
    pub volumes: BTreeMap<String, Volume>,
    pub snapshots: BTreeMap<String, Snapshot>,
    /// Block volumes by hosting volume and name.
    #[serde(with = "super::saved::pairs")]
    pub blocks: BTreeMap<(String, String), Block>,
    pub snapshot_limit: Option<u32>,
    /// A command that changes the pool is under way.
    #[serde(skip)]
    pub transaction: bool,
    /// Nodes that were reinstalled, as the pool knows them.
    pub rejected: Vec<Rejected>,
    /// Members of the pool that its only member was taken from without hearing of it.
    pub believed: Vec<usize>,
    /// How many looks, or pushes, a volume still needs until it is healed.
    pub healing: BTreeMap<String, u64>,
}

/// A member that came back as another: its peers reject it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rejected {
    pub node: usize,
    /// The identity its peers know.
    pub uuid: String,
    pub names: Vec<String>,
    /// It came back with that identity and asked to be taken in; it is once its glusterd starts again.
    pub accepted: bool,
}

impl State {
    /// No nodes.
    pub fn new() -> Self {
        Self {
            nodes: Vec::new(),
            names: HashMap::new(),
            pools: Vec::new(),
            cut_links: HashSet::new(),
            xml_failure_status: 0,
            auto_disk_kib: None,
            blockd_stopped: HashSet::new(),
            resize_failing: HashSet::new(),
            mock_targets: false,
            last_batch: 0,
            ids: SeededIds::new(0x6865_6b65_7469),
        }
    }

    /// A new identity, as gluster writes it.
    pub fn uuid(&mut self) -> String {
        uuid(&mut self.ids)
    }

    /// A new identity, as LVM writes it.
    pub fn lvm_uuid(&mut self) -> String {
        lvm_uuid(&mut self.ids)
    }

    /// Do the two nodes' glusterd reach each other?
    pub fn connected(&self, a: usize, b: usize) -> bool {
        let alive = |n: usize| self.nodes.get(n).is_some_and(|node| node.up && node.glusterd);
        a == b || (alive(a) && alive(b) && !self.cut_links.contains(&(a.min(b), a.max(b))))
    }

    /// Does a running brick lie under `point`? Brick processes outlive glusterd.
    pub fn brick_runs_under(pools: &[Pool], node: &Node, point: &str) -> bool {
        let inside = format!("{point}/");
        let mut bricks = node.bricks.range(inside.clone()..).take_while(|(path, _)| path.starts_with(&inside));
        bricks.any(|(_, name)| {
            let volume = pools.get(node.pool).and_then(|pool| pool.volumes.get(name));
            volume.is_some_and(Volume::started)
        })
    }

    /// Runs a command on a node.
    pub fn execute(&mut self, at: usize, command: &Command) -> Output {
        if let Command::Gluster(command) = command {
            return self.gluster(at, command);
        }
        if let Command::GlusterBlock(command) = command {
            return self.gluster_block(at, command);
        }
        if let Command::Service { stop, start } = command {
            return self.run_service(at, *stop, *start);
        }
        let Self { nodes, pools, ids, auto_disk_kib, .. } = self;
        let Some(node) = nodes.get_mut(at) else { return fail(255, "no such node") };
        if let (Some(kib), Some(device)) = (*auto_disk_kib, command.disk()) {
            node.find_or_add_disk(device, kib);
        }
        match command {
            Command::ServiceState { unit, verbose } => service(node, unit, *verbose),
            Command::SetIdentity { uuid } => set_identity(node, uuid),
            Command::HasIdentity { uuid } if node.uuid == *uuid => ok(""),
            Command::HasIdentity { .. } => fail(1, ""),
            // Its peers tell it of them when it starts.
            Command::SetVolumesAside if node.glusterd => fail(1, "glusterd is running"),
            Command::SetVolumesAside | Command::ForgetFailures => ok(""),
            Command::Survey { fstab, programs } => node.survey(fstab, programs),
            Command::LvmSettings => node.lvm_settings(),
            Command::ListBlockDevices { device: Some(device) } => node.list_block_devices(device),
            Command::ListBlockDevices { device: None } => node.list_all_block_devices(),
            Command::ListSignatures { device } => node.list_signatures(device),
            Command::WipeSignatures { device } => node.wipe_signatures(device),
            Command::Symlinks { device } => node.symlinks(device),
            Command::PvCreate { device, metadata_kib } => node.pv_create(device, *metadata_kib, lvm_uuid(ids)),
            Command::PvRemove { device } => node.pv_remove(device),
            Command::VgCreate { vg, device, extent_kib } => {
                node.vg_create(vg, device, *extent_kib, lvm_uuid(ids), lvm_uuid(ids))
            }
            Command::VgDisplay { vg } => node.vg_display(vg),
            Command::VgRemove { vg } => node.vg_remove(vg),
            Command::LvCreate(wanted) => node.lv_create(wanted, || lvm_uuid(ids)),
            Command::LvRemove { target } => node.lv_remove(target),
            Command::Report(report) => node.report(report),
            Command::ListProcesses { mark } => node.list_processes(mark),
            other => node.filesystem(other, |node, point| Self::brick_runs_under(pools, node, point)),
        }
    }
}

/// glusterd reads its identity when it starts.
fn set_identity(node: &mut Node, uuid: &str) -> Output {
    if !node.glusterd {
        uuid.clone_into(&mut node.uuid);
    }
    ok("")
}

fn service(node: &Node, unit: &str, verbose: bool) -> Output {
    let known = matches!(unit, "glusterd" | "glusterd.service");
    let (status, word) = match (known, node.glusterd) {
        (true, true) => (0, "active"),
        (true, false) => (3, "inactive"),
        (false, _) if verbose => return fail(4, format!("Unit {unit}.service could not be found.")),
        (false, _) => (4, "inactive"),
    };
    let mut output = ok(format!("{word}\n"));
    output.status = status;
    if verbose {
        let detail = if node.glusterd { "active (running)" } else { "inactive (dead)" };
        output.stdout = format!(
            "● glusterd.service - GlusterFS, a clustered file-system server\n     Loaded: loaded \
                 (/lib/systemd/system/glusterd.service; enabled; preset: enabled)\n     Active: {detail}\n"
        );
    }
    output
}

fn hex(ids: &mut SeededIds) -> String {
    format!("{:032x}", u128::from_be_bytes(ids.next_bytes()))
}

fn grouped(digits: &str, lengths: &[usize]) -> String {
    let mut rest = digits;
    let mut groups = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (group, after) = rest.split_at_checked(*length).unwrap_or((rest, ""));
        groups.push(group);
        rest = after;
    }
    groups.join("-")
}

fn uuid(ids: &mut SeededIds) -> String {
    grouped(&hex(ids), &[8, 4, 4, 4, 12])
}

fn lvm_uuid(ids: &mut SeededIds) -> String {
    grouped(&hex(ids), &[6, 4, 4, 4, 4, 4, 6])
}
