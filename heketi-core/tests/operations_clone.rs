//! Clones: with one and two mishaps at every place, and what they share with the volumes they were made of.

mod support;

use std::collections::BTreeSet;

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::inventory::{ChangeSet, JobResult};
use heketi_core::model::{BlockHosting, Brick, Volume};
use heketi_core::operation::{Event, GlusterBrick, VolumeClone, VolumeDelete, VolumeExpand};
use heketi_core::operation::{choose_expansion, mark_stale};
use heketi_core::placement::{Effort, Facts, Policy};
use heketi_core::{Error, ErrorKind, Gib};
use support::NOW;
use support::clones::{bricks, cloned, with_clone, with_source};
use support::drive::{End, Mishaps, World};
use support::fake::{FakeVolume, Fault};
use support::plans::*;
use support::torture::*;

fn make(world: &mut World) -> heketi_core::operation::Planned {
    clone(world, "source", "copy")
}

fn refusal(world: &World, name: &str, policy: &Policy) -> Error {
    let (source, mut ids) = (volume_named(world, "source"), world.ids.clone());
    VolumeClone::plan(&world.inventory, source, Some(name.into()), policy, &mut ids, NOW).unwrap_err()
}

#[test]
fn volume_clone() {
    torture("volume clone", &with_source(), make, no_excuse);
}

#[test]
fn a_clone_has_the_places_pools_and_sizes_of_its_source_and_names_of_its_own() {
    let world = with_clone();
    let (source, clone) = (volume_named(&world, "source"), volume_named(&world, "copy"));
    let volume = |id| Volume::clone(world.inventory.volume(id).unwrap());
    assert_eq!(Volume { id: source, name: "source".into(), ..volume(clone) }, volume(source));
    let (origin, copies) = (bricks(&world, "source"), bricks(&world, "copy"));
    assert_eq!(copies.len(), 6);
    for (origin, copy) in origin.iter().zip(&copies) {
        assert_eq!(copy.thin_pool.as_deref(), Some(&*origin.thin_pool_name()));
        let same = Brick { thin_pool: None, logical_volume: None, path: None, ..copy.clone() };
        assert_eq!(Brick { id: origin.id, volume: origin.volume, ..same }, *origin);
    }
    let volumes: BTreeSet<_> = copies.iter().map(|copy| (copy.node, copy.logical_volume.clone().unwrap())).collect();
    assert_eq!(volumes.len(), 6, "two bricks on a node have logical volumes of their own: {volumes:?}");
    let mark = world.fake.options.iter().find(|((_, name), _)| name == "copy").map(|(_, options)| options.clone());
    assert_eq!(mark, Some(vec![("user.heketi.id".to_owned(), clone.to_string())]));
}

/// F5: a clone knows its durability, so it grows like any volume, and goes with all its bricks.
#[test]
fn a_clone_can_be_expanded_and_deleted() {
    let mut world = with_clone();
    let id = volume_named(&world, "copy");
    let (inventory, limits) = (&world.inventory, policy());
    let choice = choose_expansion(inventory, id, Gib(10), &limits, &Facts::default(), Effort::Exact, 0);
    let choice = choice.unwrap().unwrap();
    let planned = VolumeExpand::plan(inventory, id, Gib(10), &choice, &limits, &mut world.ids, NOW).unwrap().unwrap();
    assert_eq!(world.run(&planned), JobResult::Volume(id));
    assert_eq!(world.differences(), Vec::<String>::new());
    assert_eq!((world.inventory.volume(id).unwrap().size, bricks(&world, "copy").len()), (Gib(20), 12));
    cloned(&mut world, "copy", "copy2");
    for name in ["copy", "source", "copy2"] {
        let planned = delete_named(&mut world, name);
        assert_eq!(world.run(&planned), JobResult::Done);
        assert_eq!(world.differences(), Vec::<String>::new(), "after {name}");
    }
    assert_eq!(world.inventory.bricks().count(), 0);
}

