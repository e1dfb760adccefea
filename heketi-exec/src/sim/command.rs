//! From a line to a [`Command`]: exactly the command lines heketi uses, nothing else.

use super::args::{Args, flag, size_kib, valued};
use super::gluster_block::BlockCommand;
use super::gluster_command::GlusterCommand;
use super::shell;
use crate::node::commands::fstab;
use crate::node::preflight::survey;

/// A command line that the simulated nodes understand.
#[derive(Debug)]
pub(super) enum Command {
    ServiceState {
        unit: String,
        verbose: bool,
    },
    Service {
        stop: bool,
        start: bool,
    },
    SetIdentity {
        uuid: String,
    },
    HasIdentity {
        uuid: String,
    },
    /// What glusterd wrote of its volumes, moved away while it does not run.
    SetVolumesAside,
    /// `systemctl reset-failed`.
    ForgetFailures,
    /// What `heketi check-node` asks first: fstab, and programs to look for.
    Survey {
        fstab: String,
        programs: Vec<String>,
    },
    LvmSettings,
    /// All of them where no device is named.
    ListBlockDevices {
        device: Option<String>,
    },
    ListSignatures {
        device: String,
    },
    WipeSignatures {
        device: String,
    },
    PvCreate {
        device: String,
        metadata_kib: u64,
    },
    PvRemove {
        device: String,
    },
    VgCreate {
        vg: String,
        device: String,
        extent_kib: u64,
    },
    VgDisplay {
        vg: String,
    },
    VgRemove {
        vg: String,
    },
    LvCreate(LvCreate),
    LvRemove {
        target: String,
    },
    Report(Report),
    Symlinks {
        device: String,
    },
    MakeDirectory {
        path: String,
        parents: bool,
    },
    RemoveDirectory {
        path: String,
    },
    MakeFileSystem {
        device: String,
        force: bool,
        small: bool,
    },
    AppendLine {
        line: String,
        file: String,
    },
    DeleteLines {
        pattern: String,
        file: String,
        backup: String,
    },
    /// Lines removed and one added, all or nothing.
    EditFile {
        file: String,
        add: Option<String>,
        gone: Vec<String>,
    },
    CopyFile {
        from: String,
        to: String,
    },
    ShowFile {
        file: String,
    },
    ListMounts,
    Mount {
        device: String,
        point: String,
        options: String,
    },
    Unmount {
        target: String,
    },
    ChangeGroup {
        group: u32,
        path: String,
    },
    ChangeMode {
        mode: u32,
        path: String,
    },
    ListOpenFiles {
        path: String,
    },
    FindDirectories {
        root: String,
        depths: std::ops::RangeInclusive<usize>,
    },
    ListProcesses {
        mark: String,
    },
    Gluster(GlusterCommand),
    GlusterBlock(BlockCommand),
}

/// `lvcreate`: a thin pool, a thin volume, both, or a plain volume.
#[derive(Debug)]
pub(super) struct LvCreate {
    pub vg: String,
    pub pool: Option<String>,
    pub name: Option<String>,
    pub size_kib: Option<u64>,
    pub virtual_kib: Option<u64>,
    pub metadata_kib: Option<u64>,
    pub spare: bool,
}

/// What `pvs`, `vgs` and `lvs` list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportKind {
    Pv,
    Vg,
    Lv,
}

/// `pvs`, `vgs`, `lvs`.
#[derive(Debug)]
pub(super) struct Report {
    pub kind: ReportKind,
    pub targets: Vec<String>,
    pub fields: Option<Vec<String>>,
    pub json: bool,
    pub headings: bool,
    pub separator: String,
    pub units: char,
    pub suffix: bool,
    pub hidden: bool,
}

impl Command {
    /// The disk the command is about.
    pub fn disk(&self) -> Option<&str> {
        match self {
            Self::ListBlockDevices { device } => device.as_deref(),
            Self::ListSignatures { device }
            | Self::WipeSignatures { device }
            | Self::PvCreate { device, .. }
            | Self::PvRemove { device }
            | Self::VgCreate { device, .. }
            | Self::Symlinks { device } => Some(device),
            Self::Report(report) if report.kind == ReportKind::Pv => report.targets.first().map(String::as_str),
            _ => None,
        }
    }
}

