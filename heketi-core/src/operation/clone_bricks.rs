//! The bricks of a clone: planned from those of its source, then found where gluster put them.
//!
//! gluster chooses names and paths of a clone's bricks itself. Until it was asked, their records hold only
//! what is certain: device, thin pool, sizes and place in the volume.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::machine::{failure_texts, on_node};
use super::volume_bricks::Bricks;
use super::{Action, BrickStorage, GlusterVolume, Host, Observation, Step, StepOutcome};
use crate::error::Error;
use crate::id::{BrickId, IdSource, VolumeId};
use crate::inventory::Inventory;
use crate::model::{Brick, SetPosition, Volume};

/// Below this directory gluster mounts the bricks of snapshots and of volumes made from them.
const SNAPSHOT_MOUNTS: [&str; 2] = ["/run/gluster/snaps/", "/var/run/gluster/snaps/"];

/// The option with the id of the volume a gluster volume was made for. A clone has its source's at first.
const ID_OPTION: &str = "user.heketi.id";

/// The records an event of a clone operation is about.
pub(super) struct Parts {
    pub source: Volume,
    pub clone: Volume,
    /// The source's bricks. gluster is told through their nodes, which are those of the clone's bricks.
    pub origin: Bricks,
    pub bricks: Bricks,
}

impl Parts {
    /// The records of both volumes.
    ///
    /// # Errors
    /// `Internal` when one of them is not there.
    pub fn of(inventory: &Inventory, source: VolumeId, clone: VolumeId) -> Result<Self, Error> {
        let volume = |id: VolumeId| {
            let unknown = || Error::internal(format!("a clone operation names volume {id}, which is not known"));
            inventory.volume(id).map(|volume| Volume::clone(volume)).ok_or_else(unknown)
        };
        let (source, clone) = (volume(source)?, volume(clone)?);
        let origin = Bricks::of(inventory, &source, |_| true)?;
        let bricks = Bricks::of(inventory, &clone, |_| true)?;
        Ok(Self { source, clone, origin, bricks })
    }
}

/// Records for the bricks of a clone: each beside a brick of the source, in its thin pool.
pub(super) fn planned(source: &Bricks, clone: VolumeId, ids: &mut dyn IdSource) -> Vec<(BrickId, Brick)> {
    let planned = |(origin, _): (&Brick, _)| {
        let brick = Brick {
            id: BrickId::new(ids),
            volume: clone,
            thin_pool: Some(origin.thin_pool_name()),
            logical_volume: None,
            path: None,
            ..origin.clone()
        };
        (origin.id, brick)
    };
    source.iter().map(planned).collect()
}

/// The option that tells the clone from its source.
pub(super) fn id_option(volume: VolumeId) -> String {
    format!("{ID_OPTION} {volume}")
}

/// The clone's bricks in the order gluster has those of the source in, with their places. `pairs` names the
/// clone's brick for each of the source.
///
/// # Errors
/// Why gluster's volume is not the one heketi knows.
pub(super) fn in_source_order(
    inventory: &Inventory,
    source: &Volume,
    origin: &Bricks,
    pairs: &[(BrickId, BrickId)],
    volumes: &[GlusterVolume],
) -> Result<Vec<Brick>, String> {
    let listed = volumes.iter().find(|volume| volume.name == source.name);
    let listed = listed.ok_or_else(|| format!("Volume {} does not exist in gluster", source.name))?;
    let places: BTreeMap<(_, String), BrickId> =
        origin.iter().map(|(brick, _)| ((brick.node, brick.brick_directory()), brick.id)).collect();
    let clones: BTreeMap<BrickId, BrickId> = pairs.iter().copied().collect();
    let set_size = source.durability.set_size().max(1);
    let mut bricks = Vec::new();
    for (at, name) in (0u32..).zip(&listed.bricks) {
        let node = inventory.node_with_host(&name.host);
        let known = node.and_then(|node| places.get(&(node, name.path.clone()))).and_then(|id| clones.get(id));
        let brick = known.and_then(|id| inventory.brick(*id));
        let brick = brick.ok_or_else(|| {
            format!("gluster volume {} has brick {name}, which heketi does not know of it", source.name)
        })?;
        let position = Some(SetPosition { set: at / set_size, index: at % set_size });
        bricks.push(Brick { position, ..Brick::clone(brick) });
    }
    if bricks.len() != pairs.len() {
        return Err(format!(
            "gluster volume {} has {} bricks, heketi knows {}",
            source.name,
            bricks.len(),
            pairs.len()
        ));
    }
    Ok(bricks)
}

/// The gluster volume of a clone, before heketi knows what it lies on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    /// gluster's own id of it.
    uuid: String,
    /// Its brick directories in gluster's order.
    directories: Vec<String>,
}

/// Whose is the gluster volume with the name of a clone?
pub(super) enum Owner {
    /// There is none.
    Nobody,
    /// Somebody else made it; the text tells how that shows.
    Another(String),
    /// gluster made it for the clone.
    Clone(Listed),
}

