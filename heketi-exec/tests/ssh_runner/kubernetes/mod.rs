//! The Kubernetes runner against an API server in this process.

mod api_server;
mod login;

use std::sync::Arc;
use std::time::Duration;

use heketi_exec::runner::kubernetes::{KubernetesConfig, KubernetesRunner, PodSelection};
use heketi_exec::runner::{BatchResult, CommandRunner, RunError, RunErrorKind};
use heketi_exec::testkit::conform;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::client::{batch, bounded, until};
use crate::conformance::{PARTS, simulated, subject};
use api_server::{ApiServer, Behaviour, pod};

fn runner(server: &ApiServer, change: impl FnOnce(&mut KubernetesConfig)) -> KubernetesRunner {
    let mut client = Config::new(format!("http://127.0.0.1:{}", server.port).parse().unwrap());
    client.default_namespace = "storage".into();
    client.default_retry = false;
    let mut config = KubernetesConfig::default();
    config.batch_margin = Duration::ZERO;
    change(&mut config);
    KubernetesRunner::with_client(Client::try_from(client).unwrap(), config)
}

fn pods() -> Vec<Value> {
    ["n1", "n2", "n3"].iter().map(|node| pod(&format!("gluster-{node}"), node, node)).collect()
}

async fn mount(runner: &KubernetesRunner, host: &str) -> Result<BatchResult, RunError> {
    bounded(runner.run(host, &batch(&["mount"]))).await
}

#[tokio::test]
async fn the_suite_of_every_executor() {
    bounded(async {
        let sim = simulated();
        let server = ApiServer::start(&sim, pods()).await;
        for (protocol, timeouts) in [("v5.channel.k8s.io", true), ("v4.channel.k8s.io", false)] {
            server.speak(protocol);
            let runner = runner(&server, |config| config.timeout_prefix = timeouts);
            runner.check_rights().await.unwrap();
            let names = ["n1", "n2", "n3"].map(str::to_owned);
            assert_eq!(conform(&subject(Arc::new(runner), names)).await.unwrap(), PARTS);
        }
        let execs = server.execs();
        assert!(execs.iter().all(|exec| exec.container == "glusterfs" && exec.command[0] == "/bin/bash"));
        let (first, last) = (&execs[0], &execs[execs.len() - 1]);
        assert!(first.command[3].contains("timeout -k 10 ") && !last.command[3].contains("timeout -k "));
    })
    .await;
}

#[tokio::test]
async fn the_pod_of_a_host_is_chosen_with_care() {
    let server = ApiServer::start(&simulated(), Vec::new()).await;
    let by_label = runner(&server, |_| {});
    let by_node = runner(&server, |config| config.selection = PodSelection::Node);
    let by_name = runner(&server, |config| config.selection = PodSelection::Name);
    let change = |path: &str, value: Value| {
        let mut pod = pod("one", "n1", "n1");
        *pod.pointer_mut(path).unwrap() = value;
        pod
    };
    let mut ending = pod("old", "n1", "n1");
    ending["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");

    let refused = |outcome: Result<BatchResult, RunError>| {
        let error = outcome.unwrap_err();
        assert!(error.nothing_more_ran, "{error}");
        error.message
    };
    assert_eq!(refused(mount(&by_label, "n1").await), "No pods with the label 'glusterfs-node=n1' were found");
    assert!(refused(mount(&by_node, "n1").await).contains("node n1"));
    assert!(refused(mount(&by_name, "one").await).contains("no pod one"));
    for (pods, said) in [
        (vec![ending.clone()], "pod old is about to end"),
        (vec![change("/status/phase", json!("Pending"))], "its phase is Pending"),
        (vec![change("/status/conditions/0/status", json!("False"))], "pod one is not ready"),
        (vec![change("/status/conditions", json!([]))], "pod one is not ready"),
        (vec![pod("a", "n1", "n1"), pod("b", "n1", "n1")], "Found 2 pods sharing the same label"),
    ] {
        server.set_pods(pods);
        for runner in [&by_label, &by_node] {
            let told = refused(mount(runner, "n1").await);
            assert!(told.contains(said), "{told}");
        }
    }
    assert!(server.execs().is_empty());

    // A rolling update: the pod that ends gets nothing.
    let mut sidecar = pod("new", "n1", "n1");
    let containers = json!([{ "name": "sidecar", "image": "x" }, { "name": "glusterfs", "image": "y" }]);
    sidecar["spec"]["containers"] = containers;
    sidecar["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/default-container": "glusterfs" });
    server.set_pods(vec![ending, sidecar]);
    mount(&by_label, "n1").await.unwrap();
    mount(&by_node, "n1").await.unwrap();
    mount(&by_name, "new").await.unwrap();
    let chosen = runner(&server, |config| config.container = Some("sidecar".into()));
    mount(&chosen, "n1").await.unwrap();
    let execs = server.execs();
    let containers: Vec<&str> = execs.iter().map(|exec| exec.container.as_str()).collect();
    assert_eq!(containers, ["glusterfs", "glusterfs", "glusterfs", "sidecar"]);
    assert!(execs.iter().all(|exec| exec.pod == "new"));
    let absent = runner(&server, |config| config.container = Some("none".into()));
    assert!(refused(mount(&absent, "n1").await).contains("it has sidecar, glusterfs"));
    for host in ["", "a b", "n1,x=y", "-n1", "n1/../n2"] {
        let error = mount(&by_label, host).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::BadHost, "{host}");
    }
}

