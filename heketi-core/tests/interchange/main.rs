//! heketi v10's database, in and out, on the sample files in `tests/data`.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/v10_file.rs"]
mod v10_file;

mod damage;
mod files;
mod operations;

use std::collections::BTreeSet;

use heketi_core::id::SeededIds;
use heketi_core::interchange::{V10Database, is_bolt};
use heketi_core::inventory::{Inventory, Record};
use heketi_core::model::Brick;
use serde_json::Value;

const SAMPLES: [(&str, &[u8], &str); 3] = [
    (
        "v10 with a crashed clone",
        include_bytes!("../data/heketi-v10-crashed-clone.db"),
        include_str!("../data/heketi-v10-crashed-clone.json"),
    ),
    ("v6", include_bytes!("../data/heketi-v6x.db"), include_str!("../data/heketi-v6x.json")),
    ("v4", include_bytes!("../data/heketi-v40.db"), include_str!("../data/heketi-v40.json")),
];

#[test]
fn a_file_is_exported_byte_for_byte_as_v10_does() {
    for (name, file, json) in SAMPLES {
        assert!(is_bolt(file) && !is_bolt(json.as_bytes()), "{name}");
        let exported = V10Database::from_bolt(file).unwrap().to_json();
        for (line, (ours, theirs)) in exported.lines().zip(json.lines()).enumerate() {
            assert_eq!(ours, theirs, "{name}, line {}", line + 1);
        }
        assert_eq!(exported.trim_end(), json.trim_end(), "{name}");
    }
}

#[test]
fn the_json_form_is_imported_and_exported_unchanged() {
    for (name, file, json) in SAMPLES {
        let read = V10Database::from_json(json.as_bytes()).unwrap();
        assert_eq!(read.to_json().trim_end(), json.trim_end(), "{name}");
        let stored = V10Database::from_bolt(file).unwrap();
        assert_eq!(V10Database { registrations: stored.registrations.clone(), ..read }, stored, "{name}");
    }
}

fn upgraded(file: &[u8]) -> V10Database {
    let mut database = V10Database::from_bolt(file).unwrap();
    database.upgrade(&mut SeededIds::new(1));
    assert_eq!(database.upgrade(&mut SeededIds::new(2)), [], "a second upgrade changes nothing");
    database
}

#[test]
fn a_converted_database_goes_back_as_it_came() {
    for (name, file, _) in SAMPLES {
        let mut database = upgraded(file);
        let converted = database.to_inventory().unwrap();
        let mut back = V10Database::from_inventory(&converted.inventory, &mut SeededIds::new(3), false).unwrap();
        // The status of a pending operation is stale once a server has started.
        back.operations.values_mut().for_each(|it| it.status = database.operations[&it.id].status.clone());
        for (line, (ours, theirs)) in back.to_json().lines().zip(database.to_json().lines()).enumerate() {
            assert_eq!(ours, theirs, "{name}, line {}", line + 1);
        }
        // Old versions registered paths of devices too, which v10 only skips.
        database.registrations.retain(|name, _| !name.starts_with("DEVICE"));
        assert_eq!(back, database, "{name}");
    }
}

