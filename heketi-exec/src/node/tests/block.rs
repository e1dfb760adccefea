//! Block volumes: lines, answers, and what each answer means.

use heketi_core::operation::{Certainty, FailureKind, GlusterBlockSpec, Observation, StepFailure};
use heketi_core::units::Gib;

use super::Answer::*;
use super::*;
use crate::node::commands::{self, block};
use crate::node::parse::gluster_block::{self, without_password};

const CREATED: &str = include_str!("../parse/fixtures/gluster_block_create.json");
const ROLLED_BACK: &str = include_str!("../parse/fixtures/gluster_block_create_rolled_back.json");
const RESIZE_FAILED: &str = include_str!("../parse/fixtures/gluster_block_info_resize_failed.json");
const GONE: &str = r#"{ "RESULT": "FAIL", "errCode": 2, "errMsg": "block vol_9c1d/blk_77 doesn't exist" }"#;
const NO_VOLUME: &str = r#"{ "RESULT": "FAIL", "errCode": 2, "errMsg": "Volume vol_9c1d does not exist" }"#;
const NO_DAEMON: &str = "Connection failed. Please check if gluster-block daemon is operational.";
const NO_RESPONSE: &str =
    "Did not receive any response from gluster-block daemon. Please check log files to find the reason";
const NOT_OPERATIONAL: &str =
    r#"{ "RESULT": "FAIL", "errCode": 5, "errMsg": "Check if volume vol_9c1d is operational" }"#;
const PASSWORD: &str = "b77e6a14-3f6c-4c4f-9f5b-0f6b9d1c2e33";
const GBID: &str = "1c9a5c0e-8f0b-4a39-9a4d-6a51a0b2a1f7";

fn spec() -> GlusterBlockSpec {
    GlusterBlockSpec {
        hosting: "vol_9c1d".into(),
        name: "blk_77".into(),
        size: Gib(3),
        ha_count: 2,
        auth: true,
        hosts: vec!["10.20.0.11".into(), "10.20.0.12".into()],
    }
}

fn create() -> Action {
    Action::CreateBlockVolume { block_volume: spec() }
}

fn delete() -> Action {
    Action::DeleteBlockVolume { hosting: "vol_9c1d".into(), name: "blk_77".into() }
}

fn expand() -> Action {
    Action::ExpandBlockVolume { hosting: "vol_9c1d".into(), name: "blk_77".into(), size: Gib(5) }
}

fn read() -> Action {
    Action::ReadBlockVolume { hosting: "vol_9c1d".into(), name: "blk_77".into() }
}

fn list() -> Action {
    Action::ListBlockVolumes { hosting: "vol_9c1d".into() }
}

async fn run(answer: super::Answer, action: Action) -> StepOutcome {
    Bench::new(&[("gluster-block", &[answer])]).run(action).await
}

async fn failure(answer: super::Answer, action: Action) -> StepFailure {
    run(answer, action).await.unwrap_err()
}

#[test]
fn lines_of_block_volumes() {
    let options = NodeOptions::default();
    let no = NodeOptions { block_prealloc: "no".into(), ..NodeOptions::default() };
    let open = GlusterBlockSpec { auth: false, hosts: vec!["[fe80::1]".into()], ha_count: 1, ..spec() };
    let lines = [
        (block::create(&options, &spec()), true),
        (block::create(&no, &open), false),
        (block::delete("v", "b"), false),
        (block::list("v"), false),
        (block::info("v", "b"), true),
        (block::expand("v", "b", Gib(5)), false),
    ];
    let expected = text(
        "gluster-block create vol_9c1d/blk_77 ha 2 auth enable prealloc full 10.20.0.11,10.20.0.12 3GiB --json
         gluster-block create vol_9c1d/blk_77 ha 1 auth disable prealloc no '[fe80::1]' 3GiB --json
         gluster-block delete v/b --json
         gluster-block list v --json
         gluster-block info v/b --json
         gluster-block modify v/b  size 5GiB --json",
    );
    let texts: Vec<&str> = lines.iter().map(|(line, _)| line.text.as_str()).collect();
    assert_eq!(texts.join("\n"), expected);
    for (line, secret) in &lines {
        assert_eq!(line.secret_output, *secret, "{}: only what can hold a password is kept out of logs", line.text);
        assert_eq!(line.timeout, Duration::from_secs(600), "{}", line.text);
    }
    assert_eq!(commands::class(&lines[5].0), "gluster-block modify");
}

