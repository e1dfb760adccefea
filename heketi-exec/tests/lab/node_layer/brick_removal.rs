use heketi_core::operation::Action;

use super::{DISK, GROUP, Nodes, block_on, brick, executor};
use crate::lab::scenario;
use crate::nodes::{NODES, assert_blank, root};

/// So many lines only look at what is there.
const LOOKS: usize = 3;

#[test]
#[ignore = "needs the lab"]
fn a_removal_that_broke_off_is_finished() {
    scenario(|| {
        block_on(async {
            let nodes = executor();
            nodes.set_up_all().await;
            // The connection is lost after each line that removes something, until all lines ran.
            let on_node = async |node: usize| {
                for lines in (LOOKS + node - 1..).step_by(NODES.len()) {
                    let brick = brick(lines as u8);
                    nodes.create(node, &brick).await;
                    let action = Action::DestroyBrick { brick: brick.clone() };
                    let outcome = Nodes::cut_after(lines).run(node, action).await;
                    assert!(nodes.destroy(node, &brick).await, "after {lines} lines");
                    if outcome.is_ok() {
                        return lines;
                    }
                }
                unreachable!("the loop has no other end")
            };
            let lines = tokio::join!(on_node(1), on_node(2), on_node(3));
            println!("  all gone after {lines:?} lines");
            nodes.tear_down_all().await;
        });
        assert_blank();
    });
}

#[test]
#[ignore = "needs the lab"]
fn what_is_in_use_stays() {
    scenario(|| {
        block_on(async {
            let nodes = executor();
            tokio::join!(nodes.set_up(1, DISK, GROUP), nodes.set_up(2, DISK, GROUP));
            let brick = brick(1);
            tokio::join!(nodes.create(1, &brick), nodes.create(2, &brick));

            // Somebody works in the brick: the refusal tells who, and all is as before.
            root(1, &format!("cd {} && (setsid sleep 300 </dev/null >/dev/null 2>&1 &)", brick.mount_point));
            let destroy = Action::DestroyBrick { brick: brick.clone() };
            // A clone of the brick lives in its thin pool.
            let volume = format!("{GROUP}/{}", brick.logical_volume);
            root(2, &format!("lvcreate -q -s -n clone {volume}"));
            let (busy, shared) = tokio::join!(nodes.fails(1, destroy), nodes.destroy(2, &brick));
            assert!(busy.text.contains("busy"), "{busy:?}");
            assert!(busy.text.contains("used by: sleep ("), "{busy:?}");
            assert!(root(1, "cat /etc/fstab").contains(&brick.mount_point));
            assert!(!shared, "the pool of a clone is not removed");
            assert!(root(2, &format!("lvs --noheadings -o lv_name {GROUP}")).contains("clone"));

            root(1, "pkill -x sleep");
            root(2, &format!("lvremove -qq -f {GROUP}/clone"));
            let gone = tokio::join!(nodes.destroy(1, &brick), nodes.destroy(2, &brick));
            assert_eq!(gone, (true, true));
            // Files of somebody under the mount point are not ours to remove.
            root(1, &format!("mkdir -p {0} && touch {0}/file", brick.mount_point));
            assert!(nodes.destroy(1, &brick).await);
            root(1, &format!("rm {0}/file && rmdir {0}", brick.mount_point));
            for node in [1, 2] {
                nodes.tear_down(node, DISK, GROUP).await.expect("it is empty");
            }
        });
        assert_blank();
    });
}
