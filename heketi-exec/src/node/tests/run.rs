//! What failures mean: certainty, other hosts, arguments, settling.

use heketi_core::operation::{Certainty, FailureKind, GlusterBrick, GlusterVolumeSpec, Observation};

use super::Answer::*;
use super::*;
use crate::runner::wrapper::Script;

const POOL: &str = "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><peerStatus/></cliOutput>";

#[tokio::test]
async fn tells_how_certain_a_failure_is() {
    let change = || Action::StartVolume { name: "v".into() };
    let ask = || Action::ListVolumes;
    for (action, answer, certainty, kind) in [
        (change(), Fails(1, "no"), Certainty::Failed, FailureKind::Command),
        (change(), Hangs, Certainty::Unknown, FailureKind::Command),
        (change(), FailsLoudly(1, "Error : Request timed out"), Certainty::Unknown, FailureKind::Command),
        (change(), Breaks, Certainty::Unknown, FailureKind::Unreachable),
        (change(), BreaksBefore, Certainty::NotStarted, FailureKind::Unreachable),
        (change(), Away, Certainty::NotStarted, FailureKind::Unreachable),
        (change(), Closed, Certainty::NotStarted, FailureKind::ShutDown),
        (ask(), Fails(1, "no"), Certainty::Failed, FailureKind::Command),
        // What only looks has done nothing, however it ends.
        (ask(), Hangs, Certainty::NotStarted, FailureKind::Command),
        (ask(), Breaks, Certainty::NotStarted, FailureKind::Unreachable),
        (ask(), Prints("garbage"), Certainty::Failed, FailureKind::Answer),
    ] {
        let bench = Bench::new(&[("volume ", &[answer])]);
        let failure = bench.run(action).await.unwrap_err();
        assert_eq!((failure.certainty, failure.kind), (certainty, kind), "{answer:?}: {failure:?}");
        assert_eq!(failure.host, "n1");
    }
}

#[tokio::test]
async fn a_batch_cut_off_between_lines_is_known_to_be_half_done() {
    let create = Action::CreateBrick { brick: brick(), redo: false };
    let bench = Bench::new(&[("mkfs", &[BreaksBefore])]);
    let failure = bench.run(create.clone()).await.unwrap_err();
    assert_eq!((failure.certainty, failure.kind), (Certainty::Failed, FailureKind::Unreachable));
    let bench = Bench::new(&[("mkfs", &[Breaks])]);
    assert_eq!(bench.run(create).await.unwrap_err().certainty, Certainty::Unknown);
}

#[tokio::test]
async fn the_nodes_words_come_first_then_command_and_node() {
    let start = Action::StartVolume { name: "v".into() };
    for (answer, expected) in [
        (Fails(1, "volume start: v: failed: no\n"), "volume start: v: failed: no (gluster volume start on n1)"),
        (
            FailsLoudly(1, "Error : Request timed out\n"),
            "Error : Request timed out (gluster volume start on n1); hint: gluster may go on with it; many volumes or \
             slow hooks need a greater gluster_cli_timeout",
        ),
        (Fails(3, ""), "Process exited with status 3 (gluster volume start on n1)"),
    ] {
        let failure = Bench::new(&[("volume start", &[answer])]).run(start.clone()).await.unwrap_err();
        assert_eq!(failure.text, expected);
    }
}

#[tokio::test]
async fn another_host_is_asked_only_after_one_that_did_nothing() {
    let start = || Action::StartVolume { name: "v".into() };
    let bench = Bench::new(&[("n1: ", &[Away]), PAIR, ("n2: ", &[BreaksBefore])]);
    assert_eq!(bench.run_on(&["n1", "n2", "n3"], start()).await, Ok(Observation::Done));
    // A member that left the pool would answer for itself alone.
    let alone = "<cliOutput><opRet>0</opRet><peerStatus><peer><uuid>1</uuid><hostname>localhost</hostname>\
                 <connected>1</connected></peer></peerStatus></cliOutput>";
    let bench = Bench::new(&[("n1: gluster --mode=script --timeout=600 pool list", &[Prints(alone)]), PAIR]);
    assert_eq!(bench.run_on(&["n1", "n2"], start()).await, Ok(Observation::Done));
    assert_eq!(bench.ran().matches("volume start").count(), 1);
    let bench = Bench::new(&[("pool list", &[Prints(alone)])]);
    let failure = bench.run_on(&["n1", "n2"], start()).await.unwrap_err();
    assert!(failure.text.contains("n1 is alone in its trusted pool"), "{}", failure.text);
    assert!(!bench.ran().contains("volume start"));

    for (answer, certainty) in [(Fails(1, "no"), Certainty::Failed), (Breaks, Certainty::Unknown)] {
        let bench = Bench::new(&[("n1: ", &[Away]), PAIR, ("n2: ", &[answer])]);
        let failure = bench.run_on(&["n1", "n2", "n3"], start()).await.unwrap_err();
        assert_eq!((failure.host.as_str(), failure.certainty), ("n2", certainty));
        assert!(!failure.text.contains("n1"), "{}", failure.text);
    }

    let bench = Bench::new(&[("n", &[Away])]);
    let failure = bench.run_on(&["n1", "n2"], start()).await.unwrap_err();
    assert_eq!(failure.text, "Host n1: n1: connection trouble\nHost n2: n2: connection trouble");
    assert_eq!(failure.certainty, Certainty::NotStarted);
    let failure = bench.run_on(&[], start()).await.unwrap_err();
    assert_eq!(failure.text, "no hosts available (0 total)");
}

