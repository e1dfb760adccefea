//! Clusters are records only: creating, flagging and deleting one needs no node.

use crate::error::{Error, ErrorKind};
use crate::id::{ClusterId, IdSource};
use crate::inventory::{ChangeSet, Claim, Inventory, Key, Object};
use crate::model::Cluster;

/// A new cluster with these flags.
pub fn cluster_create(file: bool, block: bool, ids: &mut dyn IdSource) -> (ClusterId, ChangeSet) {
    let id = ClusterId::new(ids);
    let mut changes = ChangeSet::default();
    changes.put_cluster(Cluster { id, file, block });
    (id, changes)
}

/// Sets both flags of a cluster.
///
/// # Errors
/// `NotFound`.
pub fn cluster_flags(inventory: &Inventory, id: ClusterId, file: bool, block: bool) -> Result<ChangeSet, Error> {
    inventory.cluster(id).ok_or_else(Error::not_found)?;
    let mut changes = ChangeSet::default();
    changes.put_cluster(Cluster { id, file, block });
    Ok(changes)
}

/// Deletes an empty cluster.
///
/// # Errors
/// `NotFound`; `Conflict` while it has nodes or volumes, or an operation is adding one.
pub fn cluster_delete(inventory: &Inventory, id: ClusterId) -> Result<ChangeSet, Error> {
    inventory.cluster(id).ok_or_else(Error::not_found)?;
    let occupied = inventory.nodes_of_cluster(id).next().is_some()
        || inventory.volumes_of_cluster(id).next().is_some()
        || inventory.conflict(&Object::Cluster(id), Claim::Exclusive).is_some();
    if occupied {
        let text = format!("Unable to delete cluster [{id}] because it contains volumes and/or nodes");
        return Err(Error::new(ErrorKind::Conflict, text));
    }
    let mut changes = ChangeSet::default();
    changes.delete(Key::Cluster(id));
    Ok(changes)
}
