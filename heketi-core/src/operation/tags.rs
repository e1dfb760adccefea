//! Changes of tags: records only.

use crate::api::TagsChangeRequest;
use crate::error::Error;
use crate::id::{DeviceId, NodeId};
use crate::inventory::{ChangeSet, Inventory};
use crate::model::{Device, Node, Tags};

/// Changes the tags of a node; returns the tags it has then.
///
/// # Errors
/// `NotFound`.
pub fn node_tags(inventory: &Inventory, id: NodeId, request: &TagsChangeRequest) -> Result<(Tags, ChangeSet), Error> {
    let node = inventory.node(id).ok_or_else(Error::not_found)?;
    let tags = request.applied_to(&node.tags);
    let mut changes = ChangeSet::default();
    changes.put_node(Node { tags: tags.clone(), ..Node::clone(node) });
    Ok((tags, changes))
}

/// Changes the tags of a device; returns the tags it has then.
///
/// # Errors
/// `NotFound`.
pub fn device_tags(
    inventory: &Inventory,
    id: DeviceId,
    request: &TagsChangeRequest,
) -> Result<(Tags, ChangeSet), Error> {
    let device = inventory.device(id).ok_or_else(Error::not_found)?;
    let tags = request.applied_to(&device.tags);
    let mut changes = ChangeSet::default();
    changes.put_device(Device { tags: tags.clone(), ..Device::clone(device) });
    Ok((tags, changes))
}
