//! gluster-block, its refusals and answers.

use super::*;

/// The three nodes with a started volume `v` of 1 GiB.
fn with_volume() -> SimCluster {
    let sim = cluster();
    let bricks: Vec<String> =
        (1..=3).map(|n| format!("10.0.0.{n}:{}", brick(&sim, &format!("node-{n}"), "1"))).collect();
    good(&sim, "node-1", &format!("{G} volume create v replica 3 {}", bricks.join(" ")));
    good(&sim, "node-1", &format!("{G} volume start v"));
    sim
}

const HOSTS: &str = "10.0.0.1,10.0.0.2";

fn create(name: &str, size: u64) -> String {
    format!("gluster-block create v/{name} ha 2 auth enable prealloc full {HOSTS} {size}GiB --json")
}

#[test]
fn a_block_volume_lives() {
    let sim = with_volume();
    let before = sim.snapshot();
    let answer = good(&sim, "node-3", &create("b", 1));
    for text in ["iqn.2016-12.org.gluster-block:", "\"PASSWORD\"", "10.0.0.2:3260", "\"RESULT\":\"SUCCESS\""] {
        assert!(answer.contains(text), "{text}: {answer}");
    }
    let found = sim.snapshot().pools[0].block_volumes["v/b"].clone();
    assert_eq!((found.size, found.hosts.len(), found.auth), (1, 2, true));
    assert!(!sim.snapshot().to_string().contains("PASSWORD"));
    assert!(good(&sim, "node-1", "gluster-block list v --json").contains("[\"b\"]"));
    let info = good(&sim, "node-1", "gluster-block info v/b --json");
    assert!(info.contains("\"SIZE\":\"1.0 GiB\"") && !info.contains("RESIZE FAILED"), "{info}");
    assert_eq!(sim.leftovers(&before).len(), 1);
    good(&sim, "node-2", "gluster-block delete v/b --json");
    assert_eq!(sim.leftovers(&before), Vec::<String>::new());
}

#[test]
fn what_gluster_block_refuses() {
    let sim = with_volume();
    refused(&sim, "node-1", &create("b", 2), "Low space on the volume v");
    good(&sim, "node-1", &create("b", 1));
    refused(&sim, "node-1", &create("b", 1), "BLOCK with name: 'b' already EXIST");
    refused(&sim, "node-1", &create("c", 1), "Low space on the volume v");
    refused(&sim, "node-1", "gluster-block delete v/c --json", "block v/c doesn't exist");
    refused(&sim, "node-1", "gluster-block info v/c --json", "block v/c doesn't exist");
    refused(&sim, "node-1", "gluster-block list w --json", "Volume w does not exist");
    refused(&sim, "node-1", "gluster-block modify v/b  size 1GiB --json", "is same as current size");
    refused(&sim, "node-1", "gluster-block modify v/b  size 2GiB --json", "Low space");
    let three = format!("gluster-block create v/c ha 3 auth disable prealloc no {HOSTS} 1GiB --json");
    refused(&sim, "node-1", &three, "multipath req: 3 > block-hosts");
    sim.set_block_daemon("node-1", false);
    refused(&sim, "node-1", "gluster-block list v --json", "Please check if gluster-block daemon is operational");
    refused(&sim, "node-2", "gluster-block delete v/b --json", "\"FAILED ON\":[\"10.0.0.1\"]");
    sim.set_block_daemon("node-1", true);
    sim.set_glusterd("node-1", false);
    refused(&sim, "node-1", "gluster-block list v --json", "Check if volume v is operational");
    for line in [
        "gluster-block list v",
        "gluster-block create v ha 1 auth enable prealloc full a 1GiB --json",
        "gluster-block create v/b ha 1 auth yes prealloc full a 1GiB --json",
        "gluster-block create v/b ha 1 auth enable prealloc some a 1GiB --json",
        "gluster-block create v/b ha 1 auth enable prealloc full a 1G --json",
        "gluster-block modify v/b size 0GiB --json",
        "gluster-block reload v/b --json",
    ] {
        refused(&sim, "node-2", line, "does not understand");
    }
}

#[test]
fn a_resize_fails_on_one_host() {
    let sim = SimCluster::new();
    for n in 1..=3 {
        sim.add_node(&format!("node-{n}"), &format!("10.0.0.{n}"), []);
    }
    sim.adopt_peers(&["node-1", "node-2", "node-3"]).unwrap();
    // A brick on a file system of the node itself: there is always room.
    good(&sim, "node-1", "mkdir -p /srv/brick");
    good(&sim, "node-1", &format!("{G} volume create v 10.0.0.1:/srv/brick force"));
    good(&sim, "node-1", &format!("{G} volume start v"));
    good(&sim, "node-1", &create("b", 1));
    sim.set_block_resize_failing("node-2", true);
    let result = sim.admin("node-3", "gluster-block modify v/b  size 3GiB --json");
    assert!(result.failure_text().contains("\"FAILED ON\":[\"10.0.0.2\"]"), "{result:?}");
    let info = good(&sim, "node-1", "gluster-block info v/b --json");
    assert!(info.contains("\"RESIZE FAILED ON\":{\"10.0.0.2\":\"1.0 GiB\"}"), "{info}");
    assert!(info.contains("\"SIZE\":\"3.0 GiB\""), "{info}");
    refused(&sim, "node-3", "gluster-block modify v/b  size 2GiB --json", "Shrink size");
    sim.set_block_resize_failing("node-2", false);
    good(&sim, "node-3", "gluster-block modify v/b  size 3GiB --json");
    assert!(!good(&sim, "node-1", "gluster-block info v/b --json").contains("RESIZE"));
    good(&sim, "node-3", "gluster-block modify v/b  size 1536GiB --json");
    assert!(good(&sim, "node-1", "gluster-block info v/b --json").contains("\"SIZE\":\"1.5 TiB\""));
    // gluster itself deletes a volume with everything in it.
    good(&sim, "node-1", &format!("{G} volume stop v force"));
    good(&sim, "node-1", &format!("{G} volume delete v"));
    assert!(sim.snapshot().pools[0].block_volumes.is_empty());
}
