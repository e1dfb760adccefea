//! Command lines: pure functions from typed arguments to the texts of heketi v10.

pub mod block;
pub mod brick;
pub mod device;
pub mod fstab;
pub mod gluster;
pub mod snapshot;

use std::time::Duration;

use super::NodeOptions;
use crate::runner::CommandLine;

/// For LVM, udev, mount listings and fstab.
pub const SHORT: Duration = Duration::from_secs(5 * 60);
/// For each line that makes a brick.
pub const LONG: Duration = Duration::from_secs(10 * 60);

/// `program` behind the wrapper that leads out of a container, if one is configured.
fn wrapped(options: &NodeOptions, program: &str) -> String {
    match options.lvm_wrapper.trim() {
        "" => program.to_owned(),
        wrapper => format!("{wrapper} {program}"),
    }
}

fn lvm(options: &NodeOptions, arguments: &str) -> CommandLine {
    CommandLine::new(format!("{} {arguments}", wrapped(options, "/usr/sbin/lvm")), SHORT)
}

/// What the script of every batch has in its command line, followed by a number of its own.
pub const BATCH_MARK: &str = "hk_n=";

/// The scripts of batches that run on the node, this one's among them.
pub fn running_batches() -> CommandLine {
    CommandLine::new(format!("pgrep -af {BATCH_MARK}"), SHORT)
}

fn autobackup(options: &NodeOptions) -> &'static str {
    if options.backup_lvm_metadata { "--autobackup=y" } else { "--autobackup=n" }
}

/// What kind of command a line is, in the words a person would use: `lvm lvcreate`, `gluster volume set`.
pub fn class(line: &CommandLine) -> String {
    let words: Vec<&str> = line.text.split_ascii_whitespace().collect();
    let after = |program: &str| {
        let at = words.iter().position(|word| *word == program)?;
        words.get(at + 1..)
    };
    let options_left_out = |rest: &[&str], count: usize| {
        let rest: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-')).take(count).collect();
        rest.join(" ")
    };
    if fstab::is_edit(line) {
        "fstab edit".to_owned()
    } else if let Some(rest) = after("/usr/sbin/lvm") {
        format!("lvm {}", options_left_out(rest, 1))
    } else if after("/usr/bin/udevadm").is_some() {
        "udevadm".to_owned()
    } else if let Some(("gluster", rest)) = words.split_first().map(|(first, rest)| (*first, rest)) {
        format!("gluster {}", options_left_out(rest, 2))
    } else if let Some(("gluster-block", rest)) = words.split_first().map(|(first, rest)| (*first, rest)) {
        format!("gluster-block {}", options_left_out(rest, 1))
    } else {
        words.first().copied().unwrap_or_default().to_owned()
    }
}
