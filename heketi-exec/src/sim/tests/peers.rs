//! Trusted pools.

use super::*;

fn loose() -> SimCluster {
    let sim = SimCluster::new();
    for n in 1..=3 {
        sim.add_node(&format!("node-{n}"), &format!("10.0.0.{n}"), []);
    }
    sim
}

#[test]
fn pools_grow_and_shrink() {
    let sim = loose();
    let before = sim.snapshot();
    assert_eq!(good(&sim, "node-1", &format!("{G} peer probe 10.0.0.2")), "peer probe: success\n");
    assert!(good(&sim, "node-1", &format!("{G} peer probe 10.0.0.2")).contains("already in peer list"));
    assert!(good(&sim, "node-1", &format!("{G} peer probe 10.0.0.1")).contains("Probe on localhost not needed"));
    assert!(good(&sim, "node-1", &format!("{G} peer probe 10.0.0.3")).contains("success"));
    let text = good(&sim, "node-2", &format!("{G} pool list"));
    assert!(text.starts_with("UUID\t\t\t\t\tHostname \tState\n") && text.contains("localhost\tConnected"), "{text}");
    assert_eq!(text.lines().count(), 4);
    assert!(good(&sim, "node-2", &format!("{G} peer status")).starts_with("Number of Peers: 2\n"));
    good(&sim, "node-1", &format!("{G} snapshot config snap-max-hard-limit 14"));
    for n in [2, 3] {
        good(&sim, "node-1", &format!("{G} peer detach 10.0.0.{n}"));
    }
    assert!(sim.leftovers(&before).is_empty());
}

#[test]
fn the_pool_is_listed_in_glusters_xml() {
    let sim = cluster();
    sim.set_glusterd("node-3", false);
    let text = good(&sim, "node-1", &format!("{G} pool list --xml"));
    assert!(text.contains("<opRet>0</opRet><opErrno>0</opErrno><opErrstr/><peerStatus><peer><uuid>"), "{text}");
    assert!(text.contains("<hostname>10.0.0.2</hostname><hostnames><hostname>10.0.0.2</hostname></hostnames><connected>1</connected><state>3</state><stateStr>Peer in Cluster</stateStr></peer>"), "{text}");
    assert!(text.contains("<hostname>10.0.0.3</hostname></hostnames><connected>0</connected>"), "{text}");
    assert!(text.contains("<hostname>localhost</hostname>"), "{text}");
    let status = good(&sim, "node-1", &format!("{G} peer status --xml"));
    assert!(!status.contains("localhost") && status.contains("10.0.0.2"));
}

#[test]
fn peers_that_cannot_join_or_leave() {
    let sim = loose();
    refused(&sim, "node-1", &format!("{G} peer probe 10.9.9.9"), "Transport endpoint is not connected");
    sim.set_glusterd("node-2", false);
    refused(&sim, "node-1", &format!("{G} peer probe 10.0.0.2"), "Transport endpoint is not connected");
    sim.set_glusterd("node-2", true);
    good(&sim, "node-2", &format!("{G} peer probe 10.0.0.3"));
    refused(&sim, "node-1", &format!("{G} peer probe 10.0.0.3"), "already part of another cluster");
    refused(&sim, "node-1", &format!("{G} peer detach 10.0.0.3"), "is not part of cluster");
    refused(&sim, "node-2", &format!("{G} peer detach 10.0.0.2"), "is localhost");
}

/// glusterd asks for all peers but the one that leaves to be connected; that one need not hear of it.
#[test]
fn a_dead_peer_leaves_and_does_not_know() {
    let sim = cluster();
    sim.add_node("node-4", "10.0.0.4", []);
    good(&sim, "node-1", &format!("{G} peer probe 10.0.0.4"));
    for dead in ["node-3", "node-4"] {
        sim.set_up(dead, false);
    }
    refused(&sim, "node-1", &format!("{G} peer detach 10.0.0.3"), "One of the peers is probably down");
    sim.set_up("node-4", true);
    good(&sim, "node-1", &format!("{G} peer detach 10.0.0.3"));
    assert!(!good(&sim, "node-1", &format!("{G} pool list")).contains("10.0.0.3"));
    sim.set_up("node-3", true);
    let text = good(&sim, "node-3", &format!("{G} pool list"));
    assert_eq!(text.matches("Disconnected").count(), 3, "{text}");
    sim.add_node("node-5", "10.0.0.5", []);
    refused(&sim, "node-5", &format!("{G} peer probe 10.0.0.3"), "already part of another cluster");
    // Its old pool takes it in again.
    good(&sim, "node-1", &format!("{G} peer probe 10.0.0.3"));
    let text = good(&sim, "node-3", &format!("{G} pool list"));
    assert!(!text.contains("Disconnected") && text.lines().count() == 5, "{text}");
}

#[test]
fn a_rebuilt_peer_can_be_detached() {
    let sim = cluster();
    for rebuilt in ["node-2", "node-3"] {
        sim.reinstall(rebuilt, []);
    }
    refused(&sim, "node-1", &format!("{G} peer detach 10.0.0.2"), "One of the peers is probably down");
    let sim = cluster();
    sim.reinstall("node-2", []);
    good(&sim, "node-1", &format!("{G} peer detach 10.0.0.2"));
    assert!(!good(&sim, "node-1", &format!("{G} pool list")).contains("10.0.0.2"));
    good(&sim, "node-1", &format!("{G} peer probe 10.0.0.2"));
}

#[test]
fn a_peer_with_bricks_stays() {
    let sim = cluster();
    let directory = brick(&sim, "node-2", "1");
    good(&sim, "node-1", &format!("{G} volume create v 10.0.0.2:{directory}"));
    refused(&sim, "node-1", &format!("{G} peer detach 10.0.0.2"), "hosts one or more bricks");
    sim.add_node("node-4", "10.0.0.4", []);
    refused(&sim, "node-4", &format!("{G} peer probe 10.0.0.1"), "already part of another cluster");
}

#[test]
fn without_glusterd_nothing_is_answered() {
    let sim = cluster();
    assert!(good(&sim, "node-1", "systemctl status glusterd").contains("active (running)"));
    assert_eq!(good(&sim, "node-1", "systemctl is-active glusterd"), "active\n");
    refused(&sim, "node-1", "systemctl is-active glusterfs-server", "inactive");
    sim.set_glusterd("node-1", false);
    refused(&sim, "node-1", "systemctl status glusterd", "inactive (dead)");
    assert_eq!(sim.admin("node-1", "systemctl is-active glusterd").status, crate::runner::LineStatus::Exited(3));
    for line in ["pool list --xml", "volume info --xml", "volume create v 10.0.0.2:/a", "peer probe 10.0.0.3"] {
        refused(&sim, "node-1", &format!("{G} {line}"), "Please check if gluster daemon is operational");
    }
}
