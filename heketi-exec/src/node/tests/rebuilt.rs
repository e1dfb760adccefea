use heketi_core::operation::{BrickHeal, Certainty, GlusterBrick, Observation};

use super::Answer::*;
use super::*;

const fn pool(members: &'static str) -> Answer {
    Prints(members)
}

/// Rebuilt: another identity, no peers.
const ALONE: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>new</uuid><hostname>localhost</hostname>\
    <connected>1</connected></peer></peerStatus></cliOutput>";
const ITSELF: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>old</uuid><hostname>localhost</hostname>\
    <connected>1</connected></peer></peerStatus></cliOutput>";
/// A peer that is rejected has a connection all the same.
const REJECTED: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>2</uuid><hostname>b</hostname>\
    <connected>1</connected><state>6</state><stateStr>Peer Rejected</stateStr></peer><peer><uuid>old</uuid>\
    <hostname>localhost</hostname><connected>1</connected></peer></peerStatus></cliOutput>";
const BACK: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>2</uuid><hostname>b</hostname>\
    <connected>1</connected><state>3</state><stateStr>Peer in Cluster</stateStr></peer><peer><uuid>old</uuid>\
    <hostname>localhost</hostname><connected>1</connected></peer></peerStatus></cliOutput>";
const ELSEWHERE: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>9</uuid><hostname>z</hostname>\
    <connected>1</connected><state>3</state></peer><peer><uuid>new</uuid><hostname>localhost</hostname>\
    <connected>1</connected></peer></peerStatus></cliOutput>";

fn restore() -> Action {
    Action::RestorePeer { uuid: "old".into(), through: "b".into() }
}

/// The lines up to the answer of the member that takes it in.
const INTRODUCTION: &str = "gluster --mode=script --timeout=600 pool list --xml
     |
     systemctl reset-failed glusterd
     systemctl stop glusterd
     sed -i \"s/^UUID=.*/UUID=old/\" /var/lib/glusterd/glusterd.info
     systemctl reset-failed glusterd
     systemctl start glusterd
     |
     gluster --mode=script --timeout=600 pool list --xml
     |
     gluster --mode=script --timeout=30 peer probe b
     |
     gluster --mode=script --timeout=600 pool list --xml";

/// It fetches the volumes at once: nothing stops it while it does.
#[tokio::test]
async fn a_rebuilt_peer_gets_its_identity_then_its_place() {
    let bench = Bench::new(&[("pool list", &[pool(ALONE), pool(ITSELF), pool(BACK)])]);
    assert_eq!(bench.run(restore()).await, Ok(Observation::Done));
    assert_eq!(bench.ran(), text(INTRODUCTION));
}

/// A peer that was greeted before waits for its next start.
#[tokio::test]
async fn a_peer_that_stays_accepted_is_started_once_more() {
    let mut answers = vec![pool(ALONE), pool(ITSELF)];
    answers.extend([pool(REJECTED); 8]);
    answers.push(pool(BACK));
    let bench = Bench::new(&[("pool list", answers.as_slice())]);
    assert_eq!(bench.run(restore()).await, Ok(Observation::Done));
    let look = "|\ngluster --mode=script --timeout=600 pool list --xml\n".repeat(7);
    let again = "|
         systemctl reset-failed glusterd
         systemctl stop glusterd
         |
         systemctl reset-failed glusterd
         systemctl start glusterd
         |
         gluster --mode=script --timeout=600 pool list --xml";
    assert_eq!(bench.ran(), format!("{}\n{look}{}", text(INTRODUCTION), text(again)));
}

