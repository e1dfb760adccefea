//! What operators see of pending operations.

mod support;

use heketi_core::api::{OperationDetails, OperationInfo, encode};
use heketi_core::inventory::Inventory;
use heketi_core::model::EntryState;
use heketi_core::operation::{
    DeviceReplace, DeviceResync, Event, NodeReplace, Operation, Planned, RetiredBricks, mark_stale,
};
use heketi_core::placement::{BlockHostingPolicy, Policy};
use support::NOW;
use support::block_plans::{block, create_block, delete_block, expand_block, plan_block, with_block, with_hosting};
use support::clones::with_source;
use support::drive::World;
use support::evict::{
    device_of, evict, remove_device, remove_node, set_device, set_node, with_retired_bricks, with_room,
};
use support::plans::*;

/// The state with the plan in it, and the operation.
fn planned(world: &World, planned: &Planned) -> (Inventory, Operation) {
    let mut inventory = world.inventory.clone();
    inventory.apply(&planned.changes).unwrap();
    let operation = Operation::clone(inventory.operation(planned.operation).unwrap());
    (inventory, operation)
}

/// Descriptions with how often each follows itself, in order.
fn described((inventory, operation): &(Inventory, Operation)) -> Vec<(String, usize)> {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for change in operation.changes(inventory) {
        match runs.last_mut() {
            Some((description, count)) if *description == change.description => *count += 1,
            _ => runs.push((change.description, 1)),
        }
    }
    runs
}

#[test]
fn changes_are_told_in_v10s_words() {
    let mut world = base();
    let plan = create(&mut world, &request());
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Add brick", 6), ("Add volume", 1)]));
    let plan = add_node(&mut world, 5);
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Add node", 1)]));
    let plan = delete_node(&mut world);
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Delete node", 1)]));
    let plan = add_device(&mut world, 1, "/dev/sdb");
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Add device", 1)]));

    let mut world = with_volume();
    let plan = expand(&mut world);
    let added = planned(&world, &plan);
    assert_eq!(described(&added), runs(&[("Add brick", 6), ("Expand volume", 1)]));
    let old: Vec<String> = world.inventory.bricks().map(|brick| brick.id.to_string()).collect();
    assert!(added.1.changes(&added.0).iter().all(|change| !old.contains(&change.id)), "only the new bricks");
    let plan = delete(&mut world);
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Delete brick", 6), ("Delete volume", 1)]));

    let mut world = with_failed_device();
    let plan = delete_device(&mut world);
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Delete device", 1)]));
}

/// Descriptions and how often each follows itself.
fn runs(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected.iter().map(|(text, count)| ((*text).to_owned(), *count)).collect()
}

#[test]
fn a_clone_names_its_source_and_its_own_bricks() {
    let mut world = with_source();
    let plan = clone(&mut world, "source", "copy");
    let told = planned(&world, &plan);
    assert_eq!(described(&told), runs(&[("Clone volume from", 1), ("Expand volume to", 1), ("Add brick", 6)]));
    let (changes, source) = (told.1.changes(&told.0), volume_named(&world, "source"));
    assert_eq!(changes[0].id, source.to_string());
    let old: Vec<String> = world.inventory.bricks().map(|brick| brick.id.to_string()).collect();
    assert!(changes[1].id != changes[0].id && changes.iter().all(|change| !old.contains(&change.id)));
}

#[test]
fn block_volumes_name_a_hosting_volume_only_if_it_is_new() {
    let mut world = base();
    let hosting = BlockHostingPolicy { auto_create: true, size: heketi_core::Gib(10), ..Default::default() };
    let policy = Policy { block_hosting: hosting, ..policy() };
    let plan = plan_block(&world.inventory, &block(2), &policy, &mut world.ids).unwrap();
    let told = described(&planned(&world, &plan));
    assert!(matches!(&told[0], (text, bricks) if text == "Add brick" && bricks % 3 == 0), "{told:?}");
    assert_eq!(told[1..], runs(&[("Add volume", 1), ("Add block volume", 1)]));

    let mut world = with_hosting();
    let plan = create_block(&mut world, &block(2));
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Add block volume", 1)]));
    let mut world = with_block();
    let plan = expand_block(&mut world, 3);
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Expand block volume", 1)]));
    let plan = delete_block(&mut world);
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Delete block volume", 1)]));
}