/// Programs that may stand before `/usr/sbin/lvm` and `/usr/bin/udevadm` as a wrapper.
const WRAPPERS: [&str; 3] = ["nsenter", "/usr/bin/nsenter", "exec-on-host"];

/// Reads one line.
///
/// # Errors
/// What a simulated node does not understand about it.
pub(super) fn parse(line: &str) -> Result<Command, String> {
    let words = shell::split(line)?;
    let (program, rest) = words.split_first().ok_or("the line is empty")?;
    match program.as_str() {
        "systemctl" => service(rest),
        "lsblk" => lsblk(rest),
        "wipefs" => wipefs(rest),
        "mkdir" => {
            let args = Args::parse(rest, &[flag(&["-p", "--parents"])])?;
            let parents = args.has("-p");
            let [path] = args.exactly()?;
            Ok(Command::MakeDirectory { path: absolute(path)?, parents })
        }
        "rmdir" => Ok(Command::RemoveDirectory { path: absolute(one(rest)?)? }),
        "mkfs.xfs" => {
            let known = [flag(&["-f"]), flag(&["--unsupported"]), valued(&["-i"]), valued(&["-n"]), valued(&["-d"])];
            let args = Args::parse(rest, &known)?;
            let (force, small) = (args.has("-f"), args.has("--unsupported"));
            let [device] = args.exactly()?;
            Ok(Command::MakeFileSystem { device, force, small })
        }
        "bash" => script(rest),
        "awk" => append_line(&one(rest)?),
        "sed" => delete_lines(rest),
        "grep" => has_identity(rest),
        "mv" => set_aside(rest),
        "cat" => Ok(Command::ShowFile { file: absolute(one(rest)?)? }),
        "mount" if rest.is_empty() => Ok(Command::ListMounts),
        "mount" => {
            let args = Args::parse(rest, &[valued(&["-o"]), valued(&["-t"])])?;
            let options = args.get("-o").unwrap_or("defaults").to_owned();
            let [device, point] = args.exactly()?;
            Ok(Command::Mount { device, point: absolute(point)?, options })
        }
        "umount" => Ok(Command::Unmount { target: absolute(one(rest)?)? }),
        "chown" => {
            let [group, path] = Args::parse(rest, &[])?.exactly()?;
            let group = group.strip_prefix(':').and_then(|g| g.parse().ok());
            Ok(Command::ChangeGroup { group: group.ok_or("chown without :<gid>")?, path: absolute(path)? })
        }
        "chmod" => {
            let [mode, path] = Args::parse(rest, &[])?.exactly()?;
            let mode = u32::from_str_radix(&mode, 8).map_err(|_| "chmod with a mode that is not octal")?;
            Ok(Command::ChangeMode { mode, path: absolute(path)? })
        }
        "pgrep" => match rest {
            [options, mark] if options == "-af" => Ok(Command::ListProcesses { mark: mark.clone() }),
            _ => Err("pgrep with other arguments than -af TEXT".into()),
        },
        "find" => find(rest),
        "lsof" => Ok(Command::ListOpenFiles { path: absolute(one(rest)?)? }),
        "gluster" => GlusterCommand::parse(rest).map(Command::Gluster),
        "gluster-block" => BlockCommand::parse(rest).map(Command::GlusterBlock),
        _ => wrapped(&words),
    }
}

/// LVM and udevadm, which carry their full path and may have a wrapper before it.
fn wrapped(words: &[String]) -> Result<Command, String> {
    let tool = |word: &String| matches!(word.as_str(), "/usr/sbin/lvm" | "/usr/bin/udevadm");
    let at = words.iter().position(tool).ok_or("command not found")?;
    let (wrapper, command) = words.split_at(at);
    if let Some(program) = wrapper.first()
        && !WRAPPERS.contains(&program.as_str())
    {
        return Err(format!("{program}: No such file or directory"));
    }
    match command {
        [program, sub, rest @ ..] if program == "/usr/sbin/lvm" => lvm(sub, rest),
        [_, sub, rest @ ..] if sub == "info" => {
            let args = Args::parse(rest, &[valued(&["--query"]), valued(&["--name"])])?;
            match (args.get("--query"), args.get("--name"), args.operands.is_empty()) {
                (Some("symlink"), Some(device), true) => Ok(Command::Symlinks { device: device.to_owned() }),
                _ => Err("udevadm info without --query=symlink and --name".into()),
            }
        }
        _ => Err("command without arguments".into()),
    }
}

