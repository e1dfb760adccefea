//! heketi v10's consistency check: `GET /db/check` and `heketi db consistency-check`, in its words.
//!
//! Four things that v10 reports of sound databases are left out: a thin pool that a clone shares counts once, the
//! hosts of a volume may be fewer than the nodes of its cluster (nodes were added later), the marks of an operation's
//! parent and child are known, and the volume that a clone will make need not be there yet while it can still come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BlockVolumeEntry, BrickEntry, DeviceEntry, OperationEntry, V10Database, VolumeEntry};

/// The answer of the check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyReport {
    /// Clusters.
    pub clusters: CheckedRecords,
    /// Volumes.
    pub volumes: CheckedRecords,
    /// Bricks.
    pub bricks: CheckedRecords,
    /// Nodes.
    pub nodes: CheckedRecords,
    /// Devices.
    pub devices: CheckedRecords,
    /// Block volumes.
    pub blockvolumes: CheckedRecords,
    /// Attributes are not checked: always zero.
    pub dbattributes: CheckedRecords,
    /// Pending operations.
    pub pendingoperations: CheckedRecords,
    /// How many inconsistencies there are in all.
    pub totalinconsistencies: usize,
}

/// What the check found of one kind of records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedRecords {
    /// How many there are.
    pub total: usize,
    /// How many of them an operation works on.
    pub pending: usize,
    /// How many are consistent.
    pub ok: usize,
    /// How many are not.
    pub notok: usize,
    /// What is wrong; none when nothing is.
    pub inconsistencies: Option<Vec<String>>,
}

impl CheckedRecords {
    fn add(&mut self, pending: bool, found: Vec<String>) {
        self.total += 1;
        self.pending += usize::from(pending);
        if found.is_empty() {
            self.ok += 1;
        } else {
            self.notok += 1;
            self.inconsistencies.get_or_insert_default().extend(found);
        }
    }

    fn count(&self) -> usize {
        self.inconsistencies.as_ref().map_or(0, Vec::len)
    }
}

/// Names one kind of inconsistency of one record.
struct Judge {
    record: String,
    kind: &'static str,
    found: Vec<String>,
}

impl Judge {
    fn of(name: &str, kind: &'static str, id: &str) -> Self {
        Self { record: format!("{name} {id}"), kind, found: Vec::new() }
    }

    /// A record that is named: is it there, and does it name this one?
    fn link(&mut self, what: &str, id: &str, links_back: Option<bool>) {
        let text = match links_back {
            None => format!("{} unknown {what} {id}", self.record),
            Some(false) => format!("{} no link back to {} from {what} {id}", self.record, self.kind),
            Some(true) => return,
        };
        self.found.push(text);
    }

    fn pending(&mut self, database: &V10Database, operation: &str) {
        if !operation.is_empty() && !database.operations.contains_key(operation) {
            self.found.push(format!("{} marked pending but no pending op {operation}", self.record));
        }
    }
}

fn has(list: &[String], id: &str) -> bool {
    list.iter().any(|it| it == id)
}

impl V10Database {
    /// Checks every record against those it names, as heketi v10 does. `live`: a server works on operations that are
    /// neither stale nor failed, so what these have not made yet is not missing.
    pub fn consistency(&self, live: bool) -> ConsistencyReport {
        let mut report = ConsistencyReport::default();
        for id in self.clusters.keys() {
            report.clusters.add(false, self.judge_cluster(id, live));
        }
        for (id, volume) in &self.volumes {
            report.volumes.add(!volume.pending.id.is_empty(), self.judge_volume(id, volume));
        }
        for (id, brick) in &self.bricks {
            report.bricks.add(!brick.pending.id.is_empty(), self.judge_brick(id, brick, live));
        }
        for id in self.nodes.keys() {
            report.nodes.add(false, self.judge_node(id));
        }
        for (id, device) in &self.devices {
            report.devices.add(false, self.judge_device(id, device));
        }
        for (id, volume) in &self.block_volumes {
            report.blockvolumes.add(!volume.pending.id.is_empty(), self.judge_block_volume(id, volume));
        }
        for (id, operation) in &self.operations {
            report.pendingoperations.add(false, self.judge_operation(id, operation));
        }
        let kinds = [&report.clusters, &report.volumes, &report.bricks, &report.nodes, &report.devices];
        let kinds = kinds.into_iter().chain([&report.blockvolumes, &report.pendingoperations]);
        report.totalinconsistencies = kinds.map(CheckedRecords::count).sum();
        report
    }

