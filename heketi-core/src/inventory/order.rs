//! The order in which placement looks at devices.

use std::cmp::Reverse;
use std::sync::Arc;

use imbl::OrdMap;

use crate::id::{ClusterId, DeviceId, NodeId};
use crate::model::ArbiterUse;
use crate::units::Kib;

/// Where a device stands among those of its class: the emptiest first, the larger first among equally empty ones,
/// then by a stable hash, as placement prefers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing {
    emptiness: Reverse<u64>,
    total: Reverse<Kib>,
    hash: Reverse<u64>,
    device: DeviceId,
}

impl Standing {
    fn of(slot: &Slot) -> Self {
        Self {
            emptiness: Reverse(emptiness(slot.free, slot.total)),
            total: Reverse(slot.total),
            hash: Reverse(slot.device.stable_hash(0)),
            device: slot.device,
        }
    }
}

/// Devices of one zone that placement looks at together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeviceClass {
    /// The class of their free space.
    pub free: u8,
    /// Which bricks of arbiter volumes they take.
    pub arbiter: ArbiterUse,
    standings: OrdMap<Standing, Slot>,
}

impl DeviceClass {
    /// The devices, the emptiest first.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.standings.values()
    }

    /// The same, each with its [`emptiness`].
    pub fn by_emptiness(&self) -> impl Iterator<Item = (u64, &Slot)> {
        self.standings.iter().map(|(standing, slot)| (standing.emptiness.0, slot))
    }
}

/// The place of a device in the order of placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    cluster: ClusterId,
    standing: Standing,
    pub slot: Slot,
}

impl Place {
    pub fn new(cluster: ClusterId, slot: Slot) -> Self {
        Self { cluster, standing: Standing::of(&slot), slot }
    }

    pub fn with_free(self, free: Kib) -> Self {
        let slot = Slot { free, ..self.slot };
        let emptiness = Reverse(emptiness(free, slot.total));
        Self { standing: Standing { emptiness, ..self.standing }, slot, ..self }
    }

    fn zone(&self) -> (ClusterId, i64) {
        (self.cluster, self.slot.zone)
    }

    /// Where its class is among the classes of its zone, or where it would have to come.
    fn find_class(&self, classes: &[DeviceClass]) -> Result<usize, usize> {
        let class = (free_class(self.slot.free), self.slot.arbiter);
        classes.binary_search_by_key(&class, |it| (it.free, it.arbiter))
    }
}

/// A device that can take bricks, with what placement needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The device.
    pub device: DeviceId,
    /// Its node.
    pub node: NodeId,
    /// Its node's zone.
    pub zone: i64,
    /// Size of its volume group.
    pub total: Kib,
    /// What no brick is charged for.
    pub free: Kib,
    /// Extent size of its volume group.
    pub extent: Kib,
    /// Which bricks of arbiter volumes it takes.
    pub arbiter: ArbiterUse,
}

/// Space of several devices added up: 128-bit numbers, so that it can be taken apart again exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClusterSpace {
    pub devices: u64,
    pub free: u128,
    pub total: u128,
}

impl ClusterSpace {
    fn with(self, slot: &Slot) -> Self {
        let (free, total) = (self.free + u128::from(slot.free.0), self.total + u128::from(slot.total.0));
        Self { devices: self.devices + 1, free, total }
    }

    /// The rest without this device, which must be one of them.
    pub fn without(self, slot: &Slot) -> Self {
        let less = |sum: u128, part: Kib| sum.saturating_sub(part.0.into());
        let devices = self.devices.saturating_sub(1);
        Self { devices, free: less(self.free, slot.free), total: less(self.total, slot.total) }
    }
}

/// `free / total` as a 32-bit fixed-point number, 2^32 for a device that is all free.
pub(crate) fn emptiness(free: Kib, total: Kib) -> u64 {
    match (free.0, total.0) {
        (_, 0) => 0,
        // Below 4 TiB the shorter division is enough.
        (free, total) if free >> 32 == 0 => (free << 32) / total,
        (free, total) => ((u128::from(free) << 32) / u128::from(total)) as u64,
    }
}

