//! Block volumes and their hosting volumes: sizes, choices, refusals and their texts.

mod support;

use heketi_core::id::{BlockVolumeId, ClusterId, VolumeId};
use heketi_core::inventory::{ChangeSet, Inventory, Record};
use heketi_core::model::{BlockHosting, BlockRestriction, BlockVolume, Cluster, Secret, Volume};
use heketi_core::operation::{
    BlockVolumeCreateRequest, BlockVolumeDelete, BlockVolumeExpand, HostingChoice, VolumeDelete,
    volume_block_restriction,
};
use heketi_core::placement::{BlockHostingPolicy, Facts, Policy};
use heketi_core::{Error, ErrorKind, Gib};
use support::NOW;
use support::block_plans::*;
use support::drive::World;
use support::plans::{base, create, only_volume, policy, request};

/// Adds a hosting volume of this size as a record, without bricks.
fn add_hosting(world: &mut World, size: u64) -> VolumeId {
    let cluster = world.inventory.clusters().next().unwrap().id;
    let id = VolumeId::new(&mut world.ids);
    let mut changes = ChangeSet::default();
    changes.put_volume(Volume {
        id,
        cluster,
        name: format!("vol_{id}"),
        size: Gib(size),
        durability: heketi_core::model::Durability::None,
        gid: 0,
        snapshot: Default::default(),
        options: Vec::new(),
        hosting: Some(BlockHosting::of(Gib(size))),
    });
    world.inventory.apply(&changes).unwrap();
    id
}

/// Adds a block volume as records, as if it was created long ago.
fn add_block(world: &mut World, hosting: VolumeId, size: u64, name: &str) -> BlockVolumeId {
    let id = BlockVolumeId::new(&mut world.ids);
    let volume = world.inventory.volume(hosting).unwrap().with_hosted(Gib(size)).unwrap();
    let mut changes = ChangeSet::default();
    changes.put_block_volume(BlockVolume {
        id,
        cluster: volume.cluster,
        hosting,
        name: name.to_owned(),
        size: Gib(size),
        usable: Gib(size),
        ha_count: 1,
        auth: false,
        hosts: vec!["s0".into()],
        iqn: "iqn".into(),
        username: String::new(),
        password: Secret::default(),
    });
    changes.put_volume(volume);
    world.inventory.apply(&changes).unwrap();
    id
}

fn block_policy(auto_create: bool, size: u64) -> Policy {
    let block_hosting = BlockHostingPolicy { auto_create, size: Gib(size), ..BlockHostingPolicy::default() };
    Policy { block_hosting, ..policy() }
}

fn named(name: &str, size: u64) -> BlockVolumeCreateRequest {
    BlockVolumeCreateRequest { name: Some(name.into()), ..block(size) }
}

#[test]
fn two_percent_are_reserved() {
    for (size, free, reserved) in
        [(1, 0, 1), (2, 1, 1), (49, 48, 1), (50, 49, 1), (51, 49, 2), (100, 98, 2), (200, 196, 4), (1024, 1003, 21)]
    {
        let hosting = BlockHosting::of(Gib(size));
        assert_eq!((hosting.free, hosting.reserved), (Gib(free), Gib(reserved)), "{size}");
    }
    assert_eq!(BlockHosting::of(Gib(u64::MAX)).free.0, (u128::from(u64::MAX) * 98 / 100) as u64);
}

/// Each increment is divided by itself, so many small ones reserve more than one large one.
#[test]
fn an_expansion_is_divided_like_a_first_size() {
    let mut world = base();
    let id = add_hosting(&mut world, 100);
    add_block(&mut world, id, 30, "a");
    let volume = world.inventory.volume(id).unwrap();
    let parts = |volume: &Volume| volume.hosting.map(|hosting| (volume.size.0, hosting.free.0, hosting.reserved.0));
    assert_eq!(parts(volume), Some((100, 68, 2)));
    assert_eq!(parts(&volume.grown(Gib(100))), Some((200, 166, 4)));
    assert_eq!(parts(&volume.grown(Gib(1)).grown(Gib(1))), Some((102, 68, 4)));
    let plain = Volume { hosting: None, ..Volume::clone(volume) };
    assert_eq!((plain.grown(Gib(5)).size, plain.grown(Gib(5)).hosting), (Gib(105), None));
}

