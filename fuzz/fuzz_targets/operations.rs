//! Operations in any order, with any outcome of their steps, and the end of the server at any moment: no panic,
//! the audit finds nothing after any change, no device is overcharged, the stored form reads back the same, and
//! with nodes that do what they are told every operation comes to its end.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{BlockVolumeId, BrickId, ClusterId, DeviceId, NodeId, OperationId, SeededIds, VolumeId};
use heketi_core::inventory::{ChangeSet, Inventory, Key, decode_record, encode_record};
use heketi_core::model::{Durability, EntryState, HostNames, Snapshot, Tags};
use heketi_core::operation::{
    Action, BlockVolumeCreate, BlockVolumeCreateRequest, BlockVolumeDelete, BlockVolumeExpand, BrickEvict, Certainty,
    ClusterChoice, DeviceAdd, DeviceAddRequest, DeviceContents, DeviceDelete, DeviceRemove, DeviceReplace,
    DeviceReport, DeviceResync, Environment, Event, FailureKind, GlusterBrick, GlusterVolume, Next, NodeAdd,
    NodeAddRequest, NodeDelete, NodeRemove, NodeReplace, Observation, OperationStatus, Peer, Planned, Step,
    StepFailure, StepOutcome, VolumeClone, VolumeCreate, VolumeDelete, VolumeExpand, Work, advance, choose_cluster,
    choose_expansion, choose_hosting, cluster_create, cluster_delete, device_state, mark_stale, node_state,
};
use heketi_core::placement::{Effort, Facts, Policy};
use heketi_core::{Error, Gib, Kib, Timestamp};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// One thing that happens. Numbers name the n-th object there is, modulo how many there are.
#[derive(Debug, Arbitrary)]
enum Happening {
    ClusterCreate,
    ClusterDelete(u8),
    NodeAdd {
        cluster: u8,
        zone: u8,
        host: u8,
    },
    NodeState(u8, State),
    NodeDelete(u8),
    DeviceAdd {
        node: u8,
        disk: u8,
        ssd: bool,
        destroy: bool,
    },
    DeviceState(u8, State),
    DeviceDelete {
        device: u8,
        force: bool,
    },
    Choose(Volume),
    CreateOnChoice,
    Create(Volume),
    Expand {
        volume: u8,
        gib: u8,
    },
    Delete(u8),
    Clone {
        volume: u8,
        name: Option<u8>,
    },
    Evict {
        brick: u8,
        heal_check: bool,
    },
    DeviceRemove {
        device: u8,
        heal_check: bool,
    },
    NodeRemove {
        node: u8,
        heal_check: bool,
    },
    DeviceReplace {
        device: u8,
        disk: Option<u8>,
    },
    NodeReplace(u8),
    DeviceResync(u8),
    BlockCreate {
        gib: u8,
        name: Option<u8>,
        hosts: u8,
    },
    BlockExpand {
        block_volume: u8,
        gib: u8,
    },
    BlockDelete(u8),
    /// The stage of a running operation ends, one outcome for each step.
    Stage {
        operation: u8,
        outcomes: [Outcome; 4],
    },
    /// Several stages of an operation go well.
    GoesWell {
        operation: u8,
        stages: u8,
    },
    Resume {
        operation: u8,
    },
    JobCollected(u8),
    Time(u16),
    /// The server ends and starts again.
    Kill,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum State {
    Online,
    Offline,
    Failed,
}

impl From<State> for EntryState {
    fn from(state: State) -> Self {
        match state {
            State::Online => Self::Online,
            State::Offline => Self::Offline,
            State::Failed => Self::Failed,
        }
    }
}

#[derive(Debug, Arbitrary)]
struct Volume {
    gib: u8,
    block: bool,
    durability: u8,
    name: Option<u8>,
    strict: bool,
    ssd: bool,
    factor: u8,
    down: u8,
    avoid: u8,
    seed: u8,
}

/// How a step ends, with what its answer says where it has a choice.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Outcome {
    /// As asked; the number says what the node tells.
    Good(u16),
    /// With an answer that does not belong to the question.
    Strange,
    NotStarted,
    Failed,
    Unknown,
    ShutDown,
}

/// The server and what it waits for.
struct World {
    inventory: Inventory,
    ids: SeededIds,
    now: Timestamp,
    policy: Policy,
    stages: BTreeMap<OperationId, Vec<Step>>,
    choice: Option<(CheckedVolumeCreate, ClusterChoice)>,
}

fn nth<T>(n: u8, all: impl Iterator<Item = T>) -> Option<T> {
    let all: Vec<T> = all.collect();
    let at = usize::from(n) % all.len().max(1);
    all.into_iter().nth(at)
}

