use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use crate::support::*;

#[test]
fn the_demo_shows_where_each_brick_went_and_why() {
    let output = run(&["demo", "--exit"]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert_eq!(told.matches("Creating node ").count(), 6);
    assert_eq!(told.matches(" ... OK").count(), 12);
    assert!(!told.contains("Unable"), "{told}");
    for zone in 1..=3 {
        let reason = format!("because no other brick of its set is in zone {zone}");
        assert_eq!(told.matches(&reason).count(), 1, "{told}");
    }
    assert_eq!(told.matches("brick of 100 GiB on ").count(), 3);
    for word in ["mount -t glusterfs ", "heketi-cli", "curl http://127.0.0.1:"] {
        assert!(told.contains(word), "{word} is missing in {told}");
    }
}

/// What took time in it is measured, as in a server.
#[test]
fn the_demo_measures_its_work() {
    let mut child = heketi(&["demo", "--port=0"]).stdout(Stdio::piped()).spawn().expect("heketi starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let address = lines.next().and_then(|line| Some(line.split_once("http://")?.1.split_once(' ')?.0.to_owned()));
    let shown = lines.any(|line| line.starts_with("Serving until Ctrl-C"));
    let metrics = address.filter(|_| shown).map(|address| {
        let mut stream = TcpStream::connect(address).expect("the demo listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    });
    child.kill().and_then(|()| child.wait()).expect("a child of ours");
    let metrics = metrics.expect("the demo serves");
    let created = "heketi_operation_duration_seconds_count{operation=\"create-volume\",outcome=\"done\"} 1\n";
    assert!(metrics.contains(created), "{metrics}");
    assert!(!metrics.contains("heketi_store_commit_duration_seconds_count 0\n"), "{metrics}");
}
