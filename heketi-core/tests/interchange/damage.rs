//! What heketi v10 leaves broken is named, and repaired.

use heketi_core::interchange::{ConvertError, Damage, DamageKind, V10Database};

use super::{SAMPLES, upgraded};

/// The sample of v10 without its crashed clone, which is sound.
fn sound() -> V10Database {
    let mut database = upgraded(SAMPLES[0].1);
    let operation = database.operations.pop_first().unwrap().1;
    let bricks: Vec<String> = operation.actions.iter().filter(|it| it.change == 1).map(|it| it.id.clone()).collect();
    for id in &bricks {
        database.bricks.remove(id);
    }
    database.devices.values_mut().for_each(|it| it.bricks.retain(|id| !bricks.contains(id)));
    let clone = operation.actions[1].id.clone();
    database.clusters.values_mut().for_each(|it| it.info.volumes.retain(|id| *id != clone));
    database.volumes.values_mut().for_each(|it| it.pending.id.clear());
    assert_eq!(database.check(), []);
    database
}

/// Repairs until nothing with a repair is left.
fn repaired(database: &V10Database) -> V10Database {
    let mut database = database.clone();
    for _ in 0..10 {
        let found = database.check();
        let can = found.iter().filter(|damage| damage.repair.is_some()).count();
        let count = database.repair(&found);
        assert_eq!(count, can, "{found:#?}");
        if count == 0 {
            return database;
        }
    }
    panic!("repairing does not come to an end: {:#?}", database.check());
}

/// Does the damage, and expects to find this text first, and nothing after the repair.
fn finds(damage: impl FnOnce(&mut V10Database), kind: DamageKind, text: &str, blocks: bool) -> V10Database {
    let mut database = sound();
    damage(&mut database);
    let found = database.check();
    let first: Option<&Damage> = found.iter().find(|damage| damage.text.contains(text));
    let first = first.unwrap_or_else(|| panic!("{text} is not among {found:#?}"));
    assert_eq!((first.kind, first.blocks_conversion), (kind, blocks), "{first}");
    assert!(first.repair.is_some(), "{first}");
    match database.to_inventory() {
        Ok(_) => assert!(!blocks, "{first}"),
        Err(error) => assert!(blocks && matches!(error, ConvertError::Damaged(_)), "{error}"),
    }
    let repaired = repaired(&database);
    assert_eq!(repaired.check(), [], "{text}");
    repaired.to_inventory().unwrap();
    repaired
}

fn first<T>(records: &std::collections::BTreeMap<String, T>) -> String {
    records.keys().next().unwrap().clone()
}

/// A brick of a volume with several.
fn a_brick(database: &V10Database) -> String {
    database.volumes.values().find(|it| it.bricks.len() > 2).unwrap().bricks[0].clone()
}

const NOBODY: &str = "00000000000000000000000000000000";

#[test]
fn lists_that_name_nobody_are_mended() {
    let damage = |database: &mut V10Database| {
        database.clusters.values_mut().next().unwrap().info.volumes.push(NOBODY.into());
    };
    assert_eq!(finds(damage, DamageKind::Link, &format!("unknown volume {NOBODY}"), false), sound());
    let damage = |database: &mut V10Database| {
        database.devices.values_mut().next().unwrap().bricks.push(NOBODY.into());
    };
    assert_eq!(finds(damage, DamageKind::Link, &format!("unknown brick {NOBODY}"), false), sound());
}

/// F1: concurrent expands lose links of bricks; F2: those of devices.
#[test]
fn links_that_were_lost_come_back() {
    let damage = |database: &mut V10Database| {
        let brick = a_brick(database);
        database.volumes.values_mut().for_each(|it| it.bricks.retain(|id| *id != brick));
    };
    assert_eq!(finds(damage, DamageKind::Link, "no link back to brick from volume", false), sound());
    let damage = |database: &mut V10Database| {
        let brick = a_brick(database);
        database.devices.values_mut().for_each(|it| it.bricks.retain(|id| *id != brick));
    };
    assert_eq!(finds(damage, DamageKind::Link, "no link back to brick from device", false), sound());
    let damage = |database: &mut V10Database| {
        let brick = a_brick(database);
        database.bricks.get_mut(&brick).unwrap().info.volume = NOBODY.into();
    };
    assert_eq!(finds(damage, DamageKind::Dangling, &format!("unknown volume {NOBODY}"), true), sound());
    let damage = |database: &mut V10Database| {
        let brick = a_brick(database);
        database.bricks.get_mut(&brick).unwrap().info.node = NOBODY.into();
    };
    assert_eq!(finds(damage, DamageKind::Dangling, &format!("unknown node {NOBODY}"), true), sound());
}

