use std::sync::Arc;

use heketi_core::operation::{Action, Certainty, FailureKind, Step};
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeExecutor, NodeOptions, check_node};
use heketi_exec::runner::{SshConfig, SshRunner};

use super::{Nodes, block_on, executor, host, runner};
use crate::lab::{scenario, settings};
use crate::nodes::{assert_blank, root};

#[test]
#[ignore = "needs the lab"]
fn hosts_are_reached_as_root_or_with_sudo() {
    scenario(|| {
        block_on(async {
            let mut config = SshConfig::new(&settings()["HEKETI_LAB_KEY"]);
            config.user = "root".into();
            let as_root = SshRunner::new(config).expect("the lab's key is good");
            Nodes(NodeExecutor::new(Arc::new(as_root), NodeOptions::default())).ok(1, Action::CheckGlusterd).await;

            // Nobody has the address of n9; the next host is asked.
            let step = |hosts: &[usize]| {
                let hosts = hosts.iter().map(|node| host(*node)).collect();
                Step { hosts, changes_gluster: None, action: Action::CheckGlusterd }
            };
            let nodes = executor();
            nodes.0.execute(&step(&[9, 2])).await.expect("n2 answers");
            let absent = nodes.0.execute(&step(&[9])).await.expect_err("n9 does not answer");
            assert_eq!(
                (absent.kind, absent.certainty),
                (FailureKind::Unreachable, Certainty::NotStarted),
                "{absent:?}"
            );
            assert!(absent.host.contains("10.77.0.19"), "{absent:?}");

            let check = |node: usize| async move {
                let check = check_node(runner().as_ref(), &NodeOptions::default(), &host(node).manage).await;
                println!("{check}");
                check
            };
            let checked = check(3).await;
            assert!(checked.passed() && checked.findings.iter().any(|found| found.text.contains("/dev/ubdb")));
            root(3, "mv /etc/sudoers.d/storage /var/tmp/");
            let unchecked = check(3).await;
            assert!(!unchecked.passed() && unchecked.findings[0].topic == "sudo", "{unchecked}");
            let refused = nodes.fails(3, Action::DetachPeer { storage: "n1".into() }).await;
            root(3, "mv /var/tmp/storage /etc/sudoers.d/");
            assert_eq!(refused.certainty, Certainty::NotStarted, "{refused:?}");
            assert!(
                refused.text.contains("sudo") && refused.text.contains("storage ALL=(root) NOPASSWD"),
                "{refused:?}"
            );
            nodes.ok(3, Action::CheckGlusterd).await;
        });
        assert_blank();
    });
}
