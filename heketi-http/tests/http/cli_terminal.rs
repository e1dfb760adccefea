//! heketi-cli at a terminal: the real program behind a pseudo-terminal, whose screen is read.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use heketi_http::demo::Demo;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::server::PATIENCE;

const COLUMNS: u16 = 100;

/// A session that is over.
struct Session {
    /// All that was written.
    bytes: Vec<u8>,
    /// What the screen shows at the end.
    screen: String,
    status: Option<i32>,
}

impl Session {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Runs the program with a terminal for its output and errors. Ctrl-C is typed when `until` was shown.
fn run(url: &str, words: &[&str], variables: &[(&str, &str)], until: Option<&str>) -> Session {
    let size = Winsize { ws_row: 40, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(Some(&size), None).expect("a pseudo-terminal");
    let end = || Stdio::from(terminal.slave.try_clone().expect("its other end"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_heketi-cli"));
    command.args(["-s", url]).args(words).stdin(end()).stdout(end()).stderr(end());
    command.env_remove("NO_COLOR").env("TERM", "xterm-256color").envs(variables.iter().copied());
    let mut child = command.spawn().expect("heketi-cli starts");
    drop(command);
    drop(terminal.slave);
    let mut master = std::fs::File::from(terminal.master);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let mut until = until.map(str::to_owned);
    let reader = std::thread::spawn(move || {
        let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
        // The end of the program ends the terminal with an error.
        while let Ok(length @ 1..) = master.read(&mut part) {
            bytes.extend_from_slice(&part[..length]);
            if until.take_if(|text| String::from_utf8_lossy(&bytes).contains(text.as_str())).is_some() {
                // What the terminal does with the key: the program is not the leader of a session of its own here.
                kill(pid, Signal::SIGINT).expect("a child of ours");
            }
        }
        bytes
    });
    let start = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().expect("a child of ours");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let bytes = reader.join().expect("the output");
    let mut parser = vt100::Parser::new(40, COLUMNS, 0);
    parser.process(&bytes);
    Session { bytes, screen: parser.screen().contents(), status: status.code() }
}

async fn at_terminal(demo: &Demo, words: &[&str], variables: &[(&str, &str)]) -> Session {
    interrupted(demo, words, variables, None).await
}

/// A session that is interrupted when `until` was shown.
async fn interrupted(demo: &Demo, words: &[&str], variables: &[(&str, &str)], until: Option<&'static str>) -> Session {
    let own = |items: &[&str]| items.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let (url, words) = (demo.url(), own(words));
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let session = tokio::task::spawn_blocking(move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        run(&url, &words, &variables, until)
    });
    session.await.unwrap()
}

#[tokio::test]
async fn long_work_is_followed_step_by_step() {
    let demo = Demo::start(None).await.unwrap();
    demo.load_topology().await.unwrap();
    demo.sim().add_latency("lvcreate", Duration::from_millis(700));
    let session = at_terminal(&demo, &["volume", "create", "--size=10", "--name=v1"], &[]).await;
    let told = session.text();
    assert_eq!(session.status, Some(0), "{told}");
    // While it runs: the operation, its step, the node.
    assert!(told.contains(": create brick "), "{told:?}");
    assert!(told.contains(".example") && told.contains("create volume [1/3]: "), "{told:?}");
    // At the end nothing of that is left.
    assert!(session.screen.starts_with("Name: v1\nSize: 10\n"), "{}", session.screen);
    assert!(session.screen.trim_end().ends_with("Replica Count: 3"), "{}", session.screen);
    assert!(!session.screen.contains("[1/3]"), "{}", session.screen);
    demo.stop().await.unwrap();
}

/// The server goes on, which is told; the line does not stay.
#[tokio::test]
async fn an_interrupted_command_leaves_a_clean_screen() {
    let demo = Demo::start(None).await.unwrap();
    demo.load_topology().await.unwrap();
    demo.sim().add_latency("lvcreate", Duration::from_millis(1500));
    let words = ["volume", "create", "--size=10", "--name=v1"];
    let session = interrupted(&demo, &words, &[], Some("create volume [1/3]: ")).await;
    assert_eq!(session.status, Some(130), "{:?}", session.text());
    let goes_on = "What was started goes on at the server: see 'heketi-cli server operations list'";
    assert_eq!(session.screen.trim_end(), goes_on);
    // Nothing was started: nothing to tell.
    let session = interrupted(&demo, &["watch"], &[], Some("volume")).await;
    assert_eq!(session.status, Some(130), "{:?}", session.text());
    assert!(!session.text().contains("goes on"), "{:?}", session.text());
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn a_loading_topology_is_told_line_by_line() {
    let demo = Demo::start(None).await.unwrap();
    demo.sim().add_latency("peer probe", Duration::from_millis(300));
    let file = concat!("--json=", env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/topology.json");
    let session = at_terminal(&demo, &["topology", "load", file], &[]).await;
    assert_eq!(session.status, Some(0));
    // The line that has no end yet stands before the step.
    let beginning = "Creating node storage-2.example ... ";
    assert!(session.text().contains(&format!("{beginning}add node")), "{:?}", session.text());
    let lines: Vec<&str> = session.screen.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.trim_start().starts_with("Creating node")).count(), 6, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.ends_with(" ... OK")).count(), 12, "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("add node")), "{lines:?}");
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn tables_fit_and_colours_can_be_turned_off() {
    let demo = Demo::start(None).await.unwrap();
    demo.load_topology().await.unwrap();
    demo.client()
        .volume_create(&heketi_core::api::VolumeCreateRequest { size: 1, ..Default::default() })
        .await
        .unwrap();
    let listed = at_terminal(&demo, &["node", "list"], &[]).await;
    let lines: Vec<&str> = listed.screen.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("ID") && lines[0].ends_with("DEVICES"), "{lines:?}");
    assert_eq!(lines.len(), 7);
    let volumes = at_terminal(&demo, &["volume", "list"], &[]).await;
    let line = volumes.screen.lines().nth(1).unwrap();
    let id = line.split_whitespace().next().unwrap();
    assert!(id.len() == 32 && line.contains(&format!("vol_{id}")), "{line}");
    for (words, shown) in [
        (&["node", "list"][..], "online"),
        (&["cluster", "list"], "[file][block]"),
        (&["volume", "create"], "Error:"),
        (&["topology", "info", "--map"], "[-"),
    ] {
        let colored = at_terminal(&demo, words, &[]).await.text();
        assert!(colored.contains("\u{1b}["), "{colored:?}");
        for variables in [&[("NO_COLOR", "1")][..], &[("TERM", "dumb")]] {
            let plain = at_terminal(&demo, words, variables).await.text();
            assert!(plain.contains(shown) && !plain.contains('\u{1b}'), "{plain:?}");
        }
    }
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn errors_say_what_to_do_next() {
    let demo = Demo::start(None).await.unwrap();
    let session = at_terminal(&demo, &["volume", "create"], &[("NO_COLOR", "1")]).await;
    assert_eq!(session.status, Some(255));
    let wanted =
        "Error: Missing volume size\nHint: heketi-cli volume create --help shows what it takes, with an example";
    assert_eq!(session.screen.trim_end(), wanted);
    demo.stop().await.unwrap();
}

#[tokio::test]
async fn events_are_shown_as_they_happen() {
    let demo = Demo::start(None).await.unwrap();
    let (url, mut out, mut err) = (demo.url(), Vec::new(), Vec::new());
    let line = ["heketi-cli", "-s", &url, "watch", "--json", "--count=2"];
    let watch = heketi_http::cli::run_with(line, crate::client::impatient(), &mut out, &mut err);
    // The stream begins at some time after the start: changes go on until it has told of one.
    let changes = async {
        let cluster = heketi_core::api::ClusterCreateRequest { file: true, block: true };
        loop {
            demo.client().cluster_create(&cluster).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let status = tokio::select! {
        status = watch => status,
        () = changes => unreachable!(),
        () = tokio::time::sleep(PATIENCE) => panic!("no event"),
    };
    let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    let lines: Vec<&str> = out.lines().collect();
    assert!(status == 0 && lines.len() == 2 && lines[0].contains("\"event\":\"connected\""), "{out}{err}");
    assert!(lines[1].contains("\"event\":\"cluster.created\""), "{out}");
    // As text, from before what is known: the words, after the time of day.
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let line = ["heketi-cli", "-s", &demo.url(), "watch", "--since=1", "--count=1"];
    heketi_http::cli::run_with(line, crate::client::impatient(), &mut out, &mut err).await;
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(" UTC  missed ") && out.ends_with("heketi-cli topology info\n"), "{out}");
    demo.stop().await.unwrap();
}
