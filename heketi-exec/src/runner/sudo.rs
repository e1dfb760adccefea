//! Tells sudo's own refusals from failures of the command behind it.

use super::{LineResult, LineStatus};

/// Parts of messages with which sudo refuses before it starts the command.
const REFUSALS: &[&str] = &[
    "a password is required",
    "a terminal is required",
    "must have a tty",
    "no tty present",
    "not allowed to execute",
    "not allowed to run sudo",
    "may not run sudo",
    "is not in the sudoers file",
    "account validation failure",
    "must be owned by uid 0 and have the setuid bit set",
    "unable to initialize policy plugin",
];

/// The line of sudo's message if `line` failed because sudo refused to start the command.
///
/// sudo exits with 1 then and the command has printed nothing. `command not found` is the command's failure.
pub(super) fn refusal(line: &LineResult) -> Option<&str> {
    if line.status != LineStatus::Exited(1) || !line.stdout.is_empty() {
        return None;
    }
    line.stderr
        .lines()
        .map(str::trim)
        .find(|text| is_from_sudo(text) && REFUSALS.iter().any(|refusal| text.contains(refusal)))
}

/// sudo begins its messages with its name, or says `Sorry, user …` or `… is not in the sudoers file`.
fn is_from_sudo(text: &str) -> bool {
    text.starts_with("sudo:") || text.starts_with("Sorry, user ") || text.contains("is not in the sudoers file")
}

/// What to tell the user: who was refused, what sudo said, and what to do.
pub(super) fn message(user: &str, said: &str) -> String {
    let user = if user.is_empty() { "the user" } else { user };
    format!(
        "sudo refused to run a command: {said}. Let {user} run commands as root without a password and \
         without a terminal (in a file in /etc/sudoers.d: `{user} ALL=(root) NOPASSWD: ALL` and \
         `Defaults:{user} !requiretty`); `heketi check-node` shows the lines a node needs"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(status: i32, stdout: &str, stderr: &str) -> LineResult {
        LineResult {
            status: LineStatus::Exited(status),
            stdout: stdout.into(),
            stderr: stderr.into(),
            duration: Duration::ZERO,
        }
    }

    #[test]
    fn refusals_of_all_sudo_versions_are_found() {
        for text in [
            "sudo: a password is required\n",
            "sudo: a terminal is required to read the password; either use the -S option\nsudo: a password is required\n",
            "sudo: sorry, you must have a tty to run sudo\n",
            "sudo: no tty present and no askpass program specified\n",
            "Sorry, user heketi is not allowed to execute '/usr/bin/timeout -k 10 300 lvs' as root on node1.\n",
            "Sorry, user heketi may not run sudo on node1.\n",
            "heketi is not in the sudoers file.  This incident will be reported.\n",
            "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set\n",
            "sudo: unable to resolve host node1: Name or service not known\nsudo: a password is required\n",
        ] {
            assert!(refusal(&line(1, "", text)).is_some(), "{text}");
        }
    }

    #[test]
    fn failures_of_the_command_are_not_refusals() {
        for failed in [
            line(1, "", "sudo: lvcreate: command not found\n"),
            line(127, "", "/bin/bash: line 1: sudo: command not found\n"),
            line(1, "output", "sudo: a password is required\n"),
            line(5, "", "sudo: a password is required\n"),
            line(1, "", "volume create: v: failed: a password is required\n"),
            line(1, "", ""),
        ] {
            assert_eq!(refusal(&failed), None, "{failed:?}");
        }
    }

    #[test]
    fn the_message_names_the_remedy() {
        let text = message("heketi", "sudo: a password is required");
        assert!(text.contains("heketi ALL=(root) NOPASSWD: ALL"));
        assert!(text.contains("sudo: a password is required"));
    }
}
