//! Random histories of everything the manager does, several operations at once, with lost connections, failing
//! commands, dead nodes and killed servers. In the end the audit finds nothing, on either side, the space of
//! every device adds up to the KiB, and every volume obeys the rules it was asked for with.

mod accidents;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use heketi_core::Kib;
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::NodeId;
use heketi_core::inventory::Inventory;
use heketi_core::model::{
    ArbiterUse, BrickFormat, Durability, EntryState, Snapshot, Tags, VolumeOptions, ZoneChecking,
};
use heketi_core::operation::{BlockVolumeCreateRequest, DeviceAddRequest, NodeAddRequest};
use heketi_core::units::Gib;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::sim::{Effect, Fault, SimCluster, StopPoint};
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use accidents::Lost;

use crate::mortal::Mortal;
use crate::support::*;

/// Nodes there are; some join the cluster only later.
const NODES: u32 = 6;

/// One thing that happens. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Happening {
    AddNode(u32),
    DeleteNode(usize),
    NodeState(usize, EntryState),
    AddDevice(usize, bool, u8),
    DeleteDevice(usize),
    DeviceState(usize, EntryState),
    Resync(usize),
    Create {
        size: u64,
        durability: Durability,
        arbiter: bool,
        strict: bool,
        ssd: bool,
        factor: f32,
        block: bool,
    },
    Expand(usize, u64),
    Delete(usize),
    Clone(usize),
    Evict(usize),
    BlockCreate(u64),
    BlockExpand(usize, u64),
    BlockDelete(usize),
    /// A disk is replaced by an empty one; then heketi is asked to take it.
    ReplaceDisk(usize),
    /// A node is installed anew; then heketi is asked to take it back.
    RebuildNode(usize),
    /// Something on a node is damaged; then the audit's findings are repaired.
    Damage(usize, usize),
    /// The line of this number from now on goes wrong.
    Fault(u64, u8),
    Power(u32, bool),
    /// The server is killed at the line of this number from now on, and started again.
    Kill(u64),
    CleanUp,
    Settle,
}

/// Which things may happen depends on nothing: what is refused is refused.
#[derive(Debug)]
struct Anything;

impl ReferenceStateMachine for Anything {
    type State = ();
    type Transition = Happening;

    fn init_state() -> BoxedStrategy<Self::State> {
        Just(()).boxed()
    }

    fn transitions((): &Self::State) -> BoxedStrategy<Self::Transition> {
        let which = || 0usize..1000;
        let state = || {
            prop::sample::select(vec![EntryState::Online, EntryState::Offline, EntryState::Offline, EntryState::Failed])
        };
        let durability = prop::sample::select(vec![
            Durability::None,
            Durability::Replicate { replica: 2 },
            Durability::Replicate { replica: 3 },
            Durability::Replicate { replica: 3 },
            Durability::Disperse { data: 2, redundancy: 1 },
        ]);
        let factor = prop::sample::select(vec![1.0f32, 1.0, 1.3]);
        let create = (1u64..8, durability, any::<bool>(), any::<bool>(), any::<bool>(), factor, 0u8..8).prop_map(
            |(size, durability, arbiter, strict, ssd, factor, block)| {
                let arbiter = arbiter && durability == Durability::Replicate { replica: 3 };
                Happening::Create { size, durability, arbiter, strict, ssd, factor, block: block == 0 }
            },
        );
        prop_oneof![
            2 => (1..=NODES).prop_map(Happening::AddNode),
            1 => which().prop_map(Happening::DeleteNode),
            2 => (which(), state()).prop_map(|(i, state)| Happening::NodeState(i, state)),
            4 => (which(), any::<bool>(), 0u8..4).prop_map(|(i, second, tags)| Happening::AddDevice(i, second, tags)),
            1 => which().prop_map(Happening::DeleteDevice),
            3 => (which(), state()).prop_map(|(i, state)| Happening::DeviceState(i, state)),
            1 => which().prop_map(Happening::Resync),
            8 => create,
            3 => (which(), 1u64..6).prop_map(|(i, size)| Happening::Expand(i, size)),
            3 => which().prop_map(Happening::Delete),
            3 => which().prop_map(Happening::Clone),
            4 => which().prop_map(Happening::Evict),
            3 => (1u64..3).prop_map(Happening::BlockCreate),
            2 => (which(), 1u64..3).prop_map(|(i, size)| Happening::BlockExpand(i, size)),
            2 => which().prop_map(Happening::BlockDelete),
            2 => which().prop_map(Happening::ReplaceDisk),
            2 => which().prop_map(Happening::RebuildNode),
            2 => (which(), which()).prop_map(|(kind, i)| Happening::Damage(kind, i)),
            3 => (1u64..30, 0u8..5).prop_map(|(line, effect)| Happening::Fault(line, effect)),
            1 => (1..=NODES, any::<bool>()).prop_map(|(node, up)| Happening::Power(node, up)),
            1 => (1u64..60).prop_map(Happening::Kill),
            1 => Just(Happening::CleanUp),
            4 => Just(Happening::Settle),
        ]
        .boxed()
    }

