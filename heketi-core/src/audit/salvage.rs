//! Records of a damaged store: as many as fit together.

use std::collections::BTreeMap;

use crate::id::VolumeId;
use crate::inventory::{Change, Inventory, Key, Record};

/// What could be made of damaged records.
#[derive(Clone, Debug, Default)]
pub struct Salvaged {
    /// The state of those that fit together.
    pub inventory: Inventory,
    /// The others, and what each contradicts. An audit of the nodes finds what they stood for and takes it in
    /// again.
    pub dropped: Vec<(Key, String)>,
}

/// Takes records one by one, those that others refer to first, and leaves out what contradicts those before it. A
/// volume comes together with the block volumes that it hosts: its sizes count them.
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
        let block_volumes = match &record {
            Record::Volume(volume) => hosted.remove(&volume.id).unwrap_or_default(),
            _ => Vec::new(),
        };
        salvaged.take(std::iter::once(record).chain(block_volumes));
    }
    // Of volumes that are not there.
    hosted.into_values().flatten().for_each(|record| salvaged.take([record]));
    salvaged
}

impl Salvaged {
    /// Takes records that belong together, or leaves them out.
    fn take(&mut self, records: impl IntoIterator<Item = Record>) {
        let records: Vec<Record> = records.into_iter().collect();
        let keys: Vec<Key> = records.iter().map(Record::key).collect();
        if let Err(error) = self.inventory.apply(&records.into_iter().map(Change::Put).collect()) {
            self.dropped.extend(keys.into_iter().map(|key| (key, error.to_string())));
        }
    }
}