#[test]
fn space_is_guarded_with_v10s_texts() {
    let mut world = base();
    let id = add_hosting(&mut world, 100);
    let volume = Volume::clone(world.inventory.volume(id).unwrap());
    let text = |result: Result<Volume, Error>| result.unwrap_err().to_string();
    assert_eq!(text(volume.with_hosted(Gib(99))), format!("Volume {id} free size may not be set less than zero"));
    assert_eq!(text(volume.with_released(Gib(1))), format!("Volume {id} free size may not be set greater than 100"));
    assert_eq!(text(volume.with_reserved(Gib(99))), format!("Volume {id} free size may not be set less than zero"));
    assert!(volume.with_hosted(Gib(98)).unwrap().with_released(Gib(98)).is_ok());
    let hosting = Some(BlockHosting { free: Gib(50), reserved: Gib(60), ..BlockHosting::default() });
    let broken = Volume { hosting, ..volume };
    let reserved = format!("Volume {id} reserved size may not be set greater than 100");
    assert_eq!(text(broken.with_reserved(Gib(1))), reserved);
    assert!(Volume { hosting: None, ..broken }.with_hosted(Gib(1)).is_err());
}

/// The fullest volume with room takes it; then the lowest id. Not a random one.
#[test]
fn the_fullest_volume_with_room_hosts() {
    let mut world = base();
    let ids: Vec<VolumeId> = [200, 50, 100, 100].map(|size| add_hosting(&mut world, size)).into();
    add_block(&mut world, ids[2], 1, "taken");
    let pick = |world: &World, request: &BlockVolumeCreateRequest| match choose(&world.inventory, request, &policy()) {
        Ok(Some(HostingChoice::Existing(id))) => id,
        other => panic!("{other:?}"),
    };
    for (size, host) in [(49, 1), (50, 2), (97, 2), (98, 3), (99, 0), (196, 0)] {
        assert_eq!(pick(&world, &block(size)), ids[host], "{size}");
    }
    assert_eq!(pick(&world, &named("taken", 50)), ids[3], "a name is taken once in a hosting volume");
    let changes = volume_block_restriction(&world.inventory, ids[1], BlockRestriction::Locked).unwrap();
    world.inventory.apply(&changes).unwrap();
    assert_eq!(pick(&world, &block(1)), ids[2], "a locked volume takes none");
    let planned = plan_block(&world.inventory, &block(1), &policy(), &mut world.ids).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    assert_eq!(space_of(&world.inventory, ids[2]), (100, 96, 2), "the plan takes the space");
    assert_eq!(pick(&world, &block(1)), ids[2], "several may be made in one volume at once");
}

