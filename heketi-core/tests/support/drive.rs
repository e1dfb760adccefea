//! Drives operations over the fake nodes, with faults and kills at chosen points.

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::Kib;
use heketi_core::audit;
use heketi_core::id::{IdSource, OperationId, VolumeId};
use heketi_core::inventory::{Inventory, JobResult, Record, decode_key, decode_record, encode_key, encode_record};
use heketi_core::model::Brick;
use heketi_core::operation::{Environment, Event, GlusterBrick, Next, Planned, Step, StepOutcome, advance, mark_stale};

use heketi_core::placement::{Facts, Policy};

use super::NOW;
use super::fake::{Fake, Fault, is_question};

/// Ids in ascending order, so that tests know which node comes first.
#[derive(Clone, Debug, Default)]
pub struct CountedIds(u128);

impl CountedIds {
    /// Leaves ids to another source.
    pub fn skip(&mut self, count: u128) {
        self.0 += count;
    }
}

impl IdSource for CountedIds {
    fn next_bytes(&mut self) -> [u8; 16] {
        self.0 += 1;
        self.0.to_be_bytes()
    }
}

/// What goes wrong when: faults by the number of the step, kills by the number of the point where the server
/// can die. Both count through the whole run, recovery included.
#[derive(Clone, Debug, Default)]
pub struct Mishaps {
    pub faults: BTreeMap<usize, Fault>,
    pub kills: BTreeSet<usize>,
}

/// A server's state and its nodes.
#[derive(Clone)]
pub struct World {
    pub inventory: Inventory,
    pub fake: Fake,
    pub ids: CountedIds,
    pub mishaps: Mishaps,
    /// What operations go by while they go on.
    pub policy: Policy,
    /// What the server knows about its nodes.
    pub facts: Facts,
    /// Of each step that ran: was it only a question?
    pub steps: Vec<bool>,
    /// How many points there were where the server can die.
    pub points: usize,
    /// What happened, for messages of failed tests.
    pub log: Vec<String>,
}

/// Why an operation does not run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Finished,
    Suspended,
    Killed,
}

impl World {
    pub fn new(inventory: Inventory, fake: Fake) -> Self {
        let (mishaps, ids, facts) = (Mishaps::default(), CountedIds::default(), Facts::default());
        let policy = super::plans::policy();
        Self { inventory, fake, ids, mishaps, policy, facts, steps: Vec::new(), points: 0, log: Vec::new() }
    }

    /// Applies a plan and runs its operation, resuming it until it is over.
    pub fn run(&mut self, planned: &Planned) -> JobResult {
        self.inventory.apply(&planned.changes).unwrap();
        let mut event = Event::Start;
        for _ in 0..20 {
            match self.go(planned.operation, event) {
                End::Finished => {
                    self.fake.end_late(None);
                    return self.inventory.job(planned.queue).unwrap().result.clone().unwrap();
                }
                End::Suspended => self.log.push("suspended".into()),
                End::Killed => self.log.push("killed".into()),
            }
            event = Event::Resume;
        }
        panic!("the operation does not come to an end: {:#?}", self.log);
    }

    /// One run of an operation, until it is over, suspended, or the server dies.
    fn go(&mut self, id: OperationId, mut event: Event) -> End {
        loop {
            match self.stage(id, event) {
                Ok(outcomes) => event = Event::Outcomes(outcomes),
                Err(end) => return end,
            }
        }
    }

    /// Hands an event to an operation and runs the stage that follows.
    pub fn stage(&mut self, id: OperationId, event: Event) -> Result<Vec<StepOutcome>, End> {
        if self.dies() {
            return Err(End::Killed);
        }
        let turn = {
            let environment = Environment { ids: &mut self.ids, now: NOW, policy: &self.policy, facts: &self.facts };
            advance(&self.inventory, id, event, environment).unwrap()
        };
        self.inventory.apply(&turn.changes).unwrap_or_else(|error| panic!("{error}: {:#?}", self.log));
        let steps = match turn.next {
            Next::Finished => return Err(End::Finished),
            Next::Suspended(_) => return Err(End::Suspended),
            Next::Run(steps) => steps,
        };
        if self.dies() {
            return Err(End::Killed);
        }
        let mut outcomes = Vec::new();
        for step in &steps {
            outcomes.push(self.execute(step));
            if self.dies() {
                return Err(End::Killed);
            }
        }
        Ok(outcomes)
    }

    fn execute(&mut self, step: &Step) -> StepOutcome {
        let fault = self.mishaps.faults.get(&self.steps.len()).copied();
        self.steps.push(is_question(&step.action));
        let outcome = self.fake.execute(step, fault);
        let verdict = outcome.as_ref().map_or_else(|failure| format!("{:?}", failure.certainty), |_| "ok".into());
        self.log.push(format!("{}: {verdict} ({fault:?})", step.action.describe()));
        outcome
    }

    /// Does the server die here? Then all that is left is what it stored.
    fn dies(&mut self) -> bool {
        let dies = self.mishaps.kills.contains(&self.points);
        self.points += 1;
        if dies {
            self.restart();
        }
        dies
    }

