//! The state examiner, and simulated nodes made from a state.

use std::collections::BTreeMap;
use std::sync::Arc;

use heketi_core::api::ExaminedNode;
use heketi_exec::sim::SimCluster;

use crate::support::*;
use crate::tested::node_named;

fn nodes(seen: &heketi_exec::engine::Examination) -> Vec<&ExaminedNode> {
    seen.clusters.iter().flat_map(|cluster| cluster.nodes.iter().flatten()).collect()
}

#[tokio::test]
async fn every_node_is_asked_and_volumes_are_compared() {
    let sim = simulated(3);
    let (engine, _, cluster) = loaded(&sim, 3).await;
    volume(&engine, engine.volume_create(replica3(5)).await).await;
    let seen = engine.examine(&engine.durable_inventory()).await;
    assert_eq!(seen.report, ["heketi volume list matches with volume list of all nodes"]);
    assert_eq!((seen.clusters.len(), nodes(&seen).len()), (1, 3));
    for node in nodes(&seen) {
        let tables = [&node.physical_volumes, &node.volume_groups, &node.logical_volumes];
        let [pv, vg, lv] = tables.map(|table| table.as_ref().unwrap().report[0].clone());
        assert_eq!((pv.pv.unwrap().len(), vg.vg.unwrap().len()), (2, 2));
        let lv = lv.lv.unwrap();
        let attributes = ["lv_name", "vg_name", "lv_attr", "lv_size", "pool_lv", "origin", "data_percent"];
        assert!(lv.len() == 2 && lv.iter().all(|row| attributes.iter().all(|key| row.contains_key(*key))), "{lv:?}");
        let mounts = &node.mounts.as_ref().unwrap().statuses;
        assert!(matches!(mounts.as_slice(), [mount] if mount.mounted && mount.r#type == "xfs"), "{mounts:?}");
        let volumes = &node.volumes.as_ref().unwrap().volumes;
        let listed = volumes.list.as_ref().unwrap();
        assert_eq!((volumes.count, listed[0].replica_count, listed[0].bricks.list.len()), (1, 3, 3));
        assert_eq!(listed[0].status_text, "Started");
    }

    // A volume of somebody else, a brick that is not mounted, a node that is down, a cluster without nodes.
    assert!(sim.admin("n1", "mkdir -p /data/other").success());
    let made = sim.admin("n1", "gluster --mode=script volume create other 10.0.0.1:/data/other force");
    assert!(made.success(), "{made:?}");
    let line = r#"awk "BEGIN {print \"/dev/mapper/vg_x-brick_y /mnt/y xfs rw 1 2\" >> \"/etc/fstab\"}""#;
    assert!(sim.admin("n1", line).success());
    let (down, down_host) = (node_named(&engine, "n2"), "n2");
    sim.set_up(down_host, false);
    let empty = engine.cluster_create(true, true).await.unwrap();
    let seen = engine.examine(&engine.durable_inventory()).await;
    let count = |start: &str| seen.report.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(count(&format!("could not fetch data from node {down_host}")), 1, "{:#?}", seen.report);
    for kind in ["pvs", "vgs", "lvs"] {
        assert_eq!(count(&format!("could not fetch LVM {kind} data from node {down_host} : ")), 1);
    }
    assert_eq!(count(&format!("could not fetch brick mount status from node {down_host} : ")), 1);
    let compared = format!("heketi volume list could not be compared with volume list of node {down} due to missing");
    assert_eq!(count(&compared), 1);
    assert_eq!(count("heketi volume list does not match with volume list of node "), 2);
    assert_eq!(count(&format!("not able to fetch any data from cluster {empty}")), 1);
    let by_id: BTreeMap<_, _> = nodes(&seen).into_iter().map(|node| (node.node, node)).collect();
    let mounts = &by_id[&node_named(&engine, "n1")].mounts.as_ref().unwrap().statuses;
    assert!(matches!(mounts.as_slice(), [_, mount] if !mount.mounted && mount.mount_point == "/mnt/y"), "{mounts:?}");
    assert!(by_id[&down].volumes.is_none() && by_id[&down].physical_volumes.is_none());
    let none = seen.clusters.iter().find(|examined| examined.cluster != cluster).unwrap();
    assert_eq!(none.nodes, None);
}

#[tokio::test]
async fn simulated_nodes_hold_what_a_state_says() {
    let sim = simulated(4);
    let (first, store, _) = loaded(&sim, 4).await;
    volume(&first, first.volume_create(replica3(5)).await).await;
    let with_arbiter = heketi_core::api::CheckedVolumeCreate {
        options: vec!["user.heketi.arbiter true".into()],
        gid: 2000,
        ..replica3(20)
    };
    volume(&first, first.volume_create(with_arbiter).await).await;
    let block = heketi_core::operation::BlockVolumeCreateRequest {
        size: heketi_core::Gib(2),
        ha_count: 2,
        name: None,
        clusters: Vec::new(),
        auth: true,
    };
    let job = first.block_volume_create(block).await.unwrap();
    finished(&first, job).await;
    first.shut_down(std::time::Duration::ZERO).await;

    let again = SimCluster::new();
    let inventory = first.inventory();
    assert_eq!(again.populate(&inventory), Vec::<String>::new());
    let second = engine(&again, Arc::clone(&store) as _, config()).await;
    let report = second.audit(true).await.unwrap();
    assert_eq!(report.findings, [], "{:#?}", report.notes);
    assert_nodes_match(&second, &again);
    // It goes on there.
    volume(&second, second.volume_create(replica3(3)).await).await;
    for id in second.inventory().block_volumes().map(|it| it.id).collect::<Vec<_>>() {
        let job = second.block_volume_delete(id).await.unwrap();
        finished(&second, job).await;
    }
    for id in second.inventory().volumes().map(|volume| volume.id).collect::<Vec<_>>() {
        let job = second.volume_delete(id).await.unwrap();
        finished(&second, job).await;
    }
    assert_nodes_match(&second, &again);
}