    fn judge_cluster(&self, id: &str, live: bool) -> Vec<String> {
        let mut judge = Judge::of("Cluster", "cluster", id);
        let Some(cluster) = self.clusters.get(id).map(|cluster| &cluster.info) else { return judge.found };
        for node in &cluster.nodes {
            judge.link("node", node, self.nodes.get(node).map(|it| it.info.cluster == id));
        }
        for volume in cluster.volumes.iter().filter(|volume| !(live && self.will_be_cloned(volume))) {
            judge.link("volume", volume, self.volumes.get(volume).map(|it| it.info.cluster == id));
        }
        for volume in &cluster.blockvolumes {
            judge.link("blockvolume", volume, self.block_volumes.get(volume).map(|it| it.info.cluster == id));
        }
        judge.found
    }

    fn judge_node(&self, id: &str) -> Vec<String> {
        let mut judge = Judge::of("Node", "node", id);
        let Some(node) = self.nodes.get(id) else { return judge.found };
        for device in &node.devices {
            judge.link("device", device, self.devices.get(device).map(|it| it.node_id == id));
        }
        let cluster = &node.info.cluster;
        judge.link("cluster", cluster, self.clusters.get(cluster).map(|it| has(&it.info.nodes, id)));
        judge.found
    }

    fn judge_device(&self, id: &str, device: &DeviceEntry) -> Vec<String> {
        let mut judge = Judge::of("Device", "device", id);
        judge.link("node", &device.node_id, self.nodes.get(&device.node_id).map(|it| has(&it.devices, id)));
        let mut pools: BTreeMap<&str, u64> = BTreeMap::new();
        for brick_id in &device.bricks {
            let brick = self.bricks.get(brick_id);
            judge.link("brick", brick_id, brick.map(|it| it.info.device == id));
            if let Some(brick) = brick {
                let pool = if brick.lvm_thin_pool.is_empty() { brick_id } else { &brick.lvm_thin_pool };
                let size = pools.entry(pool).or_default();
                *size = (*size).max(brick.tp_size.saturating_add(brick.pool_metadata_size));
            }
        }
        let size = &device.info.storage;
        let sums_up = size.free.checked_add(size.used) == Some(size.total);
        if !sums_up {
            let (total, free, used) = (size.total, size.free, size.used);
            judge
                .found
                .push(format!("{} size values differ Total({total}) != Free({free}) + Used({used})", judge.record));
        }
        let bricks = pools.values().fold(0_u64, |sum, size| sum.saturating_add(*size));
        if size.used != bricks {
            judge.found.push(format!(
                "{} size values differ Used({}) != aggregateBricksSize({bricks})",
                judge.record, size.used
            ));
        }
        judge.found
    }

    fn judge_brick(&self, id: &str, brick: &BrickEntry, live: bool) -> Vec<String> {
        let mut judge = Judge::of("Brick", "brick", id);
        judge.pending(self, &brick.pending.id);
        let info = &brick.info;
        judge.link("node", &info.node, self.nodes.contains_key(&info.node).then_some(true));
        if !(live && self.will_be_cloned(&info.volume)) {
            judge.link("volume", &info.volume, self.volumes.get(&info.volume).map(|it| has(&it.bricks, id)));
        }
        judge.link("device", &info.device, self.devices.get(&info.device).map(|it| has(&it.bricks, id)));
        judge.found
    }

    fn judge_volume(&self, id: &str, volume: &VolumeEntry) -> Vec<String> {
        let mut judge = Judge::of("Volume", "volume", id);
        judge.pending(self, &volume.pending.id);
        let info = &volume.info;
        judge.link("cluster", &info.cluster, self.clusters.get(&info.cluster).map(|it| has(&it.info.volumes, id)));
        for brick in &volume.bricks {
            judge.link("brick", brick, self.bricks.get(brick).map(|it| it.info.volume == id));
        }
        let mut hosted = 0_i64;
        for block in &info.blockinfo.blockvolume {
            let entry = self.block_volumes.get(block);
            judge.link("blockvolume", block, entry.map(|it| it.info.blockhostingvolume == id));
            hosted = hosted.saturating_add(entry.map_or(0, |it| it.info.size));
        }
        if info.block {
            let (free, reserved) = (info.blockinfo.freesize, info.blockinfo.reservedsize);
            if info.size.saturating_sub(free).saturating_sub(reserved) != hosted && volume.pending.id.is_empty() {
                judge.found.push(format!(
                    "{} blocksize differs aggregateSize {hosted} != volumeSize {} - freeSize {free} - reservedSize {reserved}",
                    judge.record, info.size
                ));
            }
        } else if !info.blockinfo.blockvolume.is_empty() {
            judge.found.push(format!("{} has blockvolumes but not block flag", judge.record));
        }
        judge.found
    }