#[test]
fn sizes_are_read_in_any_spelling() {
    for (text, size, rounding) in [
        ("3.0 GiB", 3, 0),
        ("3GB", 3, 0),
        (" 12 g ", 12, 0),
        ("2.9 GiB", 2, 0),
        ("0.5GiB", 0, 0),
        ("1.5 TiB", 1536, 52),
        ("1.0 tb", 1024, 52),
        ("2 P", 2 << 20, 52429),
        ("1.0 EiB", 1 << 30, 53_687_092),
    ] {
        assert_eq!(gluster_block::size(text), Ok((Gib(size), Gib(rounding))), "{text}");
    }
    for text in ["", "3", "GiB", "3 MiB", "3.0 KiB", "x GiB", "-1 GiB", "1..0 GiB", "1.0.0 GiB", "3 GiBs", "9e9 EiB"] {
        let error = gluster_block::size(text).unwrap_err();
        assert!(error.to_string().starts_with("Not a valid Size"), "{text}");
    }
    assert!(gluster_block::size("99999999999999999999999999999999999999 EiB").is_err());
    // What is told lies within the rounding, for every size.
    for gib in (1u64..5000).chain([1 << 20, 123_456_789]) {
        let (mut number, mut unit) = (gib as f64, 0);
        while number >= 1024.0 {
            (number, unit) = (number / 1024.0, unit + 1);
        }
        let told = format!("{number:.1} {}", ["GiB", "TiB", "PiB"][unit]);
        let (size, rounding) = gluster_block::size(&told).unwrap();
        assert!(size.0.abs_diff(gib) <= rounding.0, "{gib} is told as {told}");
    }
}

#[tokio::test]
async fn a_created_block_volume_has_access_data() {
    for answer in [Prints(CREATED), FailsLoudly(0, CREATED), Fails(0, CREATED)] {
        let Observation::BlockVolume(made) = run(answer, create()).await.unwrap() else { panic!() };
        assert_eq!((made.iqn, made.username), (format!("iqn.2016-12.org.gluster-block:{GBID}"), GBID.to_owned()));
        assert_eq!((made.password.expose(), made.size), (PASSWORD, None));
    }
}

#[tokio::test]
async fn creates_that_fail() {
    let told = r#"{ "RESULT": "FAIL", "errCode": 17, "errMsg": "BLOCK with name: 'blk_77' already EXIST\n" }"#;
    for (answer, text, certainty) in [
        (Fails(17, told), "Failed to create block volume: BLOCK with name: 'blk_77' already EXIST", Certainty::Failed),
        (Prints(told), "Failed to create block volume: BLOCK with name: 'blk_77' already EXIST", Certainty::Failed),
        (Prints("out"), "Unparsable error during block volume create: out", Certainty::Failed),
        (Fails(1, "bad\n"), "Unparsable error during block volume create: bad", Certainty::Failed),
        (Fails(1, ""), "Unparsable error during block volume create: Process exited with status 1", Certainty::Failed),
        (
            Fails(1, ROLLED_BACK),
            "Failed to create block volume: (the output is not shown, because it can hold a password)",
            Certainty::Failed,
        ),
        (Fails(5, NOT_OPERATIONAL), "Failed to create block volume: Check if volume", Certainty::NotStarted),
        (FailsLoudly(255, NO_DAEMON), "Unparsable error during block volume create: Conn", Certainty::NotStarted),
        (Fails(127, "gluster-block: command not found"), "Unparsable error", Certainty::NotStarted),
        (FailsLoudly(255, NO_RESPONSE), "Unparsable error during block volume create: Did not", Certainty::Unknown),
        (Hangs, "command failed", Certainty::Unknown),
        (Breaks, "n1: connection trouble", Certainty::Unknown),
        (Away, "n1: connection trouble", Certainty::NotStarted),
    ] {
        let failure = failure(answer, create()).await;
        assert!(failure.text.starts_with(text), "{answer:?}: {}", failure.text);
        assert_eq!(failure.certainty, certainty, "{answer:?}");
        assert!(!failure.text.contains(PASSWORD), "{}", failure.text);
    }
}