#[test]
fn a_device_that_no_list_names_is_found_by_the_path_of_its_brick() {
    let damage = |database: &mut V10Database| {
        let brick = a_brick(database);
        database.devices.values_mut().for_each(|it| it.bricks.retain(|id| *id != brick));
        database.bricks.get_mut(&brick).unwrap().info.device = NOBODY.into();
    };
    assert_eq!(finds(damage, DamageKind::Dangling, &format!("unknown device {NOBODY}"), true), sound());
}

/// The space of a brick whose volume is gone is not given away: only its node knows what is there.
#[test]
fn a_brick_of_no_volume_goes_and_its_space_stays_in_use() {
    let mut database = sound();
    let (id, volume) = database.volumes.iter().find(|(_, it)| it.bricks.len() == 1).unwrap();
    let (id, gone) = (id.clone(), volume.bricks[0].clone());
    database.volumes.remove(&id);
    database.clusters.values_mut().for_each(|it| it.info.volumes.retain(|it| *it != id));
    let device = database.bricks[&gone].info.device.clone();
    let used = database.devices[&device].info.storage.used;
    assert!(database.to_inventory().is_err());
    let repaired = repaired(&database);
    assert!(!repaired.bricks.contains_key(&gone));
    assert_eq!(repaired.devices[&device].info.storage.used, used);
    let text = repaired.check().iter().map(ToString::to_string).collect::<String>();
    assert!(text.contains("device resync"), "{text}");
    let converted = repaired.to_inventory().unwrap().inventory;
    assert_eq!(converted.device(device.parse().unwrap()).unwrap().foreign.0, used);
}

#[test]
fn sizes_of_devices_are_mended_where_that_is_safe() {
    let damage = |database: &mut V10Database| {
        let device = database.devices.values_mut().find(|it| !it.bricks.is_empty()).unwrap();
        device.info.storage.free += 4096;
    };
    assert_eq!(finds(damage, DamageKind::Sizes, "!= Free(", false), sound());
    let damage = |database: &mut V10Database| {
        let device = database.devices.values_mut().find(|it| !it.bricks.is_empty()).unwrap();
        (device.info.storage.free, device.info.storage.used) = (device.info.storage.total, 0);
    };
    assert_eq!(finds(damage, DamageKind::Sizes, "!= aggregateBricksSize(", false), sound());
}

/// Its bricks are there, so its size is wrong. It takes no more of them until it is measured.
#[test]
fn a_device_that_is_smaller_than_its_bricks_is_full() {
    let with_bricks = |it: &V10Database| it.devices.iter().find(|(_, it)| !it.bricks.is_empty()).unwrap().0.clone();
    let damage = |database: &mut V10Database| {
        let id = with_bricks(database);
        database.devices.get_mut(&id).unwrap().info.storage.total = 1;
    };
    let repaired = finds(damage, DamageKind::Sizes, "< aggregateBricksSize(", true);
    let (id, sound) = (with_bricks(&repaired), sound());
    let used = sound.devices[&id].info.storage.used;
    let size = &repaired.devices[&id].info.storage;
    assert_eq!((size.total, size.free, size.used), (used, 0, used));
    assert_eq!(repaired.bricks, sound.bricks, "no brick is lost");
    // What no disk holds is an error in a brick's record.
    let mut database = sound;
    let brick = a_brick(&database);
    database.bricks.get_mut(&brick).unwrap().tp_size = u64::MAX;
    let found = self::repaired(&database).check();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].repair.is_none() && found[0].blocks_conversion && found[0].text.contains("JSON form"));
}