#[test]
fn block_volumes_that_cannot_be_planned() {
    let mut world = base();
    let refusal = |world: &World, request: &BlockVolumeCreateRequest, policy: &Policy| {
        let error = choose(&world.inventory, request, policy).unwrap_err();
        (error.kind(), error.text().to_owned())
    };
    let none = World::new(Inventory::default(), world.fake.clone());
    let invalid = |text: &str| (ErrorKind::Invalid, text.to_owned());
    let cannot = |text: &str| (ErrorKind::CannotAllocate, text.to_owned());
    assert_eq!(refusal(&none, &block(1), &policy()), invalid("No clusters configured"));
    let unknown = BlockVolumeCreateRequest { clusters: vec!["bad".into()], ..block(1) };
    assert_eq!(refusal(&world, &unknown, &policy()), invalid("Cluster id bad not found"));

    let too_small = "The size configured for automatic creation of block hosting volumes (100) is too small to host \
        the requested block volume of size 300. The available size on this block hosting volume, minus overhead, is \
        98. Please create a sufficiently large block hosting volume manually.";
    // The size is looked at before whether any may be created.
    assert_eq!(refusal(&world, &block(300), &block_policy(false, 100)), cannot(too_small));
    let disabled = "Block Hosting Volume Creation is disabled. Create a Block hosting volume and try again.";
    assert_eq!(refusal(&world, &block(98), &block_policy(false, 100)), cannot(disabled));
    assert!(choose(&world.inventory, &block(4), &block_policy(true, 5)).is_ok());
    assert_eq!(refusal(&world, &block(5), &block_policy(true, 5)).0, ErrorKind::CannotAllocate);
    assert_eq!(refusal(&world, &block(1), &block_policy(true, 4000)), cannot("No space"));

    // The volume limit comes before the size, and not where a volume has room.
    let limited = Policy { max_volumes: Some(0), ..block_policy(false, 100) };
    assert_eq!(refusal(&world, &block(300), &limited), cannot("Cluster has 0 volumes and limit is 0"));
    let id = add_hosting(&mut world, 10);
    assert_eq!(choose(&world.inventory, &block(9), &limited), Ok(Some(HostingChoice::Existing(id))));

    let cluster = Cluster::clone(world.inventory.clusters().next().unwrap());
    for (file, text) in
        [(true, "Cluster does not support requested volume type"), (false, "Cluster has disabled all volume types")]
    {
        let mut changes = ChangeSet::default();
        changes.put_cluster(Cluster { file, block: false, ..cluster.clone() });
        world.inventory.apply(&changes).unwrap();
        assert_eq!(refusal(&world, &block(1), &policy()), cannot(text));
    }
    let mut changes = ChangeSet::default();
    changes.put_cluster(Cluster { id: ClusterId::from_bytes([0xff; 16]), file: true, block: false });
    world.inventory.apply(&changes).unwrap();
    let text = refusal(&world, &block(1), &policy()).1;
    assert!(text.starts_with("No eligible cluster for volume\nCluster "), "{text}");
    assert!(text.ends_with(": Cluster does not support requested volume type"), "{text}");
}

/// Only one hosting volume is created at a time, and none while one is deleted; the client tries again.
#[test]
fn a_second_hosting_volume_waits_for_the_first() {
    let mut world = base();
    let first = create_block(&mut world, &block(3));
    world.inventory.apply(&first.changes).unwrap();
    let busy = |world: &World| choose(&world.inventory, &block(3), &policy()).unwrap_err();
    assert_eq!(busy(&world), Error::busy());
    assert_eq!(busy(&world).text(), "Server busy. Retry operation later.");
    // One that a dead server left behind does not count (its volume is hidden, its room is not offered).
    world.restart();
    assert!(matches!(choose(&world.inventory, &block(3), &policy()), Ok(Some(HostingChoice::New(_)))));

    let mut world = with_hosting();
    let planned = VolumeDelete::plan(&world.inventory, only_volume(&world), &mut world.ids, NOW).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    assert_eq!(busy(&world), Error::busy());
}

/// A choice that was made before others changed the state is not followed where it is wrong by now.
#[test]
fn an_outdated_choice_gives_way() {
    let mut world = base();
    let request = block(3);
    let new = choose(&world.inventory, &request, &policy()).unwrap().unwrap();
    assert!(matches!(new, HostingChoice::New(_)));
    let id = add_hosting(&mut world, 10);
    let plan = |world: &mut World, chosen: &HostingChoice| {
        heketi_core::operation::BlockVolumeCreate::plan(
            &world.inventory,
            &request,
            chosen,
            &policy(),
            &mut world.ids,
            NOW,
        )
    };
    let planned = plan(&mut world, &new).unwrap().unwrap();
    assert!(
        !planned.changes.iter().any(|change| matches!(change, heketi_core::inventory::Change::Put(Record::Brick(_))))
    );
    let mut empty = base();
    assert_eq!(plan(&mut empty, &HostingChoice::Existing(id)), Ok(None));
}

