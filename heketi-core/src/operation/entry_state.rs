//! State changes of nodes and devices that move no brick (core section 1.11 of heketi v10's behaviour).

use crate::error::{Error, ErrorKind};
use crate::id::{DeviceId, NodeId};
use crate::inventory::{ChangeSet, Claim, Inventory, Object};
use crate::model::{Device, EntryState, Node};

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

/// Changes the state of a node. `failed` needs that its devices hold no bricks.
///
/// # Errors
/// `NotFound` for an unknown node; `Conflict` with heketi v10's texts for a change that is not allowed. A job
/// reports the latter.
pub fn node_state(inventory: &Inventory, id: NodeId, state: EntryState) -> Result<ChangeSet, Error> {
    let node = inventory.node(id).ok_or_else(Error::not_found)?;
    let mut changes = ChangeSet::default();
    match verdict(node.state, state, false) {
        Verdict::Unchanged => return Ok(changes),
        Verdict::Refused(to) => {
            return Err(Error::new(ErrorKind::Conflict, format!("Cannot move a failed/removed node to {to} state")));
        }
        Verdict::NeedsOffline => {
            let text = format!("Node must be offline before remove operation is performed, node:{id}");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
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

/// Changes the state of a device. `failed` needs that it holds no bricks.
///
/// # Errors
/// As [`node_state`].
pub fn device_state(inventory: &Inventory, id: DeviceId, state: EntryState) -> Result<ChangeSet, Error> {
    let device = inventory.device(id).ok_or_else(Error::not_found)?;
    let mut changes = ChangeSet::default();
    match verdict(device.state, state, true) {
        Verdict::Unchanged => return Ok(changes),
        Verdict::Refused(to) => {
            return Err(Error::new(ErrorKind::Conflict, format!("Cannot move a failed/removed device to {to} state")));
        }
        Verdict::NeedsOffline => {
            let text = format!("Device must be offline before remove operation is performed, device:{id}");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        Verdict::Save => require_not_leaving(inventory, &Object::Device(id))?,
    }
    if state == EntryState::Failed {
        require_empty(inventory, id)?;
    }
    changes.put_device(Device { state, ..Device::clone(device) });
    Ok(changes)
}

/// Placement must not meet a device again that is being deleted.
fn require_not_leaving(inventory: &Inventory, object: &Object) -> Result<(), Error> {
    match inventory.conflict(object, Claim::Shared) {
        Some(_) => Err(Error::conflict()),
        None => Ok(()),
    }
}

fn require_empty(inventory: &Inventory, device: DeviceId) -> Result<(), Error> {
    if inventory.conflict(&Object::Device(device), Claim::Exclusive).is_some() {
        return Err(Error::conflict());
    }
    let bricks = inventory.bricks_of_device(device).count();
    if bricks == 0 {
        return Ok(());
    }
    let text = format!(
        "Unable to remove device [{device}]: it holds {bricks} bricks, and this version of heketi cannot move bricks \
         to other devices; delete the volumes they belong to first"
    );
    Err(Error::new(ErrorKind::Conflict, text))
}
