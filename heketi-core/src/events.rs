//! What a change means to somebody who watches: which operations started and ended, and which objects came, changed and
//! went, as clients see them.

use std::collections::BTreeMap;

use crate::api::{EventInfo, EventObject, EventOperation};
use crate::id::{BlockVolumeId, ClusterId, DeviceId, NodeId, VolumeId};
use crate::inventory::{Change, ChangeSet, Inventory, Job, JobResult, Key, Object, Record};
use crate::operation::{Operation, OperationStatus};

/// Something clients see, in the order in which events of one change are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Cluster(ClusterId),
    Node(NodeId),
    Device(DeviceId),
    Volume(VolumeId),
    BlockVolume(BlockVolumeId),
}

/// The events of one change of the state from `before` to `after`; their ids and times are the caller's.
pub fn events(before: &Inventory, changes: &ChangeSet, after: &Inventory) -> Vec<EventInfo> {
    let mut told = Vec::new();
    // Whether its own record changed, or only whether clients see it.
    let mut things: BTreeMap<Thing, bool> = BTreeMap::new();
    for change in changes.iter() {
        touched(before, change, &mut things);
        let (Change::Put(Record::Operation(Operation { id, .. })) | Change::Delete(Key::Operation(id))) = change else {
            continue;
        };
        let (old, new) = (before.operation(*id), after.operation(*id));
        let held = old.into_iter().chain(new).flat_map(|operation| operation.claims());
        held.filter_map(|(object, _)| thing(&object)).for_each(|thing| {
            things.entry(thing).or_default();
        });
        told.extend(of_operation(old.map(AsRef::as_ref), new.map(AsRef::as_ref), changes));
    }
    told.extend(things.into_iter().filter_map(|(thing, changed)| of_thing(before, after, thing, changed)));
    told
}

fn thing(object: &Object) -> Option<Thing> {
    Some(match object {
        Object::Cluster(id) => Thing::Cluster(*id),
        Object::Node(id) => Thing::Node(*id),
        Object::Device(id) => Thing::Device(*id),
        Object::Volume(id) => Thing::Volume(*id),
        Object::BlockVolume(id) => Thing::BlockVolume(*id),
        Object::HostName(_) | Object::DevicePath(..) | Object::RetiredBricks(_) => return None,
    })
}

/// Notes what a change of a record changes for clients: a brick is seen with its volume and its device, a block volume
/// with the volume that hosts it.
fn touched(before: &Inventory, change: &Change, things: &mut BTreeMap<Thing, bool>) {
    let mut note = |thing| {
        things.insert(thing, true);
    };
    match change {
        Change::Put(Record::Cluster(cluster)) => note(Thing::Cluster(cluster.id)),
        Change::Put(Record::Node(node)) => note(Thing::Node(node.id)),
        Change::Put(Record::Device(device)) => note(Thing::Device(device.id)),
        Change::Put(Record::Volume(volume)) => note(Thing::Volume(volume.id)),
        Change::Put(Record::Brick(brick)) => {
            note(Thing::Volume(brick.volume));
            note(Thing::Device(brick.device));
        }
        Change::Put(Record::BlockVolume(block)) => {
            note(Thing::BlockVolume(block.id));
            note(Thing::Volume(block.hosting));
        }
        Change::Delete(Key::Cluster(id)) => note(Thing::Cluster(*id)),
        Change::Delete(Key::Node(id)) => note(Thing::Node(*id)),
        Change::Delete(Key::Device(id)) => note(Thing::Device(*id)),
        Change::Delete(Key::Volume(id)) => note(Thing::Volume(*id)),
        Change::Delete(Key::Brick(id)) => {
            if let Some(brick) = before.brick(*id) {
                note(Thing::Volume(brick.volume));
                note(Thing::Device(brick.device));
            }
        }
        Change::Delete(Key::BlockVolume(id)) => {
            note(Thing::BlockVolume(*id));
            if let Some(block) = before.block_volume(*id) {
                note(Thing::Volume(block.hosting));
            }
        }
        _ => {}
    }
}

fn of_thing(before: &Inventory, after: &Inventory, thing: Thing, changed: bool) -> Option<EventInfo> {
    let (old, new) = (seen(before, thing), seen(after, thing));
    let (what, object) = match (old, new) {
        (None, Some(object)) => ("created", object),
        (Some(object), None) => ("deleted", object),
        (Some(_), Some(object)) if changed => ("changed", object),
        _ => return None,
    };
    Some(EventInfo { event: format!("{}.{what}", object.kind), object: Some(object), ..EventInfo::default() })
}

/// What clients see of it; none if they do not see it.
fn seen(inventory: &Inventory, thing: Thing) -> Option<EventObject> {
    let object = |kind: &str, id: String| EventObject { kind: kind.to_owned(), id, ..EventObject::default() };
    match thing {
        Thing::Cluster(id) => inventory.cluster(id).map(|_| object("cluster", id.to_string())),
        Thing::Node(id) => inventory.node(id).map(|node| EventObject {
            name: node.manage_host().to_owned(),
            cluster: node.cluster.to_string(),
            state: Some(node.state),
            ..object("node", id.to_string())
        }),
        Thing::Device(id) => inventory.device(id).map(|device| EventObject {
            name: device.name.clone(),
            cluster: inventory.node(device.node).map(|node| node.cluster.to_string()).unwrap_or_default(),
            node: device.node.to_string(),
            state: Some(device.state),
            ..object("device", id.to_string())
        }),
        Thing::Volume(id) => {
            inventory.volume(id).filter(|_| !inventory.is_volume_hidden(id)).map(|volume| EventObject {
                name: volume.name.clone(),
                cluster: volume.cluster.to_string(),
                ..object("volume", id.to_string())
            })
        }
        Thing::BlockVolume(id) => {
            inventory.block_volume(id).filter(|_| !inventory.is_block_volume_hidden(id)).map(|volume| EventObject {
                name: volume.name.clone(),
                cluster: volume.cluster.to_string(),
                ..object("blockvolume", id.to_string())
            })
        }
    }
}

fn of_operation(old: Option<&Operation>, new: Option<&Operation>, changes: &ChangeSet) -> Option<EventInfo> {
    let what = match (old.map(|old| old.status), new.map(|new| new.status)) {
        (None, Some(_)) => "started",
        (Some(OperationStatus::New), Some(OperationStatus::New)) => return None,
        (Some(_), Some(OperationStatus::New)) => "resumed",
        (Some(OperationStatus::New), Some(_)) => "suspended",
        (Some(_), None) => "over",
        _ => return None,
    };
    let operation = new.or(old)?;
    let job = changes.iter().find_map(|change| match change {
        Change::Put(Record::Job(job)) if job.id == operation.queue => Some(job),
        _ => None,
    });
    let result = job.and_then(|job: &Job| job.result.as_ref());
    let error = match result {
        Some(JobResult::Failed(text)) => Some(text.clone()),
        _ => operation.error.clone().filter(|_| what != "over"),
    };
    let what = match (what, &error) {
        ("over", Some(_)) => "failed",
        ("over", None) => "done",
        (other, _) => other,
    };
    let told = EventOperation {
        id: operation.id,
        queue: operation.queue,
        type_name: operation.type_name().to_owned(),
        text: operation.describe(false),
        result: result.and_then(JobResult::path),
        error,
    };
    Some(EventInfo { event: format!("operation.{what}"), operation: Some(told), ..EventInfo::default() })
}
