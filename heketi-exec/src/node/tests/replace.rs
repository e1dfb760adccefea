use heketi_core::operation::{BrickHeal, Certainty, GlusterBrick, Observation};

use super::Answer::*;
use super::*;

fn gluster_brick(path: &str) -> GlusterBrick {
    GlusterBrick { host: "a".into(), path: path.into() }
}

fn replace() -> Action {
    Action::ReplaceBrick { name: "v".into(), old: gluster_brick("/old"), new: gluster_brick("/new") }
}

const STILL_OLD: &str = "<cliOutput><opRet>0</opRet><opErrstr/><volInfo><volumes><volume><name>v</name><bricks>\
    <brick>a:/old<name>a:/old</name></brick></bricks></volume></volumes></volInfo></cliOutput>";
const NEW_ALREADY: &str = "<cliOutput><opRet>0</opRet><opErrstr/><volInfo><volumes><volume><name>v</name><bricks>\
    <brick>a:/new<name>a:/new</name></brick></bricks></volume></volumes></volInfo></cliOutput>";
const NOT_THERE: Answer = Fails(1, "volume replace-brick: failed: brick: a:/old does not exist in volume: v");
const NO_GLUSTERD: Answer = Fails(1, "Connection failed. Please check if gluster daemon is operational.");

#[tokio::test]
async fn a_brick_is_replaced_with_one_line() {
    let bench = Bench::new(&[]);
    assert_eq!(bench.run(replace()).await, Ok(Observation::Done));
    let expected = "gluster --mode=script --timeout=600 volume replace-brick v a:/old a:/new commit force";
    assert_eq!(bench.ran(), expected);
}

#[tokio::test]
async fn a_brick_that_was_replaced_before_is_success() {
    let bench = Bench::new(&[("replace-brick", &[NOT_THERE]), ("volume info", &[Prints(NEW_ALREADY)])]);
    assert_eq!(bench.run(replace()).await, Ok(Observation::Done));
}

#[tokio::test]
async fn a_refused_replacement_says_so_in_known_words() {
    let bench = Bench::new(&[("replace-brick", &[NOT_THERE]), ("volume info", &[Prints(STILL_OLD)])]);
    let failure = bench.run(replace()).await.unwrap_err();
    assert_eq!(failure.certainty, Certainty::Failed);
    let text = "Unable to replace brick a:/old with a:/new for volume v: volume replace-brick: failed: brick: a:/old";
    assert!(failure.text.starts_with(text), "{}", failure.text);
    // gluster works on it still, or again: nobody knows how it ends.
    let busy = Bench::new(&[("replace-brick", &[Fails(1, "Error : Request timed out")])]);
    assert_eq!(busy.run(replace()).await.unwrap_err().certainty, Certainty::Unknown);
}

#[tokio::test]
async fn without_glusterd_nothing_is_done_and_another_host_is_asked() {
    let bench = Bench::new(&[("replace-brick", &[NO_GLUSTERD])]);
    assert_eq!(bench.run(replace()).await.unwrap_err().certainty, Certainty::NotStarted);
    let heal = Action::HealInfo { name: "v".into() };
    let answer = "<cliOutput><healInfo><bricks><brick><name>a:/old</name><status>Connected</status><numberOfEntries>1\
        </numberOfEntries></brick></bricks></healInfo><opRet>0</opRet><opErrno>0</opErrno><opErrstr/></cliOutput>";
    let bench = Bench::new(&[("n1: gluster", &[NO_GLUSTERD]), PAIR, ("heal v info --xml", &[Prints(answer)])]);
    let expected = BrickHeal { brick: Some(gluster_brick("/old")), connected: true, entries: Some(1) };
    assert_eq!(bench.run_on(&["n1", "n2"], heal).await, Ok(Observation::Heal(vec![expected])));
    // A later line of a step that has begun is no reason to believe that nothing was done.
    let bench = Bench::new(&[
        ("volume delete", &[NO_GLUSTERD]),
        ("volume info", &[Prints(STILL_OLD)]),
        ("pool list", &[Prints("<cliOutput><opRet>0</opRet></cliOutput>")]),
        ("snapshot list", &[Prints("<cliOutput><opRet>0</opRet></cliOutput>")]),
    ]);
    let failure = bench.run(Action::DeleteVolume { name: "v".into() }).await.unwrap_err();
    assert_eq!(failure.certainty, Certainty::Failed, "{failure:?}");
}

#[tokio::test]
async fn heal_info_that_cannot_be_had_says_so_in_known_words() {
    let refused = "<cliOutput><healInfo><bricks/></healInfo><opRet>-1</opRet><opErrno>2</opErrno><opErrstr>Volume v does \
        not exist</opErrstr></cliOutput>";
    for (answer, words) in [
        (FailsLoudly(254, refused), "Unable to get heal info of volume : v : Volume v does not exist"),
        (Prints("no xml"), "Unable to get heal info of volume : v : cannot understand the output"),
    ] {
        let failure = Bench::new(&[("heal v info", &[answer])]).run(Action::HealInfo { name: "v".into() }).await;
        let text = failure.unwrap_err().text;
        assert!(text.starts_with(words), "{text}");
    }
}

#[tokio::test]
async fn no_odd_name_reaches_a_node() {
    let odd = |name: &str, old: &str, new: &str| Action::ReplaceBrick {
        name: name.into(),
        old: gluster_brick(old),
        new: gluster_brick(new),
    };
    for action in [
        odd("v;reboot", "/old", "/new"),
        odd("v", "old", "/new"),
        odd("v", "/old", "/a/../b"),
        Action::HealInfo { name: "-x".into() },
    ] {
        let bench = Bench::new(&[]);
        assert_eq!(bench.run(action.clone()).await.unwrap_err().certainty, Certainty::NotStarted, "{action:?}");
        assert_eq!(bench.ran(), "");
    }
}