fn one(words: &[String]) -> Result<String, String> {
    let [word] = Args::parse(words, &[])?.exactly()?;
    Ok(word)
}

/// The path without trailing and doubled slashes, and without the link `/var/run`; relative ones mean
/// nothing to a node.
fn absolute(path: String) -> Result<String, String> {
    if path.starts_with("/var/run/") {
        return absolute(path.replacen("/var", "", 1));
    }
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(format!("{path} is not an absolute path"));
    }
    if !path.contains("//") && (path.len() == 1 || !path.ends_with('/')) {
        return Ok(path);
    }
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    Ok(format!("/{}", parts.join("/")))
}

/// `find ROOT -mindepth N -maxdepth N -type d`.
fn find(rest: &[String]) -> Result<Command, String> {
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    let [root, "-mindepth", least, "-maxdepth", most, "-type", "d"] = words.as_slice() else {
        return Err("find with other arguments than ROOT -mindepth N -maxdepth N -type d".into());
    };
    let depth = |text: &str| text.parse::<usize>().map_err(|_| format!("{text} is not a depth"));
    Ok(Command::FindDirectories { root: absolute((*root).to_owned())?, depths: depth(least)?..=depth(most)? })
}

/// `grep -qx UUID=… /var/lib/glusterd/glusterd.info`.
fn has_identity(rest: &[String]) -> Result<Command, String> {
    let uuid = match rest {
        [option, line, file] if option == "-qx" && file == "/var/lib/glusterd/glusterd.info" => {
            line.strip_prefix("UUID=")
        }
        _ => None,
    };
    let uuid = uuid.ok_or("grep with other arguments than -qx UUID=… /var/lib/glusterd/glusterd.info")?;
    Ok(Command::HasIdentity { uuid: uuid.to_owned() })
}

/// `mv -T --backup=numbered /var/lib/glusterd/vols DIRECTORY`.
fn set_aside(rest: &[String]) -> Result<Command, String> {
    match rest {
        [plain, backup, from, _]
            if plain == "-T" && backup == "--backup=numbered" && from == "/var/lib/glusterd/vols" =>
        {
            Ok(Command::SetVolumesAside)
        }
        _ => Err("mv of something else than /var/lib/glusterd/vols".into()),
    }
}

fn service(rest: &[String]) -> Result<Command, String> {
    match rest {
        [verb, unit] if verb == "status" || verb == "is-active" => {
            Ok(Command::ServiceState { unit: unit.clone(), verbose: verb == "status" })
        }
        [verb, unit] if unit == "glusterd" => match verb.as_str() {
            "reset-failed" => Ok(Command::ForgetFailures),
            "start" => Ok(Command::Service { stop: false, start: true }),
            "stop" => Ok(Command::Service { stop: true, start: false }),
            "restart" => Ok(Command::Service { stop: true, start: true }),
            _ => Err(format!("systemctl {verb} is not known")),
        },
        _ => {
            Err("systemctl knows status and is-active only, and start, stop, restart and reset-failed of glusterd"
                .into())
        }
    }
}

fn lsblk(rest: &[String]) -> Result<Command, String> {
    let known = [flag(&["--json", "-J"]), flag(&["--bytes", "-b"]), valued(&["--output", "-o"])];
    let args = Args::parse(rest, &known)?;
    if !args.has("--json")
        || !args.has("--bytes")
        || args.get("--output") != Some("NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO")
    {
        return Err("lsblk with other options than --json --bytes --output NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO".into());
    }
    match args.operands.as_slice() {
        [] => Ok(Command::ListBlockDevices { device: None }),
        [device] => Ok(Command::ListBlockDevices { device: Some(device.clone()) }),
        _ => Err("lsblk with several devices".into()),
    }
}

fn wipefs(rest: &[String]) -> Result<Command, String> {
    let known = [flag(&["--all", "-a"]), flag(&["--no-act", "-n"]), flag(&["--parsable", "-p"])];
    let args = Args::parse(rest, &known)?;
    let (all, no_act, parsable) = (args.has("--all"), args.has("--no-act"), args.has("--parsable"));
    let [device] = args.exactly()?;
    match (all, no_act, parsable) {
        (true, false, false) => Ok(Command::WipeSignatures { device }),
        (false, true, true) => Ok(Command::ListSignatures { device }),
        _ => Err("wipefs with other options than --all, or --no-act --parsable".into()),
    }
}