impl World {
    fn new() -> Self {
        Self {
            inventory: Inventory::default(),
            ids: SeededIds::new(1),
            now: Timestamp(1_700_000_000),
            policy: Policy::default(),
            stages: BTreeMap::new(),
            choice: None,
        }
    }

    /// Every change set an operation or a plan yields fits the state, and leaves it sound.
    fn apply(&mut self, changes: &ChangeSet) {
        self.inventory.apply(changes).unwrap_or_else(|error| panic!("{error}\n{changes:#?}"));
        let findings = heketi_core::audit::check(&self.inventory);
        assert!(findings.is_empty(), "{findings:#?}\nafter\n{changes:#?}");
        for device in self.inventory.devices() {
            let charged = self.inventory.bricks_of_device(device.id).filter_map(|id| self.inventory.brick(id));
            let charged: Kib = charged.map(|brick| brick.charge()).sum();
            assert!(charged + device.foreign <= device.total, "{device:?} is charged {charged}");
        }
    }

    fn cluster(&self, n: u8) -> Option<ClusterId> {
        nth(n, self.inventory.clusters().map(|cluster| cluster.id))
    }

    fn node(&self, n: u8) -> Option<NodeId> {
        nth(n, self.inventory.nodes().map(|node| node.id))
    }

    fn device(&self, n: u8) -> Option<DeviceId> {
        nth(n, self.inventory.devices().map(|device| device.id))
    }

    fn volume(&self, n: u8) -> Option<VolumeId> {
        nth(n, self.inventory.volumes().map(|volume| volume.id))
    }

    fn brick(&self, n: u8) -> Option<BrickId> {
        nth(n, self.inventory.bricks().map(|brick| brick.id))
    }

    fn block_volume(&self, n: u8) -> Option<BlockVolumeId> {
        nth(n, self.inventory.block_volumes().map(|block_volume| block_volume.id))
    }

    /// A plan is applied and started, or refused without a trace.
    fn submit(&mut self, planned: Result<Planned, Error>) {
        let Ok(planned) = planned else { return };
        self.apply(&planned.changes);
        self.advance(planned.operation, Event::Start);
    }

    fn change(&mut self, changes: Result<ChangeSet, Error>) {
        if let Ok(changes) = changes {
            self.apply(&changes);
        }
    }

    fn advance(&mut self, id: OperationId, event: Event) {
        let resumed = format!("{event:?}");
        let facts = Facts::default();
        let environment = Environment { ids: &mut self.ids, now: self.now, policy: &self.policy, facts: &facts };
        let step = advance(&self.inventory, id, event, environment)
            .unwrap_or_else(|error| panic!("{error} after {resumed} of {:#?}", self.inventory.operation(id)));
        self.apply(&step.changes);
        match step.next {
            Next::Run(steps) => {
                assert!(!steps.is_empty(), "a stage without steps never ends: {:#?}", self.inventory.operation(id));
                self.stages.insert(id, steps);
            }
            Next::Finished => assert!(self.inventory.operation(id).is_none()),
            Next::Suspended(_) => assert!(self.inventory.operation(id).is_some()),
        }
    }