/// Only a host that certainly did nothing is followed by another.
#[tokio::test]
async fn the_next_host_is_asked_where_the_daemon_does_not_run() {
    let bench = Bench::new(&[PAIR, ("n1:", &[FailsLoudly(255, NO_DAEMON)]), ("n2:", &[Prints(CREATED)])]);
    assert!(bench.run_on(&["n1", "n2"], create()).await.is_ok());
    let bench = Bench::new(&[PAIR, ("n1:", &[FailsLoudly(255, NO_RESPONSE)]), ("n2:", &[Prints(CREATED)])]);
    assert_eq!(bench.run_on(&["n1", "n2"], create()).await.unwrap_err().certainty, Certainty::Unknown);
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    let done = r#"{ "SUCCESSFUL ON": [ "10.20.0.11" ], "RESULT": "SUCCESS" }"#;
    for answer in [Prints(done), Fails(2, GONE), FailsLoudly(2, GONE), Fails(2, NO_VOLUME), Prints(GONE)] {
        assert_eq!(run(answer, delete()).await, Ok(Observation::Done), "{answer:?}");
    }
    let other = r#"{ "RESULT": "FAIL", "errMsg": "block vol_9c1d/other doesn't exist" }"#;
    let partial = r#"{ "FAILED ON": [ "10.20.0.11" ], "SUCCESSFUL ON": [ "10.20.0.12" ], "RESULT": "FAIL" }"#;
    for (answer, text, certainty) in [
        (Fails(2, other), "block vol_9c1d/other doesn't exist", Certainty::Failed),
        (Fails(255, partial), "Failed to delete block volume vol_9c1d/blk_77 on 10.20.0.11", Certainty::Failed),
        (Fails(1, "no luck"), "no luck", Certainty::Failed),
        (Fails(3, ""), "Process exited with status 3", Certainty::Failed),
        (Prints("hello"), "Unable to parse output from block volume delete: hello", Certainty::Failed),
        (Fails(5, NOT_OPERATIONAL), "Check if volume vol_9c1d is operational", Certainty::NotStarted),
        (FailsLoudly(255, NO_DAEMON), NO_DAEMON, Certainty::NotStarted),
        (Hangs, "command timed out on the node (gluster-block delete on n1)", Certainty::Unknown),
    ] {
        let failure = failure(answer, delete()).await;
        assert_eq!((failure.text.as_str(), failure.certainty), (text, certainty), "{answer:?}");
    }
}

#[tokio::test]
async fn expansions_end_with_v10s_texts() {
    let done =
        r#"{ "IQN": "x", "SIZE": "5.0 GiB", "SUCCESSFUL ON": [ "a" ], "SKIPPED ON": [ "b" ], "RESULT": "SUCCESS" }"#;
    let same = r#"{ "RESULT": "FAIL", "errCode": 255, "errMsg": "request size (5.0 GiB) is same as current size (5.0 GiB) ]" }"#;
    for answer in [Prints(done), Fails(255, same)] {
        assert_eq!(run(answer, expand()).await, Ok(Observation::Done), "{answer:?}");
    }
    let told = r#"{ "RESULT": "FAIL", "errCode": 255, "errMsg": "Shrink size ?" }"#;
    let partial = r#"{ "IQN": "x", "FAILED ON": [ "a" ], "SUCCESSFUL ON": [ "b" ], "RESULT": "FAIL" }"#;
    let retry = "(see logs for details, and retry the operation)";
    for (answer, text) in [
        (Fails(255, told), format!("Failed to expand block volume: Shrink size ? {retry}")),
        (Fails(255, partial), format!("Failed to expand block volume {retry}")),
        (Fails(255, "oops"), "Unparsable error during block volume expand: oops".into()),
    ] {
        let failure = failure(answer, expand()).await;
        assert_eq!((failure.text, failure.certainty), (text, Certainty::Failed), "{answer:?}");
    }
}

