//! A simulation places every volume where the engine's planner would.

mod support;

use std::collections::BTreeMap;

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{ClusterId, DeviceId, SeededIds, VolumeId};
use heketi_core::inventory::{Change, ChangeSet, Inventory, Key, Record};
use heketi_core::model::{Cluster, Durability, SetPosition, Snapshot};
use heketi_core::operation::{VolumeCreate, VolumeExpand, choose_cluster, choose_expansion};
use heketi_core::placement::{Effort, Facts, Policy};
use heketi_core::simulation::Simulation;
use heketi_core::units::Gib;
use heketi_core::{Error, ErrorKind, Kib};
use proptest::prelude::*;
use support::scenes::{GIB, durability, state, tag};
use support::{DeviceShape, NOW, NodeShape};

/// One thing that is asked for; volumes are named by their numbers among those that were created.
#[derive(Clone, Debug)]
enum Act {
    Create(Box<CheckedVolumeCreate>),
    Expand(usize, Gib),
    Delete(usize),
}

fn device() -> impl Strategy<Value = DeviceShape> {
    let extent = prop_oneof![4 => Just(4096u64), 1 => Just(65536)];
    (1u64..200, extent, state(), tag()).prop_map(|(gib, extent, state, tags)| DeviceShape {
        total: Kib(gib * GIB),
        extent: Kib(extent),
        state,
        tags,
    })
}

fn nodes() -> impl Strategy<Value = Vec<NodeShape>> {
    let devices = prop::collection::vec(device(), 0..=4);
    let node = (1i64..=4, state(), tag(), devices);
    let node = node.prop_map(|(zone, state, tags, devices)| NodeShape { zone, state, tags, devices });
    prop::collection::vec(node, 1..=12)
}

fn create() -> impl Strategy<Value = Act> {
    let option = prop::sample::select(vec![
        "",
        "user.heketi.zone-checking strict",
        "user.heketi.arbiter true",
        "user.heketi.device-tag-match kind=ssd",
    ]);
    let factor = prop_oneof![3 => Just(1.0f32), 1 => Just(1.5)];
    // Few sizes, so that looks are remembered.
    (prop::sample::select(vec![3u64, 8, 40]), durability(), option, factor).prop_map(
        |(size, durability, option, factor)| {
            Act::Create(Box::new(CheckedVolumeCreate {
                size: Gib(size),
                name: None,
                clusters: Vec::new(),
                durability,
                gid: 0,
                options: if option.is_empty() { Vec::new() } else { vec![option.to_owned()] },
                block: false,
                snapshot: Snapshot { enable: factor > 1.0, factor },
            }))
        },
    )
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let expand = (0..30usize, 1u64..20).prop_map(|(volume, size)| Act::Expand(volume, Gib(size)));
    let act = prop_oneof![6 => create(), 2 => expand, 2 => (0..30usize).prop_map(Act::Delete)];
    prop::collection::vec(act, 1..40)
}

/// The devices of a volume's bricks in gluster's order.
fn placed(inventory: &Inventory, volume: VolumeId) -> BTreeMap<Option<SetPosition>, DeviceId> {
    let bricks = inventory.bricks_of_volume(volume).map(|id| inventory.brick(id).unwrap());
    bricks.map(|brick| (brick.position, brick.device)).collect()
}

/// The engine's way, whose operations end at once.
struct Planner {
    inventory: Inventory,
    policy: Policy,
    ids: SeededIds,
}

impl Planner {
    fn finish(&mut self, planned: &ChangeSet, more: Option<Change>) {
        let records = |change: &&Change| matches!(change, Change::Put(Record::Volume(_) | Record::Brick(_)));
        let changes: ChangeSet = planned.iter().filter(records).cloned().chain(more).collect();
        self.inventory.apply(&changes).unwrap();
    }

    fn create(&mut self, request: &CheckedVolumeCreate) -> Result<VolumeId, Error> {
        let look = |effort| choose_cluster(&self.inventory, request, &self.policy, &Facts::default(), effort, 0);
        let chosen = match look(Effort::Quick)? {
            Some(chosen) => chosen,
            None => look(Effort::Exact)?.unwrap(),
        };
        let planned = VolumeCreate::plan(&self.inventory, request, &chosen, &self.policy, &mut self.ids, NOW)?.unwrap();
        self.finish(&planned.changes, None);
        let volume = |change: &Change| match change {
            Change::Put(Record::Volume(volume)) => Some(volume.id),
            _ => None,
        };
        Ok(planned.changes.iter().find_map(volume).unwrap())
    }

    fn expand(&mut self, id: VolumeId, by: Gib) -> Result<(), Error> {
        let look = |effort| choose_expansion(&self.inventory, id, by, &self.policy, &Facts::default(), effort, 0);
        let choice = match look(Effort::Quick)? {
            Some(choice) => choice,
            None => look(Effort::Exact)?.unwrap(),
        };
        let planned = VolumeExpand::plan(&self.inventory, id, by, &choice, &self.policy, &mut self.ids, NOW)?.unwrap();
        let grown = self.inventory.volume(id).unwrap().grown(by);
        self.finish(&planned.changes, Some(Change::Put(Record::Volume(grown))));
        Ok(())
    }

    fn delete(&mut self, id: VolumeId) {
        let bricks = self.inventory.bricks_of_volume(id).map(Key::Brick);
        let changes: ChangeSet = bricks.chain([Key::Volume(id)]).map(Change::Delete).collect();
        self.inventory.apply(&changes).unwrap();
    }
}

