//! Can this machine be a node at all?

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::{Batch, CommandLine, CommandRunner};
use super::LocalRunner;

/// Where root's programs are, whatever PATH says: sudo looks there, too.
const ROOTS_PATH: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Why commands cannot run on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// Programs are missing.
    #[error(
        "this machine lacks {}, which the executor local needs: install GlusterFS, LVM and xfsprogs, or correct PATH, which is {path}", .missing.join(", ")
    )]
    Missing {
        /// The programs.
        missing: Vec<String>,
        /// Where they were looked for.
        path: String,
    },
    /// Neither root nor sudo.
    #[error("heketi runs as user id {uid}, and the executor local needs root: start it as root, or use sudo")]
    NotRoot {
        /// The user that heketi runs as.
        uid: u32,
    },
    /// The shell or sudo cannot be used; the text tells why.
    #[error("the executor local cannot run commands: {0}")]
    CannotRun(String),
}

impl LocalRunner {
    /// Looks whether commands can run here: with root's rights, and with these programs (names, or paths). Changes
    /// nothing.
    ///
    /// # Errors
    /// [`LocalError`] for what is missing.
    pub async fn check(&self, programs: &[&str]) -> Result<(), LocalError> {
        let uid = std::fs::metadata("/proc/self").map(|about| about.uid()).unwrap_or_default();
        if uid != 0 && !self.sudo {
            return Err(LocalError::NotRoot { uid });
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
        if self.sudo {
            directories.extend(ROOTS_PATH.map(PathBuf::from));
        }
        let own = ["timeout"].into_iter().chain(self.sudo.then_some("sudo"));
        let wanted = own.chain(programs.iter().copied().filter(|program| *program != "timeout"));
        let missing: Vec<String> =
            wanted.filter(|program| !is_there(program, &directories)).map(str::to_owned).collect();
        if !missing.is_empty() {
            return Err(LocalError::Missing { missing, path: path.to_string_lossy().into_owned() });
        }
        // Something harmless that a list of allowed commands has.
        let line = CommandLine::new("mount", Duration::from_secs(30));
        match self.run("localhost", &Batch::one(line)).await {
            Ok(result) => match result.failure() {
                None => Ok(()),
                Some((_, line)) => Err(LocalError::CannotRun(line.failure_text())),
            },
            Err(error) => Err(LocalError::CannotRun(error.message)),
        }
    }
}

fn is_there(program: &str, directories: &[PathBuf]) -> bool {
    let is_program = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    };
    match program.contains('/') {
        true => is_program(Path::new(program)),
        false => directories.iter().any(|directory| is_program(&directory.join(program))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_files_that_can_be_run() {
        let directories = [PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
        assert!(is_there("env", &directories) && is_there("/usr/bin/env", &[]));
        assert!(!is_there("env", &[]) && !is_there("no-such-program", &directories));
        assert!(!is_there("/etc/passwd", &directories) && !is_there("/usr/bin", &directories));
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let runner = LocalRunner { sudo: true, ..LocalRunner::default() };
        let error = runner.check(&["env", "no-such-program", "/no/such/lvm"]).await.unwrap_err().to_string();
        assert!(error.contains("no-such-program, /no/such/lvm, which"), "{error}");
    }
}
