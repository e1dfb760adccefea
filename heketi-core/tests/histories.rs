//! Random histories: many operations at once, interleaved stage by stage, with faults and restarts. The state
//! is sound after every change, operations never hold what another holds alone, and in the end state and
//! nodes agree.

mod support;

use heketi_core::Gib;
use heketi_core::audit;
use heketi_core::model::{Durability, EntryState, HostNames, Tags};
use heketi_core::operation::{
    DeviceAdd, DeviceAddRequest, DeviceDelete, NodeAdd, NodeAddRequest, NodeDelete, Planned, VolumeClone, VolumeCreate,
    VolumeDelete, VolumeExpand, choose_cluster, choose_expansion, cluster_delete, device_state, node_state,
};
use heketi_core::placement::{Effort, Facts};
use proptest::prelude::*;
use support::NOW;
use support::fake::Fault;
use support::plans::policy;
use support::side_by_side::{SideBySide, pick};

/// One thing that happens; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Happening {
    AddNode(usize),
    DeleteNode(usize),
    NodeState(usize, EntryState),
    AddDevice(usize, bool),
    DeleteDevice(usize, bool),
    DeviceState(usize, EntryState),
    Create(u64, Durability, bool),
    Expand(usize, u64),
    Delete(usize),
    Clone(usize),
    DeleteCluster,
    Progress(usize, Option<Fault>),
    Restart,
}

fn happening(faults: bool) -> impl Strategy<Value = Happening> {
    let which = 0usize..1000;
    let state = prop::sample::select(vec![EntryState::Online, EntryState::Offline, EntryState::Failed]);
    let durability = prop::sample::select(vec![
        Durability::None,
        Durability::Replicate { replica: 2 },
        Durability::Replicate { replica: 3 },
        Durability::Disperse { data: 2, redundancy: 1 },
    ]);
    let fault = if faults {
        prop_oneof![3 => Just(None), 1 => prop::sample::select(Fault::ALL.to_vec()).prop_map(Some)].boxed()
    } else {
        Just(None).boxed()
    };
    prop_oneof![
        3 => (0usize..8).prop_map(Happening::AddNode),
        1 => which.clone().prop_map(Happening::DeleteNode),
        1 => (which.clone(), state.clone()).prop_map(|(i, state)| Happening::NodeState(i, state)),
        3 => (which.clone(), any::<bool>()).prop_map(|(i, second)| Happening::AddDevice(i, second)),
        1 => (which.clone(), any::<bool>()).prop_map(move |(i, force)| Happening::DeleteDevice(i, force && !faults)),
        2 => (which.clone(), state).prop_map(|(i, state)| Happening::DeviceState(i, state)),
        6 => (1u64..30, durability, any::<bool>()).prop_map(|(size, kind, named)| Happening::Create(size, kind, named)),
        2 => (which.clone(), 1u64..20).prop_map(|(i, size)| Happening::Expand(i, size)),
        2 => which.clone().prop_map(Happening::Delete),
        2 => which.clone().prop_map(Happening::Clone),
        20 => (which, fault).prop_map(|(i, fault)| Happening::Progress(i, fault)),
        1 => Just(if faults { Happening::Restart } else { Happening::DeleteCluster }),
    ]
}

/// What happens to the operations, and how they were asked for.
struct History(SideBySide);