/// The only volume of `inventory` that is not among `known`.
fn new_volume(inventory: &Inventory, known: &[(VolumeId, VolumeId)]) -> VolumeId {
    let mut new = inventory.volumes().map(|volume| volume.id).filter(|id| !known.iter().any(|(_, ours)| ours == id));
    let volume = new.next().unwrap();
    assert_eq!(new.next(), None);
    volume
}

fn text(error: Error) -> (ErrorKind, String) {
    (error.kind(), error.text().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_simulation_decides_as_the_planner(nodes in nodes(), another in any::<bool>(), acts in acts()) {
        let (_, mut inventory) = support::state(&nodes);
        if another {
            let mut changes = ChangeSet::default();
            changes.put_cluster(Cluster { id: ClusterId::from_bytes([9; 16]), file: true, block: true });
            inventory.apply(&changes).unwrap();
        }
        let policy = Policy { max_volumes: Some(20), ..Policy::default() };
        let mut planner = Planner { inventory: inventory.clone(), policy: policy.clone(), ids: SeededIds::new(7) };
        let mut simulation = Simulation::new(inventory, policy);
        // The planner's id of each volume and the simulation's.
        let mut volumes: Vec<(VolumeId, VolumeId)> = Vec::new();
        for act in acts {
            match act {
                Act::Create(request) => {
                    let (planned, simulated) = (planner.create(&request), simulation.create(&request));
                    prop_assert_eq!(planned.as_ref().map(drop).map_err(|it| text(it.clone())), simulated.as_ref().map(drop).map_err(|it| text(it.clone())));
                    if let Ok(id) = planned {
                        volumes.push((id, new_volume(simulation.inventory(), &volumes)));
                    }
                }
                Act::Expand(number, by) => {
                    let Some((theirs, ours)) = volumes.get(number).copied() else { continue };
                    let simulated = simulation.expand(ours, by).map(drop);
                    prop_assert_eq!(planner.expand(theirs, by).map_err(text), simulated.map_err(text));
                }
                Act::Delete(number) if number < volumes.len() => {
                    let (theirs, ours) = volumes.remove(number);
                    planner.delete(theirs);
                    simulation.delete(ours).unwrap();
                }
                Act::Delete(_) => {}
            }
            for (theirs, ours) in &volumes {
                prop_assert_eq!(placed(&planner.inventory, *theirs), placed(simulation.inventory(), *ours));
            }
        }
        prop_assert!(simulation.inventory().indexes_match_records());
        for device in simulation.inventory().devices() {
            prop_assert_eq!(simulation.inventory().charged(device.id), planner.inventory.charged(device.id));
        }
        let (mut used, mut total) = (0, 0);
        for device in simulation.inventory().devices() {
            used += device.total.0 - simulation.inventory().free(device).0;
            total += device.total.0;
        }
        prop_assert!((simulation.fill() - used as f64 / total.max(1) as f64).abs() < 1e-9);
    }
}

fn three_nodes() -> Inventory {
    let nodes: Vec<_> = (1..=3).map(|zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib())])).collect();
    support::state(&nodes).1
}

fn ten_gib(name: &str) -> CheckedVolumeCreate {
    CheckedVolumeCreate {
        size: Gib(10),
        name: (!name.is_empty()).then(|| name.to_owned()),
        clusters: Vec::new(),
        durability: Durability::Replicate { replica: 3 },
        gid: 0,
        options: Vec::new(),
        block: false,
        snapshot: Snapshot::default(),
    }
}

#[test]
fn a_simulation_goes_on_where_another_ended() {
    let mut first = Simulation::new(three_nodes(), Policy::default());
    assert_eq!(first.create(&ten_gib("")), Ok(1));
    let mut second = Simulation::new(first.into_inventory(), Policy::default());
    assert_eq!(second.create(&ten_gib("")), Ok(1));
    assert_eq!(second.inventory().volumes().count(), 2);
}

#[test]
fn names_and_limits_count() {
    let mut simulation = Simulation::new(three_nodes(), Policy { max_volumes: Some(2), ..Policy::default() });
    simulation.create(&ten_gib("a")).unwrap();
    let again = simulation.create(&ten_gib("a")).unwrap_err();
    assert_eq!(again.text(), "Volume name 'a' already in use");
    simulation.create(&ten_gib("b")).unwrap();
    let third = simulation.create(&ten_gib("c")).unwrap_err();
    assert_eq!(third.text(), "Cluster has 2 volumes and limit is 2");
    let volume = simulation.inventory().volumes().next().unwrap().id;
    simulation.delete(volume).unwrap();
    simulation.create(&ten_gib("c")).unwrap();
    assert_eq!(simulation.delete(volume).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_volume_that_hosts_block_volumes_divides_what_it_grows_by() {
    let mut simulation = Simulation::new(three_nodes(), Policy::default());
    simulation.create(&CheckedVolumeCreate { block: true, ..ten_gib("hosting") }).unwrap();
    let volume = simulation.inventory().volumes().next().unwrap().id;
    assert_eq!(simulation.expand(volume, Gib(20)), Ok(1));
    let hosting = simulation.inventory().volume(volume).unwrap().hosting.unwrap();
    assert_eq!(hosting.free.0 + hosting.reserved.0, 30);
}
