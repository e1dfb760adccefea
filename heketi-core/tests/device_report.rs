//! What a node says about a new device is not believed blindly.

mod support;

use heketi_core::Kib;
use heketi_core::id::SeededIds;
use heketi_core::inventory::{Inventory, JobResult};
use heketi_core::model::Tags;
use heketi_core::operation::{
    Action, DeviceAdd, DeviceAddRequest, DeviceContents, DeviceReport, Environment, Event, Next, Observation, Step,
    advance,
};
use heketi_core::placement::{Facts, Policy};
use support::{NOW, NodeShape};

/// Adds a disk whose set-up is reported like this, with a node that does what it is told afterwards.
fn add(inventory: &mut Inventory, disk: &str, seed: u64, report: &DeviceReport) -> JobResult {
    let node = inventory.nodes().next().unwrap().id;
    let request = DeviceAddRequest { node, name: disk.into(), tags: Tags::new(), destroy_data: false };
    let planned = DeviceAdd::plan(inventory, request, &mut SeededIds::new(seed), NOW).unwrap();
    inventory.apply(&planned.changes).unwrap();
    let mut event = Event::Start;
    loop {
        let (mut ids, policy, facts) = (SeededIds::new(seed + 1), Policy::default(), Facts::default());
        let environment = Environment { ids: &mut ids, now: NOW, policy: &policy, facts: &facts };
        let advance = advance(inventory, planned.operation, event, environment).unwrap();
        inventory.apply(&advance.changes).unwrap();
        let Next::Run(steps) = advance.next else { break };
        let seen = |step: &Step| match step.action {
            Action::InspectDevice { .. } => {
                Observation::Contents(DeviceContents { exists: true, ..DeviceContents::default() })
            }
            Action::SetUpDevice { .. } => Observation::Device(report.clone()),
            _ => Observation::Done,
        };
        event = Event::Outcomes(steps.iter().map(|step| Ok(seen(step))).collect());
    }
    inventory.job(planned.queue).unwrap().result.clone().unwrap()
}

#[test]
fn a_device_that_cannot_be_used_is_given_back() {
    let (_, mut inventory) = support::state(&[NodeShape::of(1, vec![])]);
    let size = Kib(1 << 20);
    let good = DeviceReport { total: size, free: size, extent: Kib(4096), pv_uuid: Some("a".into()), paths: vec![] };
    assert_eq!(add(&mut inventory, "/dev/sdb", 1, &good), JobResult::Done);
    let owner = inventory.devices().next().unwrap().id;
    for (seed, report, why) in [
        (2, DeviceReport { extent: Kib::ZERO, ..good.clone() }, "its volume group has no extent size".to_owned()),
        (3, good, format!("Device already in use (ID: {owner})")),
    ] {
        let text = format!("Initializing device /dev/sdc failed on m0: {why}");
        assert_eq!(add(&mut inventory, "/dev/sdc", seed, &report), JobResult::Failed(text));
        assert_eq!(inventory.devices().count(), 1);
    }
    assert_eq!(heketi_core::audit::check(&inventory), []);
}
