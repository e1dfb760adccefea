//! The records a move works with.

use std::sync::Arc;

use super::Eviction;
use crate::error::Error;
use crate::id::BrickId;
use crate::inventory::Inventory;
use crate::model::{Brick, Volume};
use crate::operation::Host;
use crate::operation::machine::Context;

/// heketi v10's texts for a brick that cannot be moved because of other operations, or none.
pub(in crate::operation) fn why_busy(inventory: &Inventory, brick: &Brick) -> Option<String> {
    let (id, volume) = (brick.id, brick.volume);
    if inventory.is_brick_pending(brick) {
        return Some(format!("Can not evict brick {id}: brick is pending"));
    }
    let mut bricks = inventory.bricks_of_volume(volume).filter_map(|id| inventory.brick(id));
    bricks
        .any(|brick| inventory.is_brick_pending(brick))
        .then(|| format!("Can not evict brick {id} from volume {volume}: volume has pending bricks"))
}

/// The records a move works with.
pub(super) struct Scene {
    pub volume: Arc<Volume>,
    pub old: Arc<Brick>,
    pub old_host: Host,
    /// The new brick, once it is chosen.
    pub new: Option<(Arc<Brick>, Host)>,
}

fn host_of(inventory: &Inventory, brick: &Brick) -> Result<Host, Error> {
    let node = inventory.node(brick.node);
    node.map(|node| node.host())
        .ok_or_else(|| Error::internal(format!("brick {} is on unknown node {}", brick.id, brick.node)))
}

impl Eviction {
    /// The records of this moment.
    pub(super) fn scene(&self, inventory: &Inventory) -> Result<Scene, Error> {
        let (brick, volume) = (self.brick, self.volume);
        let lost = |what: String| Error::internal(format!("operation moves brick {brick} of volume {volume}: {what}"));
        let record = |id: BrickId| {
            let brick = inventory.brick(id).cloned().ok_or_else(|| lost(format!("brick {id} is not known")))?;
            let host = host_of(inventory, &brick)?;
            Ok::<_, Error>((brick, host))
        };
        let (old, old_host) = record(self.brick)?;
        let volume = inventory.volume(volume).cloned().ok_or_else(|| lost("the volume is not known".into()))?;
        Ok(Scene { volume, old, old_host, new: self.new.map(record).transpose()? })
    }
}

pub(super) fn retire(context: &mut Context<'_>, brick: &Brick) {
    context.changes.put_brick(Brick { retired: true, position: None, ..brick.clone() });
}

pub(super) fn unclear(scene: &Scene) -> String {
    let new = scene.new.as_ref().map_or_else(|| "its replacement".to_owned(), |(brick, _)| brick.id.to_string());
    format!(
        "gluster does not say clearly whether volume {} uses brick {} or {new}: compare with gluster volume info",
        scene.volume.name, scene.old.id
    )
}