#[tokio::test]
async fn a_block_volume_tells_what_all_hosts_serve() {
    let Observation::BlockVolume(found) = run(Prints(RESIZE_FAILED), read()).await.unwrap() else { panic!() };
    assert_eq!((found.size, found.usable, found.rounding), (Some(Gib(3)), Some(Gib(2)), Gib(0)));
    assert_eq!((found.iqn.as_str(), found.username.as_str()), (&*format!("iqn.2016-12.org.gluster-block:{GBID}"), ""));
    let large = r#"{ "GBID": "x", "SIZE": "1.5 TiB", "PASSWORD": "p" }"#;
    let Observation::BlockVolume(found) = run(Prints(large), read()).await.unwrap() else { panic!() };
    assert_eq!((found.size, found.usable, found.rounding), (Some(Gib(1536)), None, Gib(52)));
    assert_eq!((found.username.as_str(), found.password.expose()), ("x", "p"));
    for (answer, text, kind) in [
        (
            Fails(2, GONE),
            "cannot read block volume vol_9c1d/blk_77: block vol_9c1d/blk_77 doesn't exist",
            FailureKind::Command,
        ),
        (
            Prints("x"),
            "cannot read block volume vol_9c1d/blk_77: Unparsable error during block volume info: x",
            FailureKind::Answer,
        ),
        (Prints("{}"), "Unparsable error during block volume info: no GBID of vol_9c1d/blk_77", FailureKind::Answer),
        (
            Prints(r#"{ "GBID": "x", "SIZE": "3 MiB" }"#),
            "Unparsable error during block volume info: Not a valid Size: \"3 MiB\"",
            FailureKind::Answer,
        ),
    ] {
        let failure = failure(answer, read()).await;
        assert_eq!((failure.text.as_str(), failure.kind), (text, kind), "{answer:?}");
    }
    let cut = r#"{ "GBID": "x", "PASSWORD": "b77e6a14-3f6c-4c4f-9f5b-0f6b9d1c2e33"#;
    let text = failure(Prints(cut), read()).await.text;
    assert!(text.ends_with("(the output is not shown, because it can hold a password)"), "{text}");
    assert_eq!(without_password("a Password: x"), without_password("PASSWORD"));
    assert_eq!(without_password(" plain "), "plain");
}

#[tokio::test]
async fn block_volumes_are_listed() {
    let two = r#"{ "blocks": [ "blk_77", "blk_78" ], "RESULT": "SUCCESS" }"#;
    let names = vec!["blk_77".to_owned(), "blk_78".to_owned()];
    assert_eq!(run(Prints(two), list()).await, Ok(Observation::BlockVolumes(names)));
    let none = Ok(Observation::BlockVolumes(Vec::new()));
    assert_eq!(run(Prints(r#"{ "blocks": [ ], "RESULT": "SUCCESS" }"#), list()).await, none);
    assert_eq!(run(Fails(2, NO_VOLUME), list()).await, none, "what does not exist hosts nothing");
    for (answer, why, certainty) in [
        (Fails(5, NOT_OPERATIONAL), "Check if volume vol_9c1d is operational", Certainty::NotStarted),
        (Fails(1, "oops"), "oops", Certainty::Failed),
    ] {
        let text = format!("unable to list blockvolumes on block hosting volume vol_9c1d : {why}");
        let failure = failure(answer, list()).await;
        assert_eq!((failure.text, failure.certainty), (text, certainty));
    }
}

#[tokio::test]
async fn arguments_that_reach_no_node() {
    let with = |change: &dyn Fn(&mut GlusterBlockSpec)| {
        let mut spec = spec();
        change(&mut spec);
        Action::CreateBlockVolume { block_volume: spec }
    };
    for action in [
        with(&|spec| spec.hosting = "a/b".into()),
        with(&|spec| spec.name = "a b".into()),
        with(&|spec| spec.name = String::new()),
        with(&|spec| spec.name = "-a".into()),
        with(&|spec| spec.size = Gib(0)),
        with(&|spec| spec.ha_count = 0),
        with(&|spec| spec.ha_count = 3),
        with(&|spec| spec.hosts = vec!["a,b".into(), "c".into()]),
        with(&|spec| spec.hosts = vec!["$(x)".into(), "c".into()]),
        Action::DeleteBlockVolume { hosting: "v".into(), name: "a;b".into() },
        Action::ReadBlockVolume { hosting: "../v".into(), name: "a".into() },
        Action::ExpandBlockVolume { hosting: "v".into(), name: "a".into(), size: Gib(0) },
        Action::ListBlockVolumes { hosting: "v --force".into() },
    ] {
        let bench = Bench::new(&[]);
        let failure = bench.run(action.clone()).await.unwrap_err();
        assert_eq!((failure.certainty, bench.ran().as_str()), (Certainty::NotStarted, ""), "{action:?}");
    }
    let options = NodeOptions { block_prealloc: "full; rm".into(), ..NodeOptions::default() };
    let bench = Bench::with(options, &[]);
    assert!(bench.run(create()).await.is_err());
    assert_eq!(bench.ran(), "");
}
