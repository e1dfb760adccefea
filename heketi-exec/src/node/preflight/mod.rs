//! `heketi check-node`: does a node have what heketi needs of it? Only looks.

mod judge;
pub(crate) mod survey;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;

use super::NodeOptions;
use super::check;
use super::commands::{device, gluster};
use crate::runner::{Batch, CommandLine, CommandRunner, LineResult, RunError, RunErrorKind};

/// How a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Good,
    /// Works, and may surprise.
    Warning,
    /// heketi cannot work with the node like that.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in one or two words.
    pub topic: &'static str,
    /// How it matters.
    pub grade: Grade,
    /// What was found.
    pub text: String,
    /// What to do; nothing where all is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What was found on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeCheck {
    /// The node, by its management host name.
    pub host: String,
    /// In the order they were looked at.
    pub findings: Vec<Finding>,
}

impl NodeCheck {
    /// Can heketi work with the node?
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.grade != Grade::Problem)
    }

    fn add(&mut self, topic: &'static str, grade: Grade, text: impl Into<String>, advice: Option<&str>) {
        self.findings.push(Finding { topic, grade, text: text.into(), advice: advice.map(str::to_owned) });
    }

    fn good(&mut self, topic: &'static str, text: impl Into<String>) {
        self.add(topic, Grade::Good, text, None);
    }

    fn warn(&mut self, topic: &'static str, text: impl Into<String>, advice: &str) {
        self.add(topic, Grade::Warning, text, Some(advice));
    }

    fn problem(&mut self, topic: &'static str, text: impl Into<String>, advice: &str) {
        self.add(topic, Grade::Problem, text, Some(advice));
    }
}

impl fmt::Display for NodeCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.host)?;
        for Finding { topic, grade, text, advice } in &self.findings {
            let grade = match grade {
                Grade::Good => "good",
                Grade::Warning => "WARNING",
                Grade::Problem => "PROBLEM",
            };
            writeln!(f, "  {grade:<8} {topic:<10} {text}")?;
            if let Some(advice) = advice {
                writeln!(f, "  {:<8} {:<10} -> {advice}", "", "")?;
            }
        }
        let count = |grade| self.findings.iter().filter(|finding| finding.grade == grade).count();
        write!(f, "{} problems, {} warnings", count(Grade::Problem), count(Grade::Warning))
    }
}

/// The programs that every node needs, as heketi calls them: LVM and udev by their full paths, unless a wrapper
/// leads to them.
pub fn needed_programs(options: &NodeOptions) -> Vec<&'static str> {
    survey::programs(options).collect()
}

/// Looks at the node `host` through `runner`, as a heketi with these options would use it. Changes nothing there.
pub async fn check_node(runner: &dyn CommandRunner, options: &NodeOptions, host: &str) -> NodeCheck {
    let mut check = NodeCheck { host: host.to_owned(), findings: Vec::new() };
    if let Err(error) = check::options(options).and_then(|()| check::host(host)) {
        check.problem("arguments", error.to_string(), "correct it in the configuration file or on the command line");
        return check;
    }
    let ask = |line: CommandLine| async move {
        let line = CommandLine { failure_is_answer: true, ..line };
        let result = runner.run(host, &Batch::one(line)).await?;
        Ok(result.lines.into_iter().next())
    };
    let before = SystemTime::now();
    let survey = match ask(survey::line(options)).await {
        Ok(answer) => answer,
        Err(error) => {
            unreachable(&mut check, &error);
            return check;
        }
    };
    let clock = (before, SystemTime::now());
    check.good("reach", "the node answers, and takes the user and key");
    judge::survey(&mut check, options, survey.as_ref(), clock);
    let lines = [device::settings(options), device::block_devices(), gluster::pool_list(options)];
    let mut answers: Vec<LineResult> = Vec::new();
    for line in lines {
        match ask(line).await {
            Ok(Some(answer)) => answers.push(answer),
            Ok(None) => break,
            Err(error) => {
                unreachable(&mut check, &error);
                return check;
            }
        }
    }
    if let [settings, disks, pool] = answers.as_slice() {
        let udev = survey.is_some_and(|answer| survey::read(&answer.stdout).udev);
        judge::lvm(&mut check, settings, udev || !options.lvm_wrapper.trim().is_empty());
        judge::gluster(&mut check, pool);
        judge::disks(&mut check, disks);
    } else {
        check.problem("reach", "the node did not answer a command", "try again; look at its log");
    }
    check
}

/// The node, its user or sudo is in the way; the message says what to do.
fn unreachable(check: &mut NodeCheck, error: &RunError) {
    let (topic, advice) = match error.kind {
        RunErrorKind::Refused => ("reach", "is its SSH server running, and sshexec.port right?"),
        RunErrorKind::Unreachable | RunErrorKind::Disconnected => ("reach", "is the node up, and no firewall between?"),
        RunErrorKind::BadHost => ("reach", "check the name in /etc/hosts and DNS of this machine"),
        RunErrorKind::UnknownHostKey | RunErrorKind::ChangedHostKey => ("host key", "compare it at the node's console"),
        RunErrorKind::BadKeyFile => ("key", "set sshexec.keyfile to a private key this process can read"),
        RunErrorKind::AuthenticationFailed => {
            ("login", "put the public key into authorized_keys of sshexec.user there")
        }
        RunErrorKind::SudoRefused => ("sudo", "put the sudoers file of heketi's package into /etc/sudoers.d there"),
        _ => ("reach", "look at the log of the node's SSH server"),
    };
    check.problem(topic, error.message.clone(), advice);
}
