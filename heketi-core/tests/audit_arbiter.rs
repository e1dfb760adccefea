//! The audit of arbiter volumes: nothing to say about a sound one, a finding for every brick that is not what its
//! place asks for.

mod support;

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::audit::{self, Severity};
use heketi_core::id::SeededIds;
use heketi_core::inventory::{ChangeSet, Inventory, Key};
use heketi_core::model::{Brick, BrickFormat, Durability, Node, SetPosition, Tags, Volume};
use heketi_core::operation::{VolumeCreate, choose_cluster};
use heketi_core::placement::{Effort, Facts, Policy, explain};
use heketi_core::{Gib, Kib};
use support::{DeviceShape, NOW, NodeShape};

/// A volume of two sets on four nodes, its create over.
fn volume(options: &[&str]) -> Inventory {
    let nodes = [1, 2, 3, 3].map(|zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib())]));
    let (_, mut inventory) = support::state(&nodes);
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    let request = CheckedVolumeCreate { options, ..support::volume(40, Durability::Replicate { replica: 3 }) };
    let policy = Policy { brick_max: Gib(20).kib(), ..Policy::default() };
    let chosen = choose_cluster(&inventory, &request, &policy, &Facts::default(), Effort::Quick, 0).unwrap().unwrap();
    let planned = VolumeCreate::plan(&inventory, &request, &chosen, &policy, &mut SeededIds::new(3), NOW);
    let planned = planned.unwrap().unwrap();
    let mut changes = planned.changes;
    changes.delete(Key::Operation(planned.operation));
    changes.delete(Key::Job(planned.queue));
    inventory.apply(&changes).unwrap();
    inventory
}

const ARBITER: [&str; 1] = ["user.heketi.arbiter true"];

fn at(inventory: &Inventory, index: u32) -> Brick {
    let place = Some(SetPosition { set: 1, index });
    Brick::clone(inventory.bricks().find(|brick| brick.position == place).unwrap())
}

fn findings_after(inventory: &Inventory, bricks: impl IntoIterator<Item = Brick>) -> Vec<(Severity, String)> {
    let (mut damaged, mut changes) = (inventory.clone(), ChangeSet::default());
    bricks.into_iter().for_each(|brick| changes.put_brick(brick));
    damaged.apply(&changes).unwrap();
    audit::check(&damaged).into_iter().map(|finding| (finding.severity, finding.text)).collect()
}

#[test]
fn a_sound_arbiter_volume_has_no_findings() {
    let inventory = volume(&ARBITER);
    assert_eq!(audit::check(&inventory), []);
    let sizes = [0, 1, 2].map(|index| at(&inventory, index)).map(|brick| (brick.size, brick.format));
    let data = (Gib(20).kib(), BrickFormat::Normal);
    assert_eq!(sizes, [data, data, (Kib(320 * 1024), BrickFormat::Arbiter)]);
    // Tags that were set later concern bricks that are placed later.
    let mut tagged = inventory.clone();
    let mut changes = ChangeSet::default();
    for node in inventory.nodes() {
        let tags = Tags::from([("arbiter".to_owned(), "disabled".to_owned())]);
        changes.put_node(Node { tags, ..Node::clone(node) });
    }
    tagged.apply(&changes).unwrap();
    assert_eq!(audit::check(&tagged), []);
    // Where each brick stands is explained with what it is.
    let id = inventory.volumes().next().unwrap().id;
    let reasons: Vec<String> = explain::placed(&inventory, id).iter().map(|brick| brick.reason()).collect();
    let arbiters: Vec<bool> = reasons.iter().map(|reason| reason.starts_with("arbiter brick; ")).collect();
    assert_eq!(arbiters, [false, false, true, false, false, true]);
}

#[test]
fn bricks_of_the_wrong_kind_are_found() {
    let inventory = volume(&ARBITER);
    let (first, last) = (at(&inventory, 0), at(&inventory, 2));
    let data_last = Brick { format: BrickFormat::Normal, ..last.clone() };
    let text = format!("has a brick with data, {}, in place 2 where an arbiter brick should be", last.id);
    let found = findings_after(&inventory, [data_last]);
    assert!(found.iter().any(|(severity, it)| *severity == Severity::Error && it.ends_with(&text)), "{found:?}");

    let arbiter_first = Brick { format: BrickFormat::Arbiter, ..first.clone() };
    let text = format!("has an arbiter brick, {}, in place 0 where a brick with data should be", first.id);
    let found = findings_after(&inventory, [arbiter_first]);
    assert!(found.iter().any(|(severity, it)| *severity == Severity::Error && it.ends_with(&text)), "{found:?}");

    let swapped = [Brick { position: last.position, ..first.clone() }, Brick { position: first.position, ..last }];
    assert_eq!(findings_after(&inventory, swapped).len(), 2);

    let larger = Brick { size: Gib(19).kib(), ..first };
    let found = findings_after(&inventory, [larger]);
    assert!(found.iter().any(|(_, text)| text.ends_with("has bricks of 19 GiB and 20 GiB")), "{found:?}");
}

#[test]
fn a_volume_without_arbiters_has_no_arbiter_brick() {
    let inventory = volume(&[]);
    assert_eq!(audit::check(&inventory), []);
    let found = findings_after(&inventory, [Brick { format: BrickFormat::Arbiter, ..at(&inventory, 2) }]);
    let text = "in place 2 where a brick with data should be";
    assert!(found.iter().any(|(severity, it)| *severity == Severity::Error && it.ends_with(text)), "{found:?}");
    // Only three replicas have arbiters, whatever the options of an old volume say.
    let old = |durability| Volume {
        options: vec![ARBITER[0].to_owned()],
        durability,
        ..Volume::clone(inventory.volumes().next().unwrap())
    };
    assert!(!old(Durability::Disperse { data: 4, redundancy: 2 }).has_arbiter());
    assert!(!old(Durability::Replicate { replica: 2 }).has_arbiter());
    assert!(old(Durability::Replicate { replica: 3 }).has_arbiter());
}
