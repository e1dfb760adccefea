//! State changes of nodes and devices (core section 1.11 of heketi v10's behaviour). Those that move bricks are
//! operations of their own: device remove and node remove.

use crate::error::{Error, ErrorKind};
use crate::id::{DeviceId, NodeId};
use crate::inventory::{ChangeSet, Claim, Inventory, Object};
use crate::model::{Device, EntryState, Node};

fn conflict(text: String) -> Error {
    Error::new(ErrorKind::Conflict, text)
}

fn online_node(id: NodeId) -> Error {
    conflict(format!("Node must be offline before remove operation is performed, node:{id}"))
}

fn online_device(id: DeviceId) -> Error {
    conflict(format!("Device must be offline before remove operation is performed, device:{id}"))
}

/// What one state change of an object means.
enum Verdict {
    Unchanged,
    Save,
    Refused(&'static str),
    NeedsOffline,
}

fn verdict(from: EntryState, to: EntryState, failed_to_offline: bool) -> Verdict {
    use EntryState::{Failed, Offline, Online};
    match (from, to) {
        (Online, Online) | (Offline, Offline) | (Failed, Failed) => Verdict::Unchanged,
        (Online, Failed) => Verdict::NeedsOffline,
        (Failed, Online) => Verdict::Refused("online"),
        (Failed, Offline) if !failed_to_offline => Verdict::Refused("offline"),
        _ => Verdict::Save,
    }
}

/// Does this change of a node's state move bricks? Then it is a [`NodeRemove`](super::NodeRemove).
pub fn node_must_be_evacuated(inventory: &Inventory, id: NodeId, state: EntryState) -> bool {
    let is_offline = inventory.node(id).is_some_and(|node| node.state == EntryState::Offline);
    let mut devices = inventory.devices_of_node(id);
    state == EntryState::Failed && is_offline && devices.any(|device| holds_bricks(inventory, device))
}

/// Does this change of a device's state move bricks? Then it is a [`DeviceRemove`](super::DeviceRemove).
pub fn device_must_be_evacuated(inventory: &Inventory, id: DeviceId, state: EntryState) -> bool {
    let is_offline = inventory.device(id).is_some_and(|device| device.state == EntryState::Offline);
    state == EntryState::Failed && is_offline && holds_bricks(inventory, id)
}

/// Retired bricks need no other device.
fn holds_bricks(inventory: &Inventory, device: DeviceId) -> bool {
    inventory.used_bricks_of_device(device).next().is_some()
}

/// Changes the state of a node. `failed` needs that its devices hold no bricks that volumes use.
///
/// # Errors
/// `NotFound` for an unknown node; `Conflict` with heketi v10's texts for a change that is not allowed. A job
/// reports the latter.
pub fn node_state(inventory: &Inventory, id: NodeId, state: EntryState) -> Result<ChangeSet, Error> {
    let node = inventory.node(id).ok_or_else(Error::not_found)?;
    let mut changes = ChangeSet::default();
    match verdict(node.state, state, false) {
        Verdict::Unchanged => return Ok(changes),
        Verdict::Refused(to) => return Err(conflict(format!("Cannot move a failed/removed node to {to} state"))),
        Verdict::NeedsOffline => return Err(online_node(id)),
        Verdict::Save => require_not_leaving(inventory, &Object::Node(id))?,
    }
    if state == EntryState::Failed {
        for device in inventory.devices_of_node(id) {
            require_empty(inventory, device)?;
        }
    }
    changes.put_node(Node { state, ..Node::clone(node) });
    Ok(changes)
}

/// Changes the state of a device. `failed` needs that it holds no bricks that volumes use.
///
/// # Errors
/// As [`node_state`].
pub fn device_state(inventory: &Inventory, id: DeviceId, state: EntryState) -> Result<ChangeSet, Error> {
    let device = inventory.device(id).ok_or_else(Error::not_found)?;
    let mut changes = ChangeSet::default();
    match verdict(device.state, state, true) {
        Verdict::Unchanged => return Ok(changes),
        Verdict::Refused(to) => return Err(conflict(format!("Cannot move a failed/removed device to {to} state"))),
        Verdict::NeedsOffline => return Err(online_device(id)),
        Verdict::Save => require_not_leaving(inventory, &Object::Device(id))?,
    }
    if state == EntryState::Failed {
        require_empty(inventory, id)?;
    }
    changes.put_device(Device { state, ..Device::clone(device) });
    Ok(changes)
}

/// May all bricks of the device be moved away, for good?
pub(super) fn check_device_removal(inventory: &Inventory, id: DeviceId) -> Result<(), Error> {
    let device = inventory.device(id).ok_or_else(Error::not_found)?;
    if device.state != EntryState::Offline {
        return Err(online_device(id));
    }
    require_unclaimed(inventory, &Object::Device(id))
}

/// May all bricks of the node be moved away, for good?
pub(super) fn check_node_removal(inventory: &Inventory, id: NodeId) -> Result<(), Error> {
    let node = inventory.node(id).ok_or_else(Error::not_found)?;
    if node.state != EntryState::Offline {
        return Err(online_node(id));
    }
    require_unclaimed(inventory, &Object::Node(id))?;
    inventory.devices_of_node(id).try_for_each(|device| require_unclaimed(inventory, &Object::Device(device)))
}

/// Placement must not meet an object again that is being deleted or removed.
fn require_not_leaving(inventory: &Inventory, object: &Object) -> Result<(), Error> {
    match inventory.conflict(object, Claim::Shared) {
        Some(_) => Err(Error::conflict()),
        None => Ok(()),
    }
}

fn require_unclaimed(inventory: &Inventory, object: &Object) -> Result<(), Error> {
    match inventory.conflict(object, Claim::Exclusive) {
        Some(_) => Err(Error::conflict()),
        None => Ok(()),
    }
}

fn require_empty(inventory: &Inventory, device: DeviceId) -> Result<(), Error> {
    require_unclaimed(inventory, &Object::Device(device))?;
    match inventory.used_bricks_of_device(device).count() {
        0 => Ok(()),
        bricks => {
            Err(conflict(format!("Unable to remove device [{device}]: it holds {bricks} bricks, move them first")))
        }
    }
}
