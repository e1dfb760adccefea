//! The suite that every executor must pass, over the ways to nodes that need no machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::runner::inject::{InjectConfig, InjectRunner};
use heketi_exec::runner::{CommandRunner, SshRunner};
use heketi_exec::sim::{Effect, Fault, SimCluster, SimDisk, SshServer, SshServerOptions};
use heketi_exec::testkit::{Subject, TestNode, conform};

use crate::client::{bounded, settings};

pub const PARTS: [&str; 9] = [
    "failures",
    "peers",
    "devices",
    "bricks",
    "volumes",
    "snapshots",
    "block volumes",
    "devices are given back",
    "peers leave",
];

pub fn simulated() -> SimCluster {
    let sim = SimCluster::new();
    for n in 1..=3 {
        sim.add_node(&format!("n{n}"), &format!("10.0.0.{n}"), [SimDisk::usable_gib("/dev/sdb", 10)]);
    }
    sim
}

/// Nodes whose management host names are these.
pub fn subject(runner: Arc<dyn CommandRunner>, names: [String; 3]) -> Subject {
    let options = NodeOptions { poll_interval: Duration::from_millis(1), ..NodeOptions::default() };
    let mut n = 0;
    let nodes = names.map(|manage| {
        n += 1;
        TestNode::new(&manage, &format!("10.0.0.{n}"), "/dev/sdb")
    });
    let mut subject = Subject::new(Arc::new(NodeExecutor::new(runner, options)), nodes);
    subject.block_volumes = true;
    subject
}

fn names() -> [String; 3] {
    ["n1", "n2", "n3"].map(str::to_owned)
}

#[tokio::test]
async fn the_simulation() {
    let sim = simulated();
    let before = sim.snapshot();
    let passed = conform(&subject(Arc::new(sim.runner()), names())).await.unwrap();
    assert_eq!(passed, PARTS);
    assert_eq!(sim.leftovers(&before), [""; 0]);
}

#[tokio::test]
async fn fault_injection_without_faults() {
    let runner = InjectRunner::new(Arc::new(simulated().runner()), InjectConfig::default());
    assert_eq!(conform(&subject(Arc::new(runner), names())).await.unwrap(), PARTS);
}

#[tokio::test]
async fn ssh_to_simulated_nodes() {
    bounded(async {
        let sim = simulated();
        let nodes = names().map(|name| (name, SocketAddr::from(([127, 0, 0, 1], 0)))).to_vec();
        let server = SshServer::start(&sim, nodes, SshServerOptions::default()).await.unwrap();
        let (_directory, mut config) = settings();
        config.sudo = true;
        let runner = Arc::new(SshRunner::new(config).unwrap());
        let at = |n: usize| server.nodes()[n].1.to_string();
        let passed = conform(&subject(runner, [at(0), at(1), at(2)])).await.unwrap();
        assert_eq!(passed, PARTS);
    })
    .await;
}

#[tokio::test]
async fn a_broken_promise_is_told_with_its_part() {
    for (line, part) in [
        ("peer probe", "peers"),
        ("pvcreate", "devices"),
        ("mkfs.xfs", "bricks"),
        ("volume heal", "volumes"),
        ("snapshot clone", "snapshots"),
        ("gluster-block modify", "block volumes"),
        ("vgremove", "devices are given back"),
        ("peer detach", "peers leave"),
    ] {
        let sim = simulated();
        sim.inject(Fault::always(line, Effect::FailBefore("out of order".into(), 1)));
        let broken = conform(&subject(Arc::new(sim.runner()), names())).await.unwrap_err();
        assert_eq!(broken.part, part, "{line}: {broken}");
        assert!(broken.what.contains("out of order"), "{broken}");
    }
    // One that claims success and does nothing.
    let sim = simulated();
    sim.inject(Fault::always("lvcreate", Effect::Answer(String::new())));
    assert!(conform(&subject(Arc::new(sim.runner()), names())).await.is_err());
}