/// heketi's edit of fstab and its survey of a node, and no other script.
fn script(rest: &[String]) -> Result<Command, String> {
    match rest {
        [option, script, name, fstab, programs @ ..]
            if option == "-c" && script == survey::SCRIPT && name == survey::NAME =>
        {
            Ok(Command::Survey { fstab: absolute(fstab.clone())?, programs: programs.to_vec() })
        }
        [option, script, name, file, add, gone @ ..]
            if option == "-c" && script == fstab::SCRIPT && name == fstab::NAME =>
        {
            let add = Some(add.clone()).filter(|line| !line.is_empty());
            Ok(Command::EditFile { file: absolute(file.clone())?, add, gone: gone.to_vec() })
        }
        _ => Err("bash with another script than heketi's".into()),
    }
}

/// `BEGIN {print "LINE" >> "FILE"}`.
fn append_line(program: &str) -> Result<Command, String> {
    let parts = || {
        let (line, rest) = awk_string(program.strip_prefix("BEGIN {print ")?)?;
        let (file, rest) = awk_string(rest.strip_prefix(" >> ")?)?;
        (rest == "}").then_some((line, file))
    };
    let (line, file) = parts().ok_or("awk with a program other than BEGIN {print \"…\" >> \"…\"}")?;
    Ok(Command::AppendLine { line, file: absolute(file)? })
}

/// A string literal of awk, and what follows it.
fn awk_string(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut string = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((string, chars.as_str())),
            '\\' => match chars.next()? {
                c @ ('"' | '\\' | '/') => string.push(c),
                _ => return None,
            },
            c => string.push(c),
        }
    }
}

/// `sed -i.save "/PATTERN/d" FILE`, `sed -i.save "" FILE`, which only copies, and `sed -i "s/^UUID=.*/UUID=…/"` for glusterd's identity.
fn delete_lines(rest: &[String]) -> Result<Command, String> {
    if let [option, script, file] = rest
        && option == "-i"
        && file == "/var/lib/glusterd/glusterd.info"
    {
        let uuid = script.strip_prefix("s/^UUID=.*/UUID=").and_then(|script| script.strip_suffix('/'));
        let uuid = uuid.ok_or("sed of glusterd.info with another script than s/^UUID=.*/UUID=…/")?;
        return Ok(Command::SetIdentity { uuid: uuid.to_owned() });
    }
    let [option, script, file] = rest else {
        return Err("sed with other arguments than -i.<suffix> SCRIPT FILE".into());
    };
    let backup = option.strip_prefix("-i").ok_or("sed without -i")?;
    if script.is_empty() && !backup.is_empty() {
        let from = absolute(file.clone())?;
        return Ok(Command::CopyFile { to: format!("{from}{backup}"), from });
    }
    let pattern = script.strip_prefix('/').and_then(|s| s.strip_suffix("/d"));
    let pattern = pattern.ok_or("sed with a script other than /PATTERN/d")?;
    let file = absolute(file.clone())?;
    let backup = if backup.is_empty() { String::new() } else { format!("{file}{backup}") };
    Ok(Command::DeleteLines { pattern: pattern.to_owned(), file, backup })
}

