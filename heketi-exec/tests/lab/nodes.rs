//! What is on the nodes, seen with other eyes than heketi's: root's shell over OpenSSH.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::{Duration, Instant};

use super::lab::lab;

/// The nodes n1, n2, n3.
pub const NODES: [usize; 3] = [1, 2, 3];

/// The address of a node.
pub fn address(node: usize) -> String {
    format!("10.77.0.1{node}")
}

/// Runs a script as root on a node; bounded, whatever its status.
pub fn try_root(node: usize, script: &str) -> Output {
    let start = Instant::now();
    let command = format!("export LC_ALL=C; {script}");
    let output = lab(&["ssh", &node.to_string(), "timeout", "120", "bash", "-c", &quoted(&command)]).output();
    let output = output.expect("lab.sh runs");
    assert!(start.elapsed() < Duration::from_secs(180), "n{node}: {script}: took {:?}", start.elapsed());
    output
}

/// Runs a script as root on a node, which must succeed, and returns what it printed.
pub fn root(node: usize, script: &str) -> String {
    let output = try_root(node, script);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "n{node}: {script}: {}: {stdout}{stderr}", output.status);
    stdout.into_owned()
}

/// The same on several nodes at once.
pub fn root_on(nodes: &[usize], script: &str) -> Vec<String> {
    std::thread::scope(|scope| {
        let runs: Vec<_> = nodes.iter().map(|node| scope.spawn(move || root(*node, script))).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Everything heketi could leave on a node. The names of the sections are the first words of facts.
const LOOK: &str = r#"
sections() {
echo '== pv'; pvs --noheadings --separator ' ' -o pv_name,vg_name
echo '== lv'; lvs -a --noheadings --separator / -o vg_name,lv_name
echo '== mount'; grep ' /var/lib/heketi' /proc/mounts | cut -d' ' -f1,2
echo '== fstab'; grep -v '^#' /etc/fstab | cut -d' ' -f1,2
echo '== directory'; [ ! -e /var/lib/heketi/mounts ] || find /var/lib/heketi/mounts -mindepth 1 -maxdepth 2
echo '== peers'; gluster --mode=script pool list | awk 'NR > 1 && $2 != "localhost" { print $3 }' | sort | uniq -c
echo '== volume'; gluster --mode=script volume info 2>&1 | awk '
  /^No volumes present/ { next } /^$/ { next } /^Volume Name:/ { name = $3 } /^Status:/ { print name, $2 }
  /^Brick[0-9]+:/ { print name, $2 } !/:/ { print }'
}
sections 2>&1
"#;

/// What is on the nodes, one text for each thing: `n1 lv vg_…/brick_…`, `volume NAME Started`.
pub fn facts() -> BTreeSet<String> {
    let answers = root_on(&NODES, LOOK);
    NODES.iter().zip(answers).flat_map(|(node, answer)| facts_of(*node, &answer)).collect()
}

fn facts_of(node: usize, answer: &str) -> Vec<String> {
    let mut section = "";
    let mut facts = Vec::new();
    for line in answer.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("== ") {
            Some(name) => section = name,
            None => facts.push(format!("n{node} {section} {line}")),
        }
    }
    facts
}

/// Fails with what is missing and what is too much.
pub fn compare(expected: &BTreeSet<String>, found: &BTreeSet<String>) -> Result<(), String> {
    let list = |what: &str, texts: Vec<&String>| -> String {
        texts.into_iter().map(|text| format!("\n  {what}: {text}")).collect()
    };
    let missing = list("missing", expected.difference(found).collect());
    let surplus = list("left over", found.difference(expected).collect());
    if missing.is_empty() && surplus.is_empty() { Ok(()) } else { Err(format!("on the nodes:{missing}{surplus}")) }
}

/// Nothing of heketi's, and nobody's disks in use.
pub fn assert_blank() {
    if let Err(text) = compare(&BTreeSet::new(), &facts()) {
        panic!("{text}");
    }
}

/// Is it so that [`assert_blank`] would pass? Else why not.
pub fn check_blank() -> Result<(), String> {
    match NODES.iter().find(|node| !try_root(**node, "true").status.success()) {
        Some(node) => Err(format!("n{node} does not answer")),
        None => compare(&BTreeSet::new(), &facts()),
    }
}
