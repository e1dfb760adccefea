//! Changes of tags: records only.

use crate::error::Error;
use crate::id::{DeviceId, NodeId};
use crate::inventory::{ChangeSet, Inventory};
use crate::model::{Device, Node, Tags};

/// How given tags change those of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// They replace all.
    Set,
    /// They are merged in.
    Update,
    /// Their names are removed; values do not matter.
    Delete,
}

impl TagChange {
    fn apply(self, current: &Tags, given: Tags) -> Tags {
        let mut tags = current.clone();
        match self {
            Self::Set => return given,
            Self::Update => tags.extend(given),
            Self::Delete => tags.retain(|name, _| !given.contains_key(name)),
        }
        tags
    }
}

/// Changes the tags of a node; returns the tags it has then.
///
/// # Errors
/// `NotFound`.
pub fn node_tags(
    inventory: &Inventory,
    id: NodeId,
    change: TagChange,
    given: Tags,
) -> Result<(Tags, ChangeSet), Error> {
    let node = inventory.node(id).ok_or_else(Error::not_found)?;
    let tags = change.apply(&node.tags, given);
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
    change: TagChange,
    given: Tags,
) -> Result<(Tags, ChangeSet), Error> {
    let device = inventory.device(id).ok_or_else(Error::not_found)?;
    let tags = change.apply(&device.tags, given);
    let mut changes = ChangeSet::default();
    changes.put_device(Device { tags: tags.clone(), ..Device::clone(device) });
    Ok((tags, changes))
}
