use serde_json::{Value, json};

use super::*;
use crate::sim::{SimCluster, SimDisk};

fn runner(hooks: Value) -> (SimCluster, InjectRunner) {
    let sim = SimCluster::new();
    sim.add_node("a", "10.0.0.1", [SimDisk::gib("/dev/sdb", 10)]);
    let config = InjectConfig::from_value(&json!({ "command_injection": hooks })).unwrap();
    (sim.clone(), InjectRunner::new(Arc::new(sim.runner()), config))
}

fn batch(lines: &[&str]) -> Batch {
    lines.iter().map(|line| CommandLine::new(*line, Duration::from_secs(10))).collect()
}

const LINES: [&str; 3] = ["mkdir -p /mnt/x", "mkdir /mnt/x/brick", "mkdir /mnt/x/brick/y"];

#[tokio::test]
async fn a_command_hook_replaces_the_line_and_ends_the_batch() {
    let (sim, runner) = runner(json!({"commands": [{"Cmd": "/brick$", "Reaction": {"Err": "no memory"}}]}));
    let done = runner.run("a", &batch(&LINES)).await.unwrap();
    assert_eq!(done.lines.len(), 2);
    assert!(done.lines[0].success());
    assert_eq!(done.lines[1].status, LineStatus::Exited(1));
    assert_eq!(done.lines[1].failure_text(), "no memory");
    assert!(sim.directory("a", "/mnt/x").is_some());
    assert!(sim.directory("a", "/mnt/x/brick").is_none(), "the line was not run");
}

#[tokio::test]
async fn a_result_hook_runs_the_line_and_replaces_its_outcome() {
    let hooks = json!({"results": [
        {"Cmd": "mkdir", "Result": "File exists", "Reaction": {"Result": "faked"}},
        {"Cmd": "/brick$", "Result": "", "Reaction": {"Err": "late"}},
    ]});
    let (sim, runner) = runner(hooks);
    let done = runner.run("a", &batch(&LINES)).await.unwrap();
    assert_eq!(done.failure().unwrap().1.failure_text(), "late");
    assert!(sim.directory("a", "/mnt/x/brick").is_some(), "the line was run");
    assert!(sim.directory("a", "/mnt/x/brick/y").is_none());
    let done = runner.run("a", &batch(&LINES)).await.unwrap();
    assert_eq!(done.lines[1].stdout, "faked", "the error text is matched, and success can be faked");
    assert_eq!(done.lines.len(), 3);
}

#[tokio::test]
async fn the_first_hook_whose_file_exists_counts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("now");
    let hooks = json!({"commands": [
        {"Cmd": "mkdir", "CondFile": file, "Reaction": {"Err": "first"}},
        {"Cmd": "mkdir", "Reaction": {"Err": "second"}},
    ]});
    let (_, runner) = runner(hooks);
    let text = async || runner.run("a", &batch(&LINES)).await.unwrap().lines[0].failure_text();
    assert_eq!(text().await, "second");
    std::fs::write(&file, "").unwrap();
    assert_eq!(text().await, "first");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(text().await, "second");
}

#[tokio::test(start_paused = true)]
async fn a_pause_comes_first_and_every_field_counts() {
    let cases = [
        (json!({"Result": "out", "Pause": 61}), (0, "out", "")),
        (json!({"Err": "e"}), (1, "", "e")),
        (json!({"ForceErr": true}), (1, "", "")),
        (json!({"Err": "e", "ExitStatus": 7, "ErrOutput": "o"}), (7, "", "o")),
        (json!({"Err": "e", "ForceErrOutput": true, "Result": "{}"}), (1, "{}", "")),
    ];
    for (reaction, (status, stdout, stderr)) in cases {
        let pause = reaction["Pause"].as_u64().unwrap_or(0);
        let (_, runner) = runner(json!({"commands": [{"Cmd": "", "Reaction": reaction}]}));
        let before = Instant::now();
        let done = runner.run("a", &batch(&["gluster volume info"])).await.unwrap();
        assert!(before.elapsed() >= Duration::from_secs(pause));
        let line = &done.lines[0];
        assert_eq!(
            (line.status, line.stdout.as_str(), line.stderr.as_str()),
            (LineStatus::Exited(status), stdout, stderr)
        );
    }
    let (_, runner) = runner(json!({"commands": [{"Reaction": {"ExitStatus": 124}}]}));
    let done = runner.run("a", &batch(&["true"])).await.unwrap();
    assert_eq!(done.lines[0].status, LineStatus::TimedOut, "as every runner reads it");
}

#[tokio::test]
async fn an_unreachable_node_stays_unreachable() {
    let (sim, runner) = runner(json!({"results": [{"Reaction": {"Result": "fine"}}]}));
    let first = batch(&LINES);
    sim.set_up("a", false);
    let error = runner.run("a", &first).await.unwrap_err();
    assert!(error.nothing_more_ran && error.finished.lines.is_empty());
}

/// Run by [`panic_ends_the_process`] in a process of its own.
#[tokio::test]
#[ignore = "ends the process"]
async fn dies() {
    let (_, runner) = runner(json!({"commands": [{"Cmd": "lvcreate", "Reaction": {"Panic": "struck down"}}]}));
    assert!(runner.run("a", &batch(&LINES)).await.is_ok());
    println!("still alive");
    let struck = tokio::spawn(async move { runner.run("a", &batch(&["lvcreate x"])).await }).await;
    println!("survived: {struck:?}");
}

#[test]
fn panic_ends_the_process() {
    let mut itself = std::process::Command::new(std::env::current_exe().unwrap());
    let name = format!("{}::dies", module_path!().split_once("::").unwrap().1);
    let output = itself.args(["--ignored", "--exact", "--nocapture", &name]).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("still alive") && !stdout.contains("survived"), "{stdout}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("struck down"));
    assert_eq!(output.status.code(), None, "ended by a signal");
}
