//! The quick look at a cluster: what must not hide room from it.

mod support;

use std::collections::BTreeSet;

use heketi_core::Kib;
use heketi_core::id::DeviceId;
use heketi_core::model::{Durability, TagRule, Tags, ZoneChecking};
use heketi_core::placement::{Choice, Effort, Facts, NoFit, Policy, Wanted, choose};
use heketi_core::units::Gib;
use support::{DeviceShape, NodeShape};

/// Three bricks of 10 GiB in three zones, on a quick look.
fn quick(shapes: &[NodeShape], rule: Option<&TagRule>) -> Result<Choice, NoFit> {
    look(shapes, rule, Effort::Quick)
}

fn look(shapes: &[NodeShape], rule: Option<&TagRule>, effort: Effort) -> Result<Choice, NoFit> {
    let (cluster, inventory) = support::state(shapes);
    let wanted = Wanted {
        cluster,
        size: Gib(10).kib(),
        durability: Durability::Replicate { replica: 3 },
        factor: 1.0,
        existing_bricks: 0,
        zones: ZoneChecking::Strict,
        tag_rule: rule,
        arbiter: None,
    };
    choose(&inventory, &wanted, &Policy::default(), &Facts::default(), effort, 0)
}

#[test]
fn many_devices_that_are_too_small_hide_no_large_one() {
    let small = |zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(2).kib()); 300]);
    let large = |zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib())]);
    assert!(quick(&[small(1), small(2), small(3), large(1), large(2), large(3)], None).is_ok());
}

#[test]
fn a_tag_that_many_devices_have_is_found_and_a_rare_one_needs_a_closer_look() {
    let devices = |tagged: usize| {
        let drive = |i| if i % tagged == 0 { "ssd" } else { "hdd" };
        let tags = |i| Tags::from([("drive".to_owned(), drive(i).to_owned())]);
        // The tagged ones are the smallest, hence the last in the order.
        let size = |i: usize| Kib(Gib(100).kib().0 - if i.is_multiple_of(tagged) { 4096 } else { 0 });
        (0..300).map(|i| DeviceShape { tags: tags(i), ..DeviceShape::of(size(i)) }).collect()
    };
    let rule = TagRule::parse("drive=ssd").unwrap();
    let nodes = |tagged| [1, 2, 3].map(|zone| NodeShape::of(zone, devices(tagged)));
    assert!(quick(&nodes(1), Some(&rule)).is_ok());
    assert_eq!(quick(&nodes(100), Some(&rule)), Err(NoFit::Unknown));
}

#[test]
fn of_many_equally_empty_devices_both_looks_take_the_same() {
    let equal = |zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib()); 40]);
    let nodes = [1, 2, 3].map(equal);
    let devices =
        |effort| -> BTreeSet<DeviceId> { look(&nodes, None, effort).unwrap().sets.into_iter().flatten().collect() };
    assert_eq!(devices(Effort::Quick), devices(Effort::Exact));
}