    fn apply((): Self::State, _: &Self::Transition) -> Self::State {}
}

/// The engine, its store, and the nodes.
struct Manager {
    runtime: tokio::runtime::Runtime,
    sim: SimCluster,
    store: Arc<Mortal>,
    engine: Engine,
    /// What waits for its replacement.
    lost: Option<Lost>,
    /// Something on the nodes is not as heketi left it.
    damaged: bool,
}

fn settings() -> EngineConfig {
    // Small bricks, so that volumes have several sets.
    let mut config = config();
    config.policy.brick_max = Gib(3).kib();
    config.policy.block_hosting.auto_create = true;
    config.policy.block_hosting.size = Gib(5);
    config
}

fn nth<T>(all: impl Iterator<Item = T>, n: usize) -> Option<T> {
    let all: Vec<T> = all.collect();
    let count = all.len();
    all.into_iter().nth(n.checked_rem(count)?)
}

fn tags(kind: u8) -> Tags {
    let tag = match kind {
        0 => ("arbiter", "required"),
        1 => ("arbiter", "disabled"),
        2 => ("disk", "ssd"),
        _ => return Tags::new(),
    };
    [(tag.0.to_owned(), tag.1.to_owned())].into()
}

fn effect(kind: u8) -> Effect {
    match kind {
        0 => Effect::FailBefore("injected failure".into(), 5),
        1 => Effect::FailAfter("injected failure".into(), 5),
        2 => Effect::DropBefore,
        3 => Effect::DropAfter,
        _ => Effect::DropRunning(Duration::from_millis(5)),
    }
}

