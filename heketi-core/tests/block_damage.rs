//! Damage of block volumes and their hosting volumes is reported: at the load if the state cannot exist, else by
//! the audit.

mod support;

use heketi_core::Gib;
use heketi_core::audit;
use heketi_core::id::{ClusterId, VolumeId};
use heketi_core::inventory::{Inventory, JobResult, Key, Record};
use heketi_core::model::{BlockHosting, BlockRestriction, BlockVolume, Volume};
use support::block_plans::*;
use support::drive::World;
use support::plans::only_volume;
use support::torture::Plan;

fn findings(records: Vec<Record>) -> String {
    match Inventory::from_records(records) {
        Ok(inventory) => audit::check(&inventory).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        Err(error) => error.to_string(),
    }
}

/// One damaged field or one lost record is reported, and the report names the object.
#[test]
fn damaged_block_volumes_are_named() {
    let mut world = with_block();
    let planned = create_block(&mut world, &block(2));
    assert!(!matches!(world.run(&planned), JobResult::Failed(_)));
    let sound: Vec<Record> = world.inventory.records().collect();
    assert_eq!(findings(sound.clone()), "");
    let (volume, id) = (only_volume(&world), only_block(&world));
    let damaged = |damage: &dyn Fn(&mut Record)| {
        let mut records = sound.clone();
        records.iter_mut().for_each(damage);
        findings(records)
    };
    let block = |change: &dyn Fn(&mut BlockVolume)| {
        damaged(&|record| match record {
            Record::BlockVolume(block) if block.id == id => change(block),
            _ => {}
        })
    };
    let other = world.inventory.block_volumes().nth(1).unwrap().name.clone();
    for (what, found) in [
        ("larger", block(&|block| block.size = Gib(3))),
        ("smaller", block(&|block| block.size = Gib(1))),
        ("of no volume", block(&|block| block.hosting = VolumeId::from_bytes([0xee; 16]))),
        ("of another cluster", block(&|block| block.cluster = ClusterId::from_bytes([0xee; 16]))),
        ("usable beyond its size", block(&|block| block.usable = Gib(3))),
        ("without a target", block(&|block| block.iqn.clear())),
        ("without hosts", block(&|block| block.hosts.clear())),
        ("with another count of hosts", block(&|block| block.ha_count = 7)),
        ("with the name of another", block(&|block| block.name = other.clone())),
    ] {
        assert!(found.contains(&id.to_string()) || found.contains(&volume.to_string()), "{what}: {found:?}");
    }
    let hosting = |change: &dyn Fn(&mut BlockHosting)| {
        damaged(&|record| {
            if let Record::Volume(Volume { hosting: Some(hosting), .. }) = record {
                change(hosting);
            }
        })
    };
    for (what, found) in [
        ("more free", hosting(&|hosting| hosting.free = Gib(6))),
        ("less free", hosting(&|hosting| hosting.free = Gib(0))),
        ("more reserved", hosting(&|hosting| hosting.reserved = Gib(u64::MAX))),
        // A lock by an upgrade may be loaded, and is told.
        (
            "locked by update",
            hosting(&|hosting| {
                (hosting.free, hosting.restriction) = (Gib(0), BlockRestriction::LockedByUpdate);
            }),
        ),
        (
            "not hosting",
            damaged(&|record| {
                if let Record::Volume(volume) = record {
                    volume.hosting = None;
                }
            }),
        ),
    ] {
        assert!(found.contains(&volume.to_string()), "{what}: {found:?}");
    }
    for lost in &sound {
        let key = lost.key();
        if matches!(key, Key::BlockVolume(_)) {
            let found = findings(sound.iter().filter(|record| record.key() != key).cloned().collect());
            assert!(found.contains(&volume.to_string()), "nobody misses {lost:?}");
        }
    }
}

/// Losing the operation that holds space for a growing block volume, or that creates one, is noticed.
#[test]
fn lost_block_operations_are_missed() {
    let plans: [(World, Plan); 2] =
        [(with_block(), |world| expand_block(world, 5)), (with_hosting(), |world| create_block(world, &block(2)))];
    for (mut world, plan) in plans {
        let planned = plan(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
        let records: Vec<Record> = world.inventory.records().collect();
        assert_eq!(findings(records.clone()), "");
        let left = records.into_iter().filter(|record| record.key() != Key::Operation(planned.operation));
        let left: Vec<Record> = left.filter(|record| !matches!(record, Record::Job(_))).collect();
        assert_ne!(findings(left), "");
    }
}
