//! Golden transcripts: what heketi-cli prints for the command lines of `tests/transcripts/*.txt`, over the real engine
//! and a simulated cluster.
//!
//! A line `$ …` is a command line, `> …` is what it prints, `! …` what goes to stderr, `= N` its exit status when it is
//! not 0; `\` tells that the output ends without an end of line. Ids are numbered in the order they appear: `ID3`
//! stands for the third, in command lines too; `PART` is the first half of one, `PV-UUID` a name given by LVM. `TMP` is
//! a directory of this run, `SERVER` the server's address. A line `@ swap-disk HOST DISK` or `@ reinstall HOST` is what
//! happens in the machine room meanwhile.
//! `UPDATE_TRANSCRIPTS=1 cargo test transcripts` writes the files anew; look at the difference before you commit it.

use std::path::Path;
use std::process::Command;

use heketi_exec::sim::{SimCluster, SimDisk};
use heketi_http::cli::run_with;
use heketi_http::demo::Demo;

use crate::client::impatient;
use crate::server::PATIENCE;

/// The ids seen so far, and the other names that differ from run to run.
struct Names {
    ids: Vec<String>,
    fixed: Vec<(String, &'static str)>,
}

impl Names {
    /// A command line with what its names stand for. The last id comes first: `ID12` is not `ID1` and `2`.
    fn resolve(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (number, id) in self.ids.iter().enumerate().rev() {
            line = line.replace(&format!("ID{}", number + 1), id);
        }
        self.fixed.iter().fold(line, |line, (value, name)| line.replace(name, value))
    }

    /// An output with names instead of what differs.
    fn hide(&mut self, text: &str) -> String {
        let text = self.fixed.iter().fold(text.to_owned(), |text, (value, name)| text.replace(value, name));
        let mut hidden = String::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("glusterfs-").filter(|after| hex_digits(after) == 8) {
                hidden.push_str("glusterfs-PART");
                rest = &after[8..];
                continue;
            }
            if let Some(uuid) = rest.get(..38).filter(|text| is_pv_uuid(text)) {
                hidden.push_str("PV-UUID");
                rest = &rest[uuid.len()..];
                continue;
            }
            let digits = hex_digits(rest);
            if digits == 32 {
                let (id, after) = rest.split_at(32);
                let known = self.ids.iter().position(|known| known == id);
                let number = known.unwrap_or_else(|| {
                    self.ids.push(id.to_owned());
                    self.ids.len() - 1
                });
                hidden.push_str(&format!("ID{}", number + 1));
                rest = after;
            } else {
                let next = digits.max(rest.chars().next().map_or(1, char::len_utf8));
                let (shown, after) = rest.split_at(next);
                hidden.push_str(shown);
                rest = after;
            }
        }
        hidden
    }
}

fn hex_digits(text: &str) -> usize {
    text.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count()
}

/// Six groups of letters and digits as LVM writes them.
fn is_pv_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([6, 4, 4, 4, 4, 4, 6])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Words between blanks; single quotes hold some together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

fn marked(output: &str, mark: char) -> String {
    let mut text: String = output.lines().map(|line| format!("{mark} {line}\n")).collect();
    if !output.is_empty() && !output.ends_with('\n') {
        text.push_str("\\\n");
    }
    text
}

/// Something that happens to a node.
fn happen(sim: &SimCluster, event: &str) {
    let new = |disk| SimDisk::gib(disk, 500);
    match event.split(' ').collect::<Vec<_>>()[..] {
        ["swap-disk", host, disk] => sim.replace_disk(host, disk, new(disk)),
        ["reinstall", host] => sim.reinstall(host, ["/dev/sdb", "/dev/sdc"].map(new)),
        _ => panic!("@ {event}"),
    }
}

async fn replay(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/transcripts/{name}.txt"));
    let expected = std::fs::read_to_string(&path).expect("a transcript");
    let demo = Demo::start(None).await.expect("a server");
    let directory = tempfile::tempdir().unwrap();
    let fixed = vec![(demo.url(), "SERVER"), (directory.path().display().to_string(), "TMP")];
    let mut names = Names { ids: Vec::new(), fixed };
    let mut told = String::new();
    let url = demo.url();
    for line in expected.lines() {
        if let Some(event) = line.strip_prefix("@ ") {
            happen(demo.sim(), event);
            told.push_str(&format!("{line}\n"));
        }
        let Some(command) = line.strip_prefix("$ ") else {
            if line.is_empty() || line.starts_with('#') {
                told.push_str(&format!("{line}\n"));
            }
            continue;
        };
        let line_words = words(&names.resolve(command));
        let arguments = ["heketi-cli", "-s", &url].into_iter().map(str::to_owned).chain(line_words);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let run = run_with(arguments, impatient(), &mut out, &mut err);
        let status = tokio::time::timeout(PATIENCE, run).await.expect("the command ends");
        let out = names.hide(&String::from_utf8(out).unwrap());
        let err = names.hide(&String::from_utf8(err).unwrap());
        told.push_str(&format!("$ {command}\n{}{}", marked(&out, '>'), marked(&err, '!')));
        if status != 0 {
            told.push_str(&format!("= {status}\n"));
        }
    }
    demo.stop().await.unwrap();
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        std::fs::write(&path, told).unwrap();
        return;
    }
    for (number, (told, expected)) in told.lines().zip(expected.lines()).enumerate() {
        assert_eq!(told, expected, "{name}.txt, line {}", number + 1);
    }
    assert_eq!(told, expected, "{name}.txt");
}

/// The full names of the commands at the ends of the tree, by its own help.
fn commands(above: &[String]) -> Vec<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_heketi-cli")).args(above).arg("--help").output().expect("heketi-cli");
    let help = String::from_utf8(help.stdout).expect("text");
    let Some((_, list)) = help.split_once("Commands:\n") else { return vec![above.join(" ")] };
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let below = names.filter(|name| *name != "help").map(|name| [above, &[name.to_owned()]].concat());
    below.flat_map(|words| commands(&words)).collect()
}

/// In both forms of output. A watch has no end, shells have one form, and the manual is long: they have tests of
/// their own.
#[test]
fn every_command_has_a_transcript() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let texts: String = files
        .filter(|file| file.extension().is_some_and(|it| it == "txt"))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let lines: Vec<&str> = texts.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    let all = commands(&[]);
    assert!(all.len() > 51, "{all:?}");
    for command in all.iter().filter(|it| !["watch", "man", "completion"].contains(&it.as_str())) {
        let mine = || lines.iter().filter(|line| format!("{line} ").starts_with(&format!("{command} ")));
        assert!(mine().any(|line| line.contains("--json")), "{command} --json");
        assert!(mine().any(|line| !line.contains("--json")), "{command}");
    }
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            replay(stringify!($name)).await;
        })*

        #[test]
        fn every_file_is_replayed() {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
            let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
            let mut found: Vec<String> = files
                .filter(|file| file.extension().is_some_and(|it| it == "txt"))
                .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            found.sort();
            assert_eq!(found, [$(stringify!($name)),*]);
        }
    };
}

transcripts!(blockvolumes clusters database json nodes_devices replacements server topology usage volumes);