/// Power was cut while it wrote the volumes of its pool, which it cannot read now.
#[tokio::test]
async fn volumes_that_glusterd_cannot_read_are_set_aside() {
    let down = Fails(1, "Connection failed. Please check if gluster daemon is operational.");
    let no = Fails(1, "Job for glusterd.service failed because the control process exited with error code.");
    let rules: [(&str, &[Answer]); 2] = [("pool list", &[down, pool(BACK)]), ("systemctl start", &[no, Prints("")])];
    let bench = Bench::new(&rules);
    assert_eq!(bench.run(restore()).await, Ok(Observation::Done));
    let expected = "gluster --mode=script --timeout=600 pool list --xml
         |
         systemctl reset-failed glusterd
         systemctl start glusterd
         |
         grep -qx UUID=old /var/lib/glusterd/glusterd.info
         |
         mv -T --backup=numbered /var/lib/glusterd/vols /var/lib/glusterd/vols.unreadable
         systemctl reset-failed glusterd
         systemctl start glusterd
         |
         gluster --mode=script --timeout=600 pool list --xml";
    assert_eq!(bench.ran(), text(expected));
    // Those of another peer are not in its pool.
    let other = [rules[0], rules[1], ("grep", &[Fails(1, "")])];
    let bench = Bench::new(&other);
    let failure = bench.run(restore()).await.unwrap_err();
    assert!(failure.text.contains("Job for glusterd.service failed"), "{}", failure.text);
    assert!(!bench.ran().contains("mv "));
}

#[tokio::test]
async fn a_peer_that_is_back_is_left_alone() {
    let bench = Bench::new(&[("pool list", &[pool(BACK)])]);
    assert_eq!(bench.run(restore()).await, Ok(Observation::Done));
    assert_eq!(bench.ran(), "gluster --mode=script --timeout=600 pool list --xml");
}

#[tokio::test]
async fn a_member_of_another_pool_keeps_its_identity() {
    let bench = Bench::new(&[("pool list", &[pool(ELSEWHERE)])]);
    let failure = bench.run(restore()).await.unwrap_err();
    assert_eq!(failure.certainty, Certainty::Failed);
    assert!(failure.text.contains("is in another pool, with z"), "{}", failure.text);
    assert!(!bench.ran().contains("systemctl"));
}

/// An earlier try ended between stop and start.
#[tokio::test]
async fn a_glusterd_that_was_left_stopped_is_started() {
    let down = Fails(1, "Connection failed. Please check if gluster daemon is operational.");
    let bench = Bench::new(&[("pool list", &[down, pool(ITSELF), pool(BACK)])]);
    assert_eq!(bench.run(restore()).await, Ok(Observation::Done));
    assert!(bench.ran().contains("systemctl start glusterd\n|"), "started before anything is decided");
}

#[tokio::test]
async fn identities_that_are_none_reach_no_node() {
    for uuid in ["", "a/b", "x\ny", "-e"] {
        let bench = Bench::new(&[]);
        let action = Action::RestorePeer { uuid: uuid.into(), through: "b".into() };
        assert_eq!(bench.run(action).await.unwrap_err().certainty, Certainty::NotStarted, "{uuid:?}");
        assert_eq!(bench.ran(), "");
    }
}

fn brick(host: &str) -> GlusterBrick {
    GlusterBrick { host: host.into(), path: "/b/brick".into() }
}

const NEWS: &str = "volume reset-brick: failed: When destination brick is new, please use gluster volume replace-brick \
    <volname> <src-brick> <dst-brick> commit force";

const NOT_YET: &str = "volume reset-brick: failed: Pre Validation failed on b. Host n1 not connected";

const RUNS: &str = "volume reset-brick: failed: Source brick must be stopped. Please use gluster volume reset-brick \
    <volname> <dst-brick> start.";

