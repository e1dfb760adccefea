//! `simctl`: a command that only simulated nodes have. It shows and changes what no command of a real node
//! can.

use std::time::Duration;

use super::super::SimCluster;
use crate::runner::LineResult;
use crate::sim::node::{Output, fail, ok};
use crate::sim::runner::result;

const USAGE: &str = "\
usage: simctl COMMAND
  state         what is on all nodes, one line for each thing
  state --json  the same as JSON
  save          the whole simulation, to start another one with
  lines         how many command lines the nodes have run
  down NODE     switch a node off
  up NODE       switch it on again
  reboot NODE   switch it off and on: mounts are as /etc/fstab says
";

/// Runs a line if it is a `simctl`.
pub(super) fn run(sim: &SimCluster, host: &str, line: &str) -> Option<LineResult> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let ("simctl", rest) = words.split_first().map(|(first, rest)| (*first, rest))? else { return None };
    let node = |name: &str| if name == "self" { host.to_owned() } else { name.to_owned() };
    let known = |name: &str| sim.with_node(&node(name), |_| ()).is_some();
    let output = match rest {
        ["state"] => ok(sim.snapshot().to_string()),
        ["state", "--json"] => json(serde_json::to_string_pretty(&sim.snapshot())),
        ["save"] => json(sim.save()),
        ["lines"] => ok(format!("{}\n", sim.line_count())),
        ["down" | "up" | "reboot", name] if !known(name) => fail(1, format!("simctl: there is no node {name}\n")),
        ["down" | "up", name] => {
            sim.set_up(&node(name), rest[0] == "up");
            Output::default()
        }
        ["reboot", name] => {
            let failures = sim.reboot(&node(name), "/etc/fstab");
            ok(failures.iter().map(|line| format!("not mounted: {line}\n")).collect::<String>())
        }
        _ => fail(1, USAGE),
    };
    Some(result(output, Duration::ZERO))
}

fn json<E: std::fmt::Display>(text: Result<String, E>) -> Output {
    text.map_or_else(|error| fail(1, format!("simctl: {error}")), |text| ok(format!("{text}\n")))
}
