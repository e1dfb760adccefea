//! Arbiter volumes from creation to deletion.

use futures_util::FutureExt;
use heketi_core::api::{CheckedVolumeCreate, TagsChangeRequest};
use heketi_core::id::VolumeId;
use heketi_core::inventory::{Inventory, JobResult};
use heketi_core::model::{BrickFormat, Durability};
use heketi_core::units::{Gib, Kib};
use heketi_core::{ErrorKind, audit};
use heketi_exec::engine::Engine;

use crate::support::*;
use crate::tested::{Tested, only_volume};

pub const CREATE: Tested = Tested {
    name: "create with arbiter",
    nodes: 3,
    prepare: |_, _| async {}.boxed(),
    start: |engine| engine.volume_create(request(2)).boxed(),
    in_parts: false,
};

pub const EXPAND: Tested = Tested {
    name: "expand with arbiter",
    nodes: 3,
    prepare: |engine, _| {
        async move {
            volume(engine, engine.volume_create(request(2)).await).await;
        }
        .boxed()
    },
    start: |engine| engine.volume_expand(only_volume(engine), Gib(1)).boxed(),
    in_parts: false,
};

fn request(gib: u64) -> CheckedVolumeCreate {
    CheckedVolumeCreate { options: vec!["user.heketi.arbiter true".into()], ..replica3(gib) }
}

/// Set, index, size, format and node of each brick, in gluster's order.
fn bricks(inventory: &Inventory, volume: VolumeId) -> Vec<(u32, u32, Kib, BrickFormat, String)> {
    let bricks = inventory.bricks_of_volume(volume).map(|id| inventory.brick(id).expect("a brick"));
    let told = bricks.map(|brick| {
        let (position, node) = (brick.position.expect("known"), inventory.node(brick.node).expect("a node"));
        (position.set, position.index, brick.size, brick.format, node.manage_host().to_owned())
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|brick| (brick.0, brick.1));
    told
}

async fn tag(engine: &Engine, host: &str, value: &str) {
    let node = engine.inventory().node_with_host(host).expect("a node");
    let tags = [("arbiter".to_owned(), value.to_owned())].into();
    let request = TagsChangeRequest { tags, change_type: "update".into() };
    engine.node_tags(node, &request).await.expect("tags are set");
}

#[tokio::test]
async fn an_arbiter_volume_is_created_expanded_and_deleted_without_a_trace() {
    let sim = simulated(4);
    let (engine, _, _) = loaded(&sim, 4).await;
    tag(&engine, "n2", "required").await;
    let before = sim.snapshot();
    let id = volume(&engine, engine.volume_create(request(20)).await).await;
    volume(&engine, engine.volume_expand(id, Gib(2)).await).await;

    let inventory = engine.inventory();
    let data = |gib| (Gib(gib).kib(), BrickFormat::Normal);
    let arbiter = |mib: u64| (Kib(mib * 1024), BrickFormat::Arbiter);
    let told = bricks(&inventory, id);
    let kinds: Vec<_> = told.iter().map(|(set, index, size, format, _)| (*set, *index, (*size, *format))).collect();
    let expected = [
        (0, 0, data(20)),
        (0, 1, data(20)),
        (0, 2, arbiter(320)),
        (1, 0, data(2)),
        (1, 1, data(2)),
        (1, 2, arbiter(32)),
    ];
    assert_eq!(kinds, expected);
    for (.., format, host) in &told {
        assert_eq!(host == "n2", *format == BrickFormat::Arbiter, "the node for arbiters takes them and nothing else");
    }
    // gluster knows which bricks are arbiters.
    let info = sim.admin("n1", "gluster --mode=script volume info --xml").stdout;
    assert!(info.contains("<arbiterCount>1</arbiterCount>"), "{info}");
    let arbiters: Vec<bool> = info.split("<isArbiter>").skip(1).map(|rest| rest.starts_with('1')).collect();
    assert_eq!(arbiters, [false, false, true, false, false, true]);
    assert_nodes_match(&engine, &sim);
    assert_sound(&engine);

    let job = engine.volume_delete(id).await.expect("planned");
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}

/// Devices are judged by their tags when bricks are placed; later changes concern new bricks only.
#[tokio::test]
async fn tags_decide_which_nodes_take_which_bricks() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    for host in ["n1", "n2", "n3"] {
        tag(&engine, host, "disabled").await;
    }
    let error = engine.volume_create(request(2)).await.expect_err("no node takes arbiters");
    assert_eq!((error.kind(), error.text()), (ErrorKind::CannotAllocate, "No space"));
    let told = error.explanation().join("\n");
    assert!(told.contains("for the arbiter brick: 0"), "{told}");
    assert!(engine.inventory().volumes().next().is_none());

    tag(&engine, "n3", "required").await;
    let id = volume(&engine, engine.volume_create(request(2)).await).await;
    assert_eq!(bricks(&engine.inventory(), id)[2].4, "n3");
    for (host, value) in [("n1", "required"), ("n3", "disabled")] {
        tag(&engine, host, value).await;
    }
    assert_eq!(audit::check(&engine.inventory()), []);
    volume(&engine, engine.volume_expand(id, Gib(2)).await).await;
    assert_eq!(bricks(&engine.inventory(), id)[5].4, "n1");
    assert_sound(&engine);
}

/// F11: whoever asks for it, an arbiter goes with three replicas only; heketi v10 shrank the third brick of a
/// disperse set.
#[tokio::test]
async fn an_arbiter_needs_three_replicas() {
    let sim = simulated(6);
    let (engine, _, _) = loaded(&sim, 6).await;
    let disperse = Durability::Disperse { data: 4, redundancy: 2 };
    for durability in [Durability::None, Durability::Replicate { replica: 2 }, disperse] {
        let error = engine.volume_create(CheckedVolumeCreate { durability, ..request(8) }).await.expect_err("refused");
        let text =
            format!("Option user.heketi.arbiter needs durability replicate 3, it cannot be used with {durability}");
        assert_eq!((error.kind(), error.text()), (ErrorKind::Invalid, text.as_str()));
    }
    assert!(engine.inventory().volumes().next().is_none());
}

/// Files that are larger than a brick end the request; that is no lack of space.
#[tokio::test]
async fn files_larger_than_a_brick_are_refused() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let mut request = request(2);
    request.options.push("user.heketi.average-file-size 2097153".into());
    let error = engine.volume_create(request).await.expect_err("refused");
    let text = "Average file size (2097153) is greater than Brick size (2097152)";
    assert_eq!((error.kind(), error.text(), error.explanation().len()), (ErrorKind::CannotAllocate, text, 0));
}
