//! What a node tells `heketi check-node`.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::node::{Node, Output, fail, ok};

impl Node {
    /// The answer to the survey script.
    pub fn survey(&self, fstab: &str, programs: &[String]) -> Output {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut text = format!("uid=is 0\ntime=is {time}\n");
        for program in programs {
            let path = match (self.missing.contains(program), program.starts_with('/')) {
                (true, _) => String::new(),
                (false, true) => program.clone(),
                (false, false) => format!("/usr/bin/{program}"),
            };
            _ = writeln!(text, "program={program} {path}");
        }
        for (program, version) in [
            ("gluster", "glusterfs 10.3"),
            ("mkfs.xfs", "mkfs.xfs version 6.1.0"),
            ("thin_check", "0.9.0"),
            ("mount", "mount from util-linux 2.38.1"),
        ] {
            if !self.missing.contains(program) {
                _ = writeln!(text, "version={program} {version}");
            }
        }
        text.push_str("module=xfs loaded\nmodule=dm_thin_pool loaded\n");
        if self.udev {
            text.push_str("udev=is there\n");
        }
        if !self.files.contains_key(fstab) {
            text.push_str("fstab=is missing\n");
        }
        ok(text + "survey=is complete\n")
    }

    /// `lvmconfig --type full activation global devices`.
    pub fn lvm_settings(&self) -> Output {
        ok("activation {\n\tudev_sync=1\n\tudev_rules=1\n}\nglobal {\n\tuse_lvmpolld=1\n}\ndevices {\n\t\
            filter=[\"a|.*|\"]\n\tglobal_filter=[\"a|.*|\"]\n\tuse_devicesfile=0\n}\n")
    }

    /// What a shell says of a line whose program is not installed.
    pub fn refuses(&self, line: &str) -> Option<Output> {
        let program = line.split(' ').next().unwrap_or_default();
        self.missing.contains(program).then(|| match program.starts_with('/') {
            true => fail(127, format!("bash: line 1: {program}: No such file or directory")),
            false => fail(127, format!("bash: line 1: {program}: command not found")),
        })
    }
}
