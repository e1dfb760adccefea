//! `heketi offline update-dbvol`: gluster's caches must not stand between a database and its volume.

use std::time::Duration;

use heketi_core::inventory::Inventory;
use heketi_core::model::Volume;
use heketi_core::operation::{Action, GlusterVolume, Host, Observation, Step};
use heketi_exec::executor::Executor;

use crate::app::{Failure, tell};
use crate::config::Config;

/// Tells which of these settings a volume has.
const LEVEL: &str = "user.heketi.dbstoragelevel";

/// Settings of level 1. The level comes last: it says that the others are there.
const OPTIONS: [&str; 9] = [
    "performance.stat-prefetch off",
    "performance.write-behind off",
    "performance.open-behind off",
    "performance.quick-read off",
    "performance.read-ahead off",
    "performance.io-cache off",
    "performance.readdir-ahead off",
    "performance.strict-o-direct on",
    "user.heketi.dbstoragelevel 1",
];

pub(super) async fn run(config: &Config, name: &str) -> Result<(), Failure> {
    tell("OFFLINE COMMAND: update dbvol");
    update(config, name).await.map_err(|text| Failure::plain(format!("Error updating db volume: {text}")))
}

async fn update(config: &Config, name: &str) -> Result<(), String> {
    let (engine, executor) = super::engine(config, super::store_to_look_at(config)?).await?;
    let inventory = engine.inventory();
    let done = match inventory.volumes().find(|volume| volume.name == name) {
        Some(volume) => set_options(executor.as_ref(), &inventory, volume).await,
        None => Err(format!("Volume {name} not found")),
    };
    engine.shut_down(Duration::ZERO).await;
    done
}

async fn set_options(executor: &dyn Executor, inventory: &Inventory, volume: &Volume) -> Result<(), String> {
    let hosts: Vec<Host> = inventory
        .nodes_of_cluster(volume.cluster)
        .filter_map(|id| inventory.node(id))
        .map(|node| node.host())
        .collect();
    let step = |action| Step { hosts: hosts.clone(), changes_gluster: Some(volume.cluster), action };
    let run = async |action| {
        let answer = tokio::time::timeout(LIMIT, executor.execute(&step(action))).await;
        answer.map_err(|_| format!("no answer in {} s", LIMIT.as_secs()))?.map_err(|failure| failure.text)
    };
    let Observation::Volumes(found) = run(Action::ListVolumes).await? else {
        return Err("gluster gave no list of volumes".to_owned());
    };
    let found = found.into_iter().find(|found| found.name == volume.name);
    let found = found.ok_or_else(|| format!("Volume {} not found in gluster", volume.name))?;
    if has_level(&found) {
        return Ok(());
    }
    let options = OPTIONS.map(str::to_owned).to_vec();
    run(Action::SetOptions { name: volume.name.clone(), options }).await.map(drop)
}

/// gluster answers or gives up sooner.
const LIMIT: Duration = Duration::from_secs(900);

fn has_level(volume: &GlusterVolume) -> bool {
    volume.options.iter().any(|(key, value)| key == LEVEL && !matches!(value.trim(), "" | "0"))
}

#[cfg(test)]
mod tests {
    use heketi_exec::node::NodeOptions;
    use heketi_exec::sim::MockExecutor;

    use super::*;

    /// One node, and a volume on it.
    fn inventory() -> Inventory {
        use heketi_core::id::{BrickId, ClusterId, DeviceId, NodeId, VolumeId};
        use heketi_core::interchange::V10Database;
        let [cluster, node, device, volume, brick] = [
            ClusterId::from_bytes([1; 16]).to_string(),
            NodeId::from_bytes([2; 16]).to_string(),
            DeviceId::from_bytes([3; 16]).to_string(),
            VolumeId::from_bytes([4; 16]).to_string(),
            BrickId::from_bytes([5; 16]).to_string(),
        ];
        let text = serde_json::json!({
            "clusterentries": { &cluster: { "Info": { "id": cluster, "nodes": [node], "volumes": [volume], "file": true } } },
            "nodeentries": { &node: { "State": "online", "Devices": [device], "Info": { "id": node, "cluster": cluster,
                "zone": 1, "hostnames": { "manage": ["n1"], "storage": ["192.0.2.1"] } } } },
            "deviceentries": { &device: { "State": "online", "NodeId": node, "ExtentSize": 4096, "Bricks": [brick],
                "Info": { "id": device, "name": "/dev/sdb", "storage":
                    { "total": 104_857_600, "free": 103_792_640, "used": 1_064_960 } } } },
            "volumeentries": { &volume: { "Bricks": [brick], "Info": { "id": volume, "cluster": cluster, "size": 1,
                "name": "heketidbstorage", "durability": { "type": "none" }, "snapshot": { "factor": 1 } } } },
            "brickentries": { &brick: { "TpSize": 1_048_576, "PoolMetadataSize": 16384, "SubType": 1, "Info": { "id": brick,
                "path": format!("/var/lib/heketi/mounts/vg_{device}/brick_{brick}/brick"),
                "device": device, "node": node, "volume": volume, "size": 1_048_576 } } },
        });
        let database = V10Database::from_json(text.to_string().as_bytes()).unwrap();
        database.to_inventory().unwrap().inventory
    }

    fn options(mock: &MockExecutor) -> Vec<String> {
        let pools = mock.cluster().snapshot().pools;
        let volume = pools.iter().find_map(|pool| pool.volumes.get("heketidbstorage")).unwrap().clone();
        volume.options.iter().map(|(key, value)| format!("{key} {value}")).collect()
    }

    #[tokio::test]
    async fn options_are_set_once() {
        let inventory = inventory();
        let volume = inventory.volumes().next().unwrap().clone();
        let mock = MockExecutor::new(NodeOptions::default(), 100);
        assert_eq!(mock.cluster().populate(&inventory), Vec::<String>::new());
        set_options(&mock, &inventory, &volume).await.unwrap();
        let set = options(&mock);
        for option in OPTIONS {
            assert!(set.contains(&option.to_owned()), "{option}: {set:?}");
        }
        // What an administrator changed later stays.
        let line = "gluster --mode=script volume set heketidbstorage performance.io-cache on";
        assert!(mock.cluster().admin("n1", line).success());
        set_options(&mock, &inventory, &volume).await.unwrap();
        assert!(options(&mock).contains(&"performance.io-cache on".to_owned()));
        let gone = Volume { name: "other".into(), ..Volume::clone(&volume) };
        assert_eq!(set_options(&mock, &inventory, &gone).await.unwrap_err(), "Volume other not found in gluster");
    }
}
