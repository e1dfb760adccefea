//! Brings the lab up and runs each scenario inside its network namespace, one at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "HEKETI_LAB_INSIDE";
/// Where that process finds the programs.
const PROGRAMS: &str = "HEKETI_LAB_PROGRAMS";
/// Longest time of one scenario; the kills take most of it on a busy machine.
const SCENARIO_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How long to wait for scenarios of other threads and processes.
const TURN_LIMIT: Duration = Duration::from_secs(3 * 60 * 60);
/// The number of scenarios there are; `.ci/run` compares it with the number that ran.
const SCENARIOS: &str = include_str!("scenarios");

static RUN: AtomicUsize = AtomicUsize::new(0);

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}

/// `lab.sh` with these arguments.
pub fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(script("lab.sh"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the test that calls this, `act`, inside the lab's namespace: in a process of its own, because a
/// namespace belongs to threads and the runtime makes many. What that process prints is passed on.
///
/// Missing prerequisites fail the test; only `HEKETI_LAB=off` skips it.
pub fn scenario<F: FnOnce()>(act: F) {
    if std::env::var_os(INSIDE).is_some() {
        return act();
    }
    if std::env::var("HEKETI_LAB").is_ok_and(|value| value == "off") {
        println!("\nskipped, because HEKETI_LAB=off");
        return;
    }
    let name = std::any::type_name::<F>();
    // `lab::module::test::{{closure}}`
    let name = name.split_once("::").map_or(name, |(_, path)| path.trim_end_matches("::{{closure}}"));
    let lab = ready();
    let _turn = take_turn(lab);
    make_blank();
    let started = Instant::now();
    run_inside(lab, name);
    println!("\nscenario {name}: {:.0} s", started.elapsed().as_secs_f64());
    let run = RUN.fetch_add(1, Ordering::SeqCst) + 1;
    println!("lab scenarios run: {run}");
    if run.to_string() == SCENARIOS.trim() && std::env::var("HEKETI_LAB_DOWN").is_ok_and(|value| value == "1") {
        assert!(self::lab(&["down"]).status().expect("lab.sh runs").success(), "lab.sh down failed");
    }
}

/// What everything needs, made once.
struct Lab {
    namespace: String,
    state: PathBuf,
    programs: Vec<PathBuf>,
}

impl Lab {
    /// A path beside the lab's state directory, which `lab.sh down` leaves alone.
    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.state.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    }
}

fn ready() -> &'static Lab {
    static LAB: OnceLock<Result<Lab, String>> = OnceLock::new();
    let lab = LAB.get_or_init(|| {
        let build = Command::new(script("build.sh")).stdin(Stdio::null()).status();
        let built = build.map_err(|error| format!("build.sh does not run: {error}"))?;
        if !built.success() {
            return Err(format!("build.sh failed ({built}); see above. HEKETI_LAB=off skips the lab"));
        }
        let up = lab(&["up", "3"]).status().map_err(|error| format!("lab.sh does not run: {error}"))?;
        if !up.success() {
            return Err(format!("lab.sh up failed ({up}); see above. HEKETI_LAB=off skips the lab"));
        }
        let settings = settings();
        Ok(Lab {
            namespace: settings["HEKETI_LAB_NS"].clone(),
            state: PathBuf::from(&settings["HEKETI_LAB_RUN"]),
            programs: programs()?,
        })
    });
    lab.as_ref().unwrap_or_else(|text| panic!("{text}"))
}

/// What `lab.sh env` tells.
pub fn settings() -> BTreeMap<String, String> {
    let output = lab(&["env"]).output().expect("lab.sh runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

/// Builds the programs, unless somebody did, and returns their files.
fn programs() -> Result<Vec<PathBuf>, String> {
    if let Some(directory) = std::env::var_os("HEKETI_BUILT").map(PathBuf::from) {
        return Ok(["heketi", "heketi-cli"].map(|name| directory.join(name)).into());
    }
    let build = ["build", "--quiet", "--package", "heketi-http", "--bins", "--message-format=json"];
    let mut command = Command::new("timeout");
    command.args(["--foreground", "--kill-after=10", "1800", env!("CARGO")]).args(build);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
    // What cargo tells a test about its package would have build scripts of dependencies run anew every time.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    let output = command.output().map_err(|error| format!("cargo does not run: {error}"))?;
    if !output.status.success() {
        return Err("the programs cannot be built; see above".into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    Ok(messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect())
}

/// Copies the programs for one scenario, so that they stay the same while somebody builds.
fn copy_programs(lab: &Lab) -> PathBuf {
    let directory = lab.beside(".programs");
    std::fs::create_dir_all(&directory).expect("the directory of the lab can be written");
    for program in &lab.programs {
        let copy = directory.join(program.file_name().expect("a file"));
        // Not written over: a process of a scenario that was ended may still run it.
        let _ = std::fs::remove_file(&copy);
        std::fs::copy(program, &copy).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    }
    directory
}

/// Where the programs are; only inside.
pub fn programs_directory() -> PathBuf {
    PathBuf::from(std::env::var_os(PROGRAMS).expect("set by the process outside"))
}

/// One scenario at a time, also among several runs of this suite.
fn take_turn(lab: &Lab) -> File {
    let name = lab.beside(".suite");
    let file = File::create(&name).expect("the directory of the lab can be written");
    let start = Instant::now();
    while file.try_lock().is_err() {
        assert!(start.elapsed() < TURN_LIMIT, "another run of this suite holds {name:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    file
}

/// Nothing to do after a scenario that passed; new disks after one that did not. Outside of the namespace,
/// which is made anew then.
fn make_blank() {
    let Err(why) = super::nodes::check_blank() else { return };
    println!("the nodes get new disks: {why}");
    for arguments in [&["down"][..], &["up", "3"]] {
        let status = self::lab(arguments).status().expect("lab.sh runs");
        assert!(status.success(), "lab.sh {arguments:?}: {status}");
    }
}

fn run_inside(lab: &Lab, name: &str) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    // Not by its name: somebody may have built it anew since.
    let this = format!("/proc/{}/exe", std::process::id());
    // Without this process nobody would end that one.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "ip", "netns", "exec", &lab.namespace]).arg(this);
    command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(INSIDE, "1").env(PROGRAMS, copy_programs(lab));
    command.stdin(Stdio::null()).stdout(writer.try_clone().expect("a pipe")).stderr(writer);
    let mut child = command.spawn().expect("setpriv and ip run");
    drop(command);
    let pid = child.id().to_string();
    let (over, still_running) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if still_running.recv_timeout(SCENARIO_LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            println!("the scenario takes too long");
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
    });
    let mut passed = false;
    for line in BufReader::new(reader).lines() {
        let line = line.unwrap_or_else(|error| format!("[{error}]"));
        passed |= line.starts_with("test result: ok. 1 passed");
        println!("{line}");
    }
    let status = child.wait().expect("a child of ours");
    drop(over);
    watchdog.join().expect("it does not panic");
    assert!(status.success() && passed, "the scenario failed inside the namespace; its output is above");
}

/// A command that is ended when this process is.
pub fn bound_to_us(program: &std::path::Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program).stdin(Stdio::null());
    command
}

/// Waits for the end of a process.
pub fn wait(child: &mut Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return Some(status);
        }
        if start.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
