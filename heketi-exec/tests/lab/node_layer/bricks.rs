use heketi_core::operation::{Action, BrickSpec, Certainty};

use super::{GROUP, Nodes, block_on, brick, executor};
use crate::lab::scenario;
use crate::nodes::{NODES, assert_blank, facts, root};

/// What a complete brick is on a node.
fn whole(node: usize, number: u8) -> Vec<String> {
    let brick = brick(number);
    let (pool, volume, mount_point) = (&brick.thin_pool, &brick.logical_volume, &brick.mount_point);
    let device = format!("/dev/mapper/{GROUP}-{volume}");
    [
        format!("lv {GROUP}/{volume}"),
        format!("lv {GROUP}/{pool}"),
        format!("lv {GROUP}/[{pool}_tmeta]"),
        format!("lv {GROUP}/[{pool}_tdata]"),
        format!("mount {device} {mount_point}"),
        format!("fstab {device} {mount_point}"),
        format!("directory {mount_point}"),
    ]
    .map(|fact| format!("n{node} {fact}"))
    .to_vec()
}

/// What is there of the brick, device and volume group aside.
fn found(number: u8) -> Vec<String> {
    let name = &brick(number).logical_volume["brick_".len()..];
    facts().into_iter().filter(|fact| fact.contains(name)).collect()
}

#[test]
#[ignore = "needs the lab"]
fn bricks_are_made_side_by_side() {
    scenario(|| {
        block_on(async {
            let nodes = executor();
            nodes.set_up_all().await;
            let with_group = BrickSpec { gid: 2345, ..brick(1) };
            nodes.create_on_all(&with_group).await;
            let mut expected: Vec<String> = NODES.iter().flat_map(|node| whole(*node, 1)).collect();
            expected.sort();
            assert_eq!(found(1), expected);
            let directory = with_group.brick_directory();
            assert_eq!(root(2, &format!("stat -c '%g %a' {directory}")), "2345 2775\n");
            assert!(root(2, &format!("xfs_info {}", with_group.mount_point)).contains("isize=512"));
            // It survives a boot as it stands: what fstab says is what was mounted.
            root(3, &format!("umount {0} && mount {0}", with_group.mount_point));

            // A second try finds what the first left, once it is told of it.
            let again = |redo| Action::CreateBrick { brick: with_group.clone(), redo };
            let failure = nodes.fails(1, again(false)).await;
            assert_eq!(failure.certainty, Certainty::Failed);
            assert!(failure.text.contains("already exists"), "{failure:?}");
            nodes.ok(1, again(true)).await;
            assert_eq!(found(1), expected);

            let other = brick(2);
            nodes.create(1, &other).await;
            nodes.destroy_on_all(&with_group).await;
            nodes.destroy_on_all(&with_group).await;
            assert_eq!(found(1), Vec::<String>::new());
            let mut left = found(2);
            left.sort();
            let mut expected = whole(1, 2);
            expected.sort();
            assert_eq!(left, expected, "the neighbour is untouched");
            assert!(nodes.destroy(1, &other).await);
            nodes.tear_down_all().await;
        });
        assert_blank();
    });
}

#[test]
#[ignore = "needs the lab"]
fn half_made_bricks_are_destroyed() {
    scenario(|| {
        block_on(async {
            let nodes = executor();
            nodes.set_up_all().await;
            // The connection is lost after each line that makes a brick, until all lines ran.
            let on_node = async |node: usize| {
                for lines in (node - 1..).step_by(NODES.len()) {
                    let brick = BrickSpec { gid: 2345, ..brick(lines as u8 + 1) };
                    let action = Action::CreateBrick { brick: brick.clone(), redo: false };
                    let outcome = Nodes::cut_after(lines).run(node, action).await;
                    assert!(nodes.destroy(node, &brick).await, "after {lines} lines");
                    match outcome {
                        Ok(_) => return lines,
                        Err(failure) => assert_eq!(failure.certainty, Certainty::Unknown, "{failure:?}"),
                    }
                }
                unreachable!("the loop has no other end")
            };
            let lines = tokio::join!(on_node(1), on_node(2), on_node(3));
            println!("  whole after {lines:?} lines");
            nodes.tear_down_all().await;
        });
        assert_blank();
    });
}
