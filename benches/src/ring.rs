//! Placement as heketi v10 did it, from the description of its behaviour (core section 2.4, 3.3 to 3.5): the
//! baseline of the benches.
//!
//! For every brick set and every size tried, v10 reads all devices of the cluster from its database, deals
//! them out to a ring, turns the ring by a random id, and walks over it once. This one works on devices in
//! memory instead, so it is much faster than v10 was: what the benches show is a lower bound. Arbiter volumes
//! are left out.

use std::collections::{BTreeMap, HashMap};

use heketi_core::id::{BrickId, ClusterId, DeviceId, IdSource, NodeId};
use heketi_core::inventory::Inventory;
use heketi_core::model::{Durability, EntryState, Tags, ZoneChecking, effective_tags};
use heketi_core::placement::sizing::{BrickSpace, Split, SplitEnd};
use heketi_core::placement::{Choice, Policy, Wanted};
use heketi_core::units::Kib;

/// A device that may get bricks.
#[derive(Clone, Debug)]
pub struct RingDevice {
    /// Its id.
    pub id: DeviceId,
    /// Its node.
    pub node: NodeId,
    /// Its node's zone.
    pub zone: i64,
    /// Free space.
    pub free: Kib,
    /// Extent size of its volume group.
    pub extent: Kib,
    /// Its tags, and those of its node that it does not overlay.
    pub tags: Tags,
}

/// All devices of a cluster that are online on online nodes, by id.
pub fn devices(inventory: &Inventory, cluster: ClusterId) -> Vec<RingDevice> {
    let online = |device: &RingDevice| {
        let states = (inventory.node(device.node), inventory.device(device.id));
        matches!(states, (Some(node), Some(device))
            if node.cluster == cluster && (node.state, device.state) == (EntryState::Online, EntryState::Online))
    };
    let device = |device: &std::sync::Arc<heketi_core::model::Device>| {
        let node = inventory.node(device.node)?;
        Some(RingDevice {
            id: device.id,
            node: node.id,
            zone: node.zone,
            free: inventory.free(device),
            extent: device.extent,
            tags: effective_tags(&node.tags, &device.tags),
        })
    };
    inventory.devices().filter_map(device).filter(online).collect()
}

/// The ring before it is turned: zone by zone and in each node by node, with one counter for both, the last
/// device of a node first. The order of zones and nodes is random, as v10's.
pub fn balanced(devices: &[RingDevice]) -> Vec<&RingDevice> {
    let mut grouped: HashMap<i64, HashMap<NodeId, Vec<&RingDevice>>> = HashMap::new();
    for device in devices {
        grouped.entry(device.zone).or_default().entry(device.node).or_default().push(device);
    }
    let mut zones: Vec<Vec<Vec<&RingDevice>>> =
        grouped.into_values().map(|nodes| nodes.into_values().collect()).collect();
    let mut list = Vec::with_capacity(devices.len());
    let mut counter = 0;
    while !zones.is_empty() {
        let zone = counter % zones.len();
        let nodes = &mut zones[zone];
        let node = counter % nodes.len();
        list.extend(nodes[node].pop());
        if nodes[node].is_empty() {
            nodes.remove(node);
        }
        if nodes.is_empty() {
            zones.remove(zone);
        }
        counter += 1;
    }
    list
}

/// Where the ring begins for a brick set with this id: its first seven hexadecimal digits, modulo the length.
pub fn rotation(id: BrickId, length: usize) -> usize {
    let [a, b, c, d, ..] = *id.bytes();
    (u32::from_be_bytes([a, b, c, d]) >> 4) as usize % length.max(1)
}

/// The sizes v10 tries: 1, 2, 4, 8, … sets until bricks become too small; too large ones are passed over.
pub fn doublings(size: Kib, durability: Durability, policy: &Policy) -> impl Iterator<Item = Split> {
    let (smallest, largest) = (policy.brick_min, policy.brick_max);
    let data = u64::from(durability.data_bricks().max(1));
    (0..u32::BITS)
        .map(|power| 1 << power)
        .map(move |sets: u32| Split { sets, brick: Kib(size.0 / u64::from(sets) / data) })
        .take_while(move |split| split.brick >= smallest)
        .filter(move |split| split.brick <= largest)
}

