//! Edits of a real fstab by a real shell, with other programs in their way.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use heketi_core::operation::Observation;
use proptest::prelude::*;

use super::Answer::*;
use super::*;
use crate::node::commands::{class, fstab};

/// A directory with an fstab in it, and programs that stand before the real ones.
struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    fn new(text: &str) -> Self {
        let scene = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(scene.path("bin")).unwrap();
        scene.write(text);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path("fstab"), text).unwrap();
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path("fstab")).unwrap()
    }

    /// Puts a script before the programs of these names. In it `$real` is the real program and `$F` the fstab.
    fn disguise(&self, programs: &[&str], script: &str) {
        for program in programs {
            let file = self.path("bin").join(program);
            let real = format!("/usr/bin/{program}");
            let real = if Path::new(&real).exists() { real } else { format!("/bin/{program}") };
            let fstab = self.path("fstab");
            let text = format!("#!/bin/bash\nreal={real} F={}\n{script}\n", fstab.display());
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn line(&self, name: &str, add: Option<&str>, gone: &[&str]) -> String {
        let options = NodeOptions { fstab: self.path(name).to_str().unwrap().into(), ..NodeOptions::default() };
        let gone: Vec<String> = gone.iter().map(ToString::to_string).collect();
        fstab::edit(&options, add, &gone).line.text
    }

    fn shell(&self, line: &str) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        Command::new("/bin/sh").args(["-c", line]).env("PATH", path).output().unwrap()
    }

    fn edit(&self, add: Option<&str>, gone: &[&str]) -> Output {
        self.shell(&self.line("fstab", add, gone))
    }

    #[track_caller]
    fn good(&self, add: Option<&str>, gone: &[&str]) {
        let done = self.edit(add, gone);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// What lies beside the fstab.
    fn others(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "fstab" && name != "bin");
        names.sort();
        names
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const OTHERS: &str = "# by hand\nUUID=1 / ext4 rw 0 1\n";

#[test]
fn lines_come_and_go_and_the_rest_stays() {
    let scene = Scene::new("# by hand\nUUID=1 / ext4 rw 0 1");
    scene.good(Some("/dev/a /a xfs rw 1 2"), &[]);
    assert_eq!(scene.text(), format!("{OTHERS}/dev/a /a xfs rw 1 2\n"));
    // What is there is not added again.
    scene.good(Some("/dev/a /a xfs rw 1 2"), &[]);
    scene.good(Some("/dev/b /b xfs rw 1 2"), &["/dev/a /a xfs rw 1 2"]);
    assert_eq!(scene.text(), format!("{OTHERS}/dev/b /b xfs rw 1 2\n"));
    scene.good(None, &["/dev/b /b xfs rw 1 2"]);
    assert_eq!(scene.text(), OTHERS);
    scene.good(None, &["# by hand", "UUID=1 / ext4 rw 0 1"]);
    assert_eq!(scene.text(), "");
    assert_eq!(scene.others(), Vec::<String>::new());
}

#[test]
fn a_line_that_changed_meanwhile_fails_the_edit() {
    let scene = Scene::new(OTHERS);
    let failed = scene.edit(Some("new"), &["UUID=1 / ext4 rw 0 1", "UUID=2 / ext4 rw 0 1"]);
    assert!(!failed.status.success());
    assert!(words(&failed).contains("changed meanwhile, nothing was changed; gone is: UUID=2"), "{}", words(&failed));
    assert_eq!(scene.text(), OTHERS);
}

#[test]
fn owner_mode_and_link_stay() {
    let scene = Scene::new(OTHERS);
    let file = scene.path("fstab");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    // Only root can give files away.
    let _ = std::os::unix::fs::chown(&file, Some(1), Some(2));
    let before = std::fs::metadata(&file).unwrap();
    std::os::unix::fs::symlink("fstab", scene.path("link")).unwrap();
    let done = scene.shell(&scene.line("link", Some("x"), &[]));
    assert!(done.status.success(), "{}", words(&done));
    assert_eq!(scene.text(), format!("{OTHERS}x\n"));
    let after = std::fs::metadata(&file).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert!(std::fs::symlink_metadata(scene.path("link")).unwrap().is_symlink());

    std::os::unix::fs::symlink("nowhere", scene.path("broken")).unwrap();
    let failed = scene.shell(&scene.line("broken", Some("x"), &[]));
    assert!(!failed.status.success() && words(&failed).contains("leads nowhere"), "{}", words(&failed));
}

#[test]
fn a_missing_file_holds_no_line_and_is_made_for_one() {
    let scene = Scene::new("");
    std::fs::remove_file(scene.path("fstab")).unwrap();
    scene.good(None, &["x"]);
    assert!(!scene.path("fstab").exists());
    scene.good(Some("x"), &[]);
    assert_eq!(scene.text(), "x\n");
    assert_eq!(std::fs::metadata(scene.path("fstab")).unwrap().mode() & 0o777, 0o644);
    let failed = scene.shell(&scene.line("no/fstab", Some("x"), &[]));
    assert!(!failed.status.success() && words(&failed).contains("No such file or directory"), "{}", words(&failed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Lines are texts and no patterns.
    #[test]
    fn only_whole_lines_go(lines in prop::collection::vec("[ -~]{1,12}", 1..6), at in any::<prop::sample::Index>()) {
        let scene = Scene::new(&(lines.join("\n") + "\n"));
        let gone = at.get(&lines);
        let done = scene.edit(Some("new * [a] \\ 'line'"), &[gone]);
        prop_assert!(done.status.success(), "{}", words(&done));
        let mut left: Vec<&str> = lines.iter().filter(|line| *line != gone).map(String::as_str).collect();
        left.push("new * [a] \\ 'line'");
        prop_assert_eq!(scene.text(), left.join("\n") + "\n");
    }
}

const OLD: &str = "# by hand\n/dev/a /a xfs rw 1 2\nUUID=1 / ext4 rw 0 1\n";
const NEW: &str = "# by hand\nUUID=1 / ext4 rw 0 1\n/dev/b /b xfs rw 1 2\n";
const PROGRAMS: &[&str] = &["flock", "cp", "grep", "sync", "mv", "cat", "dd", "stat"];

/// Runs the edit from `OLD` to `NEW`, killed before and after each program it starts; `usual` comes first in each.
/// What the file is then, `check` sees; the edit after that must come to its end.
fn kill_everywhere(usual: &str, check: impl Fn(&str)) -> Scene {
    let (add, gone) = ("/dev/b /b xfs rw 1 2", "/dev/a /a xfs rw 1 2");
    for at in 1.. {
        for (before, after) in [("kill -9 $PPID", ""), ("", "kill -9 $PPID")] {
            let scene = Scene::new(OLD);
            let script = format!(
                "{usual}\nn=$(($(/bin/cat \"$F.count\" 2>/dev/null) + 1)); echo $n > \"$F.count\"\n\
                 [ $n = {at} ] && {{ {} :; }}\n\"$real\" \"$@\"; s=$?; [ $n = {at} ] && {{ {} :; }}; exit $s",
                if before.is_empty() { String::new() } else { format!("{before}; exit 1;") },
                if after.is_empty() { String::new() } else { format!("{after};") },
            );
            scene.disguise(PROGRAMS, &script);
            let killed = scene.edit(Some(add), &[gone]);
            check(&scene.text());
            if killed.status.success() {
                assert!(at > 4, "the edit starts more programs than {at}");
                return scene;
            }
            std::fs::remove_dir_all(scene.path("bin")).unwrap();
            if scene.text().contains(gone) {
                scene.good(Some(add), &[gone]);
                assert_eq!(scene.text(), NEW);
            } else {
                scene.good(Some(add), &[]);
                check(&scene.text());
            }
        }
    }
    unreachable!()
}

#[test]
fn a_kill_at_any_point_leaves_the_old_file_or_the_new() {
    let scene = kill_everywhere("", |text| assert!(text == OLD || text == NEW, "{text}"));
    assert_eq!(scene.text(), NEW);
}

/// A file that is mounted itself cannot be replaced.
#[test]
fn a_file_that_cannot_be_replaced_is_changed_in_place_after_a_copy() {
    let scene = kill_everywhere("case \"$real\" in */mv) exit 1;; esac", |text| {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("# by hand"), "{text}");
        let gone = lines.next().unwrap();
        assert!(gone == "/dev/a /a xfs rw 1 2" || gone.starts_with('#'), "{text}");
        assert_eq!(lines.next(), Some("UUID=1 / ext4 rw 0 1"), "{text}");
        assert!(lines.all(|line| line == "/dev/b /b xfs rw 1 2"), "{text}");
    });
    assert_eq!(scene.text(), NEW.replacen("\n", &format!("\n{}\n", "#".repeat(20)), 1));
    assert_eq!(std::fs::read_to_string(scene.path("fstab.heketi-save")).unwrap(), OLD);
}

#[test]
fn what_another_program_writes_meanwhile_stays() {
    let edit = "[ -e \"$F.done\" ] || {{ touch \"$F.done\"; ACT; }}; exec \"$real\" \"$@\"";
    for (program, act) in [
        ("cp", "echo theirs >> \"$F\""),
        ("sync", "echo theirs >> \"$F\""),
        ("sync", "/bin/cp \"$F\" \"$F.t\"; echo theirs >> \"$F.t\"; /bin/mv \"$F.t\" \"$F\""),
        // After the last look at the old file.
        ("mv", "echo theirs >> \"$F\""),
    ] {
        let scene = Scene::new(OLD);
        scene.disguise(&[program], &edit.replace("{{", "{").replace("}}", "}").replace("ACT", act));
        scene.good(Some("ours"), &["/dev/a /a xfs rw 1 2"]);
        let mut lines: Vec<String> = scene.text().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["# by hand", "UUID=1 / ext4 rw 0 1", "ours", "theirs"], "{program}: {act}");
    }
    // One that never rests.
    let scene = Scene::new(OLD);
    scene.disguise(&["sync"], "echo theirs >> \"$F\"; exec \"$real\" \"$@\"");
    let failed = scene.edit(Some("ours"), &[]);
    assert!(words(&failed).contains("another program keeps changing it"), "{}", words(&failed));
    assert!(scene.text().starts_with(OLD) && !scene.text().contains("ours"));
}

#[test]
fn edits_at_the_same_time_wait_for_each_other() {
    let lines: Vec<String> = (0..6).map(|n| format!("/dev/{n} /old xfs rw 1 2")).collect();
    let scene = Scene::new(&format!("{OTHERS}{}\n", lines.join("\n")));
    std::thread::scope(|scope| {
        for (n, old) in lines.iter().enumerate() {
            let scene = &scene;
            scope.spawn(move || scene.good(Some(&format!("/dev/{n} /new xfs rw 1 2")), &[old]));
        }
    });
    let text = scene.text();
    assert!(text.starts_with(OTHERS) && !text.contains("/old"), "{text}");
    assert_eq!(text.lines().count(), 8, "{text}");
}

/// The limit for the size of a file stands for a disk that is full.
#[test]
fn a_full_disk_changes_nothing() {
    let long = format!("{OTHERS}# {}\n/dev/a /a xfs rw 1 2\n", "x".repeat(1500));
    let scene = Scene::new(&long);
    let limited = |add, gone: &[&str]| {
        let line = scene.line("fstab", add, gone);
        scene.shell(&format!("trap '' XFSZ; ulimit -f 1; exec {line}"))
    };
    for (add, gone) in [(Some("new"), vec![]), (None, vec!["/dev/a /a xfs rw 1 2"])] {
        let failed = limited(add, &gone);
        assert!(!failed.status.success());
        assert_eq!(scene.text(), long);
        assert_eq!(scene.others(), Vec::<String>::new(), "{}", words(&failed));
    }
}

#[tokio::test]
async fn where_sudo_refuses_the_edit_the_lines_of_v10_make_it() {
    let scene = Scene::new(OTHERS);
    let fstab = scene.path("fstab").to_str().unwrap().to_owned();
    let options = || NodeOptions { fstab: fstab.clone(), ..NodeOptions::default() };
    let create = || Action::CreateBrick { brick: brick(), redo: false };
    let bench = Bench::with(options(), &[("bash -c", &[SudoRefuses])]);
    assert_eq!(bench.run(create()).await, Ok(Observation::Done));
    let ran = bench.ran();
    let of_file = |ran: &str| ran.lines().filter(|line| line.contains(&fstab)).map(str::to_owned).collect::<Vec<_>>();
    let lines = of_file(&ran);
    assert_eq!(lines.len(), 2, "{ran}");
    assert!(lines[0].starts_with("sed -i.heketi-save \"\" ") && lines[1].starts_with("awk "), "{ran}");
    assert!(ran.find("awk ").unwrap() < ran.find("mount -o").unwrap() && ran.ends_with("/brick"), "{ran}");
    lines.iter().for_each(|line| assert!(scene.shell(line).status.success(), "{line}"));
    let its_line =
        text("/dev/mapper/$VG-brick_$ID /var/lib/heketi/mounts/$VG/brick_$ID xfs rw,inode64,noatime,nouuid 1 2");
    assert_eq!(scene.text(), format!("{OTHERS}{its_line}\n"));
    assert_eq!(std::fs::read_to_string(scene.path("fstab.heketi-save")).unwrap(), OTHERS);

    let listed: &'static str = scene.text().leak();
    let bench = Bench::with(
        options(),
        &[("bash -c", &[SudoRefuses]), (": cat ", &[Prints(listed)]), (": mount", &[Prints("")])],
    );
    assert!(bench.run(Action::DestroyBrick { brick: brick() }).await.is_ok());
    of_file(&bench.ran()).iter().for_each(|line| assert!(scene.shell(line).status.success(), "{line}"));
    assert_eq!(scene.text(), OTHERS);

    // Whoever may do nothing may not do that either.
    let bench = Bench::with(options(), &[("n1: ", &[SudoRefuses])]);
    assert!(bench.run(create()).await.is_err());
}

/// Texts pass a login shell, bash and bash again on their way.
#[test]
fn the_edit_is_one_line_without_single_quotes() {
    assert!(!fstab::SCRIPT.contains(['\'', '\n']));
    let line = fstab::edit(&NodeOptions::default(), Some("it's"), &["a".into()]).line;
    assert!(line.text.ends_with(r"' heketi-fstab /etc/fstab 'it'\''s' 'a'"), "{}", line.text);
    assert_eq!(class(&line), "fstab edit");
}
