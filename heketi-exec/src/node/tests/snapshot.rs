use heketi_core::operation::{BrickStorage, Certainty, Observation};

use super::Answer::*;
use super::*;

const CREATED: &str = include_str!("../parse/fixtures/snapshot_create_gluster10.xml");
const EXISTS: &str = include_str!("../parse/fixtures/snapshot_create_exists_gluster10.xml");
const ACTIVATED: &str = include_str!("../parse/fixtures/snapshot_activate_gluster10.xml");
const ACTIVE_ALREADY: &str = include_str!("../parse/fixtures/snapshot_activate_again_gluster10.xml");
const CLONED: &str = include_str!("../parse/fixtures/snapshot_clone_gluster10.xml");
const CLONE_EXISTS: &str = include_str!("../parse/fixtures/snapshot_clone_exists_gluster10.xml");
const DEACTIVATED: &str = include_str!("../parse/fixtures/snapshot_deactivate_gluster10.xml");
const NOT_ACTIVE: &str = include_str!("../parse/fixtures/snapshot_deactivate_again_gluster10.xml");
const DELETED: &str = include_str!("../parse/fixtures/snapshot_delete_gluster10.xml");
const GONE: &str = include_str!("../parse/fixtures/snapshot_delete_again_gluster10.xml");
const LOCKED: &str = "<cliOutput><opRet>-1</opRet><opErrno>30802</opErrno><opErrstr>Another transaction is in progress. \
    Please try again after some time.</opErrstr></cliOutput>";
const LISTED: &str = "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><snapList><count>1</count>\
    <snapshot>tmpsnap_a</snapshot></snapList></cliOutput>";
const NONE_LISTED: &str =
    "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><snapList><count>0</count></snapList></cliOutput>";
const PEERS: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>2</uuid><hostname>b</hostname>\
    <connected>1</connected></peer></peerStatus></cliOutput>";
const PEER_AWAY: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>2</uuid><hostname>b</hostname>\
    <connected>0</connected></peer></peerStatus></cliOutput>";