#[test]
fn a_new_hosting_volume_is_what_the_configuration_says() {
    let mut world = base();
    let policy = Policy {
        pre_options: vec!["a.first 1".into()],
        post_options: vec!["z.last 1".into(), String::new()],
        ..policy()
    };
    let planned = plan_block(&world.inventory, &block(2), &policy, &mut world.ids).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    let volume = world.inventory.volumes().next().unwrap();
    assert_eq!((volume.size, volume.durability.to_string()), (Gib(5), "replicate 3".into()));
    assert_eq!(volume.name, format!("vol_{}", volume.id));
    assert_eq!(volume.options, ["a.first 1", "group gluster-block", "z.last 1"]);
    assert_eq!(space_of(&world.inventory, volume.id), (5, 2, 1));
    let hosted = world.inventory.block_volumes().next().unwrap();
    assert_eq!((hosted.name.clone(), hosted.size), (format!("blockvol_{}", hosted.id), Gib(2)));

    let mut wanted = hosting(10);
    wanted.options = vec!["user.mine 1".into()];
    let mut world = base();
    let planned = create(&mut world, &wanted);
    world.inventory.apply(&planned.changes).unwrap();
    assert_eq!(world.inventory.volumes().next().unwrap().options, ["group gluster-block", "user.mine 1"]);
    assert_eq!(space(&world), (10, 9, 1));
    let mut changes = ChangeSet::default();
    let cluster = Cluster::clone(world.inventory.clusters().next().unwrap());
    changes.put_cluster(Cluster { file: false, ..cluster.clone() });
    world.inventory.apply(&changes).unwrap();
    create(&mut world, &hosting(10));
    let refused = heketi_core::operation::choose_cluster(
        &world.inventory,
        &request(),
        &policy,
        &Facts::default(),
        heketi_core::placement::Effort::Exact,
        0,
    );
    assert_eq!(refused.unwrap_err().text(), "Cluster does not support requested volume type");
}

#[test]
fn expansions_that_are_refused() {
    let mut world = base();
    let hosting = add_hosting(&mut world, 100);
    let id = add_block(&mut world, hosting, 6, "a");
    let plan = |world: &mut World, size: u64| {
        BlockVolumeExpand::plan(&world.inventory, id, Gib(size), &Facts::default(), &mut world.ids, NOW)
    };
    for (size, text) in [
        (6, "Requested new-size 6 is same as current block volume size 6, nothing to be done."),
        (5, "Requested new-size 5 is less than current block volume size 6, shrinking is not allowed."),
        (0, "Requested new-size 0 is less than current block volume size 6, shrinking is not allowed."),
        (99, "No space"),
        (u64::MAX, "No space"),
    ] {
        let error = plan(&mut world, size).unwrap_err();
        assert_eq!((error.kind(), error.text()), (ErrorKind::CannotAllocate, text), "{size}");
    }
    // Records of older versions hold 0 for a usable size that nobody knows: it is run again.
    let mut changes = ChangeSet::default();
    let record = BlockVolume::clone(world.inventory.block_volume(id).unwrap());
    changes.put_block_volume(BlockVolume { usable: Gib(0), ..record });
    world.inventory.apply(&changes).unwrap();
    assert!(plan(&mut world, 6).is_ok());
    // A lock keeps new block volumes out and lets those there are grow.
    let changes = volume_block_restriction(&world.inventory, hosting, BlockRestriction::Locked).unwrap();
    world.inventory.apply(&changes).unwrap();
    let planned = plan(&mut world, 98).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    assert_eq!(space_of(&world.inventory, hosting), (100, 0, 2));
    assert_eq!(plan(&mut world, 98).unwrap_err(), Error::busy());
    let delete =
        |world: &mut World| BlockVolumeDelete::plan(&world.inventory, id, &Facts::default(), &mut world.ids, NOW);
    assert_eq!(delete(&mut world).unwrap_err(), Error::busy());
    world.restart();
    assert_eq!(plan(&mut world, 98).unwrap_err(), Error::busy(), "a left over expansion still holds the block volume");
}