/// Places all brick sets of a request.
///
/// # Errors
/// [`SplitEnd`], v10's reason for "No space".
pub fn place(
    devices: &[RingDevice],
    wanted: &Wanted<'_>,
    policy: &Policy,
    ids: &mut dyn IdSource,
) -> Result<Choice, SplitEnd> {
    let set_size = wanted.durability.set_size();
    for Split { sets, brick } in doublings(wanted.size, wanted.durability, policy) {
        if sets.saturating_mul(set_size).saturating_add(wanted.existing_bricks) > policy.max_bricks {
            return Err(SplitEnd::TooManyBricks);
        }
        let mut promised = BTreeMap::new();
        let placed: Option<Vec<_>> =
            (0..sets).map(|_| place_set(devices, wanted, brick, &mut promised, BrickId::new(ids))).collect();
        if let Some(sets) = placed {
            return Ok(Choice { brick, sets });
        }
    }
    Err(SplitEnd::BrickTooSmall)
}

/// Places one brick set with bricks of size `brick`; `promised` is space that earlier sets of the same volume
/// took.
pub fn place_set(
    devices: &[RingDevice],
    wanted: &Wanted<'_>,
    brick: Kib,
    promised: &mut BTreeMap<DeviceId, Kib>,
    id: BrickId,
) -> Option<Vec<DeviceId>> {
    let list = balanced(devices);
    let start = rotation(id, list.len());
    let size = wanted.durability.set_size() as usize;
    let mut set: Vec<&RingDevice> = Vec::with_capacity(size);
    let (turned, before) = (list.iter().skip(start), list.iter().take(start));
    for device in turned.chain(before) {
        if set.len() == size {
            break;
        }
        let same_node = set.iter().any(|other| other.node == device.node);
        let same_zone = wanted.zones == ZoneChecking::Strict && set.iter().any(|other| other.zone == device.zone);
        let tags_match = wanted.tag_rule.is_none_or(|rule| rule.matches(&device.tags));
        if same_node || same_zone || !tags_match {
            continue;
        }
        let needed = BrickSpace::new(brick, wanted.factor, device.extent).total();
        let taken = promised.get(&device.id).copied().unwrap_or(Kib::ZERO);
        if device.free.saturating_sub(taken) > needed {
            set.push(device);
        }
    }
    if set.len() < size {
        return None;
    }
    for device in &set {
        *promised.entry(device.id).or_default() += BrickSpace::new(brick, wanted.factor, device.extent).total();
    }
    Some(set.iter().map(|device| device.id).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use heketi_core::id::SeededIds;
    use heketi_core::model::TagRule;
    use heketi_core::units::Gib;

    use super::*;

    const REPLICA_3: Durability = Durability::Replicate { replica: 3 };

    /// `(zone, node, free GiB)` each.
    fn ring(shape: &[(i64, u8, u64)]) -> Vec<RingDevice> {
        let device = |(number, (zone, node, gib)): (usize, &(i64, u8, u64))| RingDevice {
            id: DeviceId::from_bytes([number as u8; 16]),
            node: NodeId::from_bytes([*node; 16]),
            zone: *zone,
            free: Gib(*gib).kib(),
            extent: Kib(4096),
            tags: Tags::new(),
        };
        shape.iter().enumerate().map(device).collect()
    }

    fn wanted(size: Gib, zones: ZoneChecking) -> Wanted<'static> {
        Wanted {
            cluster: ClusterId::from_bytes([0; 16]),
            size: size.kib(),
            durability: REPLICA_3,
            factor: 1.0,
            existing_bricks: 0,
            zones,
            tag_rule: None,
            arbiter: None,
        }
    }

    #[test]
    fn the_first_seven_digits_turn_the_ring() {
        for (id, turned) in [("0000000", 0), ("0000001", 1), ("000000e", 6), ("fffffff", 7)] {
            let id = format!("{id}{}", "9".repeat(25)).parse().unwrap();
            assert_eq!(rotation(id, 8), turned, "{id}");
        }
    }

    #[test]
    fn sizes_are_those_of_v10() {
        let series = |size: Gib, durability| -> Vec<(u32, u64)> {
            doublings(size.kib(), durability, &Policy::default()).map(|split| (split.sets, split.brick.0)).collect()
        };
        let halved = [104857600, 52428800, 26214400, 13107200, 6553600, 3276800, 1638400];
        let expected: Vec<(u32, u64)> = [1, 2, 4, 8, 16, 32, 64].into_iter().zip(halved).collect();
        assert_eq!(series(Gib(100), Durability::None), expected);
        assert_eq!(series(Gib(100), REPLICA_3), expected);
        let disperse = Durability::Disperse { data: 8, redundancy: 3 };
        let halved = [Gib(25).kib().0, 13107200, 6553600, 3276800, 1638400];
        let expected: Vec<(u32, u64)> = [1, 2, 4, 8, 16].into_iter().zip(halved).collect();
        assert_eq!(series(Gib(200), disperse), expected);
        assert_eq!(series(Gib(100 * 1024), REPLICA_3).first(), Some(&(32, Gib(3200).kib().0)));
        assert_eq!(series(Gib(800 * 1024), disperse).first(), Some(&(32, Gib(3200).kib().0)));
    }

    #[test]
    fn zones_take_turns_and_nodes_give_their_last_device_first() {
        let devices = ring(&[(1, 1, 1), (1, 1, 1), (1, 2, 1), (2, 3, 1), (2, 3, 1), (2, 4, 1)]);
        for _ in 0..20 {
            let list = balanced(&devices);
            let ids: BTreeSet<_> = list.iter().map(|device| device.id).collect();
            assert_eq!(ids.len(), devices.len());
            assert_ne!(list[0].zone, list[1].zone);
            let of_node = |node: u8| {
                let bytes = [node; 16];
                list.iter().filter(move |device| *device.node.bytes() == bytes).map(|device| device.id.bytes()[0])
            };
            assert_eq!(of_node(1).collect::<Vec<_>>(), [1, 0]);
            assert_eq!(of_node(3).collect::<Vec<_>>(), [4, 3]);
        }
    }

    #[test]
    fn a_set_stays_off_a_node_it_has_and_off_zones_where_they_are_strict() {
        let mut ids = SeededIds::new(1);
        let two_nodes = ring(&[(1, 1, 100), (1, 1, 100), (2, 2, 100), (2, 2, 100)]);
        let end = Err(SplitEnd::TooManyBricks);
        assert_eq!(place(&two_nodes, &wanted(Gib(20), ZoneChecking::None), &Policy::default(), &mut ids), end);
        let two_zones = ring(&[(1, 1, 100), (1, 2, 100), (2, 3, 100)]);
        assert!(place(&two_zones, &wanted(Gib(20), ZoneChecking::None), &Policy::default(), &mut ids).is_ok());
        assert_eq!(place(&two_zones, &wanted(Gib(20), ZoneChecking::Strict), &Policy::default(), &mut ids), end);
    }

    #[test]
    fn free_space_must_be_greater_than_the_need() {
        let wanted = wanted(Gib(10), ZoneChecking::None);
        for (more, fits) in [(0, false), (1, true)] {
            let mut devices = ring(&[(1, 1, 0), (1, 2, 0), (1, 3, 0)]);
            devices.iter_mut().for_each(|device| device.free = Kib(10539008 + more));
            let set = place_set(&devices, &wanted, Gib(10).kib(), &mut BTreeMap::new(), BrickId::from_bytes([7; 16]));
            assert_eq!(set.is_some(), fits);
        }
    }

    #[test]
    fn sets_of_a_volume_share_devices_until_they_are_full() {
        let devices = ring(&[(1, 1, 25), (1, 2, 25), (1, 3, 25)]);
        let (wanted, mut promised) = (wanted(Gib(10), ZoneChecking::None), BTreeMap::new());
        let mut set = || place_set(&devices, &wanted, Gib(10).kib(), &mut promised, BrickId::from_bytes([7; 16]));
        assert!(set().is_some() && set().is_some());
        assert_eq!(set(), None);
    }

    #[test]
    fn tags_rule_devices_out() {
        let mut devices = ring(&[(1, 1, 100), (1, 2, 100), (1, 3, 100), (1, 4, 100)]);
        devices[1].tags.insert("drive".into(), "hdd".into());
        let rule = TagRule::parse("drive!=hdd").unwrap();
        let wanted = Wanted { tag_rule: Some(&rule), ..wanted(Gib(10), ZoneChecking::None) };
        for seed in 0..20 {
            let choice = place(&devices, &wanted, &Policy::default(), &mut SeededIds::new(seed)).unwrap();
            assert!(!choice.sets[0].contains(&devices[1].id));
        }
    }
}