/// Finds the clone of `source` among gluster's volumes. heketi v10 starts it before it records anything (`by_v10`).
pub(super) fn owner(
    inventory: &Inventory,
    source: VolumeId,
    clone: &Volume,
    bricks: &Bricks,
    volumes: &[GlusterVolume],
    by_v10: bool,
) -> Owner {
    let Some(listed) = volumes.iter().find(|volume| volume.name == clone.name) else {
        return Owner::Nobody;
    };
    let another = |how: &str| Owner::Another(format!("gluster volume {} {how}: somebody else made it", clone.name));
    let mark = listed.options.iter().find(|(key, _)| key == ID_OPTION).map(|(_, value)| value.clone());
    if mark.is_some_and(|mark| mark != source.to_string() && mark != clone.id.to_string()) {
        return another("has the id of another volume");
    }
    if listed.bricks.len() != bricks.iter().count() {
        return another("has another number of bricks than the volume it would be made of");
    }
    // heketi records what the bricks lie on before it starts the volume.
    if !by_v10 && listed.started && bricks.iter().any(|(brick, _)| brick.path.is_none()) {
        return another("is started");
    }
    for ((brick, _), name) in bricks.iter().zip(&listed.bricks) {
        let in_place = match &brick.path {
            Some(path) => *path == name.path,
            None => SNAPSHOT_MOUNTS.iter().any(|root| name.path.starts_with(root)),
        };
        if !in_place || inventory.node_with_host(&name.host) != Some(brick.node) {
            return another(&format!("uses {name}"));
        }
    }
    let directories = listed.bricks.iter().map(|brick| brick.path.clone()).collect();
    Owner::Clone(Listed { uuid: listed.uuid.clone(), directories })
}

/// One step for each brick that reads what lies under its directory.
pub(super) fn read_storage(bricks: &Bricks, listed: &Listed) -> Vec<Step> {
    let step = |((_, host), directory): ((_, &Host), &String)| {
        on_node(host.clone(), Action::ReadBrickStorage { directory: directory.clone() })
    };
    bricks.iter().zip(&listed.directories).map(step).collect()
}

/// What the nodes tell about the bricks of a clone.
pub(super) struct Storage {
    /// The records, with path and logical volume.
    pub bricks: Vec<Brick>,
    /// Bricks that are not mounted, in words; gluster did not end what it began. Their logical volumes, if they
    /// are there at all, have the names that gluster gives.
    pub missing: Option<String>,
    /// A brick that lies elsewhere than in the thin pool of its source, in words: the gluster volume is
    /// another's.
    pub elsewhere: Option<String>,
}

/// Completes the records of a clone's bricks.
///
/// # Errors
/// What kept the nodes from answering.
pub(super) fn storage(
    inventory: &Inventory,
    bricks: &Bricks,
    listed: &Listed,
    outcomes: &[StepOutcome],
) -> Result<Storage, String> {
    let (mut storage, mut on_node) = (Storage { bricks: Vec::new(), missing: None, elsewhere: None }, BTreeMap::new());
    for (((brick, host), directory), outcome) in bricks.iter().zip(&listed.directories).zip(outcomes) {
        let count: &mut u32 = on_node.entry(brick.node).or_default();
        let by_rule = format!("{}_{count}", listed.uuid.replace('-', ""));
        *count += 1;
        let place = format!("{}:{directory}", host.storage);
        let logical_volume = match outcome {
            Ok(Observation::BrickStorage(found)) => {
                if let Some(how) = misplaced(inventory, brick, found) {
                    storage.elsewhere.get_or_insert(format!("{place} {how}"));
                }
                found.logical_volume.clone()
            }
            Ok(Observation::NoBrickStorage) => {
                storage.missing.get_or_insert(format!("{place} is not mounted"));
                by_rule
            }
            _ => return Err(failure_texts(outcomes)),
        };
        let (logical_volume, path) = (Some(logical_volume), Some(directory.clone()));
        storage.bricks.push(Brick { logical_volume, path, ..brick.clone() });
    }
    if storage.bricks.len() == bricks.iter().count() { Ok(storage) } else { Err(failure_texts(outcomes)) }
}

/// Why the storage found under a brick of a clone is not its own, or none.
fn misplaced(inventory: &Inventory, brick: &Brick, found: &BrickStorage) -> Option<String> {
    let spec = brick.spec(0);
    let others = inventory.bricks_of_device(brick.device).filter(|id| *id != brick.id);
    let taken = others.filter_map(|id| inventory.brick(id)).any(|it| it.logical_volume_name() == found.logical_volume);
    if found.volume_group == spec.volume_group && found.thin_pool == spec.thin_pool && !taken {
        return None;
    }
    let BrickStorage { volume_group, logical_volume, thin_pool, .. } = found;
    Some(format!(
        "lies on {volume_group}/{logical_volume} in thin pool {thin_pool}, not on a logical volume of its own in {}/{}",
        spec.volume_group, spec.thin_pool
    ))
}

/// Why gluster may refuse a snapshot of this volume, for its user, or none.
pub(super) fn snapshot_hint(source: &Volume, origin: &Bricks, refusal: &str) -> Option<String> {
    let in_snapshots = |path: &String| SNAPSHOT_MOUNTS.iter().any(|root| path.starts_with(root));
    let is_clone = origin.iter().any(|(brick, _)| brick.path.as_ref().is_some_and(in_snapshots));
    (is_clone && refusal.contains("Commit failed")).then(|| {
        format!(
            "{0} is a clone itself; gluster takes no snapshot of it while a node has the file \
             /var/lib/glusterd/vols/{0}/quota.conf without quota.cksum beside it, as after a restart of glusterd: \
             remove that file there and try again",
            source.name
        )
    })
}

/// The bricks of the clone that gluster made, as far as heketi was told: those with a logical volume.
pub(super) fn made(inventory: &Inventory, clone: &Volume) -> Result<Bricks, Error> {
    Bricks::of(inventory, clone, |brick| brick.logical_volume.is_some())
}