    fn judge_block_volume(&self, id: &str, volume: &BlockVolumeEntry) -> Vec<String> {
        let mut judge = Judge::of("BlockVolume", "blockVolume", id);
        judge.pending(self, &volume.pending.id);
        let info = &volume.info;
        let cluster = self.clusters.get(&info.cluster);
        judge.link("cluster", &info.cluster, cluster.map(|it| has(&it.info.blockvolumes, id)));
        let hosting = self.volumes.get(&info.blockhostingvolume);
        let listed = hosting.map(|it| has(&it.info.blockinfo.blockvolume, id));
        // It is listed once it is made.
        let listed = if volume.pending.id.is_empty() { listed } else { listed.map(|_| true) };
        judge.link("volume", &info.blockhostingvolume, listed);
        judge.found
    }

    fn judge_operation(&self, id: &str, operation: &OperationEntry) -> Vec<String> {
        let mut found = Vec::new();
        let marked = |mark: Option<&str>| mark == Some(id);
        for action in &operation.actions {
            let target = &action.id;
            let brick = || self.bricks.get(target).map(|it| it.pending.id.as_str());
            let volume = || self.volumes.get(target).map(|it| it.pending.id.as_str());
            let block = || self.block_volumes.get(target).map(|it| it.pending.id.as_str());
            let (good, place) = match action.change {
                1 | 3 => (marked(brick()), "bricks"),
                2 | 4 | 9 => (marked(volume()), "volumes"),
                6 | 7 => (marked(block()), "blockvolumes"),
                5 if volume().is_none() => {
                    found.push(format!("pending op {id}: change id missing {target} not found in volumes"));
                    continue;
                }
                14 if block().is_none() => {
                    found.push(format!("pending op {id}: change id missing {target} not found in blockvolumes"));
                    continue;
                }
                // 11: the volume that a clone makes is recorded when it is there. 8, 12, 13: nothing carries a mark.
                5 | 14 | 8 | 11..=13 => continue,
                other => {
                    found.push(format!("Pending Op {id} unexpected change type {other}"));
                    continue;
                }
            };
            if !good {
                found.push(format!("pending op {id} id in change missing {target} not found in {place}"));
            }
        }
        found
    }

