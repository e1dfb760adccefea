//! Pending operations of heketi v10 become operations of ours (core section 7.1). It is not known how far v10 came, so
//! each goes on as after the loss of a connection: it asks the nodes what is true before it touches anything.

use std::collections::BTreeSet;

use super::super::{ActionEntry, BrickEntry, OperationEntry, change, kind};
use super::records::block_volume;
use super::{Conversion, ConvertError, gib, id, value};
use crate::id::{BrickId, ClusterId, DeviceId, NodeId, QueueId, VolumeId};
use crate::inventory::{Job, Record};
use crate::model::{Brick, SetPosition, Volume};
use crate::operation::{
    BlockVolumeCreate, BlockVolumeDelete, BlockVolumeExpand, BrickEvict, Operation, OperationStatus, VolumeClone,
    VolumeCreate, VolumeDelete, VolumeExpand, Work,
};
use crate::units::{Gib, Timestamp};

type Converted<T> = Result<T, ConvertError>;

impl Conversion<'_> {
    pub(super) fn operations(&mut self) -> Converted<()> {
        let database = self.database;
        for (key, entry) in &database.operations {
            let Some(work) = self.work(key, entry)? else {
                continue;
            };
            let operation = id("operation", key)?;
            let created = Timestamp(u64::try_from(entry.timestamp).unwrap_or_default());
            // Who waited for it waited at a queue entry of v10, which is gone.
            let queue = QueueId::from_bytes(*crate::id::OperationId::bytes(&operation));
            let status = OperationStatus::Stale;
            let operation = Operation { id: operation, queue, created, status, error: None, work };
            self.records.push(Record::Job(Job::of(&operation)));
            self.records.push(Record::Operation(operation));
        }
        Ok(())
    }

    fn work(&mut self, key: &str, entry: &OperationEntry) -> Converted<Option<Work>> {
        let ids = |change| entry.actions.iter().filter(move |it| it.change == change).map(|it| it.id.as_str());
        let one = |change| {
            let missing = || value("operation", key, format!("none of its actions is a change of type {change}"));
            entry.actions.iter().find(|it| it.change == change).ok_or_else(missing)
        };
        Ok(Some(match entry.kind {
            kind::CREATE_VOLUME => Work::VolumeCreate(self.create(one(change::ADD_VOLUME)?, entry)?),
            kind::DELETE_VOLUME => {
                Work::VolumeDelete(VolumeDelete::left_over(id("volume", &one(change::DELETE_VOLUME)?.id)?))
            }
            kind::EXPAND_VOLUME => {
                let expand = one(change::EXPAND_VOLUME)?;
                let volume: VolumeId = id("volume", &expand.id)?;
                let bricks = self.bricks(ids(change::ADD_BRICK))?;
                let known = self.database.volumes.get(&expand.id).map_or(0, |it| it.bricks.len());
                self.place(&expand.id, &bricks, known.saturating_sub(bricks.len()))?;
                let increment = gib("operation", key, expand.delta.unwrap_or_default())?;
                if expand.delta.is_none() {
                    self.note(format!(
                        "operation {key} does not tell by how much volume {} grows: if gluster has its new bricks, \
                         its recorded size stays as it was",
                        expand.id
                    ));
                }
                Work::VolumeExpand(VolumeExpand::left_over(volume, increment, &bricks))
            }
            kind::CREATE_BLOCK_VOLUME => {
                let added = self.block_volume(one(change::ADD_BLOCK_VOLUME)?)?;
                let hosting = match ids(change::ADD_VOLUME).next() {
                    Some(_) => Some(self.create(one(change::ADD_VOLUME)?, entry)?),
                    None => None,
                };
                let nodes = self.nodes(added.cluster)?;
                Work::BlockVolumeCreate(BlockVolumeCreate::left_over(&added, hosting, nodes))
            }
            kind::DELETE_BLOCK_VOLUME => {
                let block_volume = self.block_volume(one(change::DELETE_BLOCK_VOLUME)?)?;
                let nodes = self.nodes(block_volume.cluster)?;
                Work::BlockVolumeDelete(BlockVolumeDelete::left_over(block_volume.id, block_volume.hosting, nodes))
            }
            kind::EXPAND_BLOCK_VOLUME => {
                let action = one(change::EXPAND_BLOCK_VOLUME)?;
                let block_volume = self.block_volume(action)?;
                let nodes = self.nodes(block_volume.cluster)?;
                let new_size = gib("operation", key, action.delta.unwrap_or_default())?;
                let held = Gib(new_size.0.saturating_sub(block_volume.size.0));
                let (id, hosting) = (block_volume.id, block_volume.hosting);
                Work::BlockVolumeExpand(BlockVolumeExpand::left_over(id, hosting, new_size, held, nodes))
            }
            kind::CLONE_VOLUME => self.clone_volume(key, entry)?,
            kind::EVICT_BRICK => self.evict(one(change::DELETE_BRICK)?, entry)?,
            kind::REMOVE_DEVICE => {
                let devices: Vec<&str> = ids(change::REMOVE_DEVICE).collect();
                self.note(format!(
                    "the removal of device {} (operation {key}) was interrupted; the bricks it moved stay where they \
                     are, and the brick it was moving is dealt with by an operation of its own. Remove the device \
                     again to go on",
                    devices.join(", ")
                ));
                return Ok(None);
            }
            // `check` names it, and refuses one that records are marked for.
            _ => return Ok(None),
        }))
    }

    fn create(&mut self, volume: &ActionEntry, entry: &OperationEntry) -> Converted<VolumeCreate> {
        let added = entry.actions.iter().filter(|it| it.change == change::ADD_BRICK).map(|it| it.id.as_str());
        let bricks = self.bricks(added)?;
        self.place(&volume.id, &bricks, 0)?;
        Ok(VolumeCreate::left_over(id("volume", &volume.id)?, &bricks))
    }

    /// The source and its clone are both recorded, which v10 does at the end only.
    fn clone_volume(&mut self, key: &str, entry: &OperationEntry) -> Converted<Work> {
        let find = |change| {
            let missing = || value("operation", key, "it does not name the volumes it is about");
            entry.actions.iter().find(|it| it.change == change).map(|it| it.id.clone()).ok_or_else(missing)
        };
        let (from, to) = (find(change::CLONE_FROM)?, find(change::CLONE_TO)?);
        let (source, clone): (VolumeId, VolumeId) = (id("volume", &from)?, id("volume", &to)?);
        let recorded = self.database.volumes.contains_key(&to);
        let unknown = || value("operation", key, format!("it clones volume {from}, which is not known"));
        let origin = self.volume(source).ok_or_else(unknown)?.clone();
        let (mut pairs, mut devices, mut unplaced) = (Vec::new(), BTreeSet::new(), Vec::new());
        let added = entry.actions.iter().filter(|it| it.change == change::ADD_BRICK);
        for added in added {
            let brick = self.brick_entry(&added.id)?;
            let beside = self.beside(brick, &from).ok_or_else(|| {
                value("operation", key, format!("brick {} of the clone has none of the source beside it", added.id))
            })?;
            devices.insert(id::<DeviceId>("device", &brick.info.device)?);
            unplaced.push(added.id.clone());
            pairs.push((id::<BrickId>("brick", &beside)?, id::<BrickId>("brick", &added.id)?));
        }
        self.unplaced.extend(unplaced);
        if !recorded {
            let name = format!("vol_{clone}");
            self.note(format!(
                "heketi v10 ended while it cloned volume {from} ({}) to {to}. Such a clone blocks every volume create \
                 in its cluster, and v10 cannot clean it up. It is undone with the other stale operations: by the \
                 background cleaner, or at once by `heketi-cli server operations cleanup` or `heketi offline \
                 cleanup-operations`. If the clone was to have a name of its own, and gluster made it already, delete \
                 that gluster volume by hand; otherwise its name is {name}, and nothing has to be done",
                origin.name
            ));
            self.records.push(Record::Volume(Volume { id: clone, name, ..origin }));
        }
        Ok(Work::VolumeClone(VolumeClone::left_over(source, clone, pairs, devices.into_iter().collect())))
    }

    /// The brick of volume `source` in whose thin pool the clone's `brick` lives.
    fn beside(&self, brick: &BrickEntry, source: &str) -> Option<String> {
        let volume = self.database.volumes.get(source)?;
        let pool = |id: &str, it: &BrickEntry| match it.lvm_thin_pool.as_str() {
            "" => format!("tp_{id}"),
            name => name.to_owned(),
        };
        let mut origins = volume.bricks.iter().filter_map(|id| self.database.bricks.get_key_value(id));
        let found =
            origins.find(|(id, it)| it.info.device == brick.info.device && pool(id, it) == pool(&brick.info.id, brick));
        found.map(|(id, _)| id.clone())
    }

    fn evict(&mut self, old: &ActionEntry, entry: &OperationEntry) -> Converted<Work> {
        let added = entry.actions.iter().find(|it| it.change == change::ADD_BRICK);
        let old = self.brick(&old.id)?;
        let new = added.map(|added| self.brick(&added.id)).transpose()?;
        Ok(Work::BrickEvict(BrickEvict::left_over(&old, new.as_ref())))
    }

    fn volume(&self, wanted: VolumeId) -> Option<&Volume> {
        self.records.iter().find_map(|record| match record {
            Record::Volume(volume) if volume.id == wanted => Some(volume),
            _ => None,
        })
    }

    fn brick_entry(&self, key: &str) -> Converted<&BrickEntry> {
        self.database.bricks.get(key).ok_or_else(|| value("brick", key, "a pending operation names it"))
    }

    fn brick(&self, key: &str) -> Converted<Brick> {
        super::records::brick(key, self.brick_entry(key)?)
    }

    fn bricks<'b>(&self, keys: impl Iterator<Item = &'b str>) -> Converted<Vec<Brick>> {
        keys.map(|key| self.brick(key)).collect()
    }

    fn block_volume(&self, action: &ActionEntry) -> Converted<crate::model::BlockVolume> {
        let key = action.id.as_str();
        let entry = self.database.block_volumes.get(key);
        block_volume(key, entry.ok_or_else(|| value("block volume", key, "a pending operation names it"))?)
    }

    /// The nodes of a cluster that may have been told.
    fn nodes(&self, cluster: ClusterId) -> Converted<Vec<NodeId>> {
        let cluster = cluster.to_string();
        let nodes = self.database.nodes.iter().filter(|(_, it)| it.info.cluster == cluster);
        nodes.map(|(key, _)| id("node", key)).collect()
    }

    /// Bricks that an operation adds come in gluster's order, behind the `known` that were there.
    fn place(&mut self, volume: &str, bricks: &[Brick], known: usize) -> Converted<()> {
        let volume = self.volume(id("volume", volume)?);
        let set_size = volume.map_or(1, |it| it.durability.set_size().max(1));
        for (at, brick) in (0u32..).zip(bricks) {
            let at = at.saturating_add(u32::try_from(known).unwrap_or(u32::MAX));
            self.positions.insert(brick.id, SetPosition { set: at / set_size, index: at % set_size });
        }
        Ok(())
    }
}
