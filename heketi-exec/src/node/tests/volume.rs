use heketi_core::model::Durability;
use heketi_core::operation::{Certainty, GlusterBrick, Observation};

use super::Answer::*;
use super::*;

const GONE: &str =
    "<cliOutput><opRet>-1</opRet><opErrno>30806</opErrno><opErrstr>Volume does not exist</opErrstr></cliOutput>";
const STARTED: &str = "<cliOutput><opRet>0</opRet><opErrstr/><volInfo><volumes><volume><name>v</name><status>1</status><bricks>\
    <brick>a:/1<name>a:/1</name></brick><brick>a:/2<name>a:/2</name></brick></bricks></volume><count>1</count></volumes></volInfo></cliOutput>";
const PEERS: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>2</uuid><hostname>b</hostname>\
    <connected>1</connected></peer></peerStatus></cliOutput>";
const PEER_AWAY: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>2</uuid><hostname>b</hostname>\
    <connected>0</connected></peer></peerStatus></cliOutput>";
const NO_SNAPSHOTS: &str = "<cliOutput><opRet>0</opRet><opErrstr/><snapList><count>0</count></snapList></cliOutput>";
const SNAPSHOTS: &str = "<cliOutput><opRet>0</opRet><opErrstr/><snapList><count>2</count><snapshot>s1</snapshot>\
    <snapshot>s2</snapshot></snapList></cliOutput>";

fn delete() -> Action {
    Action::DeleteVolume { name: "v".into() }
}

fn bench(changes: &[(&'static str, &[Answer])]) -> Bench {
    let usual: [(&'static str, &[Answer]); 3] = [
        ("volume info", &[Prints(STARTED)]),
        ("pool list", &[Prints(PEERS)]),
        ("snapshot list", &[Prints(NO_SNAPSHOTS)]),
    ];
    Bench::new(&[changes, &usual].concat())
}

#[tokio::test]
async fn deletes_after_looking() {
    let bench = bench(&[]);
    assert_eq!(bench.run(delete()).await, Ok(Observation::Done));
    let expected = text(
        "gluster --mode=script --timeout=600 volume info v --xml
         gluster --mode=script --timeout=600 pool list --xml
         gluster --mode=script --timeout=600 snapshot list v --xml
         |
         gluster --mode=script --timeout=600 volume stop v force
         gluster --mode=script --timeout=600 volume delete v",
    );
    assert_eq!(bench.ran(), expected);
}

#[tokio::test]
async fn a_volume_that_is_gone_is_deleted() {
    for rules in [
        ("volume info", Prints(GONE)),
        ("volume info", FailsLoudly(1, GONE)),
        ("snapshot list", Prints(GONE)),
        ("volume delete", Fails(1, "volume delete: v: failed: Volume v does not exist")),
    ] {
        assert_eq!(bench(&[(rules.0, &[rules.1])]).run(delete()).await, Ok(Observation::Done), "{rules:?}");
    }
    let stopped = Fails(1, "volume stop: v: failed: Volume v is not in the started state");
    let bench = bench(&[("volume stop", &[stopped])]);
    assert_eq!(bench.run(delete()).await, Ok(Observation::Done));
    assert!(bench.ran().ends_with("volume delete v"));
}

#[tokio::test]
async fn refuses_before_anything_is_stopped() {
    for (rule, words) in [
        (("pool list", Prints(PEER_AWAY)), "Unable to delete volume v: peers are not connected: b"),
        (("snapshot list", Prints(SNAPSHOTS)), "Unable to delete volume v because it contains 2 snapshots: s1, s2"),
        (("volume info", Fails(1, "broken")), "Unable to delete volume v: broken (gluster volume info on n1)"),
        (("snapshot list", Prints("?")), "Unable to delete volume v: cannot understand the output"),
    ] {
        let bench = bench(&[(rule.0, &[rule.1])]);
        let failure = bench.run(delete()).await.unwrap_err();
        assert!(failure.text.starts_with(words), "{}", failure.text);
        assert!(!bench.ran().contains("volume stop"));
    }
}

#[tokio::test]
async fn a_delete_that_fails_says_so_in_known_words() {
    let bench = bench(&[("volume delete", &[Fails(1, "volume delete: v: failed: Some of the peers are down")])]);
    let failure = bench.run(delete()).await.unwrap_err();
    assert_eq!(failure.certainty, Certainty::Failed);
    assert!(
        failure.text.starts_with("Unable to delete volume v: volume delete: v: failed: Some of"),
        "{}",
        failure.text
    );
}

#[tokio::test]
async fn starting_a_started_volume_is_success() {
    let start = Action::StartVolume { name: "v".into() };
    let bench = Bench::new(&[("volume start", &[Fails(1, "volume start: v: failed: Volume v already started")])]);
    assert_eq!(bench.run(start).await, Ok(Observation::Done));
}

#[tokio::test]
async fn lists_volumes() {
    let observed = Bench::new(&[("volume info --xml", &[Prints(STARTED)])]).run(Action::ListVolumes).await;
    let Ok(Observation::Volumes(volumes)) = observed else { panic!("{observed:?}") };
    assert_eq!((volumes[0].name.as_str(), volumes[0].started, volumes[0].bricks.len()), ("v", true, 2));
    let refused = Bench::new(&[("volume info --xml", &[Prints(GONE)])]).run(Action::ListVolumes).await.unwrap_err();
    assert_eq!(refused.text, "Volume does not exist");
}

fn add(paths: &[&str]) -> Action {
    let set = |path: &&str| vec![GlusterBrick { host: "a".into(), path: (*path).to_owned() }];
    Action::AddBricks {
        name: "v".into(),
        durability: Durability::None,
        arbiter: false,
        sets: paths.iter().map(set).collect(),
    }
}

#[tokio::test]
async fn bricks_that_were_added_before_are_not_added_again() {
    const TAKEN: Answer =
        Fails(1, "volume add-brick: failed: Brick: a:/1 not available. Brick may be contained by an existing brick.");
    let bench = bench(&[("add-brick", &[TAKEN, Prints("")])]);
    assert_eq!(bench.run(add(&["/1", "/2", "/3"])).await, Ok(Observation::Done));
    let ran = bench.ran();
    assert!(ran.contains("add-brick v a:/1 a:/2 a:/3"), "{ran}");
    assert!(ran.ends_with("add-brick v a:/3"), "{ran}");
}

#[tokio::test]
async fn a_refused_brick_that_gluster_does_not_have_is_a_failure() {
    let bench = bench(&[("add-brick", &[Fails(1, "no"), Prints("")])]);
    let failure = bench.run(add(&["/3", "/4"])).await.unwrap_err();
    assert!(failure.text.starts_with("no "), "{}", failure.text);
    assert_eq!(bench.ran().matches("add-brick").count(), 1);
}
