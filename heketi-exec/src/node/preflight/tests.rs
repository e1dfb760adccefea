use std::process::Command;
use std::time::Duration;

use super::*;
use crate::runner::{LocalRunner, RunErrorKind};
use crate::sim::{Effect, Fault, Matcher, SimCluster, SimDisk};

/// A node with an empty disk and a used one, in a pool with another.
fn cluster() -> SimCluster {
    let sim = SimCluster::new();
    let disks = [SimDisk::gib("/dev/sdb", 500), SimDisk::gib("/dev/sdc", 10).signature("ext4")];
    sim.add_node("n1", "10.0.0.1", disks);
    sim.add_node("n2", "10.0.0.2", []);
    sim.adopt_peers(&["n1", "n2"]).unwrap();
    sim
}

fn options() -> NodeOptions {
    NodeOptions { fstab_options: "nofail".into(), ..NodeOptions::default() }
}

async fn look(sim: &SimCluster) -> NodeCheck {
    check_node(&sim.runner(), &options(), "n1").await
}

/// What is wrong: topic, grade and text, each with what to do.
fn wrong(check: &NodeCheck) -> Vec<(&'static str, Grade, &str)> {
    let findings = check.findings.iter().filter(|finding| finding.grade != Grade::Good);
    let wrong = findings.map(|finding| {
        assert!(finding.advice.as_ref().is_some_and(|advice| !advice.is_empty()), "{finding:?}");
        (finding.topic, finding.grade, finding.text.as_str())
    });
    wrong.collect()
}