#[tokio::test]
async fn gluster_lines_wait_for_locks_and_go_on_where_they_stood() {
    const BUSY: &str =
        "volume set: failed: Another transaction is in progress for v. Please try again after some time.";
    let volume = GlusterVolumeSpec {
        name: "v".into(),
        durability: heketi_core::model::Durability::None,
        arbiter: false,
        sets: vec![vec![GlusterBrick { host: "a".into(), path: "/b".into() }]],
        options: vec!["k v".into()],
    };
    let bench = Bench::new(&[("volume set", &[Fails(1, BUSY), FailsLoudly(1, "Locking failed on a."), Prints("")])]);
    assert_eq!(bench.run(Action::CreateVolume { volume: volume.clone() }).await, Ok(Observation::Done));
    let ran = bench.ran();
    assert_eq!(ran.matches("volume create").count(), 1, "{ran}");
    assert_eq!((ran.matches("volume set").count(), ran.matches("volume start").count()), (3, 1), "{ran}");

    let bench = Bench::new(&[("volume set", &[Fails(1, BUSY)])]);
    let failure = bench.run(Action::CreateVolume { volume }).await.unwrap_err();
    assert_eq!(failure.certainty, Certainty::Failed);
    assert_eq!(bench.ran().matches("volume set").count(), 10);
}

#[tokio::test]
async fn bad_arguments_reach_no_node() {
    let bad_brick = |change: fn(&mut BrickSpec)| {
        let mut brick = brick();
        change(&mut brick);
        Action::CreateBrick { brick, redo: false }
    };
    let volume = |option: &str| Action::CreateVolume {
        volume: GlusterVolumeSpec {
            name: "v".into(),
            durability: heketi_core::model::Durability::None,
            arbiter: false,
            sets: vec![vec![GlusterBrick { host: "a".into(), path: "/b".into() }]],
            options: vec![option.into()],
        },
    };
    for action in [
        Action::StartVolume { name: "v\nreboot".into() },
        Action::StartVolume { name: "-v".into() },
        Action::DeleteVolume { name: String::new() },
        Action::ProbePeer { storage: "a;b".into() },
        Action::InspectDevice { device: "sdb".into() },
        Action::InspectDevice { device: "/dev/a\0b".into() },
        Action::InspectDevice { device: "/dev/../etc/fstab".into() },
        Action::ReadDevice { device: "/dev/sdb".into(), volume_group: "vg/x".into() },
        bad_brick(|brick| brick.mount_point = "/".into()),
        bad_brick(|brick| brick.mount_point = "/a b/c".into()),
        bad_brick(|brick| brick.logical_volume = "a b".into()),
        bad_brick(|brick| brick.gid = -1),
        bad_brick(|brick| brick.size = Kib(0)),
        volume("novalue"),
        volume(" value"),
        volume("k --mode=interactive"),
        volume("k v\nw"),
    ] {
        let bench = Bench::new(&[]);
        let failure = bench.run(action).await.unwrap_err();
        assert_eq!(failure.certainty, Certainty::NotStarted, "{}", failure.text);
        assert_eq!(bench.ran(), "");
    }
    let options = NodeOptions { fstab: "/etc/fstab\n".into(), ..NodeOptions::default() };
    assert!(Bench::with(options, &[]).run(Action::CheckGlusterd).await.is_err());
    assert_eq!(Bench::new(&[("pool list", &[Prints(POOL)])]).run(Action::CheckGlusterd).await, Ok(Observation::Done));
}

#[tokio::test]
async fn settling_waits_for_the_batches_that_run_now() {
    const OWN: &str =
        "7 /bin/bash -c exec </dev/null;export LC_ALL=C;hk_n=aa;eval 'pgrep -af hk_n='\n8 timeout pgrep -af hk_n=\n";
    const TWO: &str = "7 bash -c x;hk_n=aa;eval 'pgrep -af hk_n='\n5 bash -c exec;hk_n=b1;eval mkfs\n6 bash -c exec;hk_n=b2;eval umount\n";
    const ONE: &str = "5 bash -c exec;hk_n=b1;eval mkfs\n";
    const NEW: &str = "9 bash -c exec;hk_n=c3;eval mkfs\n";
    let bench = Bench::new(&[("pgrep", &[Prints(TWO), Prints(ONE), Prints(ONE), Prints(NEW)])]);
    assert_eq!(bench.run(Action::Settle).await, Ok(Observation::Done));
    assert_eq!(bench.ran().matches("pgrep -af hk_n=").count(), 4);
    for nothing in [Prints(OWN), Fails(1, "")] {
        assert_eq!(Bench::new(&[("pgrep", &[nothing])]).run(Action::Settle).await, Ok(Observation::Done));
    }
    for unknown in
        [Fails(127, "bash: pgrep: command not found"), Fails(1, "sudo: pgrep: command not found"), Fails(2, "")]
    {
        assert!(Bench::new(&[("pgrep", &[unknown])]).run(Action::Settle).await.is_err());
    }
}

/// What settling looks for is what the runner's scripts have in their command line.
#[test]
fn the_mark_is_in_every_script() {
    let batch = Batch::one(crate::node::commands::running_batches());
    let script = Script::with_nonce(&batch, true, "00ff".into()).unwrap();
    assert!(script.text().contains(";hk_n=00ff;"), "{}", script.text());
    assert!(script.text().contains("pgrep -af hk_n="), "{}", script.text());
}

#[tokio::test]
async fn steps_that_edit_fstab_take_turns_on_a_node() {
    let bench = Bench::new(&[]);
    let create = || bench.run(Action::CreateBrick { brick: brick(), redo: false });
    let lock = bench.executor.storage_lock(host("n1").node);
    let held = lock.lock().await;
    let blocked = tokio::time::timeout(Duration::from_millis(50), create()).await;
    assert!(blocked.is_err() && bench.ran().is_empty());
    drop(held);
    assert_eq!(create().await, Ok(Observation::Done));
}