/// F7 and F8: the difference of expansions is lost on the hosting volume.
#[test]
fn a_hosting_volume_whose_sizes_do_not_add_up_is_mended_and_locked() {
    let damage = |database: &mut V10Database| {
        let volume = database.volumes.values_mut().find(|it| it.info.block).unwrap();
        volume.info.blockinfo.freesize += 5;
    };
    let repaired = finds(damage, DamageKind::Sizes, "blocksize differs", true);
    let (sound, hosting) = (sound(), |it: &V10Database| it.volumes.values().find(|it| it.info.block).unwrap().clone());
    assert_eq!(hosting(&repaired).info.blockinfo.freesize, hosting(&sound).info.blockinfo.freesize);
    assert_eq!(hosting(&repaired).info.blockinfo.restriction, "locked-by-update");
    let damage = |database: &mut V10Database| {
        database.volumes.values_mut().find(|it| it.info.block).unwrap().info.block = false;
    };
    finds(damage, DamageKind::Link, "has blockvolumes but not block flag", true);
}

/// F19: names stay behind, or are never registered.
#[test]
fn registrations_are_set_right() {
    let damage = |database: &mut V10Database| {
        let name = first(&database.registrations);
        database.registrations.remove(&name);
    };
    assert_eq!(finds(damage, DamageKind::Name, "not registered", false), sound());
    let damage = |database: &mut V10Database| {
        database.registrations.insert("MANAGEelsewhere.example".into(), NOBODY.into());
    };
    assert_eq!(finds(damage, DamageKind::Name, "no node has that name", false), sound());
    let damage = |database: &mut V10Database| {
        let name = first(&database.registrations);
        database.registrations.insert(name, NOBODY.into());
    };
    assert_eq!(finds(damage, DamageKind::Name, "which is not known", false), sound());
}

/// F19: two nodes that were added at the same moment have the same name. One without devices goes.
#[test]
fn a_node_with_the_name_of_another_goes_if_it_has_no_devices() {
    let damage = |database: &mut V10Database| {
        let mut twin = database.nodes.values().next().unwrap().clone();
        (twin.info.id, twin.devices) = (NOBODY.into(), Vec::new());
        let cluster = database.clusters.get_mut(&twin.info.cluster).unwrap();
        cluster.info.nodes.insert(0, NOBODY.into());
        database.nodes.insert(NOBODY.into(), twin);
    };
    assert_eq!(finds(damage, DamageKind::Name, "belongs to node", true), sound());
}

/// F19: two records of one host, both with devices, become one that has them all.
#[test]
fn two_records_of_one_host_become_one() {
    let sound = sound();
    let original = sound.nodes.iter().find(|(_, it)| it.devices.len() > 1).unwrap().0.clone();
    let moved = sound.nodes[&original].devices[0].clone();
    let split = |database: &mut V10Database| {
        let node = database.nodes.get_mut(&original).unwrap();
        node.devices.retain(|id| *id != moved);
        let mut twin = node.clone();
        (twin.info.id, twin.devices) = (NOBODY.into(), vec![moved.clone()]);
        let cluster = database.clusters.get_mut(&twin.info.cluster).unwrap();
        cluster.info.nodes.insert(0, NOBODY.into());
        database.nodes.insert(NOBODY.into(), twin);
        database.devices.get_mut(&moved).unwrap().node_id = NOBODY.into();
        let bricks = database.bricks.values_mut().filter(|it| it.info.device == moved);
        bricks.for_each(|it| it.info.node = NOBODY.into());
    };
    assert_eq!(finds(split, DamageKind::Name, "belongs to node", true), sound);
    let by_hand = |change: &dyn Fn(&mut V10Database), why: &str| {
        let mut database = sound.clone();
        split(&mut database);
        change(&mut database);
        let found = repaired(&database).check();
        let first = found.iter().find(|it| it.text.contains("both have devices, and")).unwrap();
        assert!(first.repair.is_none() && first.text.contains(why), "{first}");
    };
    let name = |it: &V10Database| {
        let other = it.devices.values().find(|it| it.node_id == original).unwrap();
        other.info.name.clone()
    };
    by_hand(
        &|it| {
            let name = name(it);
            it.devices.get_mut(&moved).unwrap().info.name = name;
        },
        "both have a device",
    );
    by_hand(
        &|it| it.nodes.get_mut(NOBODY).unwrap().info.hostnames.manage = vec!["another".into()],
        "other names differ",
    );
}