#[tokio::test]
async fn a_good_node_passes_and_nothing_is_changed_there() {
    let sim = cluster();
    let before = sim.snapshot();
    let check = look(&sim).await;
    assert!(check.passed());
    let expected = "\
n1
  good     reach      the node answers, and takes the user and key
  good     root       commands run as root
  good     programs   everything that heketi runs is there
  good     version    glusterfs 10.3
  good     version    mkfs.xfs version 6.1.0
  good     version    mount from util-linux 2.38.1
  good     version    thin_check 0.9.0
  good     kernel     dm_thin_pool is loaded
  good     kernel     xfs is loaded
  good     clock      the node's clock agrees with this machine's
  good     fstab      /etc/fstab can be written
  good     lvm        no setting is in the way
  good     gluster    glusterd answers; 2 nodes in its pool
  good     disks      empty, and could be added: /dev/sdb (500 GiB)
0 problems, 0 warnings";
    assert_eq!(check.to_string(), expected);
    assert_eq!(sim.snapshot(), before);
    let json = serde_json::to_value(&check).unwrap();
    assert_eq!(json["host"], "n1");
    assert_eq!(json["findings"][0]["grade"], "good");
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_to_do() {
    let sim = cluster();
    for program in ["mkfs.xfs", "thin_check", "gluster-block", "/usr/sbin/lvm"] {
        sim.set_program("n1", program, false);
    }
    sim.set_glusterd("n1", false);
    let check = look(&sim).await;
    assert!(!check.passed());
    let text = check.to_string();
    for part in [
        "  PROBLEM  programs   mkfs.xfs is missing\n                      -> install the package xfsprogs\n",
        "  PROBLEM  programs   thin_check is missing\n                      -> install the package thin-provisioning-tools, on Red Hat",
        "  PROBLEM  programs   /usr/sbin/lvm is missing\n                      -> install the package lvm2\n",
        "  WARNING  programs   gluster-block is missing\n",
        "  PROBLEM  gluster    glusterd does not answer: ",
        "  PROBLEM  lvm        LVM does not tell its settings: ",
        "\n5 problems, 1 warnings",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[tokio::test]
async fn every_way_to_be_out_of_reach_has_its_finding() {
    for (kind, topic) in [
        (RunErrorKind::Refused, "reach"),
        (RunErrorKind::Unreachable, "reach"),
        (RunErrorKind::ChangedHostKey, "host key"),
        (RunErrorKind::BadKeyFile, "key"),
        (RunErrorKind::AuthenticationFailed, "login"),
        (RunErrorKind::SudoRefused, "sudo"),
    ] {
        let sim = cluster();
        sim.inject(Fault::always(Matcher::Any, Effect::Refuse(kind)));
        let check = look(&sim).await;
        assert!(!check.passed());
        assert_eq!(wrong(&check).iter().map(|found| found.0).collect::<Vec<_>>(), [topic], "{kind:?}");
    }
    let check = check_node(&cluster().runner(), &options(), "nobody").await;
    assert!(!check.passed() && check.to_string().contains("no such node"), "{check}");
    let check = check_node(&cluster().runner(), &options(), "a;b").await;
    assert_eq!(wrong(&check)[0].0, "arguments");
}

/// Answers of real nodes, one trap each.
#[test]
fn traps_are_found() {
    let complete = |more: &str| format!("uid=is 0\n{more}\nsurvey=is complete\n");
    let now = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let judged = |options: &NodeOptions, text: &str| {
        let mut check = NodeCheck { host: "n".into(), findings: Vec::new() };
        judge::survey(&mut check, options, Some(&answer(0, text)), (now, now));
        check
    };
    let find = |text: &str, part: &str, grade: Grade| {
        let check = judged(&options(), &complete(text));
        assert!(wrong(&check).iter().any(|it| it.1 == grade && it.2.contains(part)), "{text}: {check}");
    };
    find("time=is 1000000\nuid=is 1000", "run as user 1000", Grade::Problem);
    find("time=is 999000", "clock is 1000 s behind", Grade::Warning);
    find("time=is 1000060", "clock is 60 s ahead of", Grade::Warning);
    find("module=dm_thin_pool missing", "the kernel has no dm_thin_pool", Grade::Problem);
    find("program=gluster ", "gluster is missing", Grade::Problem);
    find("fstab=is read-only", "cannot be written", Grade::Problem);
    find("fstab=is missing\nfstab=is in-read-only-directory", "cannot be written", Grade::Problem);
    find("fstab=is mounted", "edited in place", Grade::Warning);
    assert!(wrong(&judged(&options(), &complete("time=is 1000004\nfstab=is missing\nfstab=is link"))).is_empty());
    assert!(!judged(&options(), "uid=is 0\n").passed(), "it broke off");
    let v10 = NodeOptions { fstab: "/var/lib/heketi/fstab".into(), ..NodeOptions::default() };
    assert!(judged(&v10, &complete("time=is 1000000")).to_string().contains("is not read at boot"));
    assert!(judged(&NodeOptions::default(), &complete("time=is 1000000")).to_string().contains("no nofail"));
}

fn answer(status: i32, stdout: &str) -> LineResult {
    LineResult {
        status: crate::runner::LineStatus::Exited(status),
        stdout: stdout.into(),
        stderr: String::new(),
        duration: Duration::ZERO,
    }
}

#[test]
fn settings_of_lvm_that_bite() {
    for (settings, udev, part) in [
        ("activation {\n\tudev_sync=1\n}\n", false, "waits for udev"),
        ("global {\n\tuse_lvmetad=1\n}\n", true, "lvmetad"),
        ("devices {\n\tuse_devicesfile=1\n}\n", true, "listed disks"),
        ("devices {\n\tglobal_filter=[\"a|/dev/sda|\", \"r|.*|\"]\n}\n", true, "global_filter is [\"a|/dev/sda|"),
        ("devices {\n\tfilter=\"r|/dev/sdb|\"\n}\n", true, "filter is r|/dev/sdb|"),
    ] {
        let mut check = NodeCheck { host: "n".into(), findings: Vec::new() };
        judge::lvm(&mut check, &answer(0, settings), udev);
        assert!(wrong(&check).iter().any(|found| found.2.contains(part)), "{settings}: {check}");
    }
    for good in [
        "activation {\n\tudev_sync=0\n}\ndevices {\n\tfilter=[\"a|.*/|\"]\n}\n",
        "devices {\n\tfilter=[ \"a|.*|\" ]\n}",
    ] {
        let mut check = NodeCheck { host: "n".into(), findings: Vec::new() };
        judge::lvm(&mut check, &answer(0, good), false);
        assert_eq!(wrong(&check), [], "{good}");
    }
}

#[test]
fn only_empty_disks_are_named() {
    let disk = |name: &str, more: &str| format!("{{\"name\":\"{name}\",\"type\":\"disk\",\"size\":10737418240{more}}}");
    let text = format!(
        "{{\"blockdevices\":[{},{},{},{},{},{{\"name\":\"loop0\",\"type\":\"loop\",\"size\":10737418240}},\
         {{\"name\":\"fd0\",\"type\":\"disk\",\"size\":4096}}]}}",
        disk("sda", ",\"children\":[{\"name\":\"sda1\",\"type\":\"part\"}]"),
        disk("sdb", ""),
        disk("sdc", ",\"fstype\":\"LVM2_member\""),
        disk("sdd", ",\"ro\":true"),
        disk("sde", ",\"mountpoint\":\"[SWAP]\""),
    );
    let mut check = NodeCheck { host: "n".into(), findings: Vec::new() };
    judge::disks(&mut check, &answer(0, &text));
    assert_eq!(check.findings[0].text, "empty, and could be added: /dev/sdb (10 GiB)");
}

/// The survey in a real shell, on this machine: it names what is there and what is not.
#[tokio::test]
async fn a_real_shell_answers_the_survey() {
    let directory = tempfile::tempdir().unwrap();
    let fstab = directory.path().join("fstab");
    std::fs::write(&fstab, "x").unwrap();
    std::os::unix::fs::symlink(&fstab, directory.path().join("link")).unwrap();
    let options =
        NodeOptions { fstab: directory.path().join("link").to_str().unwrap().into(), ..NodeOptions::default() };
    let line = survey::line(&options);
    assert!(!survey::SCRIPT.contains(['\'', '\n']));
    let result = LocalRunner::default().run("localhost", &Batch::one(line)).await.unwrap();
    let text = &result.lines[0].stdout;
    let found = survey::read(text);
    assert!(found.complete, "{text} {}", result.lines[0].stderr);
    let id = Command::new("id").arg("-u").output().unwrap();
    assert_eq!(found.uid.unwrap().to_string(), String::from_utf8_lossy(&id.stdout).trim());
    assert_eq!(found.fstab, ["link"]);
    assert!(found.programs["grep"].ends_with("/grep"), "{text}");
    assert_eq!(found.modules.len(), 2, "{text}");
    let has_gluster = Command::new("bash").args(["-c", "type -P gluster"]).output().unwrap().status.success();
    assert_eq!(found.programs["gluster"].is_empty(), !has_gluster);
    assert!(found.time.unwrap() > 1_600_000_000);
}
