use std::time::{Duration, Instant};

use heketi_core::operation::Action;
use heketi_exec::runner::{Batch, CommandLine, CommandRunner};

use super::{block_on, executor, host, runner};
use crate::lab::scenario;
use crate::nodes::root;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs the lab"]
fn commands_of_a_lost_connection_are_waited_for() {
    scenario(|| {
        block_on(async {
            let nodes = executor();
            let start = Instant::now();
            nodes.ok(1, Action::Settle).await;
            assert!(start.elapsed() < Duration::from_secs(10), "nothing to wait for");

            let lines = ["touch /tmp/lab-begun", "sleep 12", "touch /tmp/lab-over"];
            let batch: Batch = lines.into_iter().map(|line| CommandLine::new(line, LIMIT)).collect();
            let lost = runner();
            let running = tokio::spawn({
                let lost = lost.clone();
                async move { lost.run(&host(1).manage, &batch).await }
            });
            while root(1, "ls /tmp").lines().all(|name| name != "lab-begun") {
                assert!(start.elapsed() < LIMIT, "the batch does not begin");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            lost.close().await;
            drop(lost);
            let error = running.await.expect("no panic").expect_err("its connection was closed");
            assert!(!error.nothing_more_ran, "{error:?}");

            assert!(root(1, "pgrep -a sleep").contains("sleep 12"), "the line that was running goes on");
            let start = Instant::now();
            nodes.ok(1, Action::Settle).await;
            assert!(start.elapsed() > Duration::from_secs(3), "it did not wait: {:?}", start.elapsed());
            assert!(!root(1, "pgrep -a . ").contains("sleep 12"));
        });
        // The line after it was never begun.
        assert_eq!(root(1, "ls /tmp | grep lab-; rm /tmp/lab-begun"), "lab-begun\n");
    });
}