/// Only gluster can tell which of two volumes of one name is the one it has; one without bricks is not.
#[test]
fn of_two_volumes_of_one_name_one_without_bricks_goes() {
    let sound = sound();
    let twin = |database: &mut V10Database, bricks: bool| {
        let mut names = database.volumes.values_mut().filter(|it| !it.info.block);
        let (first, second) = (names.next().unwrap(), names.next().unwrap());
        assert_eq!(first.info.cluster, second.info.cluster);
        if bricks {
            second.info.name.clone_from(&first.info.name);
            return;
        }
        let mut empty = first.clone();
        (empty.info.id, empty.bricks) = (NOBODY.into(), Vec::new());
        database.clusters.get_mut(&empty.info.cluster).unwrap().info.volumes.insert(0, NOBODY.into());
        database.volumes.insert(NOBODY.into(), empty);
    };
    assert_eq!(finds(|it| twin(it, false), DamageKind::Name, "are both called", true), sound);
    let mut database = sound.clone();
    twin(&mut database, true);
    let found = repaired(&database).check();
    let [one] = &found[..] else { panic!("{found:#?}") };
    assert!(one.repair.is_none() && one.blocks_conversion, "{one}");
    let named = one.text.matches("/var/lib/heketi/mounts/").count();
    assert!(one.text.contains("gluster volume info") && named == 2, "{one}");
}

#[test]
fn marks_and_operations_of_nobody_go() {
    let damage = |database: &mut V10Database| {
        database.volumes.values_mut().next().unwrap().pending.id = NOBODY.into();
    };
    assert_eq!(finds(damage, DamageKind::Mark, &format!("marked pending but no pending op {NOBODY}"), false), sound());
    let operation = |kind: i64, change: i64| {
        let action = format!(r#"{{"Change": {change}, "Id": "{}"}}"#, "1".repeat(32));
        let json = format!(r#"{{"Id": "{NOBODY}", "Type": {kind}, "Actions": [{action}]}}"#);
        move |database: &mut V10Database| {
            database.operations.insert(NOBODY.into(), serde_json::from_str(&json).unwrap());
        }
    };
    let all = [(0, 1, "has type 0"), (1, 2, "not found in"), (1, 12, "does not tell what"), (2, 99, "change type 99")];
    for (kind, change, text) in all {
        assert_eq!(finds(operation(kind, change), DamageKind::Operation, text, true), sound());
    }
}

/// F10: a negative replica count makes a volume that v10 cannot delete.
#[test]
fn a_volume_that_cannot_exist_goes() {
    let damage = |database: &mut V10Database| {
        let mut volume = database.volumes.values().find(|it| !it.info.block).unwrap().clone();
        (volume.info.id, volume.bricks, volume.info.name) = (NOBODY.into(), Vec::new(), "ghost".into());
        volume.info.durability.kind = "replicate".into();
        volume.info.durability.replicate.replica = -1;
        let cluster = database.clusters.get_mut(&volume.info.cluster).unwrap();
        cluster.info.volumes.insert(0, NOBODY.into());
        database.volumes.insert(NOBODY.into(), volume);
    };
    assert_eq!(finds(damage, DamageKind::Sizes, "cannot exist like this", true), sound());
}

/// Core section 8.5.
#[test]
fn a_brick_that_was_never_made_goes_with_its_space() {
    let damage = |database: &mut V10Database| {
        let brick = a_brick(database);
        database.bricks.get_mut(&brick).unwrap().info.path.clear();
    };
    let repaired = finds(damage, DamageKind::Sizes, "empty path", false);
    assert_eq!(repaired.bricks.len() + 1, sound().bricks.len());
    let used = |it: &V10Database| it.devices.values().map(|it| it.info.storage.used).sum::<u64>();
    assert!(used(&repaired) < used(&sound()));
}

#[test]
fn a_finding_that_does_not_hold_any_more_is_skipped() {
    let mut database = sound();
    database.clusters.values_mut().next().unwrap().info.volumes.push(NOBODY.into());
    let found = database.check();
    assert_eq!(sound().repair(&found), 0);
    assert_eq!(database.repair(&found), 1);
    assert_eq!(database.repair(&found), 0);
}