fn bench(changes: &[(&'static str, &[Answer])]) -> Bench {
    let usual: [(&'static str, &[Answer]); 7] = [
        ("pool list", &[Prints(PEERS)]),
        ("snapshot list", &[Prints(LISTED)]),
        ("snapshot create", &[Prints(CREATED)]),
        ("snapshot activate", &[Prints(ACTIVATED)]),
        ("snapshot clone", &[Prints(CLONED)]),
        ("snapshot deactivate", &[Prints(DEACTIVATED)]),
        ("snapshot delete", &[Prints(DELETED)]),
    ];
    Bench::new(&[changes, &usual].concat())
}

fn create() -> Action {
    Action::CreateSnapshot { volume: "vol_src".into(), snapshot: "tmpsnap_a".into() }
}

fn clone() -> Action {
    Action::CloneSnapshot { snapshot: "tmpsnap_a".into(), clone: "vol_clone".into() }
}

fn delete() -> Action {
    Action::DeleteSnapshot { snapshot: "tmpsnap_a".into() }
}

#[tokio::test]
async fn the_lines_are_heketi_v10s() {
    let bench = bench(&[]);
    for (action, lines) in [
        (
            create(),
            "pool list --xml|--xml snapshot create tmpsnap_a vol_src no-timestamp|--xml snapshot activate tmpsnap_a",
        ),
        (clone(), "--xml snapshot clone vol_clone tmpsnap_a"),
        (
            delete(),
            "--xml snapshot list|pool list --xml|--xml snapshot deactivate tmpsnap_a|--xml snapshot delete tmpsnap_a",
        ),
    ] {
        assert_eq!(bench.run(action).await, Ok(Observation::Done));
        let expected: Vec<String> =
            lines.split('|').map(|line| format!("gluster --mode=script --timeout=600 {line}")).collect();
        assert_eq!(bench.ran(), expected.join("\n|\n"));
    }
}

/// Each may run again after an outcome that is not known, and does what is left to do.
#[tokio::test]
async fn what_an_earlier_try_did_is_not_a_failure() {
    for status in [0, 1] {
        let again = bench(&[
            ("snapshot create", &[FailsLoudly(status, EXISTS)]),
            ("snapshot activate", &[FailsLoudly(status, ACTIVE_ALREADY)]),
            ("snapshot deactivate", &[FailsLoudly(status, NOT_ACTIVE)]),
            ("snapshot delete", &[FailsLoudly(status, GONE)]),
        ]);
        assert_eq!(again.run(create()).await, Ok(Observation::Done));
        assert_eq!(again.run(delete()).await, Ok(Observation::Done));
    }
    let gone = bench(&[("snapshot list", &[Prints(NONE_LISTED)])]);
    assert_eq!(gone.run(delete()).await, Ok(Observation::Done));
    assert_eq!(gone.ran().lines().count(), 1);
}

/// A snapshot of another volume under our name, and a volume under the clone's: they are not taken for ours.
#[tokio::test]
async fn what_another_made_is_a_failure() {
    let others = bench(&[("snapshot create", &[Prints(EXISTS)]), ("snapshot list", &[Prints(NONE_LISTED)])]);
    let failure = others.run(create()).await.unwrap_err();
    assert_eq!(failure.text, "snapshot tmpsnap_a exists and is not one of volume vol_src");
    assert!(!others.ran().contains("activate"));
    let taken = bench(&[("snapshot clone", &[Prints(CLONE_EXISTS)])]);
    let failure = taken.run(clone()).await.unwrap_err();
    let expected = "Failed to clone snapshot tmpsnap_a to volume vol_clone: Volume with name:vol_clone already exists";
    assert_eq!((failure.text.as_str(), failure.certainty), (expected, Certainty::Failed));
}

/// gluster exits with 0 whatever happens: its answer counts.
#[tokio::test]
async fn a_refusal_is_a_failure_whatever_the_exit_status() {
    const REFUSED: &str = "<cliOutput><opRet>-1</opRet><opErrno>30803</opErrno><opErrstr>One or more bricks are not \
        running.</opErrstr></cliOutput>";
    for answer in [Prints(REFUSED), FailsLoudly(1, REFUSED)] {
        let failure = bench(&[("snapshot create", &[answer])]).run(create()).await.unwrap_err();
        let expected = "Failed to create snapshot of volume vol_src: One or more bricks are not running.";
        assert_eq!((failure.text.as_str(), failure.certainty), (expected, Certainty::Failed));
    }
}

/// The gluster command stopped waiting, says so in plain text and exits with 0: glusterd may still go on.
#[tokio::test]
async fn a_command_that_timed_out_has_an_unknown_outcome() {
    for answer in
        [Prints("Error : Request timed out\n"), Prints(""), Hangs, FailsLoudly(1, "Error : Request timed out")]
    {
        for (line, action) in
            [("snapshot create", create()), ("snapshot clone", clone()), ("snapshot delete", delete())]
        {
            let failure = bench(&[(line, &[answer])]).run(action).await.unwrap_err();
            assert_eq!(failure.certainty, Certainty::Unknown, "{line}: {answer:?}: {}", failure.text);
        }
    }
}

#[tokio::test]
async fn gluster_s_locks_are_waited_for() {
    let patient = bench(&[("snapshot clone", &[Prints(LOCKED), FailsLoudly(1, LOCKED), Prints(CLONED)])]);
    assert_eq!(patient.run(clone()).await, Ok(Observation::Done));
    assert_eq!(patient.ran().matches("snapshot clone").count(), 3);
    let stuck = bench(&[("snapshot clone", &[Prints(LOCKED)])]).run(clone()).await.unwrap_err();
    assert!(stuck.text.contains("Another transaction is in progress"), "{}", stuck.text);
}

/// A snapshot deleted while a peer is away comes back with it. So none is made or deleted then.
#[tokio::test]
async fn snapshots_stay_as_they_are_while_a_peer_is_away() {
    for (action, what) in
        [(create(), "Failed to create snapshot of volume vol_src"), (delete(), "Failed to delete snapshot tmpsnap_a")]
    {
        let away = bench(&[("pool list", &[Prints(PEER_AWAY)])]);
        let failure = away.run(action).await.unwrap_err();
        let text = format!("{what}: peers are not connected: b; hint: start these nodes");
        assert!(failure.text.starts_with(&text), "{}", failure.text);
        let ran = away.ran();
        assert!(!ran.contains("snapshot create") && !ran.contains("snapshot de"), "{ran}");
    }
}

#[tokio::test]
async fn lists_snapshots_and_sets_options() {
    let seen = bench(&[]).run(Action::ListSnapshots).await;
    assert_eq!(seen, Ok(Observation::Snapshots(vec!["tmpsnap_a".into()])));
    let bench = bench(&[]);
    let options = vec!["user.heketi.id 77".to_owned(), String::new()];
    assert_eq!(bench.run(Action::SetOptions { name: "v".into(), options }).await, Ok(Observation::Done));
    assert_eq!(bench.ran(), "gluster --mode=script --timeout=600 volume set v user.heketi.id 77");
}

#[tokio::test]
async fn names_that_gluster_could_misread_reach_no_node() {
    let bench = bench(&[]);
    for action in [
        Action::CreateSnapshot { volume: "v".into(), snapshot: "--force".into() },
        Action::CreateSnapshot { volume: "-v".into(), snapshot: "s".into() },
        Action::CloneSnapshot { snapshot: "s".into(), clone: "a b".into() },
        Action::DeleteSnapshot { snapshot: "all of them".into() },
        Action::SetOptions { name: "v".into(), options: vec!["key".into()] },
        Action::ReadBrickStorage { directory: "/run/../etc".into() },
    ] {
        let failure = bench.run(action.clone()).await.unwrap_err();
        assert_eq!(failure.certainty, Certainty::NotStarted, "{action:?}");
    }
    assert_eq!(bench.ran(), "");
}

const CLONE_DIRECTORY: &str = "/run/gluster/snaps/3220f3db43824c93bab71062934584ae/brick4/brick";
const MOUNTS: &str = "/dev/mapper/sys-root on / type ext4 (rw)\ntmpfs on /run type tmpfs (rw)\n\
    /dev/mapper/vg--1-3220f3db43824c93bab71062934584ae_0 on /run/gluster/snaps/3220f3db43824c93bab71062934584ae/brick41 type xfs (rw)\n\
    /dev/mapper/vg--1-3220f3db43824c93bab71062934584ae_1 on /run/gluster/snaps/3220f3db43824c93bab71062934584ae/brick4 type xfs (rw)\n";
const IN_POOLS: &str =
    "  3220f3db43824c93bab71062934584ae_0:tp_b\n  3220f3db43824c93bab71062934584ae_1:tp_c\n  tp_c:\n";

#[tokio::test]
async fn the_storage_of_a_brick_is_what_is_mounted_there() {
    for directory in [CLONE_DIRECTORY.to_owned(), format!("/var{CLONE_DIRECTORY}")] {
        let bench = Bench::new(&[(": mount", &[Prints(MOUNTS)]), ("lvs", &[Prints(IN_POOLS)])]);
        let seen = bench.run(Action::ReadBrickStorage { directory }).await;
        let expected = BrickStorage {
            volume_group: "vg-1".into(),
            logical_volume: "3220f3db43824c93bab71062934584ae_1".into(),
            thin_pool: "tp_c".into(),
            mount_point: CLONE_DIRECTORY.trim_end_matches("/brick").into(),
        };
        assert_eq!(seen, Ok(Observation::BrickStorage(expected)));
        assert!(bench.ran().ends_with("lvs --noheadings --separator : --options lv_name,pool_lv vg-1"));
    }
}

/// Nothing is mounted there: what is above (memory, or the system's own volume) is no brick.
#[tokio::test]
async fn a_brick_that_is_not_mounted_has_no_storage() {
    for (directory, volumes) in [
        ("/run/gluster/snaps/3220f3db43824c93bab71062934584ae/brick7/brick", Prints(IN_POOLS)),
        ("/var/lib/heketi/mounts/vg_1/brick_1/brick", Prints("  root:\n  swap:\n")),
    ] {
        let bench = Bench::new(&[(": mount", &[Prints(MOUNTS)]), ("lvs", &[volumes])]);
        let seen = bench.run(Action::ReadBrickStorage { directory: directory.into() }).await;
        assert_eq!(seen, Ok(Observation::NoBrickStorage), "{directory}");
    }
    let broken =
        Bench::new(&[(": mount", &[Prints(MOUNTS)]), ("lvs", &[Fails(5, "  Volume group \"vg-1\" not found")])]);
    let failure = broken.run(Action::ReadBrickStorage { directory: CLONE_DIRECTORY.into() }).await.unwrap_err();
    assert!(failure.text.contains("not found"), "{}", failure.text);
}