    /// Is this the volume that a running clone makes?
    fn will_be_cloned(&self, volume: &str) -> bool {
        let clones = self.operations.values().filter(|operation| operation.kind == 7 && operation.status.is_empty());
        let mut actions = clones.flat_map(|operation| &operation.actions);
        !self.volumes.contains_key(volume) && actions.any(|action| action.change == 11 && action.id == volume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = include_bytes!("../../tests/data/heketi-v10-crashed-clone.json");
    const CLONE: &str = "8bcb488870a7db4d85b794b7560c58cf";

    fn sample() -> V10Database {
        V10Database::from_json(SAMPLE).unwrap()
    }

    /// What a change adds to the findings, sorted.
    fn found(change: impl FnOnce(&mut V10Database)) -> Vec<String> {
        let mut database = sample();
        change(&mut database);
        let kinds = |report: ConsistencyReport| {
            let ConsistencyReport {
                clusters, volumes, bricks, nodes, devices, blockvolumes, pendingoperations, ..
            } = report;
            let kinds = [clusters, volumes, bricks, nodes, devices, blockvolumes, pendingoperations];
            kinds.into_iter().flat_map(|kind| kind.inconsistencies.unwrap_or_default()).collect::<Vec<_>>()
        };
        let before = kinds(sample().consistency(true));
        let mut found = kinds(database.consistency(true));
        found.retain(|text| !before.contains(text));
        found.sort_unstable();
        found
    }

    #[test]
    fn a_running_clone_is_no_damage_and_one_that_nobody_runs_is() {
        assert_eq!(sample().consistency(true).totalinconsistencies, 0);
        let left = sample().consistency(false);
        let texts = left.clusters.inconsistencies.unwrap();
        assert_eq!(texts, [format!("Cluster e87f5e079eb34dbd5f64852341a8fb3d unknown volume {CLONE}")]);
        assert_eq!((left.bricks.total, left.bricks.pending, left.bricks.ok, left.bricks.notok), (23, 2, 21, 2));
        assert_eq!((left.totalinconsistencies, left.nodes.inconsistencies), (3, None));
        let mut stale = sample();
        stale.operations.values_mut().for_each(|operation| operation.status = "stale".into());
        assert_eq!(stale.consistency(true).totalinconsistencies, 3);
    }

    #[test]
    fn links_are_checked_in_both_directions() {
        let node = sample().nodes.keys().next().unwrap().clone();
        let cluster = sample().nodes[&node].info.cluster.clone();
        let devices = sample().nodes[&node].devices.clone();
        let mut wanted: Vec<String> =
            devices.iter().map(|device| format!("Device {device} unknown node {node}")).collect();
        wanted.push(format!("Cluster {cluster} unknown node {node}"));
        let of_bricks = sample().bricks.into_iter().filter(|(_, brick)| brick.info.node == node);
        wanted.extend(of_bricks.map(|(id, _)| format!("Brick {id} unknown node {node}")));
        wanted.sort_unstable();
        assert_eq!(found(|it| drop(it.nodes.remove(&node))), wanted);
        let texts =
            found(|it| it.clusters.values_mut().for_each(|cluster| cluster.info.nodes.retain(|id| *id != node)));
        assert_eq!(texts, [format!("Node {node} no link back to node from cluster {cluster}")]);

        let (id, brick) = sample().bricks.into_iter().find(|(_, brick)| brick.pending.id.is_empty()).unwrap();
        let texts = found(|it| it.volumes.get_mut(&brick.info.volume).unwrap().bricks.retain(|listed| *listed != id));
        assert_eq!(texts, [format!("Brick {id} no link back to brick from volume {}", brick.info.volume)]);
        let texts = found(|it| it.bricks.get_mut(&id).unwrap().pending.id = "gone".into());
        assert_eq!(texts, [format!("Brick {id} marked pending but no pending op gone")]);
    }

    #[test]
    fn sizes_are_added_up() {
        let (id, device) = sample().devices.into_iter().find(|(_, device)| !device.bricks.is_empty()).unwrap();
        let (total, used) = (device.info.storage.total, device.info.storage.used);
        let texts = found(|it| it.devices.get_mut(&id).unwrap().info.storage.free = 1);
        assert_eq!(texts, [format!("Device {id} size values differ Total({total}) != Free(1) + Used({used})")]);
        let texts = found(|it| {
            let storage = &mut it.devices.get_mut(&id).unwrap().info.storage;
            (storage.free, storage.used) = (storage.total, 0);
        });
        assert_eq!(texts, [format!("Device {id} size values differ Used(0) != aggregateBricksSize({used})")]);
        let (id, volume) = sample().volumes.into_iter().find(|(_, volume)| volume.info.block).unwrap();
        let info = &volume.info;
        let hosted = info.size - info.blockinfo.freesize - info.blockinfo.reservedsize;
        let texts = found(|it| it.volumes.get_mut(&id).unwrap().info.blockinfo.freesize += 1);
        let (size, free, reserved) = (info.size, info.blockinfo.freesize + 1, info.blockinfo.reservedsize);
        assert_eq!(
            texts,
            [format!(
                "Volume {id} blocksize differs aggregateSize {hosted} != volumeSize {size} - freeSize {free} - reservedSize {reserved}"
            )]
        );
    }

    #[test]
    fn operations_must_be_known_to_what_they_change() {
        let id = sample().operations.keys().next().unwrap().clone();
        let texts = found(|it| it.volumes.values_mut().for_each(|volume| volume.pending.id.clear()));
        let source = "aef926aa9ff8a4830a6e651b585e09cc";
        assert_eq!(texts, [format!("pending op {id} id in change missing {source} not found in volumes")]);
        let texts = found(|it| it.operations.get_mut(&id).unwrap().actions[0].change = 99);
        assert_eq!(texts, [format!("Pending Op {id} unexpected change type 99")]);
    }
}