#[tokio::test]
async fn any_limit_can_be_set() {
    let server = ApiServer::start(&simulated(), pods()).await;
    for most in [None, Some(1), Some(usize::MAX)] {
        let runner = runner(&server, |config| {
            config.max_connections = most;
            config.batches_per_host = most.unwrap_or_default();
        });
        mount(&runner, "n1").await.unwrap();
    }
}

#[tokio::test]
async fn missing_rights_are_named_with_the_rule_to_add() {
    let server = ApiServer::start(&simulated(), pods()).await;
    let runner = runner(&server, |_| {});
    runner.check_rights().await.unwrap();
    server.deny(&["create pods/exec", "list pods"]);
    let told = runner.check_rights().await.unwrap_err().to_string();
    assert!(told.contains("may not list pods, create pods/exec in namespace storage"), "{told}");
    assert!(told.contains("resources: [\"pods/exec\"]"), "{told}");
    let error = mount(&runner, "n1").await.unwrap_err();
    assert_eq!(error.kind, RunErrorKind::AuthenticationFailed);
    assert!(error.nothing_more_ran && error.message.contains("resources: [\"pods\"]"), "{error}");
}

#[tokio::test]
async fn what_went_wrong_tells_whether_something_may_have_run() {
    let server = ApiServer::start(&simulated(), pods()).await;
    let runner = runner(&server, |_| {});
    for (behaviour, kind, nothing_ran) in [
        (Behaviour::Forbid, RunErrorKind::AuthenticationFailed, true),
        (Behaviour::Break, RunErrorKind::Protocol, true),
        (Behaviour::Busy, RunErrorKind::Protocol, true),
        (Behaviour::GiveUp, RunErrorKind::Disconnected, false),
        (Behaviour::NoShell, RunErrorKind::Protocol, true),
        (Behaviour::DropRequest, RunErrorKind::Disconnected, false),
        (Behaviour::DropAfterRun, RunErrorKind::Disconnected, false),
        (Behaviour::Truncate, RunErrorKind::Disconnected, false),
    ] {
        server.behave(behaviour);
        let error = mount(&runner, "n1").await.unwrap_err();
        assert_eq!((error.kind, error.nothing_more_ran), (kind, nothing_ran), "{behaviour:?}: {error}");
    }
    // Each was sent once, whatever came of it.
    assert_eq!(server.execs().len(), 8);
    server.behave(Behaviour::Run);
    let failed = bounded(runner.run("n1", &batch(&["mkdir /a", "mkdir /a", "mkdir /b"]))).await.unwrap();
    assert_eq!((failed.lines.len(), failed.failure().unwrap().0), (2, 1));
    drop(server);
}

#[tokio::test]
async fn an_api_that_does_not_answer_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = ApiServer::start(&simulated(), pods()).await;
    let at = server.on_port(silent.local_addr().unwrap().port());
    let mute = runner(&at, |config| config.connect_timeout = Duration::from_millis(200));
    let error = mount(&mute, "n1").await.unwrap_err();
    assert!(error.kind == RunErrorKind::Unreachable && error.nothing_more_ran, "{error}");
    mute.check_rights().await.unwrap();

    server.behave(Behaviour::Stall);
    let quick = Arc::new(runner(&server, |_| {}));
    let waiting = tokio::spawn(async move { quick.run("n1", &batch(&["mount"])).await });
    until("the request is there", || !server.execs().is_empty()).await;
    // The time of the batch passes at once.
    tokio::time::pause();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.kind == RunErrorKind::Unreachable && !error.nothing_more_ran, "{error}");
}