#[test]
fn deletes_that_are_refused() {
    let mut world = base();
    let hosting = add_hosting(&mut world, 100);
    let id = add_block(&mut world, hosting, 6, "a");
    let refused = VolumeDelete::plan(&world.inventory, hosting, &mut world.ids, NOW).unwrap_err();
    let text = "Cannot delete a block hosting volume containing block volumes";
    assert_eq!((refused.kind(), refused.text()), (ErrorKind::Conflict, text));
    let planned = BlockVolumeDelete::plan(&world.inventory, id, &Facts::default(), &mut world.ids, NOW).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    let refused = VolumeDelete::plan(&world.inventory, hosting, &mut world.ids, NOW).unwrap_err();
    assert_eq!(refused.text(), text, "one that is being deleted is still there");
    let again = BlockVolumeDelete::plan(&world.inventory, id, &Facts::default(), &mut world.ids, NOW).unwrap_err();
    assert_eq!(again, Error::conflict());
    let expand = BlockVolumeExpand::plan(&world.inventory, id, Gib(7), &Facts::default(), &mut world.ids, NOW);
    assert_eq!(expand.unwrap_err(), Error::conflict());
    let unknown = BlockVolumeId::from_bytes([9; 16]);
    let unknown = BlockVolumeDelete::plan(&world.inventory, unknown, &Facts::default(), &mut world.ids, NOW);
    assert_eq!(unknown.unwrap_err(), Error::not_found());
}

#[test]
fn restrictions_follow_v10s_rules() {
    use BlockRestriction::{Locked, LockedByUpdate, None};
    let mut world = base();
    let volume = |world: &World, id: VolumeId| Volume::clone(world.inventory.volume(id).unwrap());
    let plain = {
        let planned = create(&mut world, &request());
        world.run(&planned);
        only_volume(&world)
    };
    let refused = volume_block_restriction(&world.inventory, plain, Locked).unwrap_err();
    let text = "Block restrictions can only be set on block hosting volumes";
    assert_eq!((refused.kind(), refused.text()), (ErrorKind::CannotAllocate, text));
    let unknown = volume_block_restriction(&world.inventory, VolumeId::from_bytes([9; 16]), Locked);
    assert_eq!(unknown.unwrap_err(), Error::not_found());

    let id = add_hosting(&mut world, 100);
    add_block(&mut world, id, 90, "a");
    for (restriction, changed) in [(None, false), (Locked, true), (Locked, false), (None, true)] {
        let changes = volume_block_restriction(&world.inventory, id, restriction).unwrap();
        assert_eq!(!changes.is_empty(), changed);
        world.inventory.apply(&changes).unwrap();
        assert_eq!(volume(&world, id).hosting.unwrap().restriction, restriction);
    }
    assert_eq!(volume_block_restriction(&world.inventory, id, LockedByUpdate).unwrap_err().kind(), ErrorKind::Invalid);

    // As an upgrade of an old database leaves it: nothing reserved.
    let locked = |world: &mut World, free: u64, reserved: u64| {
        let (free, reserved) = (Gib(free), Gib(reserved));
        let hosting = Some(BlockHosting { free, reserved, restriction: LockedByUpdate });
        let mut changes = ChangeSet::default();
        changes.put_volume(Volume { hosting, ..volume(world, id) });
        world.inventory.apply(&changes).unwrap();
    };
    for to in [None, Locked] {
        locked(&mut world, 10, 0);
        let changes = volume_block_restriction(&world.inventory, id, to).unwrap();
        world.inventory.apply(&changes).unwrap();
        assert_eq!(space_of(&world.inventory, id), (100, 8, 2), "{to:?}");
        assert_eq!(volume(&world, id).hosting.unwrap().restriction, to);

        locked(&mut world, 1, 0);
        let text = "Can not unlock volume. 2GiB free space is required, but found 1GiB";
        assert_eq!(volume_block_restriction(&world.inventory, id, to).unwrap_err().text(), text);
        // What still does not add up is not unlocked.
        locked(&mut world, 7, 2);
        let text = volume_block_restriction(&world.inventory, id, to).unwrap_err().to_string();
        assert!(text.starts_with("Can not unlock volume. Its size is 100GiB"), "{text}");
        locked(&mut world, 8, 2);
        assert!(volume_block_restriction(&world.inventory, id, to).is_ok());
    }
    let mut hidden = base();
    let planned = create_block(&mut hidden, &block(2));
    hidden.inventory.apply(&planned.changes).unwrap();
    let hosting = only_volume(&hidden);
    assert_eq!(volume_block_restriction(&hidden.inventory, hosting, Locked).unwrap_err(), Error::not_found());
}
