//! Sizes and counts that do not add up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::V10Database;
use super::super::convert::durability;
use super::super::upgrade::LOCKED_BY_UPDATE;
use super::bucket::Bucket;
use super::repair::Fix;
use super::{DamageKind, Findings};

/// No disk has more KiB: 1 EiB.
const LARGEST: u64 = 1 << 50;

impl Findings<'_> {
    pub(super) fn sizes(&mut self) {
        self.devices();
        self.hosting_volumes();
        self.durabilities();
        self.unmade_bricks();
    }

    fn devices(&mut self) {
        let database = self.database;
        let charged = charged(database);
        for (id, device) in &database.devices {
            let (size, bricks) = (&device.info.storage, charged.get(id.as_str()).copied().unwrap_or_default());
            let measure = "only the node can tell; measure the device again (`heketi-cli device resync`)";
            if bricks > size.total {
                let text =
                    format!("Device {id} size values differ Total({}) < aggregateBricksSize({bricks})", size.total);
                match bricks <= LARGEST {
                    true => {
                        self.severe(DamageKind::Sizes, text, Some(Fix::DeviceFull { device: id.clone(), used: bricks }))
                    }
                    false => {
                        let text = format!("{text}; look for the brick whose size is wrong in the JSON form");
                        self.severe(DamageKind::Sizes, text, None);
                    }
                }
                continue;
            }
            let sized = Fix::DeviceSizes { device: id.clone(), free: size.total - bricks, used: bricks };
            if size.free.checked_add(size.used) != Some(size.total) {
                let text = format!(
                    "Device {id} size values differ Total({}) != Free({}) + Used({})",
                    size.total, size.free, size.used
                );
                self.mild(DamageKind::Sizes, text, Some(sized));
            } else if size.used != bricks {
                let text =
                    format!("Device {id} size values differ Used({}) != aggregateBricksSize({bricks})", size.used);
                match size.used < bricks {
                    true => self.mild(DamageKind::Sizes, text, Some(sized)),
                    // Something that is no brick may really be there: it stays accounted for.
                    false => self.mild(DamageKind::Sizes, format!("{text}; {measure}"), None),
                }
            }
        }
    }

    fn hosting_volumes(&mut self) {
        let database = self.database;
        for (id, entry) in database.volumes.iter().filter(|(_, it)| it.info.block) {
            let (size, info) = (entry.info.size, &entry.info.blockinfo);
            let hosted = database.hosted(id);
            let rest = size.saturating_sub(info.freesize).saturating_sub(info.reservedsize);
            if rest == hosted && info.freesize >= 0 && info.reservedsize >= 0 {
                continue;
            }
            let text = format!(
                "Volume {id} blocksize differs aggregateSize {hosted} != volumeSize {size} - freeSize {} - reservedSize {}",
                info.freesize, info.reservedsize
            );
            let left = size.saturating_sub(hosted).max(0);
            let reserved = info.reservedsize.clamp(0, left);
            let fix = Fix::HostingSizes { volume: id.clone(), free: left - reserved, reserved };
            let mended = info.restriction == LOCKED_BY_UPDATE && left - reserved == info.freesize;
            match info.restriction == LOCKED_BY_UPDATE && info.freesize >= 0 && info.reservedsize >= 0 {
                // More is hosted than it has: nothing but deleting block volumes helps, and it is locked.
                true if mended => self.mild(DamageKind::Sizes, text, None),
                true => self.mild(DamageKind::Sizes, text, Some(fix)),
                false => self.severe(DamageKind::Sizes, text, Some(fix)),
            }
        }
    }

    /// heketi v10 takes a negative replica count, and makes a volume without bricks that it cannot delete.
    fn durabilities(&mut self) {
        let database = self.database;
        for (id, entry) in &database.volumes {
            if let Err(why) = durability(&entry.info.durability) {
                let fix = entry.bricks.is_empty().then(|| Fix::Remove(Bucket::Volume, id.clone()));
                self.severe(DamageKind::Sizes, format!("Volume {id} cannot exist like this: {why}"), fix);
            }
        }
    }

    /// Bricks that were planned and never made (core section 8.5).
    fn unmade_bricks(&mut self) {
        let database = self.database;
        for (id, _) in database.bricks.iter().filter(|(_, it)| it.info.path.is_empty()) {
            let text = format!("Brick {id} has an empty path: it was planned and never made");
            self.mild(DamageKind::Sizes, text, Some(Fix::RemoveUnmade(id.clone())));
        }
    }
}

/// What the thin pools of each device take. A clone's bricks live in those of its source.
fn charged(database: &V10Database) -> BTreeMap<&str, u64> {
    let pools = database.bricks.iter().map(|(id, brick)| {
        let pool = match brick.lvm_thin_pool.as_str() {
            "" => Cow::Owned(format!("tp_{id}")),
            name => Cow::Borrowed(name),
        };
        let charge = brick.tp_size.saturating_add(brick.pool_metadata_size);
        (brick.info.device.as_str(), pool, charge)
    });
    let mut pools: Vec<_> = pools.collect();
    // The larger of two that differ comes first and counts.
    pools.sort_unstable_by(|one, other| (other.0, &other.1, other.2).cmp(&(one.0, &one.1, one.2)));
    pools.dedup_by(|next, first| (next.0, &next.1) == (first.0, &first.1));
    let mut charged: BTreeMap<&str, u64> = BTreeMap::new();
    for (device, _, charge) in pools {
        let sum = charged.entry(device).or_default();
        *sum = sum.saturating_add(charge);
    }
    charged
}
