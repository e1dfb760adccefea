//! From answers to findings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::NodeCheck;
use super::survey::{self, NEEDED, OUTSIDE, Survey};
use crate::node::NodeOptions;
use crate::node::hints;
use crate::node::parse::gluster_xml::{self, Reply};
use crate::node::parse::lsblk;
use crate::runner::LineResult;

/// gluster and the logs of a cluster bear no greater difference between clocks.
const CLOCK_LIMIT: Duration = Duration::from_secs(5);

/// The smallest disk that is worth a mention, in bytes: a brick has at least 1 GiB.
const DISK_LIMIT: u64 = 2 << 30;

pub fn survey(
    check: &mut NodeCheck,
    options: &NodeOptions,
    answer: Option<&LineResult>,
    clock: (SystemTime, SystemTime),
) {
    let found = answer.map(|answer| survey::read(&answer.stdout)).unwrap_or_default();
    if !found.complete {
        let said = answer.map_or_else(|| "nothing".to_owned(), LineResult::failure_text);
        check.problem(
            "shell",
            format!("bash does not run as it should: {said}"),
            "install bash 4 or later on the node",
        );
        return;
    }
    match found.uid {
        Some(0) => check.good("root", "commands run as root"),
        uid => check.problem(
            "root",
            format!("commands run as user {}", uid.map_or("unknown".to_owned(), |uid| uid.to_string())),
            "set sudo in the executor's configuration to true, or its user to root",
        ),
    }
    programs(check, &found);
    modules(check, &found);
    time(check, found.time, clock);
    fstab(check, options, &found);
}

fn programs(check: &mut NodeCheck, found: &Survey) {
    let is_missing = |program: &str| found.programs.get(program).is_some_and(String::is_empty);
    let mut complete = true;
    for (program, package) in OUTSIDE.iter().chain(NEEDED).filter(|(program, _)| is_missing(program)) {
        complete = false;
        check.problem("programs", format!("{program} is missing"), &format!("install the package {package}"));
    }
    if complete {
        check.good("programs", "everything that heketi runs is there");
    }
    for (program, version) in &found.versions {
        check.good(
            "version",
            if version.contains(program.as_str()) { version.clone() } else { format!("{program} {version}") },
        );
    }
    if is_missing("gluster-block") {
        check.warn("programs", "gluster-block is missing", "install it on nodes that shall serve block volumes");
    }
    if is_missing("lsof") {
        check.warn("programs", "lsof is missing", "install it, for errors that name what keeps a brick mounted");
    }
}

fn modules(check: &mut NodeCheck, found: &Survey) {
    for (module, state) in &found.modules {
        match state.as_str() {
            "loaded" => check.good("kernel", format!("{module} is loaded")),
            "loadable" => check.good("kernel", format!("{module} can be loaded")),
            _ => check.problem(
                "kernel",
                format!("the kernel has no {module}"),
                &format!("`modprobe {module}`, and name it in /etc/modules-load.d; a container needs it on its host"),
            ),
        }
    }
}

fn time(check: &mut NodeCheck, node: Option<i64>, (before, after): (SystemTime, SystemTime)) {
    let seconds = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
    };
    let (before, after, limit) = (seconds(before), seconds(after), CLOCK_LIMIT.as_secs().cast_signed());
    match node {
        None => check.warn("clock", "the node did not tell its time", "check `date` there"),
        Some(time) if time < before - limit || time > after + limit => {
            let (by, how) = if time < before { (before - time, "behind") } else { (time - after, "ahead of") };
            check.warn(
                "clock",
                format!("the node's clock is {by} s {how} this machine's"),
                "let both take their time from the same servers (chrony)",
            );
        }
        Some(_) => check.good("clock", "the node's clock agrees with this machine's"),
    }
}

fn fstab(check: &mut NodeCheck, options: &NodeOptions, found: &Survey) {
    let file = &options.fstab;
    let is = |what: &str| found.fstab.iter().any(|it| it == what);
    if is("read-only") || (is("missing") && is("in-read-only-directory")) {
        check.problem(
            "fstab",
            format!("{file} cannot be written"),
            "mount its file system writable, or set fstab to another",
        );
    } else if is("mounted") || is("in-read-only-directory") {
        check.warn(
            "fstab",
            format!("{file} can be written and not replaced; it is edited in place, after a copy"),
            "mount its directory instead of the file",
        );
    } else {
        check.good("fstab", format!("{file} can be written"));
    }
    if file != "/etc/fstab" {
        check.warn(
            "fstab",
            format!("{file} is not read at boot"),
            "something must mount its lines at start (`mount -a --fstab FILE`), as gluster containers do; else set \
             fstab to /etc/fstab",
        );
    }
    if file == "/etc/fstab" && !options.fstab_options.split(',').any(|option| option == "nofail") {
        check.warn(
            "fstab",
            "lines for new bricks have no nofail: a node that lost a disk stops at boot",
            "set fstab_options to nofail,x-systemd.device-timeout=30s",
        );
    }
}

