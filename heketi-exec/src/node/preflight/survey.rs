//! What a node tells about itself: one line that only looks, and how its answer is read.

use std::collections::BTreeMap;

use crate::node::NodeOptions;
use crate::node::commands::SHORT;
use crate::node::quote;
use crate::runner::CommandLine;

/// What the survey's shell is called in process listings.
pub const NAME: &str = "heketi-survey";

/// Programs that every node needs, with the package that has them where its name is not obvious.
pub const NEEDED: &[(&str, &str)] = &[
    ("timeout", "coreutils"),
    ("mkdir", "coreutils"),
    ("rmdir", "coreutils"),
    ("cat", "coreutils"),
    ("cp", "coreutils"),
    ("mv", "coreutils"),
    ("dd", "coreutils"),
    ("stat", "coreutils"),
    ("sync", "coreutils"),
    ("truncate", "coreutils"),
    ("readlink", "coreutils"),
    ("rm", "coreutils"),
    ("chown", "coreutils"),
    ("chmod", "coreutils"),
    ("grep", "grep"),
    ("sed", "sed"),
    ("awk", "gawk or mawk"),
    ("find", "findutils"),
    ("pgrep", "procps"),
    ("systemctl", "systemd"),
    ("flock", "util-linux"),
    ("lsblk", "util-linux"),
    ("wipefs", "util-linux"),
    ("mount", "mount or util-linux"),
    ("umount", "mount or util-linux"),
    ("mkfs.xfs", "xfsprogs"),
    ("gluster", "glusterfs-server"),
];

/// LVM, what it runs, and udev; not looked for where a wrapper leads out of a container.
pub const OUTSIDE: &[(&str, &str)] = &[
    ("/usr/sbin/lvm", "lvm2"),
    ("thin_check", "thin-provisioning-tools, on Red Hat device-mapper-persistent-data"),
    ("/usr/bin/udevadm", "udev"),
];

/// Programs some nodes do without.
pub const OPTIONAL: &[&str] = &["gluster-block", "lsof"];

/// Arguments: fstab, then the programs to look for. Prints lines of `KEY=NAME VALUE`.
///
/// In one line without single quotes, for the reasons of the edit of fstab.
pub const SCRIPT: &str = concat!(
    r#"f=$1;shift;say(){ printf "%s=%s %s\n" "$@";};say uid is "$EUID";say time is "$(date +%s)";"#,
    r#"for p;do say program "$p" "$(type -P -- "$p")";done;"#,
    r#"v(){ type -P -- "$1" >/dev/null&&say version "$1" "$("$@" 2>&1|head -n 1)";};"#,
    r#"v gluster --version;v mkfs.xfs -V;v thin_check --version;v mount --version;"#,
    r#"m(){ local s=missing;if [[ -d /sys/module/$1 ]]||grep -qw "$2" /proc/filesystems "$t" 2>/dev/null;then s=loaded;"#,
    r#"elif modprobe -nq -- "$1" 2>/dev/null;then s=loadable;fi;say module "$1" "$s";};"#,
    r#"t=/dev/null;m xfs xfs;d=$(dmsetup targets 2>/dev/null);if [[ $d == *thin-pool* ]];then say module dm_thin_pool loaded;"#,
    r#"else m dm_thin_pool thin-pool;fi;"#,
    r#"if [[ -S /run/udev/control ]];then say udev is there;fi;"#,
    r#"if [[ -L $f ]];then say fstab is link;f=$(readlink -e -- "$f");fi;"#,
    r#"if [[ -e $f ]];then if [[ -w $f ]];then :;else say fstab is read-only;fi;else say fstab is missing;fi;"#,
    r#"if [[ -w ${f%/*}/ ]];then :;else say fstab is in-read-only-directory;fi;"#,
    r#"while read -r _ _ _ _ p _;do if [[ $p == "$f" ]];then say fstab is mounted;fi;done </proc/self/mountinfo;"#,
    r#"say survey is complete"#,
);

/// The programs that heketi runs on every node, by what it calls them.
pub fn programs(options: &NodeOptions) -> impl Iterator<Item = &'static str> {
    let outside = if options.lvm_wrapper.trim().is_empty() { OUTSIDE } else { &[] };
    outside.iter().chain(NEEDED).map(|(program, _)| *program)
}

/// The line that looks.
pub fn line(options: &NodeOptions) -> CommandLine {
    let mut text = format!("bash -c {} {NAME} {}", quote::single(SCRIPT), quote::word(&options.fstab));
    for program in programs(options).chain(OPTIONAL.iter().copied()) {
        text.push(' ');
        text.push_str(program);
    }
    CommandLine::new(text, SHORT)
}

/// What the survey found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The user commands run as; 0 is root.
    pub uid: Option<u32>,
    /// The node's clock, in seconds since 1970.
    pub time: Option<i64>,
    /// Programs that were looked for, with their paths; an empty one is missing.
    pub programs: BTreeMap<String, String>,
    /// Programs with what they say of their version.
    pub versions: BTreeMap<String, String>,
    /// Kernel modules: `loaded`, `loadable` or `missing`.
    pub modules: BTreeMap<String, String>,
    /// udev can be asked.
    pub udev: bool,
    /// What is special about fstab.
    pub fstab: Vec<String>,
    /// The survey came to its end.
    pub complete: bool,
}

/// Reads what the survey printed. Lines of others are passed over.
pub fn read(text: &str) -> Survey {
    let mut survey = Survey::default();
    for line in text.lines() {
        let Some((key, rest)) = line.split_once('=') else { continue };
        let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
        let (name, value) = (name.to_owned(), value.trim().to_owned());
        match key {
            "uid" => survey.uid = value.parse().ok(),
            "time" => survey.time = value.parse().ok(),
            "program" => _ = survey.programs.insert(name, value),
            "version" => _ = survey.versions.insert(name, value),
            "module" => _ = survey.modules.insert(name, value),
            "udev" => survey.udev = true,
            "fstab" => survey.fstab.push(value),
            "survey" => survey.complete = true,
            _ => {}
        }
    }
    survey
}

/// `lvmconfig --type full SECTION…`: settings with their values, without the quotes of texts. Sections are left out:
/// no setting that is asked for has its name in two of them.
pub fn lvm_settings(text: &str) -> BTreeMap<String, String> {
    let setting = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain.then(|| (name.to_owned(), value.trim_matches('"').to_owned()))
    };
    text.lines().filter_map(setting).collect()
}