fn lvm(sub: &str, rest: &[String]) -> Result<Command, String> {
    match sub {
        "pvcreate" => {
            let known = [flag(&["-qq"]), valued(&["--metadatasize"]), valued(&["--dataalignment"])];
            let args = Args::parse(rest, &known)?;
            let metadata_kib = args.get("--metadatasize").map_or(Ok(1024), size_kib)?;
            args.get("--dataalignment").map(size_kib).transpose()?;
            let [device] = args.exactly()?;
            Ok(Command::PvCreate { device, metadata_kib })
        }
        "vgcreate" => {
            let known = [flag(&["-qq"]), valued(&["--physicalextentsize"]), valued(&["--autobackup"])];
            let args = Args::parse(rest, &known)?;
            let extent_kib = args.get("--physicalextentsize").map_or(Ok(4096), size_kib)?;
            if extent_kib == 0 {
                return Err("an extent of no size".into());
            }
            let [vg, device] = args.exactly()?;
            Ok(Command::VgCreate { vg, device, extent_kib })
        }
        "vgdisplay" => {
            let args = Args::parse(rest, &[flag(&["-c", "--colon"])])?;
            if !args.has("-c") {
                return Err("vgdisplay without -c".into());
            }
            let [vg] = args.exactly()?;
            Ok(Command::VgDisplay { vg })
        }
        "vgremove" => {
            let [vg] = Args::parse(rest, &[flag(&["-qq"])])?.exactly()?;
            Ok(Command::VgRemove { vg })
        }
        "pvremove" => {
            let [device] = Args::parse(rest, &[flag(&["-qq"])])?.exactly()?;
            Ok(Command::PvRemove { device })
        }
        "lvremove" => {
            let args = Args::parse(rest, &[valued(&["--autobackup"]), flag(&["-f", "--force"])])?;
            if !args.has("-f") {
                return Err("lvremove without -f asks a question nobody answers".into());
            }
            let [target] = args.exactly()?;
            Ok(Command::LvRemove { target })
        }
        "lvcreate" => lvcreate(rest),
        "lvmconfig" if rest == ["--type", "full", "activation", "global", "devices"] => Ok(Command::LvmSettings),
        "pvs" => report(ReportKind::Pv, rest),
        "vgs" => report(ReportKind::Vg, rest),
        "lvs" => report(ReportKind::Lv, rest),
        _ => Err(format!("lvm {sub} is not known")),
    }
}

fn lvcreate(rest: &[String]) -> Result<Command, String> {
    let known = [
        flag(&["-qq"]),
        valued(&["--autobackup"]),
        valued(&["--poolmetadatasize"]),
        valued(&["--poolmetadataspare"]),
        valued(&["--chunksize"]),
        valued(&["--size", "-L"]),
        flag(&["--thin", "-T"]),
        valued(&["--virtualsize", "-V"]),
        valued(&["--name", "-n"]),
    ];
    let args = Args::parse(rest, &known)?;
    let size = |name| args.get(name).map(size_kib).transpose();
    let (size_kib, virtual_kib, metadata_kib) = (size("--size")?, size("--virtualsize")?, size("--poolmetadatasize")?);
    if let Some(chunk) = size("--chunksize")?
        && (!(64..=1024 * 1024).contains(&chunk) || chunk % 64 != 0)
    {
        return Err("a chunk size that LVM does not take".into());
    }
    let spare = match args.get("--poolmetadataspare") {
        None | Some("y") => true,
        Some("n") => false,
        Some(other) => return Err(format!("--poolmetadataspare {other}")),
    };
    let (name, thin) = (args.get("--name").map(str::to_owned), args.has("--thin"));
    let [target] = args.exactly()?;
    let (vg, pool) = match target.split_once('/') {
        Some((vg, pool)) if thin => (vg.to_owned(), Some(pool.to_owned())),
        None if !thin => (target, None),
        _ => return Err("lvcreate wants --thin VG/POOL, or VG alone".into()),
    };
    Ok(Command::LvCreate(LvCreate { vg, pool, name, size_kib, virtual_kib, metadata_kib, spare }))
}

fn report(kind: ReportKind, rest: &[String]) -> Result<Command, String> {
    let known = [
        valued(&["--options", "-o"]),
        valued(&["--reportformat"]),
        valued(&["--units"]),
        flag(&["--nosuffix"]),
        flag(&["--noheadings"]),
        valued(&["--separator"]),
        flag(&["--all", "-a"]),
    ];
    let args = Args::parse(rest, &known)?;
    let json = match args.get("--reportformat") {
        None | Some("basic") => false,
        Some("json") => true,
        Some(other) => return Err(format!("report format {other}")),
    };
    let units = match args.get("--units") {
        None => 'r',
        Some(unit @ ("k" | "b" | "m" | "g" | "r")) => unit.chars().next().unwrap_or('r'),
        Some(other) => return Err(format!("units {other}")),
    };
    let fields = args.get("--options").map(|list| list.split(',').map(str::to_owned).collect());
    Ok(Command::Report(Report {
        kind,
        fields,
        json,
        headings: !args.has("--noheadings"),
        separator: args.get("--separator").unwrap_or(" ").to_owned(),
        units,
        suffix: !args.has("--nosuffix"),
        hidden: args.has("--all"),
        targets: args.operands,
    }))
}