impl Manager {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let sim = simulated(NODES);
        let store = Mortal::new(&sim, false);
        let engine = runtime.block_on(async {
            let engine = engine(&sim, store.clone(), settings()).await;
            load(&engine, 4).await;
            engine
        });
        Self { runtime, sim, store, engine, lost: None, damaged: false }
    }

    /// Asks for something; what is refused is refused.
    async fn request(&mut self, event: &Happening) {
        let (engine, inventory) = (self.engine.clone(), self.engine.inventory());
        let node = |n: &usize| nth(inventory.nodes().map(|node| node.id), *n);
        let device = |n: &usize| nth(inventory.devices().map(|device| device.id), *n);
        let volume = |n: &usize| nth(inventory.volumes().map(|volume| volume.id), *n);
        let brick = |n: &usize| nth(inventory.bricks().map(|brick| brick.id), *n);
        let block = |n: &usize| nth(inventory.block_volumes().cloned(), *n);
        match event {
            Happening::AddNode(n) => {
                if let Some(cluster) = inventory.clusters().next() {
                    let _ = engine.node_add(NodeAddRequest { ..super::support::node(cluster.id, *n) }).await;
                }
            }
            Happening::DeleteNode(n) => {
                if let Some(id) = node(n) {
                    let _ = engine.node_delete(id).await;
                }
            }
            Happening::NodeState(n, state) => {
                if let Some(id) = node(n) {
                    let _ = engine.node_state(id, *state, true).await;
                }
            }
            Happening::AddDevice(n, second, kind) => {
                if let Some(id) = node(n) {
                    let name = if *second { "/dev/sdc" } else { "/dev/sdb" };
                    let _ = engine
                        .device_add(DeviceAddRequest { tags: tags(*kind), ..super::support::device(id, name) })
                        .await;
                }
            }
            Happening::DeleteDevice(n) => {
                if let Some(id) = device(n) {
                    let _ = engine.device_delete(id, false).await;
                }
            }
            Happening::DeviceState(n, state) => {
                if let Some(id) = device(n) {
                    let _ = engine.device_state(id, *state, true).await;
                }
            }
            Happening::Resync(n) => {
                if let Some(id) = device(n) {
                    let _ = engine.device_resync(id).await;
                }
            }
            Happening::Create { .. } => drop(engine.volume_create(create_request(event)).await),
            Happening::Expand(n, size) => {
                if let Some(id) = volume(n) {
                    let _ = engine.volume_expand(id, Gib(*size)).await;
                }
            }
            Happening::Delete(n) => {
                if let Some(id) = volume(n) {
                    let _ = engine.volume_delete(id).await;
                }
            }
            Happening::Clone(n) => {
                if let Some(id) = volume(n) {
                    let _ = engine.volume_clone(id, None).await;
                }
            }
            Happening::Evict(n) => {
                if let Some(id) = brick(n) {
                    let _ = engine.brick_evict(id, true).await;
                }
            }
            Happening::BlockCreate(size) => {
                let request = BlockVolumeCreateRequest {
                    size: Gib(*size),
                    name: None,
                    clusters: Vec::new(),
                    ha_count: 0,
                    auth: size % 2 == 0,
                };
                let _ = engine.block_volume_create(request).await;
            }
            Happening::BlockExpand(n, by) => {
                if let Some(found) = block(n) {
                    let _ = engine.block_volume_expand(found.id, Gib(found.size.0 + by)).await;
                }
            }
            Happening::BlockDelete(n) => {
                if let Some(found) = block(n) {
                    let _ = engine.block_volume_delete(found.id).await;
                }
            }
            Happening::ReplaceDisk(n) => self.replace_disk(*n).await,
            Happening::RebuildNode(n) => self.rebuild_node(*n).await,
            Happening::Damage(kind, n) => self.damage(*kind, *n).await,
            Happening::Fault(line, kind) => drop(self.sim.inject(Fault::nth(*line, "", effect(*kind)))),
            Happening::Power(n, up) => self.sim.set_up(&format!("n{n}"), *up),
            Happening::Kill(_) => {}
            Happening::CleanUp => {
                tokio::time::timeout(LIMIT, engine.clean_up(None)).await.expect("clean-up ends");
            }
            Happening::Settle => assert!(engine.wait_idle(LIMIT).await, "operations do not end"),
        }
    }

    /// The server dies at some line, or when nothing runs any more, and a new one starts on its store.
    fn kill(&mut self, line: u64) {
        self.sim.forget_lines();
        self.sim.set_stop_after(line, StopPoint::AfterLine);
        let Self { runtime, sim, store, .. } = self;
        runtime.block_on(self.engine.wait_idle(LIMIT));
        sim.clear_stop();
        let under = store.under.clone();
        *store = Mortal::over(sim, false, under);
        self.engine = runtime.block_on(engine(sim, store.clone(), settings()));
    }

    /// Everything is up again and works; what is pending ends.
    async fn recover(&self) {
        self.sim.clear_faults();
        for n in 1..=NODES {
            self.sim.set_up(&format!("n{n}"), true);
        }
        let mut replaced = None;
        for _ in 0..20 {
            assert!(self.engine.wait_idle(LIMIT).await, "operations do not end");
            let inventory = self.engine.inventory();
            let retired = inventory.bricks().any(|brick| brick.retired);
            if inventory.operations().next().is_none() && !retired {
                return;
            }
            tokio::time::timeout(LIMIT, self.engine.clean_up(None)).await.expect("clean-up ends");
            // Some of it waits for what was lost.
            if let Some(asked) = self.ask_to_replace().await {
                assert!(self.engine.wait_idle(LIMIT).await, "operations do not end");
                replaced = Some(asked.map(|job| self.engine.job(job)));
            }
        }
        let inventory = self.engine.inventory();
        let pending: Vec<_> = inventory.operations().collect();
        let retired: Vec<_> = inventory.bricks().filter(|brick| brick.retired).collect();
        panic!("what is pending does not end: {pending:#?} {retired:#?} {:?} {replaced:#?}", self.lost);
    }
}