/// The class of an amount of free space: 0 for none, `k` from 2^(k-1) to below 2^k KiB. Small devices stand in
/// classes of their own, so that they hide no larger ones from a large brick, however empty they are.
pub(crate) fn free_class(free: Kib) -> u8 {
    (u64::BITS - free.0.leading_zeros()) as u8
}

/// The devices that can take bricks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Order {
    /// The classes of the devices of each zone, ascending by free space and use. No zone and no class is empty.
    zones: OrdMap<(ClusterId, i64), Arc<Vec<DeviceClass>>>,
    /// Space of the devices of each cluster, added up.
    space: OrdMap<ClusterId, ClusterSpace>,
}

impl Order {
    /// The zones of a cluster, ascending, with the classes of their devices.
    pub fn zones(&self, cluster: ClusterId) -> impl Iterator<Item = (i64, &[DeviceClass])> {
        let zones = self.zones.range((cluster, i64::MIN)..=(cluster, i64::MAX));
        zones.map(|((_, zone), classes)| (*zone, classes.as_slice()))
    }

    /// The classes of the devices of one zone.
    pub fn zone(&self, cluster: ClusterId, zone: i64) -> &[DeviceClass] {
        self.zones.get(&(cluster, zone)).map_or(&[], |classes| classes.as_slice())
    }

    /// Space of the devices of a cluster, added up.
    pub fn space(&self, cluster: ClusterId) -> ClusterSpace {
        self.space.get(&cluster).copied().unwrap_or_default()
    }

    /// A device that had one place gets another.
    pub fn change(&mut self, old: Option<Place>, new: Option<Place>) {
        match (old, new) {
            // Nearly always it stays in its zone.
            (Some(old), Some(new)) if old.zone() == new.zone() => {
                self.change_zone(old.zone(), |classes| {
                    leave_class(classes, &old);
                    join_class(classes, &new);
                });
                self.change_space(old.cluster, |space| space.without(&old.slot).with(&new.slot));
            }
            (old, new) => {
                old.into_iter().for_each(|old| {
                    self.change_zone(old.zone(), |classes| leave_class(classes, &old));
                    self.change_space(old.cluster, |space| space.without(&old.slot));
                });
                new.into_iter().for_each(|new| {
                    self.change_zone(new.zone(), |classes| join_class(classes, &new));
                    self.change_space(new.cluster, |space| space.with(&new.slot));
                });
            }
        }
    }

    fn change_zone(&mut self, zone: (ClusterId, i64), change: impl FnOnce(&mut Vec<DeviceClass>)) {
        let Some(classes) = self.zones.get_mut(&zone).map(Arc::make_mut) else {
            let mut classes = Vec::new();
            change(&mut classes);
            self.zones.insert(zone, Arc::new(classes));
            return;
        };
        change(classes);
        if classes.is_empty() {
            self.zones.remove(&zone);
        }
    }

    fn change_space(&mut self, cluster: ClusterId, change: impl FnOnce(ClusterSpace) -> ClusterSpace) {
        let space = change(self.space(cluster));
        if space.devices > 0 {
            self.space.insert(cluster, space);
        } else {
            self.space.remove(&cluster);
        }
    }
}

fn join_class(classes: &mut Vec<DeviceClass>, place: &Place) {
    let Slot { free, arbiter, .. } = place.slot;
    let new = || DeviceClass { free: free_class(free), arbiter, standings: OrdMap::new() };
    let at = place.find_class(classes).unwrap_or_else(|at| {
        classes.insert(at, new());
        at
    });
    if let Some(class) = classes.get_mut(at) {
        class.standings.insert(place.standing, place.slot);
    }
}

fn leave_class(classes: &mut Vec<DeviceClass>, place: &Place) {
    let Ok(at) = place.find_class(classes) else { return };
    let Some(class) = classes.get_mut(at) else { return };
    class.standings.remove(&place.standing);
    if class.standings.is_empty() {
        classes.remove(at);
    }
}