/// Settings of LVM that break thin pools or hide disks.
pub fn lvm(check: &mut NodeCheck, answer: &LineResult, udev: bool) {
    if !answer.success() {
        let said = hints::with_hint(answer.failure_text());
        check.problem("lvm", format!("LVM does not tell its settings: {said}"), "run `/usr/sbin/lvm lvmconfig` there");
        return;
    }
    let settings = survey::lvm_settings(&answer.stdout);
    let get = |name: &str| settings.get(name).map_or("", String::as_str);
    let mut quiet = true;
    if !udev && get("udev_sync") == "1" {
        quiet = false;
        check.problem(
            "lvm",
            "LVM waits for udev, which is not there: lvcreate would hang or fail to wipe new volumes",
            "set udev_sync = 0 and udev_rules = 0 in /etc/lvm/lvm.conf, or lvm_wrapper to run it on the host",
        );
    }
    if get("use_lvmetad") == "1" {
        quiet = false;
        check.warn("lvm", "LVM asks lvmetad, which can be out of date", "set use_lvmetad = 0 in /etc/lvm/lvm.conf");
    }
    if get("use_devicesfile") == "1" {
        quiet = false;
        check.warn("lvm", "LVM uses listed disks only", "`lvmdevices --adddev DEVICE` for each disk heketi shall have");
    }
    for name in ["filter", "global_filter"] {
        let filter = get(name);
        // Everything is accepted.
        if !filter.is_empty() && !filter.replace([' ', '[', ']', '"'], "").starts_with("a|.*") {
            quiet = false;
            check.warn("lvm", format!("{name} is {filter}"), "check that it accepts the disks heketi shall have");
        }
    }
    if quiet {
        check.good("lvm", "no setting is in the way");
    }
}

/// The disks heketi could take.
pub fn disks(check: &mut NodeCheck, answer: &LineResult) {
    let all = match lsblk::disks(&answer.stdout) {
        Ok(all) if answer.success() => all,
        _ => {
            check.warn(
                "disks",
                format!("they cannot be listed: {}", answer.failure_text()),
                "run `lsblk --json` there",
            );
            return;
        }
    };
    let is_free = |disk: &&lsblk::BlockDevice| {
        let is_empty = disk.children.is_empty() && disk.fstype.is_empty() && disk.mountpoint.is_empty();
        disk.kind == "disk" && is_empty && !disk.ro && disk.size >= DISK_LIMIT
    };
    let free = all.iter().filter(is_free).map(|disk| {
        let path = if disk.name.starts_with('/') { disk.name.clone() } else { format!("/dev/{}", disk.name) };
        format!("{path} ({} GiB)", disk.size >> 30)
    });
    let free: Vec<String> = free.collect();
    match free.as_slice() {
        [] => check.good("disks", "none is empty"),
        _ => check.good("disks", format!("empty, and could be added: {}", free.join(", "))),
    }
}

pub fn gluster(check: &mut NodeCheck, answer: &LineResult) {
    let peers = match gluster_xml::pool_list(&answer.stdout) {
        Ok(Reply::Done(peers)) if answer.success() => peers,
        other => {
            let said = match other {
                Ok(Reply::Refused(words)) => words,
                _ => answer.failure_text(),
            };
            check.problem(
                "gluster",
                format!("glusterd does not answer: {said}"),
                "`systemctl enable --now glusterd` there",
            );
            return;
        }
    };
    let away: Vec<_> =
        peers.iter().filter(|peer| !peer.connected).filter_map(|peer| peer.names.first().cloned()).collect();
    if away.is_empty() {
        check.good("gluster", format!("glusterd answers; {} nodes in its pool", peers.len().max(1)));
    } else {
        check.warn(
            "gluster",
            format!("not connected to {}", away.join(", ")),
            "start glusterd there; ports 24007 and 49152 upwards must be open between the nodes",
        );
    }
}
