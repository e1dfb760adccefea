//! Records of a damaged store: as many as fit together.

use std::collections::BTreeMap;

use crate::id::VolumeId;
use crate::inventory::{Change, Inventory, Key, Record};
use crate::model::{BlockHosting, BlockRestriction, Volume};
use crate::units::Gib;

/// What could be made of damaged records.
#[derive(Clone, Debug, Default)]
pub struct Salvaged {
    /// The state of those that fit together.
    pub inventory: Inventory,
    /// The others, and what each contradicts. An audit of the nodes finds what they stood for and takes it in
    /// again.
    pub dropped: Vec<(Key, String)>,
    /// Block hosting volumes whose block volumes did not add up, and how that shows: they are kept with all of them,
    /// and locked. An audit counts what they host again.
    pub locked: Vec<(Key, String)>,
}

/// Takes records one by one, those that others refer to first, and leaves out what contradicts those before it. A
/// volume comes together with the block volumes that it hosts, because its sizes count them; one whose sizes do not add
/// up is locked, so that it may have any.
pub fn salvage(records: impl IntoIterator<Item = Record>) -> Salvaged {
    let mut records: Vec<Record> = records.into_iter().collect();
    // Keys sort referenced kinds before those that refer to them.
    records.sort_by_key(Record::key);
    let mut hosted: BTreeMap<VolumeId, Vec<Record>> = BTreeMap::new();
    let (block_volumes, records): (Vec<Record>, Vec<Record>) =
        records.into_iter().partition(|record| matches!(record, Record::BlockVolume(_)));
    for record in block_volumes {
        if let Record::BlockVolume(volume) = &record {
            hosted.entry(volume.hosting).or_default().push(record);
        }
    }
    let mut salvaged = Salvaged::default();
    for record in records {
        match record {
            Record::Volume(volume) => {
                let block_volumes = hosted.remove(&volume.id).unwrap_or_default();
                salvaged.take_volume(volume, block_volumes);
            }
            other => salvaged.take(other),
        }
    }
    // Of volumes that are not there.
    hosted.into_values().flatten().for_each(|record| salvaged.take(record));
    salvaged
}

impl Salvaged {
    /// Takes a record, or leaves it out.
    fn take(&mut self, record: Record) {
        let key = record.key();
        if let Err(error) = self.try_take([record]) {
            self.dropped.push((key, error));
        }
    }

    fn try_take(&mut self, records: impl IntoIterator<Item = Record>) -> Result<(), String> {
        self.inventory.apply(&records.into_iter().map(Change::Put).collect()).map_err(|error| error.to_string())
    }

    fn take_volume(&mut self, volume: Volume, block_volumes: Vec<Record>) {
        let whole = std::iter::once(Record::Volume(volume.clone())).chain(block_volumes.iter().cloned());
        let Err(error) = self.try_take(whole) else { return };
        let hosts = volume.hosting.is_some() || !block_volumes.is_empty();
        let hosting = volume.hosting.unwrap_or(BlockHosting {
            free: Gib(0),
            reserved: Gib(0),
            restriction: BlockRestriction::LockedByUpdate,
        });
        let locked = BlockHosting { restriction: BlockRestriction::LockedByUpdate, ..hosting };
        let key = Key::Volume(volume.id);
        if hosts && self.try_take([Record::Volume(Volume { hosting: Some(locked), ..volume.clone() })]).is_ok() {
            self.locked.push((key, error));
        } else {
            self.take(Record::Volume(volume));
        }
        block_volumes.into_iter().for_each(|record| self.take(record));
    }
}
