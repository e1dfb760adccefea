//! The example of an embedding service does what it shows.

#[allow(dead_code)] // its main
#[path = "../../examples/embed.rs"]
mod example;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::sim::{MockExecutor, SimCluster, SimDisk, SshServer, SshServerOptions};

use crate::client::{bounded, runner, settings};

#[tokio::test]
async fn it_works_on_simulated_nodes() {
    bounded(async {
        let mock = Arc::new(MockExecutor::new(NodeOptions::default(), 500));
        let told = example::serve(mock.clone(), ["a", "b", "c"].map(String::from).into()).await.unwrap();
        assert!(told.ends_with("with 2 bricks"), "{told}");
        assert_eq!(mock.cluster().snapshot().pools[0].volumes.len(), 1);
        let lonely = Arc::new(MockExecutor::new(NodeOptions::default(), 500));
        let failed = example::serve(lonely, vec!["a".into()]).await.unwrap_err();
        assert!(failed.to_string().contains("No space"), "{failed}");
    })
    .await;
}

#[tokio::test]
async fn it_works_over_ssh() {
    bounded(async {
        let hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
        let (sim, server) = listening(&hosts).await;
        let (_directory, mut config) = settings();
        config.port = server.nodes()[0].1.port();
        let executor = Arc::new(NodeExecutor::new(Arc::new(runner(&config)), NodeOptions::default()));
        let told = example::serve(executor, hosts.map(String::from).into()).await.unwrap();
        assert!(told.ends_with("with 2 bricks"), "{told}");
        assert_eq!(sim.snapshot().pools[0].volumes.len(), 1);
    })
    .await;
}

/// Simulated nodes on these addresses, all on the same port.
async fn listening(hosts: &[&str]) -> (SimCluster, SshServer) {
    let sim = SimCluster::new();
    for host in hosts {
        sim.add_node(host, host, [SimDisk::usable_gib("/dev/sdb", 100)]);
    }
    // The port may be taken on another address.
    for _ in 0..20 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = |host: &str| SocketAddr::new(host.parse::<IpAddr>().unwrap(), port);
        let nodes = hosts.iter().map(|host| ((*host).to_owned(), address(host))).collect();
        if let Ok(server) = SshServer::start(&sim, nodes, SshServerOptions::default()).await {
            return (sim, server);
        }
    }
    panic!("no free port");
}