    /// The state as a new server loads it.
    pub fn restart(&mut self) {
        let stored: Vec<_> = self.inventory.records().map(|it| (encode_key(it.key()), encode_record(&it))).collect();
        let load = |(key, bytes): (_, Vec<u8>)| decode_record(decode_key(key).unwrap(), &bytes).unwrap();
        let records = stored.iter().map(|(key, bytes)| load((key, bytes.clone())));
        let loaded = Inventory::from_records(records).unwrap();
        assert!(loaded.records().eq(self.inventory.records()), "the stored form is the state");
        self.inventory = loaded;
        let operations: Vec<_> = self.inventory.operations().cloned().collect();
        for operation in operations {
            self.inventory.apply(&mark_stale(&operation)).unwrap();
        }
    }

    /// All records but jobs.
    pub fn records(&self) -> Vec<Record> {
        self.inventory.records().filter(|record| !matches!(record, Record::Job(_))).collect()
    }

    /// Differences between the state, itself and the nodes; none when all is well.
    pub fn differences(&self) -> Vec<String> {
        let mut found: Vec<String> = audit::check(&self.inventory).iter().map(ToString::to_string).collect();
        found.extend(self.inventory.operations().map(|operation| format!("{operation:?} is pending")));
        let mut bricks = BTreeSet::new();
        let mut groups = BTreeSet::new();
        for device in self.inventory.devices() {
            let host = self.inventory.node(device.node).unwrap().storage_host().to_owned();
            groups.insert((host.clone(), device.volume_group()));
            // Bricks in one thin pool take its space once.
            let mut pools = BTreeMap::new();
            for brick in self.inventory.bricks_of_device(device.id).map(|id| self.inventory.brick(id).unwrap()) {
                bricks.insert((host.clone(), device.volume_group(), brick.spec(0).logical_volume));
                pools.insert(brick.thin_pool_name(), brick.charge());
            }
            let charge: Kib = pools.into_values().sum();
            if self.inventory.free(device) + charge + device.foreign != device.total {
                found.push(format!("the space of device {} does not add up", device.id));
            }
        }
        let (mut made_bricks, mut made_groups) = (BTreeSet::new(), BTreeSet::new());
        for (host, node) in &self.fake.nodes {
            found.extend(node.bare.iter().map(|disk| format!("a physical volume is left on {host}:{disk}")));
            for (name, group) in &node.groups {
                made_groups.insert((host.clone(), name.clone()));
                made_bricks.extend(group.bricks.keys().map(|lv| (host.clone(), name.clone(), lv.clone())));
            }
        }
        found.extend(
            made_bricks.symmetric_difference(&bricks).map(|brick| format!("brick on one side only: {brick:?}")),
        );
        found.extend(
            made_groups.symmetric_difference(&groups).map(|group| format!("group on one side only: {group:?}")),
        );
        found.extend(self.fake.lost.keys().map(|host| format!("{host} is lost to its pool")));
        found.extend(self.fake.lost_bricks.iter().map(|brick| format!("brick {brick} does not run")));
        found.extend(self.fake.broken());
        found.extend(self.volume_differences());
        found.extend(self.pool_differences());
        found.extend(self.block_differences());
        found
    }

    /// The bricks of a volume as gluster should know them.
    pub fn bricks_of(&self, volume: VolumeId) -> Vec<GlusterBrick> {
        let bricks = self.inventory.bricks_of_volume(volume);
        let mut bricks: Vec<_> = bricks.map(|id| self.inventory.brick(id).unwrap()).collect();
        bricks.sort_by_key(|brick| brick.position);
        let host = |brick: &Brick| self.inventory.node(brick.node).unwrap().storage_host().to_owned();
        bricks.into_iter().map(|brick| GlusterBrick { host: host(brick), path: brick.brick_directory() }).collect()
    }

    fn volume_differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut known = BTreeSet::new();
        for volume in self.inventory.volumes() {
            known.insert(volume.name.clone());
            let expected = self.bricks_of(volume.id);
            let made = self.fake.volumes.iter().find(|((_, name), _)| *name == volume.name).map(|(_, volume)| volume);
            if made.is_none_or(|made| !made.started || made.bricks != expected) {
                found.push(format!("volume {} should be started with {expected:?}, gluster has {made:?}", volume.name));
            }
            if self.inventory.is_volume_hidden(volume.id) {
                found.push(format!("volume {} is hidden", volume.name));
            }
        }
        let unknown =
            self.fake.volumes.keys().filter(|(_, name)| !known.contains(name) && !name.starts_with("foreign"));
        found.extend(unknown.map(|(_, name)| format!("gluster has volume {name}")));
        let snapshots = self.fake.snapshots.keys().filter(|(_, name)| !name.starts_with("users"));
        found.extend(snapshots.map(|(_, name)| format!("gluster has snapshot {name}")));
        found
    }

    /// Nodes of a cluster are in one pool with nobody else.
    fn pool_differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        for cluster in self.inventory.clusters() {
            let members: BTreeSet<String> = self.inventory.storage_hosts(cluster.id).into_iter().collect();
            for host in &members {
                let pool = self.fake.nodes[host].pool;
                let peers = self.fake.nodes.iter().filter(|(_, node)| node.pool == pool).map(|(name, _)| name.clone());
                let peers: BTreeSet<String> = peers.collect();
                if peers != members {
                    found.push(format!("{host} is in a pool of {peers:?}, its cluster is {members:?}"));
                }
            }
        }
        found
    }
}
