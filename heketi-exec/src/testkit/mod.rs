//! One suite that every [`Executor`] must pass: the ones of this crate, and yours.
//!
//! It asks for three nodes with an empty disk each that belong to no common trusted pool, runs every kind of
//! step on them, twice where a step must bear that, and leaves them as it found them. It knows only what
//! [`Executor`] and the steps promise, nothing of how commands reach a node.
//!
//! An executor of your own is tested so:
//!
//! ```
//! use std::sync::Arc;
//! use heketi_exec::node::{NodeExecutor, NodeOptions};
//! use heketi_exec::sim::{SimCluster, SimDisk};
//! use heketi_exec::testkit::{Subject, TestNode, conform};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let sim = SimCluster::new();
//! let nodes = ["a", "b", "c"].map(|name| {
//!     sim.add_node(name, &format!("storage-{name}"), [SimDisk::usable_gib("/dev/sdb", 10)]);
//!     TestNode::new(name, &format!("storage-{name}"), "/dev/sdb")
//! });
//! // Yours stands here.
//! let executor = Arc::new(NodeExecutor::new(Arc::new(sim.runner()), NodeOptions::default()));
//! let passed = conform(&Subject::new(executor, nodes)).await.expect("the executor keeps its promises");
//! assert!(passed.contains(&"bricks"));
//! # }
//! ```

mod blocks;
mod bricks;
mod devices;
mod failures;
mod peers;
mod snapshots;
mod subject;
mod volumes;

pub use subject::{Broken, Subject, TestNode};

/// Runs the whole suite and names the parts that passed.
///
/// # Errors
/// [`Broken`]: the part, the promise that was not kept, and what was seen instead. The nodes are left as they
/// are then.
pub async fn conform(subject: &Subject) -> Result<Vec<&'static str>, Broken> {
    let mut passed = Vec::new();
    macro_rules! part {
        ($name:literal, $check:expr) => {
            $check.await.map_err(|broken| Broken { part: $name, ..broken })?;
            passed.push($name);
        };
    }
    let before = subject.contents().await?;
    part!("failures", failures::check(subject));
    part!("peers", peers::join(subject));
    part!("devices", devices::set_up(subject));
    part!("bricks", bricks::check(subject));
    part!("volumes", volumes::check(subject));
    if subject.snapshots {
        part!("snapshots", snapshots::check(subject));
    }
    if subject.block_volumes {
        part!("block volumes", blocks::check(subject));
    }
    part!("devices are given back", devices::tear_down(subject));
    part!("peers leave", peers::leave(subject));
    let after = subject.contents().await?;
    subject::same("what is on the nodes", &after, &before)
        .map_err(|broken| Broken { part: "nothing is left", ..broken })?;
    Ok(passed)
}