/// What is kept for the way back alone is what v10 records of requests and old versions do not record. Without it v10
/// gets records of its own kind, which differ in nothing else.
#[test]
fn only_these_fields_need_what_v10_recorded() {
    let mut differing = BTreeSet::new();
    for (_, file, _) in SAMPLES {
        let database = upgraded(file);
        let converted = database.to_inventory().unwrap();
        let records = converted.inventory.records().filter(|record| !matches!(record, Record::Origin(_)));
        let inventory = Inventory::from_records(records).unwrap();
        let back = V10Database::from_inventory(&inventory, &mut SeededIds::new(3), false).unwrap();
        let value = |database: &V10Database| serde_json::to_value(database).unwrap();
        differences("", &value(&database), &value(&back), &mut differing);
    }
    let expected = [
        "blockvolumeentries/*/Info/usablesize",
        "brickentries/*/LvmThinPool",
        "brickentries/*/SubType",
        "dbattributeentries/*/Value",
        "pendingoperations/*/Status",
        "volumeentries/*/Info/clusters",
        "volumeentries/*/Info/durability/disperse/data",
        "volumeentries/*/Info/durability/disperse/redundancy",
        "volumeentries/*/Info/durability/replicate/replica",
        // v4: a node was added after the volumes were made.
        "volumeentries/*/Info/mount/glusterfs/device",
        "volumeentries/*/Info/mount/glusterfs/hosts",
        "volumeentries/*/Info/mount/glusterfs/options/backup-volfile-servers",
    ];
    assert_eq!(differing.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

/// Collects the paths of members that differ, with `*` for ids.
fn differences(path: &str, one: &Value, other: &Value, found: &mut BTreeSet<String>) {
    let (Value::Object(one), Value::Object(other)) = (one, other) else {
        if one != other {
            found.insert(path.to_owned());
        }
        return;
    };
    let null = Value::Null;
    for key in one.keys().chain(other.keys()) {
        let is_key_of_record = path.matches('/').count() == 0 && !path.is_empty();
        let step = if is_key_of_record { "*" } else { key };
        let path = if path.is_empty() { step.to_owned() } else { format!("{path}/{step}") };
        differences(&path, one.get(key).unwrap_or(&null), other.get(key).unwrap_or(&null), found);
    }
}

#[test]
fn a_state_of_our_own_has_every_field_v10_requires_and_comes_back() {
    let world = support::block_plans::with_block();
    let mut database = V10Database::from_inventory(&world.inventory, &mut SeededIds::new(4), false).unwrap();
    assert_eq!(database.check(), []);
    assert_eq!(database.upgrade(&mut SeededIds::new(5)), []);
    let read = V10Database::from_json(database.to_json().as_bytes()).unwrap();
    let back = read.to_inventory().unwrap().inventory;
    let of = |inventory: &Inventory| {
        let kept = |record: &Record| !matches!(record, Record::Origin(_) | Record::Job(_));
        let unplaced = |record| match record {
            // v10 does not record the order of bricks.
            Record::Brick(brick) => Record::Brick(Brick { position: None, ..brick }),
            other => other,
        };
        inventory.records().filter(kept).map(unplaced).collect::<Vec<_>>()
    };
    assert_eq!(of(&back), of(&world.inventory));
}

#[test]
fn an_operation_v10_does_not_know_stops_the_export_unless_forced() {
    let mut world = support::plans::with_failed_device();
    let planned = support::plans::delete_device(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let refused = V10Database::from_inventory(&world.inventory, &mut SeededIds::new(1), false).unwrap_err();
    assert!(refused.to_string().contains(&planned.operation.to_string()), "{refused}");
    let forced = V10Database::from_inventory(&world.inventory, &mut SeededIds::new(1), true).unwrap();
    assert!(forced.operations.is_empty() && !forced.devices.is_empty());
}

#[test]
fn json_is_refused_where_it_says_nothing_certain() {
    let refused = |json: &str| V10Database::from_json(json.as_bytes()).unwrap_err().to_string();
    assert!(refused("{").contains("not the JSON form"));
    assert!(refused("{}").contains("no member clusterentries"));
    assert!(refused(r#"{"clusters": []}"#).contains("unknown field `clusters`"));
    assert!(refused(r#"{"brickentries": {"a": {"Infos": {}}}}"#).contains("unknown field `Infos`"));
    let none = V10Database::from_json(br#"{"clusterentries": null, "volumeentries": {}}"#);
    assert!(none.is_ok_and(|read| read.clusters.is_empty()));
    assert!(refused(r#"{"volumeentries": {"a": {"Info": {"id": "b"}}}}"#).contains(r#"its id is "b""#));
    assert!(refused(r#"{"dbattributeentries": {"DB_NEW": {"Key": "DB_NEW"}}}"#).contains("newer heketi"));
    let half = r#"{"pendingoperations": {"a": {"Id": "a", "Actions": [{"Change": 5, "Delta": 1.5}]}}}"#;
    assert!(refused(half).contains("whole number"));
    let float = r#"{"pendingoperations": {"a": {"Id": "a", "Actions": [{"Change": 5, "Delta": 3.0}]}}}"#;
    assert_eq!(V10Database::from_json(float.as_bytes()).unwrap().operations["a"].actions[0].delta, Some(3));
}
