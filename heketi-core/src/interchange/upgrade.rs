//! What heketi v10 changes in the database of an older version when it starts (core section 8.3 of its behaviour).

use std::fmt;

use super::json::{ATTRIBUTES, FLAGS, GENERATION};
use super::{AttributeEntry, V10Database, change, kind};
use crate::id::{IdSource, QueueId};

/// The restriction of a block hosting volume whose sizes an upgrade found wrong.
pub(super) const LOCKED_BY_UPDATE: &str = "locked-by-update";

/// Something the upgrade changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpgradeNote {
    /// The cluster may now hold volumes of both kinds, as it could before there were flags.
    ClusterFlags(String),
    /// The brick now names the volume that lists it.
    BrickVolume {
        /// The brick.
        brick: String,
        /// Its volume.
        volume: String,
    },
    /// The attribute was set.
    Attribute(String),
    /// The free size of the block hosting volume was recomputed, in GiB, and the volume locked.
    FreeSize {
        /// The volume.
        volume: String,
        /// Free size before.
        from: i64,
        /// Free size now.
        to: i64,
    },
    /// Part of the free size of the block hosting volume is now reserved, in GiB.
    Reserved {
        /// The volume.
        volume: String,
        /// What is reserved.
        reserved: i64,
    },
    /// The block hosting volume is locked: it has no room for the size to be reserved.
    Locked(String),
}

impl fmt::Display for UpgradeNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClusterFlags(id) => write!(f, "cluster {id} now allows file and block volumes"),
            Self::BrickVolume { brick, volume } => write!(f, "brick {brick} now names its volume {volume}"),
            Self::Attribute(key) => write!(f, "database attribute {key} was set"),
            Self::FreeSize { volume, from, to } => write!(
                f,
                "block hosting volume {volume}: free size was {from} GiB, is {to} GiB, and takes no new block volumes \
                 until its restriction is lifted"
            ),
            Self::Reserved { volume, reserved } => {
                write!(f, "block hosting volume {volume}: {reserved} GiB of its free size are now reserved")
            }
            Self::Locked(volume) => write!(
                f,
                "block hosting volume {volume} has no room for what must be reserved and takes no new block volumes"
            ),
        }
    }
}

impl V10Database {
    /// Upgrades the records of an older version as heketi v10 does when it starts. A second call finds nothing to do.
    /// `ids` gives the database its generation id where it has none.
    ///
    /// Where v10 would take the space that the pending expansion of a block volume holds for an error, it is left
    /// alone.
    pub fn upgrade(&mut self, ids: &mut dyn IdSource) -> Vec<UpgradeNote> {
        let mut notes = Vec::new();
        if self.attributes.get(FLAGS).is_none_or(|it| it.value != "yes") {
            for (id, entry) in &mut self.clusters {
                (entry.info.block, entry.info.file) = (true, true);
                notes.push(UpgradeNote::ClusterFlags(id.clone()));
            }
        }
        self.name_volumes_of_bricks(&mut notes);
        let hosting = self.volumes.iter().filter(|(_, it)| it.info.block).map(|(id, _)| id.clone());
        for id in hosting.collect::<Vec<_>>() {
            self.divide_space(&id, &mut notes);
        }
        for key in ATTRIBUTES {
            let has_value = |it: &AttributeEntry| key == GENERATION || it.value == "yes";
            if !self.attributes.get(key).is_some_and(has_value) {
                let value = if key == GENERATION { QueueId::new(ids).to_string() } else { "yes".to_owned() };
                self.attributes.insert(key.to_owned(), AttributeEntry { key: key.to_owned(), value });
                notes.push(UpgradeNote::Attribute(key.to_owned()));
            }
        }
        notes
    }

    fn name_volumes_of_bricks(&mut self, notes: &mut Vec<UpgradeNote>) {
        if self.bricks.values().all(|brick| !brick.info.volume.is_empty()) {
            return;
        }
        for (id, volume) in &self.volumes {
            for key in &volume.bricks {
                if let Some(brick) = self.bricks.get_mut(key).filter(|brick| brick.info.volume.is_empty()) {
                    brick.info.volume.clone_from(id);
                    notes.push(UpgradeNote::BrickVolume { brick: key.clone(), volume: id.clone() });
                }
            }
        }
    }

    /// Corrects how a block hosting volume divides its size, and reserves what the file system needs.
    fn divide_space(&mut self, id: &str, notes: &mut Vec<UpgradeNote>) {
        let hosted = self.hosted(id);
        let Some(entry) = self.volumes.get_mut(id).filter(|it| it.pending.id.is_empty()) else {
            return;
        };
        let (size, info) = (entry.info.size, &mut entry.info.blockinfo);
        let volume = || id.to_owned();
        if size != info.freesize.saturating_add(info.reservedsize).saturating_add(hosted) {
            let free = size.saturating_sub(info.reservedsize).saturating_sub(hosted);
            if (0..=size).contains(&free) && (info.freesize != free || info.restriction != LOCKED_BY_UPDATE) {
                notes.push(UpgradeNote::FreeSize { volume: volume(), from: info.freesize, to: free });
                (info.freesize, info.restriction) = (free, LOCKED_BY_UPDATE.into());
            }
            return;
        }
        if info.reservedsize == 0 && info.restriction != LOCKED_BY_UPDATE {
            let reserved = size.saturating_sub((i128::from(size) * 98 / 100) as i64);
            if info.freesize >= reserved {
                info.freesize -= reserved;
                info.reservedsize = reserved;
                notes.push(UpgradeNote::Reserved { volume: volume(), reserved });
            } else {
                info.restriction = LOCKED_BY_UPDATE.into();
                notes.push(UpgradeNote::Locked(volume()));
            }
        }
    }

    /// GiB that block volumes take of a volume, those included that pending expansions hold.
    pub(super) fn hosted(&self, volume: &str) -> i64 {
        let listed = self.volumes.get(volume).map_or(&[][..], |it| it.info.blockinfo.blockvolume.as_slice());
        let sizes = listed.iter().filter_map(|id| self.block_volumes.get(id)).map(|it| it.info.size);
        let expansions = self.operations.values().filter(|it| it.kind == kind::EXPAND_BLOCK_VOLUME);
        let held = expansions.flat_map(|it| &it.actions).filter_map(|action| {
            let block_volume = self.block_volumes.get(&action.id)?;
            let is_here = action.change == change::EXPAND_BLOCK_VOLUME && listed.contains(&action.id);
            is_here.then(|| action.delta.unwrap_or_default().saturating_sub(block_volume.info.size).max(0))
        });
        sizes.chain(held).fold(0, i64::saturating_add)
    }
}
