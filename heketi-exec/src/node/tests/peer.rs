use heketi_core::operation::{Certainty, Observation, Peer};

use super::Answer::*;
use super::*;

const WAITING: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>1</uuid><hostname>localhost</hostname>\
    <connected>1</connected></peer><peer><uuid>2</uuid><hostname>stor-b</hostname><connected>0</connected></peer>\
    </peerStatus></cliOutput>";
const CONNECTED: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>1</uuid><hostname>localhost</hostname>\
    <connected>1</connected></peer><peer><uuid>2</uuid><hostname>10.0.0.2</hostname><hostnames><hostname>10.0.0.2</hostname>\
    <hostname>Stor-B</hostname></hostnames><connected>1</connected></peer></peerStatus></cliOutput>";

fn probe() -> Action {
    Action::ProbePeer { storage: "stor-b".into() }
}

#[tokio::test]
async fn the_asked_host_is_no_peer_of_its_own() {
    let bench = Bench::new(&[("pool list", &[Prints(CONNECTED)])]);
    let names = vec!["10.0.0.2".to_owned(), "Stor-B".to_owned()];
    let peer = Peer { names, uuid: "2".into(), connected: true };
    assert_eq!(bench.run(Action::ListPeers).await, Ok(Observation::Pool(vec![peer])));
}

#[tokio::test]
async fn a_probe_waits_until_the_peer_is_connected() {
    let pool = [
        Prints(WAITING),
        Fails(1, "Connection failed. Please check if gluster daemon is operational."),
        Prints(CONNECTED),
    ];
    let options = NodeOptions { snapshot_limit: 14, ..NodeOptions::default() };
    let bench = Bench::with(options, &[("pool list", &pool), ("peer probe", &[Prints("peer probe: success")])]);
    assert_eq!(bench.run(probe()).await, Ok(Observation::Done));
    let expected = text(
        "gluster --mode=script --timeout=600 peer probe stor-b
         |
         gluster --mode=script --timeout=600 snapshot config snap-max-hard-limit 14
         |
         gluster --mode=script --timeout=600 pool list --xml
         |
         gluster --mode=script --timeout=600 pool list --xml
         |
         gluster --mode=script --timeout=600 pool list --xml",
    );
    assert_eq!(bench.ran(), expected);
}

#[tokio::test]
async fn a_peer_that_never_connects_is_a_failure() {
    let bench = Bench::new(&[("pool list", &[Prints(WAITING)])]);
    let failure = bench.run(probe()).await.unwrap_err();
    assert_eq!(failure.certainty, Certainty::Failed);
    assert!(failure.text.contains("did not become connected: not connected"), "{}", failure.text);
}

#[tokio::test]
async fn a_probe_of_itself_and_a_refused_probe_fail() {
    let words = "peer probe: Probe on localhost not needed";
    let failure = Bench::new(&[("peer probe", &[Prints(words)])]).run(probe()).await.unwrap_err();
    assert!(failure.text.starts_with(words), "{}", failure.text);
    let refused = Fails(1, "peer probe: failed: Probe returned with Transport endpoint is not connected");
    assert!(Bench::new(&[("peer probe", &[refused])]).run(probe()).await.is_err());
}

#[tokio::test]
async fn a_peer_known_by_another_name_will_do() {
    const OTHER: &str = "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>2</uuid><hostname>10.0.0.2</hostname>\
        <connected>1</connected></peer></peerStatus></cliOutput>";
    let known = Prints("peer probe: Host stor-b port 24007 already in peer list");
    let bench = Bench::new(&[("peer probe", &[known]), ("pool list", &[Prints(OTHER)])]);
    assert_eq!(bench.run(probe()).await, Ok(Observation::Done));
}

#[tokio::test]
async fn detaching_a_stranger_is_success() {
    let detach = || Action::DetachPeer { storage: "stor-b".into() };
    let stranger = Fails(1, "peer detach: failed: stor-b is not part of cluster");
    assert_eq!(Bench::new(&[("peer detach", &[stranger])]).run(detach()).await, Ok(Observation::Done));
    let used = Fails(255, "peer detach: failed: Peer stor-b hosts one or more bricks.");
    assert!(Bench::new(&[("peer detach", &[used])]).run(detach()).await.is_err());
}
