use std::sync::Arc;

use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::testkit::{Subject, TestNode, conform};

use super::{DISK, block_on, runner};
use crate::lab::scenario;
use crate::nodes::address;

#[test]
#[ignore = "needs the lab"]
fn every_executor_must_pass_this() {
    scenario(|| {
        block_on(async {
            let nodes = [1, 2, 3].map(|node| TestNode::new(&address(node), &address(node), DISK));
            let executor = NodeExecutor::new(runner(), NodeOptions::default());
            let passed = conform(&Subject::new(Arc::new(executor), nodes)).await;
            println!("{:?}", passed.expect("the executor keeps its promises"));
        });
    });
}