fn create_request(event: &Happening) -> CheckedVolumeCreate {
    let Happening::Create { size, durability, arbiter, strict, ssd, factor, block } = event else {
        unreachable!("only creates are asked for")
    };
    let mut options = Vec::new();
    if *arbiter {
        options.push("user.heketi.arbiter true".to_owned());
    }
    if *strict {
        options.push("user.heketi.zone-checking strict".to_owned());
    }
    if *ssd {
        options.push("user.heketi.device-tag-match disk!=ssd".to_owned());
    }
    let snapshot = Snapshot { enable: *factor > 1.0, factor: *factor };
    CheckedVolumeCreate { size: Gib(*size), durability: *durability, options, snapshot, block: *block, ..replica3(1) }
}

/// Volumes stand where they were asked to stand.
fn assert_rules(inventory: &Inventory) {
    for volume in inventory.volumes() {
        let options = VolumeOptions(&volume.options);
        let rule = options.tag_rule().expect("a rule that was accepted");
        let mut sets: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for brick in inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id)) {
            let position = brick.position.expect("heketi knows the places of its bricks");
            sets.entry(position.set).or_default().push((position.index, brick.clone()));
        }
        for (set, bricks) in sets {
            let place = format!("set {set} of volume {}", volume.id);
            assert_eq!(bricks.len(), volume.durability.set_size() as usize, "{place}");
            let nodes: BTreeSet<NodeId> = bricks.iter().map(|(_, brick)| brick.node).collect();
            assert_eq!(nodes.len(), bricks.len(), "{place} has two bricks on one node");
            let zones: BTreeSet<i64> =
                nodes.iter().map(|id| inventory.node(*id).expect("the node of a brick").zone).collect();
            if options.zone_checking(ZoneChecking::None) == ZoneChecking::Strict {
                assert_eq!(zones.len(), bricks.len(), "{place} has two bricks in one zone");
            }
            for (index, brick) in &bricks {
                let device = inventory.device(brick.device).expect("the device of a brick");
                let node = inventory.node(brick.node).expect("the node of a brick");
                let arbiter = options.arbiter() && *index == 2;
                assert_eq!(brick.format == BrickFormat::Arbiter, arbiter, "{place}, brick {index}");
                if options.arbiter() {
                    assert!(ArbiterUse::of(&node.tags, &device.tags).takes(arbiter), "{place}, brick {index}: tags");
                }
                assert!(
                    rule.as_ref().is_none_or(|rule| rule.matches_device(&node.tags, &device.tags)),
                    "{place}: tags"
                );
            }
        }
    }
}

/// What heketi charges a device is what its volume group has in use.
fn assert_space(inventory: &Inventory, sim: &SimCluster) {
    let snapshot = sim.snapshot();
    for device in inventory.devices() {
        let host = inventory.node(device.node).expect("the node of a device").manage_host().to_owned();
        let group = &snapshot.nodes[&host].volume_groups[&device.volume_group()];
        assert_eq!(Kib(group.free), inventory.free(device), "free space of {} on {host}", device.name);
        assert_eq!(Kib(group.size), device.total, "size of {} on {host}", device.name);
    }
}

impl StateMachineTest for Manager {
    type SystemUnderTest = Self;
    type Reference = Anything;

    fn init_test((): &()) -> Self {
        Self::new()
    }

    fn apply(mut manager: Self, (): &(), event: Happening) -> Self {
        if let Happening::Kill(line) = event {
            manager.kill(line);
        } else {
            let handle = manager.runtime.handle().clone();
            handle.block_on(manager.request(&event));
        }
        manager
    }

    fn check_invariants(manager: &Self, (): &()) {
        let findings = heketi_core::audit::check(&manager.engine.inventory());
        assert!(findings.is_empty(), "{findings:#?}");
    }

    fn teardown(mut manager: Self, (): ()) {
        let handle = manager.runtime.handle().clone();
        handle.block_on(async {
            manager.recover().await;
            manager.mend().await;
            manager.recover().await;
            assert_sound(&manager.engine);
            assert_nodes_match(&manager.engine, &manager.sim);
            let report = manager.engine.audit(true).await.expect("the nodes answer");
            assert!(report.findings.is_empty(), "{:#?}", report.findings);
        });
        let inventory = manager.engine.inventory();
        assert_rules(&inventory);
        assert_space(&inventory, &manager.sim);
    }
}

/// How many histories: `PROPTEST_CASES`, or few enough for every run of all tests.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48)
}

prop_state_machine! {
    #![proptest_config(Config { cases: cases(), failure_persistence: None, max_shrink_iters: 200, ..Config::default() })]

    #[test]
    fn any_history_ends_consistent(sequential 20..60 => Manager);
}
