//! From a choice of devices to a plan: it is checked again, and many plans fill devices evenly.

mod support;

use heketi_core::id::{DeviceId, SeededIds};
use heketi_core::inventory::{ChangeSet, Inventory};
use heketi_core::model::{Device, Durability, EntryState};
use heketi_core::operation::{ClusterChoice, VolumeCreate, choose_cluster};
use heketi_core::placement::sizing::BrickSpace;
use heketi_core::placement::{Choice, Effort, Facts, Policy};
use heketi_core::{Gib, Kib};
use support::{DeviceShape, NOW, NodeShape};

/// Devices stay equally full when many equal volumes are made; bricks come and go in between.
#[test]
fn equal_devices_fill_evenly() {
    let node = |zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(500).kib()); 2]);
    for (effort, durability) in [
        (Effort::Quick, Durability::Replicate { replica: 3 }),
        (Effort::Exact, Durability::Replicate { replica: 3 }),
        (Effort::Quick, Durability::Disperse { data: 4, redundancy: 2 }),
        (Effort::Quick, Durability::None),
    ] {
        let (_, mut inventory) = support::state(&(0..12).map(|i| node(i % 4)).collect::<Vec<_>>());
        let (policy, facts, mut ids) = (Policy::default(), Facts::default(), SeededIds::new(3));
        for _ in 0..120 {
            let request = support::volume(10 * u64::from(durability.data_bricks()), durability);
            let chosen = choose_cluster(&inventory, &request, &policy, &facts, effort, 0).unwrap().unwrap();
            let planned = VolumeCreate::plan(&inventory, &request, &chosen, &policy, &mut ids, NOW).unwrap().unwrap();
            inventory.apply(&planned.changes).unwrap();
            let counts = inventory.devices().map(|device| inventory.bricks_of_device(device.id).count());
            let (least, most) = counts.fold((usize::MAX, 0), |(least, most), n| (least.min(n), most.max(n)));
            assert!(most - least <= 2, "{effort:?} {durability}: between {least} and {most} bricks on equal devices");
        }
    }
}

/// A choice is made on an older state, or by somebody else: it is planned only if it keeps every rule now.
#[test]
fn a_choice_that_does_not_fit_is_not_planned() {
    let nodes = [1, 1, 2].map(|zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib()); 2]));
    let (cluster, inventory) = support::state(&nodes);
    let node_of = |id: &DeviceId| inventory.node(inventory.device(*id).unwrap().node).unwrap();
    let devices = inventory.devices().map(|device| device.id);
    let (near, far): (Vec<_>, Vec<_>) = devices.partition(|id| node_of(id).zone == 1);
    let other_node = *near.iter().find(|id| node_of(id).id != node_of(&near[0]).id).unwrap();
    let same_node = *near.iter().rfind(|id| node_of(id).id == node_of(&near[0]).id).unwrap();
    let plan = |inventory: &Inventory, devices: [DeviceId; 2], brick: Kib, option: &str| {
        let mut request = support::volume(10, Durability::Replicate { replica: 2 });
        request.options = vec![option.to_owned()];
        let choice = ClusterChoice { cluster, choice: Choice { brick, sets: vec![devices.to_vec()] } };
        let mut ids = SeededIds::new(9);
        VolumeCreate::plan(inventory, &request, &choice, &Policy::default(), &mut ids, NOW).unwrap().is_some()
    };
    let (brick, strict) = (Gib(10).kib(), "user.heketi.zone-checking strict");
    assert!(plan(&inventory, [near[0], other_node], brick, ""));
    assert!(plan(&inventory, [near[0], far[0]], brick, strict));
    assert!(!plan(&inventory, [near[0], other_node], brick, strict), "two bricks in a zone");
    assert!(!plan(&inventory, [near[0], same_node], brick, ""), "two bricks on a node");
    assert!(!plan(&inventory, [near[0], near[0]], brick, ""), "two bricks on a device");
    assert!(!plan(&inventory, [near[0], DeviceId::from_bytes([0xee; 16])], brick, ""), "an unknown device");
    let space = BrickSpace::new(brick, 1.0, Kib(4096)).total();
    let changed = |change: &dyn Fn(&mut Device)| {
        let (mut inventory, mut changes) = (inventory.clone(), ChangeSet::default());
        let mut device = Device::clone(inventory.device(near[0]).unwrap());
        change(&mut device);
        changes.put_device(device);
        inventory.apply(&changes).unwrap();
        plan(&inventory, [near[0], far[0]], brick, "")
    };
    assert!(changed(&|device| device.total = space + Kib(1)));
    assert!(!changed(&|device| device.total = space), "free space must stay greater than the need");
    assert!(!changed(&|device| device.state = EntryState::Offline));
}