impl History {
    /// Plans what was asked for; what is refused is refused.
    fn plan(&mut self, event: &Happening) -> Option<Planned> {
        let (inventory, ids, facts) = (&self.0.world.inventory, &mut self.0.world.ids, Facts::default());
        let node = |i| pick(inventory.nodes().map(|node| node.id), i);
        let device = |i| pick(inventory.devices().map(|device| device.id), i);
        let volume = |i| pick(inventory.volumes().map(|volume| volume.id), i);
        match event {
            Happening::AddNode(i) => {
                let hostnames = HostNames { manage: vec![format!("m{i}")], storage: vec![format!("s{i}")] };
                let (cluster, zone) = (inventory.clusters().next()?.id, *i as i64 % 3 + 1);
                NodeAdd::plan(inventory, NodeAddRequest { cluster, zone, hostnames, tags: Tags::new() }, ids, NOW).ok()
            }
            Happening::DeleteNode(i) => NodeDelete::plan(inventory, node(*i)?, ids, NOW).ok(),
            Happening::AddDevice(i, second) => {
                let name = if *second { "/dev/sdb" } else { "/dev/sda" }.to_owned();
                let request = DeviceAddRequest { node: node(*i)?, name, tags: Tags::new(), destroy_data: false };
                DeviceAdd::plan(inventory, request, ids, NOW).ok()
            }
            Happening::DeleteDevice(i, force) => DeviceDelete::plan(inventory, device(*i)?, *force, ids, NOW).ok(),
            Happening::Create(size, durability, named) => {
                let mut request = support::volume(*size, *durability);
                request.name = named.then(|| "named".to_owned());
                let effort = if size % 2 == 0 { Effort::Quick } else { Effort::Exact };
                let chosen = choose_cluster(inventory, &request, &policy(), &facts, effort, 0).ok()??;
                VolumeCreate::plan(inventory, &request, &chosen, &policy(), ids, NOW).ok()?
            }
            Happening::Expand(i, size) => {
                let (id, size) = (volume(*i)?, Gib(*size));
                let choice = choose_expansion(inventory, id, size, &policy(), &facts, Effort::Exact, 0).ok()??;
                VolumeExpand::plan(inventory, id, size, &choice, &policy(), ids, NOW).ok()?
            }
            Happening::Delete(i) => VolumeDelete::plan(inventory, volume(*i)?, ids, NOW).ok(),
            Happening::Clone(i) => VolumeClone::plan(inventory, volume(*i)?, None, &policy(), ids, NOW).ok(),
            _ => None,
        }
    }

    fn happen(&mut self, event: &Happening) {
        let inventory = &self.0.world.inventory;
        let changes = match event {
            Happening::NodeState(i, state) => {
                pick(inventory.nodes().map(|node| node.id), *i).and_then(|id| node_state(inventory, id, *state).ok())
            }
            Happening::DeviceState(i, state) => {
                let device = pick(inventory.devices().map(|device| device.id), *i);
                device.and_then(|id| device_state(inventory, id, *state).ok())
            }
            Happening::DeleteCluster => {
                inventory.clusters().next().and_then(|it| cluster_delete(inventory, it.id).ok())
            }
            Happening::Restart => {
                self.0.restart();
                None
            }
            Happening::Progress(i, fault) => {
                self.0.progress(*i, *fault);
                None
            }
            _ => {
                if let Some(planned) = self.plan(event) {
                    self.0.begin(planned);
                }
                None
            }
        };
        if let Some(changes) = changes {
            self.0.world.inventory.apply(&changes).unwrap();
        }
        let findings = audit::check(&self.0.world.inventory);
        assert!(findings.is_empty(), "after {event:?}: {findings:#?}\n{:#?}", self.0.world.log);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn operations_side_by_side_end_well(events in prop::collection::vec(happening(false), 100..250)) {
        let mut history = History(SideBySide::new());
        events.iter().for_each(|event| history.happen(event));
        history.0.finish();
        prop_assert_eq!(history.0.world.differences(), Vec::<String>::new());
    }

    #[test]
    fn faults_and_restarts_leave_no_brick_behind(events in prop::collection::vec(happening(true), 100..250)) {
        let mut history = History(SideBySide::new());
        events.iter().for_each(|event| history.happen(event));
        history.0.finish();
        let mut differences = history.0.world.differences();
        // What one operation may leave behind when its node refuses to undo it (tests/operations.rs).
        differences.retain(|it| !it.contains("is in a pool") && !it.starts_with("group") && !it.starts_with("a physical"));
        prop_assert_eq!(differences, Vec::<String>::new());
    }
}