/// Clients go on to see the source, and the clone only when it is made; nobody else works on either.
#[test]
fn the_source_is_visible_and_both_are_held() {
    let mut world = with_source();
    let planned = make(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let (source, clone) = (volume_named(&world, "source"), volume_named(&world, "copy"));
    for _ in 0..2 {
        assert!(!world.inventory.is_volume_hidden(source));
        assert!(world.inventory.is_volume_hidden(clone));
        let delete = VolumeDelete::plan(&world.inventory, source, &mut world.ids.clone(), NOW).unwrap_err();
        assert_eq!(delete, Error::conflict());
        assert_eq!(refusal(&world, "other", &policy()), Error::busy());
        world.restart();
    }
}

/// F17: a volume that clients do not see yet cannot be cloned, as if it were not there.
#[test]
fn a_pending_volume_is_not_found() {
    let mut world = with_source();
    let planned = make(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    for id in [volume_named(&world, "copy"), heketi_core::id::VolumeId::from_bytes([9; 16])] {
        let refused =
            VolumeClone::plan(&world.inventory, id, None, &policy(), &mut world.ids.clone(), NOW).unwrap_err();
        assert_eq!(refused, Error::not_found());
    }
}

#[test]
fn what_cannot_be_cloned_is_refused_in_known_words() {
    let mut world = with_clone();
    let taken = refusal(&world, "copy", &policy());
    assert_eq!((taken.kind(), taken.text()), (ErrorKind::CannotAllocate, "Volume name 'copy' already in use"));
    let full = refusal(&world, "more", &Policy { max_volumes: Some(2), ..policy() });
    assert_eq!(full.text(), "Cluster has 2 volumes and limit is 2");
    let source = Volume::clone(world.inventory.volume(volume_named(&world, "source")).unwrap());
    let mut changes = ChangeSet::default();
    let hosting = BlockHosting { free: source.size, ..BlockHosting::default() };
    changes.put_volume(Volume { hosting: Some(hosting), ..source });
    world.inventory.apply(&changes).unwrap();
    let hosting = refusal(&world, "more", &policy());
    assert_eq!(hosting.kind(), ErrorKind::CannotAllocate);
    assert_eq!(hosting.text(), "Cloning of block hosting volumes is not supported");
}

/// F4: a clone that was killed holds up nobody but its source, and is undone when it is taken up again.
#[test]
fn a_killed_clone_does_not_block_other_volumes() {
    let before = with_source();
    let (done, _) = run(&before, make, &Mishaps::default());
    for point in 0..done.points {
        let mut world = before.clone();
        world.mishaps.kills.insert(point);
        let planned = make(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
        let mut event = Event::Start;
        let end = loop {
            match world.stage(planned.operation, event) {
                Ok(outcomes) => event = Event::Outcomes(outcomes),
                Err(end) => break end,
            }
        };
        assert_eq!(end, End::Killed, "{point}");
        let other = create(&mut world, &request());
        assert!(matches!(world.run(&other), JobResult::Volume(_)), "{point}");
        let mut event = Event::Resume;
        while let Ok(outcomes) = world.stage(planned.operation, event) {
            event = Event::Outcomes(outcomes);
        }
        assert_eq!(world.differences(), Vec::<String>::new(), "{point}: {:#?}", world.log);
        assert_eq!(world.inventory.volumes().count(), 2, "{point}");
    }
}

/// F31: the end of an expansion clears only its own marks; a clone left over by an ended server keeps its own.
#[test]
fn an_expansion_leaves_the_marks_of_a_stale_clone() {
    let mut world = with_clone();
    let planned = clone(&mut world, "source", "other");
    world.inventory.apply(&planned.changes).unwrap();
    let stale = mark_stale(world.inventory.operation(planned.operation).unwrap());
    world.inventory.apply(&stale).unwrap();
    let grow = |world: &World, name| {
        choose_expansion(
            &world.inventory,
            volume_named(world, name),
            Gib(5),
            &policy(),
            &Facts::default(),
            Effort::Exact,
            0,
        )
    };
    assert_eq!(grow(&world, "source"), Err(Error::busy()));
    let choice = grow(&world, "copy").unwrap().unwrap();
    let (id, limits) = (volume_named(&world, "copy"), policy());
    let expand = VolumeExpand::plan(&world.inventory, id, Gib(5), &choice, &limits, &mut world.ids, NOW);
    let expand = expand.unwrap().unwrap();
    assert_eq!(world.run(&expand), JobResult::Volume(id));
    assert_eq!(grow(&world, "source"), Err(Error::busy()));
    assert!(world.inventory.is_volume_hidden(volume_named(&world, "other")));
}

/// Somebody's gluster volume has the name of the clone: nothing is done, and theirs is left alone. It may also
/// appear while the snapshot is taken.
#[test]
fn a_foreign_volume_of_the_clones_name_stays() {
    let theirs = || FakeVolume {
        started: true,
        bricks: vec![GlusterBrick { host: "s3".into(), path: "/run/gluster/snaps/x/brick1/brick".into() }],
    };
    let plan = |world: &mut World| clone(world, "source", "foreign");
    let before = with_source();
    let pool = before.fake.nodes["s0"].pool;
    let key = (pool, "foreign".to_owned());
    let mut first = before.clone();
    first.fake.volumes.insert(key.clone(), theirs());
    let (world, result) = run(&first, plan, &Mishaps::default());
    let JobResult::Failed(text) = result else { panic!("{result:?}") };
    assert!(text.starts_with("Volume name 'foreign' already in use"), "{text}");
    assert_eq!((world.fake.volumes, world.steps.len()), (first.fake.volumes.clone(), 1));

    let mut second = before.clone();
    let planned = plan(&mut second);
    second.inventory.apply(&planned.changes).unwrap();
    let mut event = Event::Start;
    while !second.log.last().is_some_and(|last| last.starts_with("create snapshot")) {
        event = Event::Outcomes(second.stage(planned.operation, event).unwrap());
    }
    second.fake.volumes.insert(key.clone(), theirs());
    while let Ok(outcomes) = second.stage(planned.operation, event) {
        event = Event::Outcomes(outcomes);
    }
    assert_eq!(second.fake.volumes[&key], theirs());
    assert_eq!(second.records(), before.records());
    assert_eq!(second.differences(), Vec::<String>::new());
}

/// A gluster volume with the clone's name that looks like one, but lies in other thin pools, has the id of
/// another volume or serves clients already, is not taken for the clone and not deleted.
#[test]
fn a_volume_in_other_pools_is_not_the_clone() {
    for by in ["pool", "id", "start"] {
        let mut before = with_source();
        let request = CheckedVolumeCreate { name: Some("another".into()), ..request() };
        let planned = create(&mut before, &request);
        before.run(&planned);
        let before = fresh(before);
        let plan = |world: &mut World| clone(world, "source", "foreign");
        let mut world = before.clone();
        let planned = plan(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
        let mut event = Event::Start;
        while !world.log.last().is_some_and(|last| last.starts_with("create snapshot")) {
            event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
        }
        // Somebody clones a volume by hand, to the very name.
        let pool = world.fake.nodes["s0"].pool;
        let of = if by == "pool" { "another" } else { "source" };
        let bricks = world.bricks_of(volume_named(&world, of));
        let mark = ("user.heketi.id".to_owned(), "somebodys".to_owned());
        world.fake.clone_by_hand(pool, &bricks, "foreign");
        if by == "id" {
            world.fake.options.insert((pool, "foreign".into()), vec![mark]);
        }
        world.fake.volumes.get_mut(&(pool, "foreign".into())).unwrap().started = by == "start";
        let theirs = world.fake.volumes[&(pool, "foreign".into())].clone();
        while let Ok(outcomes) = world.stage(planned.operation, event) {
            event = Event::Outcomes(outcomes);
        }
        assert_eq!(world.fake.volumes[&(pool, "foreign".into())], theirs, "{:#?}", world.log);
        assert_eq!(world.records(), before.records(), "{:#?}", world.log);
        assert!(!world.log.iter().any(|it| it.starts_with("delete volume") || it.starts_with("destroy")));
        assert!(!world.fake.snapshots.keys().any(|(_, name)| name.starts_with("tmpsnap")));
    }
}

/// A peer is down, so gluster takes no snapshot. That is known, so nobody waits for the peer.
#[test]
fn a_node_that_is_down_does_not_hold_the_source() {
    let mut world = with_source();
    world.fake.down.insert("s2".into());
    let planned = make(&mut world);
    let JobResult::Failed(text) = world.run(&planned) else { panic!("a brick is down") };
    assert!(text.contains("One or more bricks are not running"), "{text}");
    assert_eq!(world.log.iter().filter(|it| it.starts_with("wait")).count(), 0, "{:#?}", world.log);
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// glusterd was killed while it made the clone: all nodes list it, but only one has its bricks. It is not used,
/// and what there is goes.
#[test]
fn a_clone_that_gluster_left_half_made_is_undone() {
    for fault in [Fault::FailedHalf, Fault::UnknownHalf] {
        let before = with_source();
        let cloning = 2;
        let (world, result) = run(&before, make, &Mishaps { faults: [(cloning, fault)].into(), ..Mishaps::default() });
        assert!(world.log[cloning].starts_with("clone snapshot"), "{:#?}", world.log);
        assert!(matches!(result, JobResult::Failed(_)), "{result:?}");
        assert_eq!(world.records(), before.records());
        assert_eq!(world.differences(), Vec::<String>::new(), "{:#?}", world.log);
        assert!(!world.log.iter().any(|it| it.starts_with("start volume")), "{:#?}", world.log);
    }
}

/// glusterd ends what it began even when the command that asked for it is long gone, and holds its locks till
/// then. So an undo changes something of the source before it looks: the snapshot that comes last is found.
#[test]
fn an_undo_waits_for_what_gluster_goes_on_with() {
    let before = with_source();
    let mut world = before.clone();
    let planned = make(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let snapshot_step = 1;
    world.mishaps.faults.insert(snapshot_step, Fault::UnknownBefore);
    let mut event = Event::Start;
    while let Ok(outcomes) = world.stage(planned.operation, event) {
        event = Event::Outcomes(outcomes);
        let last = world.log.last().unwrap().clone();
        if last.starts_with("set options of volume source") {
            let pool = world.fake.nodes["s0"].pool;
            let name = format!("tmpsnap_{}", volume_named(&world, "copy"));
            world.fake.snapshot_by_hand(pool, "source", &name);
        }
    }
    let of = |what: &str| world.log.iter().rposition(|it| it.starts_with(what));
    assert!(of("wait") < of("set options of volume source"), "{:#?}", world.log);
    assert!(of("set options of volume source") < of("delete snapshot"), "{:#?}", world.log);
    assert_eq!(world.records(), before.records());
    assert_eq!(world.differences(), Vec::<String>::new(), "{:#?}", world.log);
}

/// gluster takes no snapshot of some clones. The error tells what helps.
#[test]
fn a_clone_that_gluster_does_not_snapshot_is_explained() {
    let mut world = with_clone();
    let pool = world.fake.nodes["s0"].pool;
    world.fake.unclonable.insert((pool, "copy".into()));
    let planned = clone(&mut world, "copy", "copy2");
    let JobResult::Failed(text) = world.run(&planned) else { panic!("it is refused") };
    assert!(text.starts_with("Commit failed on localhost.") && text.contains("vols/copy/quota.conf"), "{text}");
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// heketi v10 did not record the order of bricks. gluster knows it, and the clone's bricks get their places.
#[test]
fn bricks_of_unknown_place_get_gluster_s_order() {
    let mut world = with_source();
    let expected: Vec<_> =
        bricks(&world, "source").iter().map(|brick| (brick.thin_pool_name(), brick.position)).collect();
    let mut changes = ChangeSet::default();
    for brick in bricks(&world, "source") {
        changes.put_brick(Brick { position: None, ..brick });
    }
    world.inventory.apply(&changes).unwrap();
    let planned = make(&mut world);
    assert!(matches!(world.run(&planned), JobResult::Volume(_)), "{:#?}", world.log);
    let found: Vec<_> = bricks(&world, "copy").iter().map(|brick| (brick.thin_pool_name(), brick.position)).collect();
    assert_eq!(found, expected);
}

/// Somebody deleted the source by hand while its clone was not over. gluster has nothing that could be waited for.
#[test]
fn a_clone_whose_source_is_gone_is_undone() {
    let before = with_source();
    let mut world = before.clone();
    let planned = make(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let snapshot_step = 1;
    world.mishaps.faults.insert(snapshot_step, Fault::UnknownBefore);
    let mut event = Event::Start;
    while !world.log.last().is_some_and(|last| last.starts_with("create snapshot")) {
        event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
    }
    let pool = world.fake.nodes["s0"].pool;
    world.fake.volumes.remove(&(pool, "source".into()));
    let end = loop {
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => break end,
        }
    };
    assert_eq!(end, End::Finished, "{:#?}", world.log);
    assert_eq!(world.records(), before.records());
    assert!(!world.log.iter().any(|it| it.starts_with("set options") || it.starts_with("destroy")), "{:#?}", world.log);
}

/// gluster has the clone, and the source no more: the clone may be all that is left of the data.
#[test]
fn a_clone_that_outlives_its_source_is_not_deleted() {
    let before = with_source();
    let mut world = before.clone();
    let planned = make(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let mut event = Event::Start;
    while !world.log.last().is_some_and(|last| last.starts_with("delete snapshot")) {
        event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
    }
    let pool = world.fake.nodes["s0"].pool;
    world.fake.volumes.remove(&(pool, "source".into()));
    world.restart();
    let resume = |world: &mut World| {
        let mut event = Event::Resume;
        loop {
            match world.stage(planned.operation, event) {
                Ok(outcomes) => event = Event::Outcomes(outcomes),
                Err(end) => return end,
            }
        }
    };
    assert_eq!(resume(&mut world), End::Suspended, "{:#?}", world.log);
    let error = world.inventory.operation(planned.operation).unwrap().error.clone().unwrap();
    assert!(error.contains("gluster has volume copy, but not the volume source"), "{error}");
    assert!(world.fake.volumes.contains_key(&(pool, "copy".into())), "{:#?}", world.log);
    // Its data is saved, and it is deleted by hand: what is left of it goes.
    world.fake.volumes.remove(&(pool, "copy".into()));
    assert_eq!(resume(&mut world), End::Finished, "{:#?}", world.log);
    assert_eq!(world.records(), before.records());
    world.fake.volumes.insert((pool, "source".into()), before.fake.volumes[&(pool, "source".into())].clone());
    assert_eq!(world.differences(), Vec::<String>::new(), "its logical volumes went with it");
}
