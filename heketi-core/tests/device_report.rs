//! What a node says about a new device is not believed blindly.

mod support;

use heketi_core::Kib;
use heketi_core::id::SeededIds;
use heketi_core::inventory::JobResult;
use heketi_core::model::Tags;
use heketi_core::operation::{
    Action, DeviceAdd, DeviceAddRequest, DeviceContents, DeviceReport, Event, Next, Observation, Step, advance,
};
use support::{NOW, NodeShape};

/// The only step of a stage.
fn step(next: Next) -> Step {
    match next {
        Next::Run(steps) if steps.len() == 1 => steps[0].clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_without_an_extent_size_is_given_back() {
    let (_, mut inventory) = support::state(&[NodeShape::of(1, vec![])]);
    let node = inventory.nodes().next().unwrap().id;
    let request = DeviceAddRequest { node, name: "/dev/sdb".into(), tags: Tags::new(), destroy_data: false };
    let planned = DeviceAdd::plan(&inventory, request, &mut SeededIds::new(1), NOW).unwrap();
    inventory.apply(&planned.changes).unwrap();
    let mut next = |event| {
        let advance = advance(&inventory, planned.operation, event, NOW).unwrap();
        inventory.apply(&advance.changes).unwrap();
        (advance.next, inventory.clone())
    };
    let seen = |observation| Event::Outcomes(vec![Ok(observation)]);
    assert!(matches!(step(next(Event::Start).0).action, Action::InspectDevice { .. }));
    let contents = DeviceContents { exists: true, ..DeviceContents::default() };
    assert!(matches!(step(next(seen(Observation::Contents(contents))).0).action, Action::SetUpDevice { .. }));
    let report = DeviceReport { total: Kib(1 << 20), free: Kib(1 << 20), extent: Kib::ZERO, ..DeviceReport::default() };
    assert!(matches!(step(next(seen(Observation::Device(report))).0).action, Action::Settle));
    assert!(matches!(step(next(seen(Observation::Done)).0).action, Action::TearDownDevice { .. }));
    let (end, after) = next(seen(Observation::Done));
    assert_eq!((end, after.devices().count()), (Next::Finished, 0));
    let job = after.job(planned.queue).unwrap().result.clone();
    let text = "/dev/sdb on m0: the node did not tell the size of the device";
    assert_eq!(job, Some(JobResult::Failed(text.into())));
}
