//! What distance costs, counted in round trips: the clock of these tests stands still but for the way of messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heketi_core::id::NodeId;
use heketi_core::model::BrickFormat;
use heketi_core::operation::{Action, BrickSpec, Host, Step};
use heketi_core::units::Kib;
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::runner::CommandRunner;
use heketi_exec::sim::{SimCluster, SimDisk, SshServer, SshServerOptions};
use tokio::time::Instant;

use crate::client::{batch, bounded, runner, settings};

const ROUND_TRIP: Duration = Duration::from_secs(1);

/// Three nodes, so far away.
async fn far_nodes() -> SshServer {
    let sim = SimCluster::new();
    let mut nodes = Vec::new();
    for n in 1..=3 {
        let name = format!("n{n}");
        sim.add_node(&name, &format!("10.0.0.{n}"), [SimDisk::usable_gib("/dev/sdb", 10)]);
        nodes.push((name, SocketAddr::from(([127, 0, 0, 1], 0))));
    }
    let mut options = SshServerOptions::default();
    options.round_trip = ROUND_TRIP;
    SshServer::start(&sim, nodes, options).await.unwrap()
}

fn round_trips(since: Instant) -> f64 {
    // Half a round trip is the least that can happen; timers are a millisecond coarse.
    (since.elapsed().as_secs_f64() / ROUND_TRIP.as_secs_f64() * 10.0).round() / 10.0
}

#[tokio::test(start_paused = true)]
async fn a_batch_takes_as_few_round_trips_as_ssh_allows() {
    bounded(async {
        let server = far_nodes().await;
        let (_dir, mut config) = settings();
        config.connect_timeout = ROUND_TRIP * 50;
        let runner = runner(&config);
        let host = server.nodes()[0].1.to_string();
        for expected in [None, Some(2.0), Some(2.0)] {
            let start = Instant::now();
            runner.run(&host, &batch(&["mkdir -p /a", "mkdir -p /b", "mount"])).await.unwrap();
            match expected {
                // To open a channel, and to run the batch.
                Some(expected) => assert!((round_trips(start) - expected).abs() < 0.05, "{}", round_trips(start)),
                // TCP, versions, keys, service, login, and those two.
                None => assert!(round_trips(start) <= 9.0, "{}", round_trips(start)),
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_brick_on_each_of_three_nodes_takes_two_round_trips() {
    bounded(async {
        let server = far_nodes().await;
        let (_dir, mut config) = settings();
        config.connect_timeout = ROUND_TRIP * 50;
        let executor = NodeExecutor::new(Arc::new(runner(&config)), NodeOptions::default());
        let step = |n: usize, action| {
            let number = u8::try_from(n).unwrap() + 1;
            let host = Host {
                node: NodeId::from_bytes([number; 16]),
                manage: server.nodes()[n].1.to_string(),
                storage: format!("10.0.0.{number}"),
            };
            Step { hosts: vec![host], changes_gluster: None, action }
        };
        for n in 0..3 {
            let action = Action::SetUpDevice { device: "/dev/sdb".into(), volume_group: "vg_b".into(), wipe: false };
            executor.execute(&step(n, action)).await.unwrap();
        }
        for number in 0..2 {
            let id = format!("{number:032x}");
            let brick = BrickSpec {
                volume_group: "vg_b".into(),
                thin_pool: format!("tp_{id}"),
                logical_volume: format!("brick_{id}"),
                mount_point: format!("/var/lib/heketi/mounts/vg_b/brick_{id}"),
                size: Kib(1 << 20),
                pool_size: Kib(1 << 20),
                metadata_size: Kib(8192),
                gid: 2000,
                format: BrickFormat::Normal,
            };
            let steps = [0, 1, 2].map(|n| step(n, Action::CreateBrick { brick: brick.clone(), redo: false }));
            let start = Instant::now();
            for made in futures_util::future::join_all(steps.iter().map(|step| executor.execute(step))).await {
                made.unwrap();
            }
            assert!((round_trips(start) - 2.0).abs() < 0.05, "{}", round_trips(start));
        }
    })
    .await;
}