#[test]
fn moves_name_the_brick_that_goes_and_the_one_that_comes() {
    /// Takes the plan further, until a brick is there that comes.
    fn midway(mut world: World, plan: &Planned) -> Vec<(String, usize)> {
        world.inventory.apply(&plan.changes).unwrap();
        let now = |world: &World| Operation::clone(world.inventory.operation(plan.operation).unwrap());
        let mut event = Event::Start;
        while !now(&world).changes(&world.inventory).iter().any(|change| change.description == "Add brick") {
            event = Event::Outcomes(world.stage(plan.operation, event).unwrap_or_else(|_| panic!("{:#?}", world.log)));
        }
        described(&(world.inventory.clone(), now(&world)))
    }
    let (goes, comes) = (("Delete brick", 1), ("Add brick", 1));
    let mut world = with_room();
    let plan = evict(&mut world);
    assert_eq!(described(&planned(&world, &plan)), runs(&[goes]));
    assert_eq!(midway(world, &plan), runs(&[goes, comes]));

    let mut world = with_room();
    let device = device_of(&world, "s0");
    set_device(&mut world, device, EntryState::Offline);
    let plan = remove_device(&mut world);
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Remove device", 1)]));
    assert_eq!(midway(world, &plan), runs(&[("Remove device", 1), goes, comes]));

    let mut world = with_room();
    set_node(&mut world, "s0", EntryState::Offline);
    let plan = remove_node(&mut world);
    let devices = world.inventory.devices_of_node(node_named(&world.inventory, "s0")).count();
    assert_eq!(midway(world, &plan), runs(&[("Remove node", 1), ("Remove device", devices), goes, comes]));

    let mut world = with_retired_bricks();
    let node = node_named(&world.inventory, "s0");
    let plan = RetiredBricks::plan(&world.inventory, node, &mut world.ids, NOW).unwrap().unwrap();
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Delete brick", 2)]));
}

#[test]
fn replacements_do_not_claim_to_replace_volumes() {
    let mut world = with_volume();
    let (node, device) = (node_named(&world.inventory, "s1"), device_of(&world, "s1"));
    let plan = NodeReplace::plan(&world.inventory, node, &mut world.ids, NOW).unwrap();
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Replace node", 1)]));
    let plan = DeviceReplace::plan(&world.inventory, device, None, &mut world.ids, NOW).unwrap();
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Replace device", 1)]));
    let plan = DeviceResync::plan(&world.inventory, device, &mut world.ids, NOW).unwrap();
    assert_eq!(described(&planned(&world, &plan)), runs(&[("Resync device", 1)]));
}

#[test]
fn bricks_are_told_in_glusters_order() {
    let mut world = base();
    let plan = create(&mut world, &request());
    let (inventory, operation) = planned(&world, &plan);
    let changes = operation.changes(&inventory);
    let positions: Vec<_> = changes[..6]
        .iter()
        .map(|change| inventory.brick(change.id.parse().unwrap()).unwrap().position.unwrap())
        .collect();
    assert!(positions.is_sorted() && positions.len() == 6, "{positions:?}");
    assert_eq!(changes[6].id, inventory.volumes().next().unwrap().id.to_string());
}

#[test]
fn a_list_and_details_differ_in_the_sub_status() {
    let mut world = base();
    let plan = delete_node(&mut world);
    let (mut inventory, operation) = planned(&world, &plan);
    let id = operation.id;
    let listed = encode(&OperationInfo::new(&operation, true));
    assert_eq!(listed, format!(r#"{{"id":"{id}","type_name":"delete-node","status":"","sub_status":"in-flight"}}"#));
    inventory.apply(&mark_stale(&operation)).unwrap();
    let details = encode(&OperationDetails::new(inventory.operation(id).unwrap(), &inventory));
    let node = node_named(&inventory, "s3");
    assert_eq!(
        details,
        format!(
            r#"{{"id":"{id}","type_name":"delete-node","status":"stale","sub_status":"","changes":[{{"id":"{node}","description":"Delete node"}}]}}"#
        )
    );
}