    fn happens(&mut self, happening: Happening) -> Option<()> {
        match happening {
            Happening::ClusterCreate if self.inventory.clusters().count() < 3 => {
                let (_, changes) = cluster_create(true, true, &mut self.ids);
                self.apply(&changes);
            }
            Happening::ClusterCreate => {}
            Happening::ClusterDelete(n) => self.change(cluster_delete(&self.inventory, self.cluster(n)?)),
            Happening::NodeAdd { cluster, zone, host } => {
                let host = host % 12;
                let hostnames = HostNames { manage: vec![format!("m{host}")], storage: vec![format!("s{host}")] };
                let (cluster, zone) = (self.cluster(cluster)?, i64::from(zone % 4) + 1);
                let request = NodeAddRequest { cluster, zone, hostnames, tags: Tags::new() };
                let planned = NodeAdd::plan(&self.inventory, request, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::NodeState(n, state) => self.change(node_state(&self.inventory, self.node(n)?, state.into())),
            Happening::NodeDelete(n) => {
                let planned = NodeDelete::plan(&self.inventory, self.node(n)?, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::DeviceAdd { node, disk, ssd, destroy } => {
                let tags = if ssd { Tags::from([("drive".to_owned(), "ssd".to_owned())]) } else { Tags::new() };
                let (node, name) = (self.node(node)?, format!("/dev/sd{}", disk % 6));
                let request = DeviceAddRequest { node, name, tags, destroy_data: destroy };
                let planned = DeviceAdd::plan(&self.inventory, request, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::DeviceState(n, state) => {
                self.change(device_state(&self.inventory, self.device(n)?, state.into()));
            }
            Happening::DeviceDelete { device, force } => {
                let planned = DeviceDelete::plan(&self.inventory, self.device(device)?, force, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::Choose(volume) => self.choice = self.choose(&volume),
            Happening::CreateOnChoice => {
                let (request, chosen) = self.choice.take()?;
                self.create(&request, &chosen);
            }
            Happening::Create(volume) => {
                let (request, chosen) = self.choose(&volume)?;
                self.create(&request, &chosen);
            }
            Happening::Expand { volume, gib } => self.expand(self.volume(volume)?, Gib(u64::from(gib)))?,
            Happening::Delete(n) => {
                let planned = VolumeDelete::plan(&self.inventory, self.volume(n)?, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::Clone { volume, name } => {
                let (id, name) = (self.volume(volume)?, name.map(|name| format!("v{}", name % 4)));
                let planned = VolumeClone::plan(&self.inventory, id, name, &self.policy, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::Evict { brick, heal_check } => {
                let id = self.brick(brick)?;
                let planned = BrickEvict::plan(&self.inventory, id, heal_check, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::DeviceRemove { device, heal_check } => {
                let id = self.device(device)?;
                let planned = DeviceRemove::plan(&self.inventory, id, heal_check, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::NodeRemove { node, heal_check } => {
                let id = self.node(node)?;
                let planned = NodeRemove::plan(&self.inventory, id, heal_check, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::DeviceReplace { device, disk } => {
                let (id, path) = (self.device(device)?, disk.map(|disk| format!("/dev/sd{}", disk % 6)));
                let planned = DeviceReplace::plan(&self.inventory, id, path, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::NodeReplace(n) => {
                let planned = NodeReplace::plan(&self.inventory, self.node(n)?, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::DeviceResync(n) => {
                let planned = DeviceResync::plan(&self.inventory, self.device(n)?, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::BlockCreate { gib, name, hosts } => {
                let name = name.map(|name| format!("b{}", name % 4));
                let (size, ha_count) = (Gib(u64::from(gib)), u32::from(hosts % 4));
                let clusters = Vec::new();
                self.create_block(&BlockVolumeCreateRequest { size, name, clusters, ha_count, auth: false })?;
            }
            Happening::BlockExpand { block_volume, gib } => {
                let (id, size, facts) = (self.block_volume(block_volume)?, Gib(u64::from(gib)), Facts::default());
                let planned = BlockVolumeExpand::plan(&self.inventory, id, size, &facts, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::BlockDelete(n) => {
                let (id, facts) = (self.block_volume(n)?, Facts::default());
                let planned = BlockVolumeDelete::plan(&self.inventory, id, &facts, &mut self.ids, self.now);
                self.submit(planned);
            }
            Happening::Stage { operation, outcomes } => {
                let id = nth(operation, self.stages.keys().copied())?;
                self.end_stage(id, &outcomes);
            }
            Happening::GoesWell { operation, stages } => {
                let id = nth(operation, self.stages.keys().copied())?;
                for _ in 0..=stages % 8 {
                    self.end_stage(id, &[Outcome::Good(u16::from(stages))]);
                }
            }
            Happening::Resume { operation } => {
                let id = nth(operation, self.resumable().into_iter())?;
                self.advance(id, Event::Resume);
            }
            Happening::JobCollected(n) => {
                let job = nth(n, self.inventory.jobs().filter(|job| job.result.is_some()).map(|job| job.id))?;
                let mut changes = ChangeSet::default();
                changes.delete(Key::Job(job));
                self.apply(&changes);
            }
            Happening::Time(minutes) => self.now.0 += 60 * u64::from(minutes),
            Happening::Kill => self.kill(),
        }
        Some(())
    }

    fn choose(&self, wish: &Volume) -> Option<(CheckedVolumeCreate, ClusterChoice)> {
        let durability = match wish.durability % 6 {
            0 => Durability::None,
            n @ 1..=3 => Durability::Replicate { replica: n.into() },
            4 => Durability::Disperse { data: 2, redundancy: 1 },
            _ => Durability::Disperse { data: 4, redundancy: 2 },
        };
        let mut options = Vec::new();
        if wish.strict {
            options.push("user.heketi.zone-checking strict".to_owned());
        }
        if wish.ssd {
            options.push("user.heketi.device-tag-match drive=ssd".to_owned());
        }
        let request = CheckedVolumeCreate {
            size: Gib(u64::from(wish.gib)),
            name: wish.name.map(|name| format!("v{}", name % 4)),
            clusters: Vec::new(),
            durability,
            gid: 0,
            options,
            block: wish.block,
            snapshot: Snapshot { enable: wish.factor != 0, factor: 1.0 + f32::from(wish.factor) / 16.0 },
        };
        let down = if wish.down.is_multiple_of(4) { self.node(wish.down) } else { None };
        let avoid = if wish.avoid.is_multiple_of(4) { self.device(wish.avoid) } else { None };
        let facts = Facts { down: BTreeSet::from_iter(down), avoid: BTreeSet::from_iter(avoid), ..Facts::default() };
        let chosen = [Effort::Quick, Effort::Exact].into_iter().find_map(|effort| {
            choose_cluster(&self.inventory, &request, &self.policy, &facts, effort, wish.seed.into()).ok().flatten()
        })?;
        Some((request, chosen))
    }

    /// A choice may be older than the state; then there may be no plan, but never a wrong one.
    fn create(&mut self, request: &CheckedVolumeCreate, chosen: &ClusterChoice) {
        let planned = VolumeCreate::plan(&self.inventory, request, chosen, &self.policy, &mut self.ids, self.now);
        if let Some(planned) = planned.transpose() {
            self.submit(planned);
        }
    }

    fn create_block(&mut self, request: &BlockVolumeCreateRequest) -> Option<()> {
        let (inventory, policy, facts) = (&self.inventory, &self.policy, Facts::default());
        let chosen = [Effort::Quick, Effort::Exact]
            .into_iter()
            .find_map(|effort| choose_hosting(inventory, request, policy, &facts, effort, 0).ok().flatten())?;
        let planned = BlockVolumeCreate::plan(inventory, request, &chosen, policy, &mut self.ids, self.now);
        self.submit(planned.transpose()?);
        Some(())
    }

    fn expand(&mut self, id: VolumeId, by: Gib) -> Option<()> {
        let (inventory, policy, facts) = (&self.inventory, &self.policy, Facts::default());
        let choice = [Effort::Quick, Effort::Exact]
            .into_iter()
            .find_map(|effort| choose_expansion(inventory, id, by, policy, &facts, effort, 0).ok().flatten())?;
        let planned = VolumeExpand::plan(inventory, id, by, &choice, policy, &mut self.ids, self.now);
        self.submit(planned.transpose()?);
        Some(())
    }

    fn end_stage(&mut self, id: OperationId, outcomes: &[Outcome]) {
        let Some(steps) = self.stages.remove(&id) else { return };
        let outcomes = steps.iter().zip(outcomes.iter().cycle());
        let outcomes = outcomes.map(|(step, outcome)| self.outcome(step, *outcome)).collect();
        self.advance(id, Event::Outcomes(outcomes));
    }

    fn outcome(&self, step: &Step, outcome: Outcome) -> StepOutcome {
        let failure = |kind, certainty| {
            Err(StepFailure { host: "m0".into(), kind, certainty, text: format!("{outcome:?}: {:?}", step.action) })
        };
        match outcome {
            Outcome::Good(told) => Ok(self.answer(&step.action, told)),
            Outcome::Strange => Ok(Observation::Pool(Vec::new())),
            Outcome::NotStarted => failure(FailureKind::Unreachable, Certainty::NotStarted),
            Outcome::Failed => failure(FailureKind::Command, Certainty::Failed),
            Outcome::Unknown => failure(FailureKind::Command, Certainty::Unknown),
            Outcome::ShutDown => failure(FailureKind::ShutDown, Certainty::NotStarted),
        }
    }

    fn answer(&self, action: &Action, told: u16) -> Observation {
        match action {
            Action::ListPeers => {
                let peer = |n: u16| Peer { names: vec![format!("s{n}")], uuid: format!("u{n}"), connected: n % 2 == 0 };
                Observation::Pool((0..told % 4).map(peer).collect())
            }
            Action::InspectDevice { .. } => Observation::Contents(DeviceContents {
                size: Kib(u64::from(told)),
                exists: !told.is_multiple_of(7),
                read_only: told.is_multiple_of(11),
                mount_points: if told.is_multiple_of(13) { vec!["/".into()] } else { Vec::new() },
                children: if told.is_multiple_of(17) { vec!["sda1".into()] } else { Vec::new() },
                signature: told.is_multiple_of(3).then(|| "ext4".into()),
                pv_uuid: told.is_multiple_of(5).then(|| format!("pv{}", told % 8)),
                volume_group: told.is_multiple_of(10).then(|| "vg".into()),
            }),
            Action::SetUpDevice { .. } | Action::ReadDevice { .. } => {
                let extent = [4096, 1024, 65536, 0][usize::from(told) % 4];
                let total =
                    [64 << 20, 1 << 30, u64::from(told) << 12, u64::from(told) << 48][usize::from(told >> 2) % 4];
                Observation::Device(DeviceReport {
                    total: Kib(total),
                    free: Kib(total.saturating_sub(u64::from(told >> 8) << 12)),
                    extent: Kib(extent),
                    pv_uuid: (!told.is_multiple_of(9)).then(|| format!("pv{}", told % 16)),
                    paths: Vec::new(),
                })
            }
            Action::DestroyBrick { .. } => Observation::BrickDestroyed { pool_removed: !told.is_multiple_of(3) },
            Action::ListVolumes => Observation::Volumes(self.listing(told)),
            _ => Observation::Done,
        }
    }

    /// Some of the volumes with some of their bricks, now and then under another's name.
    fn listing(&self, told: u16) -> Vec<GlusterVolume> {
        let bricks = |volume: VolumeId| {
            let bricks = self.inventory.bricks_of_volume(volume).filter_map(|id| self.inventory.brick(id));
            let host = |node| self.inventory.node(node).map(|node| node.storage_host().to_owned()).unwrap_or_default();
            let all = bricks.map(move |brick| GlusterBrick { host: host(brick.node), path: brick.brick_directory() });
            all.enumerate()
                .filter(move |(i, _)| told >> 8 == 0 || told >> 8 >> (i % 8) & 1 == 1)
                .map(|(_, brick)| brick)
        };
        let listed = self.inventory.volumes().enumerate().filter(|(i, _)| told >> (i % 4) & 1 == 1);
        listed
            .map(|(_, volume)| GlusterVolume {
                name: if told & 0x30 == 0x30 { format!("v{}", told % 4) } else { volume.name.clone() },
                uuid: volume.id.to_string(),
                started: told & 0x40 != 0,
                bricks: bricks(volume.id).collect(),
                options: Vec::new(),
                durability: Some(volume.durability),
            })
            .collect()
    }

    fn resumable(&self) -> Vec<OperationId> {
        let left = self.inventory.operations().filter(|operation| !self.stages.contains_key(&operation.id));
        left.map(|operation| operation.id).collect()
    }

    /// What is in the store is all that is left, and every operation becomes stale.
    fn kill(&mut self) {
        self.stages.clear();
        self.choice = None;
        let stored = self.inventory.records().map(|record| (record.key(), encode_record(&record)));
        let loaded = stored.map(|(key, bytes)| decode_record(key, &bytes).unwrap_or_else(|error| panic!("{error}")));
        let loaded = Inventory::from_records(loaded).unwrap_or_else(|error| panic!("{error}"));
        assert!(loaded.records().eq(self.inventory.records()), "the stored form loses something");
        self.inventory = loaded;
        let mut changes = ChangeSet::default();
        self.inventory.operations().for_each(|operation| changes.append(mark_stale(operation)));
        self.apply(&changes);
        assert!(self.inventory.operations().all(|operation| operation.status == OperationStatus::Stale));
    }

    /// With nodes that do what they are told, and a gluster that lists no volume, nothing stays pending.
    fn comes_to_its_end(&mut self) {
        self.kill();
        for id in self.resumable() {
            self.advance(id, Event::Resume);
            for _ in 0..20 {
                let Some(steps) = self.stages.remove(&id) else { break };
                let good = |step: &Step| match step.action {
                    Action::ListVolumes => Observation::Volumes(Vec::new()),
                    Action::DestroyBrick { .. } => Observation::BrickDestroyed { pool_removed: true },
                    _ => Observation::Done,
                };
                self.advance(id, Event::Outcomes(steps.iter().map(|step| Ok(good(step))).collect()));
            }
            let left = self.inventory.operation(id);
            assert!(left.is_none_or(|it| waits_for_gluster(&it.work)), "never ends: {left:#?}");
        }
    }
}

/// These move bricks of volumes, and wait for a gluster that has those volumes.
fn waits_for_gluster(work: &Work) -> bool {
    let moves = matches!(work, Work::BrickEvict(_) | Work::DeviceRemove(_) | Work::NodeRemove(_));
    moves || matches!(work, Work::DeviceReplace(_) | Work::NodeReplace(_))
}

fuzz_target!(|happenings: Vec<Happening>| {
    let mut world = World::new();
    for happening in happenings.into_iter().take(200) {
        let _ = world.happens(happening);
    }
    world.comes_to_its_end();
});