/// glusterd loaded the volume before the brick directory was there: it must look again. Its peers greet it later, and
/// it starts the brick.
#[tokio::test]
async fn glusterd_is_started_anew_for_bricks_it_has_not_seen() {
    let rules: [(&str, &[Answer]); 2] = [
        ("commit force", &[Fails(1, NEWS), Fails(1, NOT_YET), Fails(1, RUNS), Prints("")]),
        ("pool list", &[pool(BACK)]),
    ];
    let bench = Bench::new(&rules);
    let own = bench.run(Action::CheckGlusterd).await;
    assert_eq!(own, Ok(Observation::Done));
    bench.ran();
    let storage = host("n1").storage;
    let reset = |host: &str| Action::ResetBrick { name: "v".into(), brick: brick(host) };
    assert_eq!(bench.run(reset(&storage)).await, Ok(Observation::Done));
    let expected = text(&format!(
        "gluster --mode=script --timeout=600 volume reset-brick v {storage}:/b/brick start
         gluster --mode=script --timeout=600 volume reset-brick v {storage}:/b/brick {storage}:/b/brick commit force
         |
         gluster --mode=script --timeout=600 pool list --xml
         |
         systemctl reset-failed glusterd
         systemctl restart glusterd
         |
         gluster --mode=script --timeout=600 pool list --xml
         |
         gluster --mode=script --timeout=600 volume reset-brick v {storage}:/b/brick start
         gluster --mode=script --timeout=600 volume reset-brick v {storage}:/b/brick {storage}:/b/brick commit force
         |
         gluster --mode=script --timeout=600 volume reset-brick v {storage}:/b/brick start
         gluster --mode=script --timeout=600 volume reset-brick v {storage}:/b/brick {storage}:/b/brick commit force
         |
         gluster --mode=script --timeout=600 volume reset-brick v {storage}:/b/brick start
         gluster --mode=script --timeout=600 volume reset-brick v {storage}:/b/brick {storage}:/b/brick commit force"
    ));
    assert_eq!(bench.ran(), expected);
    // The glusterd of another node would not help.
    let failure = Bench::new(&rules).run(reset("elsewhere")).await.unwrap_err();
    assert!(failure.text.contains("destination brick is new"), "{}", failure.text);
}

/// Bricks that do not run are listed by their names, and count as not connected.
#[tokio::test]
async fn heal_info_tells_which_bricks_answer() {
    const HEAL: &str = "<cliOutput><healInfo><bricks><brick hostUuid=\"1\"><name>a:/1</name><file gfid=\"x\">/f</file>\
        <status>Connected</status><numberOfEntries>3</numberOfEntries></brick><brick hostUuid=\"-\"><name>b:/2</name>\
        <status>Transport endpoint is not connected</status><numberOfEntries>-</numberOfEntries></brick><brick hostUuid=\"-\">\
        <name>information not available</name><numberOfEntries>-</numberOfEntries></brick></bricks></healInfo>\
        <opRet>0</opRet><opErrno>0</opErrno><opErrstr/></cliOutput>";
    let bench = Bench::new(&[("heal v info", &[Prints(HEAL)])]);
    let named = |host: &str, path: &str| Some(GlusterBrick { host: host.into(), path: path.into() });
    let expected = vec![
        BrickHeal { brick: named("a", "/1"), connected: true, entries: Some(3) },
        BrickHeal { brick: named("b", "/2"), connected: false, entries: None },
        BrickHeal { brick: None, connected: false, entries: None },
    ];
    assert_eq!(bench.run(Action::HealInfo { name: "v".into() }).await, Ok(Observation::Heal(expected)));
}

/// Of several nodes that could be asked, one that is alone in its pool is passed over: it knows no volume.
#[tokio::test]
async fn a_loner_is_not_asked_about_volumes() {
    const VOLUMES: &str = "<cliOutput><opRet>0</opRet><opErrstr/><volInfo><volumes><volume><name>v</name><status>1</status>\
        </volume><count>1</count></volumes></volInfo></cliOutput>";
    const NONE: &str =
        "<cliOutput><opRet>0</opRet><opErrstr/><volInfo><volumes><count>0</count></volumes></volInfo></cliOutput>";
    let rules: [(&str, &[Answer]); 4] = [
        ("n1: gluster --mode=script --timeout=600 pool list", &[pool(ALONE)]),
        ("n2: gluster --mode=script --timeout=600 pool list", &[pool(BACK)]),
        ("n1: gluster --mode=script --timeout=600 volume info", &[Prints(NONE)]),
        ("n2: gluster --mode=script --timeout=600 volume info", &[Prints(VOLUMES)]),
    ];
    let seen = Bench::new(&rules).run_on(&["n1", "n2"], Action::ListVolumes).await;
    assert!(matches!(&seen, Ok(Observation::Volumes(volumes)) if volumes.len() == 1), "{seen:?}");
    let refused = Bench::new(&rules).run_on(&["n1", "n1"], Action::ListVolumes).await.unwrap_err();
    assert!(refused.text.contains("alone in its trusted pool"), "{}", refused.text);
    // The only node of its cluster is alone, and right.
    let seen = Bench::new(&rules).run_on(&["n1"], Action::ListVolumes).await;
    assert_eq!(seen, Ok(Observation::Volumes(Vec::new())));
}
