use std::collections::BTreeSet;

use heketi_core::operation::{
    Certainty, DeviceContents, DeviceReport, FailureKind, Observation, StepFailure, StepOutcome,
};
use heketi_core::units::Kib;
use tracing::warn;

use crate::node::NodeOptions;
use crate::node::commands::device as lines;
use crate::node::hints::without_hint;
use crate::node::parse::lvm::PhysicalVolume;
use crate::node::parse::{lsblk, lvm};
use crate::node::session::{Session, Verdict, lvm_finds_nothing, no_such_file, program_missing, says};
use crate::runner::{CommandLine, LineResult};

pub(super) async fn inspect(session: &mut Session<'_>, device: &str) -> StepOutcome {
    contents(session, device).await.map(Observation::Contents)
}

async fn contents(session: &mut Session<'_>, device: &str) -> Result<DeviceContents, StepFailure> {
    let batch = vec![lines::lsblk(device), lines::signatures(device), lines::physical_volume(session.options, device)];
    let result = session.inspect(batch.clone()).await?;
    let answer = |index: usize| result.lines.get(index).ok_or_else(|| session.unanswered(&batch[index]));

    let listing = answer(0)?;
    if !listing.success() {
        // The device name is in the text; without it a missing lsblk would count as a missing disk.
        let absent = says(listing, &["not a block device", "no such file or directory", "no such device"]);
        return if absent && !program_missing(listing) && says(listing, &[&device.to_ascii_lowercase()]) {
            Ok(DeviceContents::default())
        } else {
            Err(session.failed_line(&batch[0], listing))
        };
    }
    let disk = lsblk::disk(&listing.stdout).map_err(|error| session.senseless(&batch[0], &error))?;
    let Some(disk) = disk else { return Ok(DeviceContents::default()) };

    let probed = answer(1)?;
    if !probed.success() {
        return Err(session.failed_line(&batch[1], probed));
    }
    let signatures = lsblk::signatures(&probed.stdout);

    let report = answer(2)?;
    let volume = match report.success() {
        true => lvm::physical_volumes(&report.stdout)
            .map_err(|error| session.senseless(&batch[2], &error))?
            .into_iter()
            .find(|volume| !volume.uuid.is_empty()),
        false if program_missing(report) => return Err(session.failed_line(&batch[2], report)),
        // That is how LVM says that a disk is no physical volume.
        false => None,
    };
    if let (None, Some(member)) = (&volume, signatures.iter().find(|found| found.kind == LVM_MEMBER)) {
        let text = format!(
            "{device} holds the LVM physical volume {}, but LVM does not let it be used: {}",
            member.uuid,
            report.failure_text()
        );
        return Err(session.failure(FailureKind::DeviceNotAvailable, Certainty::Failed, text));
    }
    Ok(describe(&disk, &signatures, volume))
}

/// The signature of physical volumes.
const LVM_MEMBER: &str = "LVM2_member";

fn describe(
    disk: &lsblk::BlockDevice,
    signatures: &[lsblk::Signature],
    volume: Option<PhysicalVolume>,
) -> DeviceContents {
    let all = disk.all();
    let is_foreign = |kind: &&str| !kind.is_empty() && *kind != LVM_MEMBER;
    // Not lsblk's word for the disk itself: that is udev's memory, which can outlive a wiped signature.
    let signature = signatures.iter().map(|found| found.kind.as_str()).find(is_foreign);
    let (pv_uuid, volume_group) = match volume {
        Some(volume) => (Some(volume.uuid), Some(volume.group).filter(|group| !group.is_empty())),
        None => (None, None),
    };
    // What stands on several parts is listed under each of them.
    let distinct = |names: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        names.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    };
    let mount_points = &mut all.iter().map(|part| &part.mountpoint).filter(|point| !point.is_empty());
    let children = &mut all.iter().skip(1).filter(|part| part.kind != "lvm").map(|part| &part.name);
    DeviceContents {
        size: Kib(disk.size / 1024),
        exists: true,
        read_only: disk.ro,
        mount_points: distinct(mount_points),
        children: distinct(children),
        signature: signature.map(str::to_owned),
        pv_uuid,
        volume_group,
    }
}

/// The lines that read a device that is set up.
fn reading(options: &NodeOptions, device: &str, volume_group: &str) -> [CommandLine; 3] {
    [
        lines::volume_group_size(options, volume_group),
        lines::physical_volume(options, device),
        lines::links(options, device),
    ]
}

pub(super) async fn set_up(session: &mut Session<'_>, device: &str, volume_group: &str, wipe: bool) -> StepOutcome {
    let options = session.options;
    let mut batch = Vec::new();
    if wipe {
        let found = contents(session, device).await?;
        // An earlier try came that far.
        if found.volume_group.as_deref() == Some(volume_group) {
            return read(session, device, volume_group).await;
        }
        refuse_wipe(session, device, found)?;
        batch.push(lines::wipe(device));
    }
    batch.push(lines::create_physical_volume(options, device));
    batch.push(lines::create_volume_group(options, device, volume_group));
    let reading = reading(options, device, volume_group);
    batch.extend(reading.iter().cloned());
    match session.act(batch, links_do_not_matter).await {
        Ok(results) => {
            let [.., size, volume, links] = results.as_slice() else { return Err(session.unanswered(&reading[0])) };
            let Some(found) = member(session, &reading[1], volume, volume_group)? else {
                return Err(session.refused(format!("{device} is not in volume group {volume_group} after all")));
            };
            report(session, (&reading[0], size), found, links, device, volume_group).map(Observation::Device)
        }
        Err(failure) if failure.certainty == Certainty::Failed && failure.kind == FailureKind::Command => {
            explain_refusal(session, device, volume_group, failure).await
        }
        Err(failure) => Err(failure),
    }
}

/// Refuses to wipe a disk that somebody uses, whatever was on it when the wipe was decided: wipefs itself refuses
/// what is mounted or active, and takes the label of a volume group whose volumes are not active.
fn refuse_wipe(session: &Session<'_>, device: &str, found: DeviceContents) -> Result<(), StepFailure> {
    let pv_uuid = found.pv_uuid.filter(|_| found.volume_group.is_some());
    let there = what_is_there(&DeviceContents { pv_uuid, signature: None, ..found });
    if there.is_empty() {
        return Ok(());
    }
    let text = format!("Initializing device {device} failed ({HOLDS_DATA}): it is not wiped; found on it: {there}");
    Err(session.failure(FailureKind::DeviceNotAvailable, Certainty::Failed, text))
}

/// Why was the disk refused? What is on it tells better than LVM's words.
async fn explain_refusal(
    session: &mut Session<'_>,
    device: &str,
    volume_group: &str,
    failure: StepFailure,
) -> StepOutcome {
    let failure = StepFailure { text: without_hint(&failure.text).to_owned(), ..failure };
    let (available, phrase, there) = match contents(session, device).await {
        // An earlier try came that far.
        Ok(found) if found.volume_group.as_deref() == Some(volume_group) => {
            return read(session, device, volume_group).await;
        }
        Ok(found) => {
            let there = what_is_there(&found);
            let phrase = if found.pv_uuid.is_some() { HOLDS_METADATA } else { HOLDS_DATA };
            (there.is_empty() && !refuses_disk(&failure.text), phrase, there)
        }
        Err(found) if found.kind == FailureKind::DeviceNotAvailable => (false, HOLDS_METADATA, found.text),
        Err(_) => (!refuses_disk(&failure.text), HOLDS_DATA, String::new()),
    };
    let kind = if available { failure.kind } else { FailureKind::DeviceNotAvailable };
    let mut text = format!("Initializing device {device} failed ({phrase}): {}", failure.text);
    if !there.is_empty() {
        text.push_str(&format!("; found on it: {there}"));
    }
    Err(session.failure(kind, Certainty::Failed, text))
}

/// heketi v10's words; clients look for them.
const HOLDS_DATA: &str = "already initialized or contains data?";
/// heketi v10's words, misspelt there; clients look for them.
const HOLDS_METADATA: &str = "aleady contains Physical Volume UUID";

/// What on the disk explains that LVM does not take it.
fn what_is_there(found: &DeviceContents) -> String {
    if !found.exists {
        return "nothing, it does not exist or is no block device".into();
    }
    let mut there = Vec::new();
    if let Some(uuid) = &found.pv_uuid {
        let group = found.volume_group.as_deref().map_or(String::new(), |group| format!(" of volume group {group}"));
        there.push(format!("physical volume {uuid}{group}"));
    }
    if let Some(signature) = &found.signature {
        there.push(format!("signature {signature}"));
    }
    if !found.children.is_empty() {
        there.push(format!("block devices {}", found.children.join(", ")));
    }
    if !found.mount_points.is_empty() {
        there.push(format!("mounted at {}", found.mount_points.join(", ")));
    }
    if found.read_only {
        there.push("it is read-only".into());
    }
    there.join("; ")
}

/// LVM's and wipefs' words for a disk they do not take.
fn refuses_disk(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let refusals =
        ["signature", "in use", "busy", "exclusively", "excluded", "cannot use", "partition", "-ff", "mounted"];
    refusals.iter().any(|refusal| text.contains(refusal))
}

/// Devices without udev have no links; their own path serves.
fn links_do_not_matter(line: &CommandLine, _: &LineResult, _: u32) -> Verdict {
    if line.text.contains("udevadm") { Verdict::GoOn } else { Verdict::Fail }
}

fn report(
    session: &Session<'_>,
    (line, size): (&CommandLine, &LineResult),
    volume: PhysicalVolume,
    links: &LineResult,
    device: &str,
    volume_group: &str,
) -> Result<DeviceReport, StepFailure> {
    let size = lvm::group_size(&size.stdout, volume_group).map_err(|error| session.senseless(line, &error))?;
    let links = if links.success() { links.stdout.as_str() } else { "" };
    Ok(DeviceReport {
        total: size.total,
        free: size.free,
        extent: size.extent,
        pv_uuid: Some(volume.uuid).filter(|uuid| !uuid.is_empty()),
        paths: lvm::links(links, device),
    })
}

/// The physical volume of the group in the answer of `pvs`.
fn member(
    session: &Session<'_>,
    line: &CommandLine,
    result: &LineResult,
    volume_group: &str,
) -> Result<Option<PhysicalVolume>, StepFailure> {
    let volumes = lvm::physical_volumes(&result.stdout).map_err(|error| session.senseless(line, &error))?;
    Ok(volumes.into_iter().find(|volume| volume.group == volume_group))
}

pub(super) async fn read(session: &mut Session<'_>, device: &str, volume_group: &str) -> StepOutcome {
    let options = session.options;
    let [size, volume, links] = reading(options, device, volume_group);
    let result = session.inspect(vec![size.clone(), volume.clone(), links]).await?;
    let mut answers = result.lines.into_iter();
    let size_answer = answers.next().ok_or_else(|| session.unanswered(&size))?;
    if !size_answer.success() {
        return Err(session.failed_line(&size, &size_answer));
    }
    let volume_answer = answers.next().ok_or_else(|| session.unanswered(&volume))?;
    let found = match volume_answer.success() {
        true => member(session, &volume, &volume_answer, volume_group)?,
        false => None,
    };
    if let (Some(found), Some(links)) = (found, answers.next()) {
        return report(session, (&size, &size_answer), found, &links, device, volume_group).map(Observation::Device);
    }
    // The disk has another name now: the kernel counts disks as it finds them.
    let line = lines::physical_volumes(options);
    let all = session.ask(line.clone()).await?;
    if !all.success() {
        return Err(session.failed_line(&line, &all));
    }
    let Some(found) = member(session, &line, &all, volume_group)? else {
        return Err(session.refused(format!("no disk of volume group {volume_group} on {}", session.host.manage)));
    };
    let device = found.path.clone();
    let links = session.ask(lines::links(options, &device)).await?;
    report(session, (&size, &size_answer), found, &links, &device, volume_group).map(Observation::Device)
}

pub(super) async fn tear_down(
    session: &mut Session<'_>,
    device: &str,
    pv_uuid: Option<&str>,
    volume_group: &str,
    bare_too: bool,
) -> StepOutcome {
    remove_group(session, device, pv_uuid, volume_group, bare_too).await?;
    let host = session.host;
    let judge = |line: &CommandLine, result: &LineResult, _| {
        if !no_such_file(result) {
            warn!(host = %host.manage, command = %line.text, "left behind: {}", result.failure_text());
        }
        Verdict::GoOn
    };
    session.act(vec![lines::remove_mount_directory(volume_group)], judge).await?;
    Ok(Observation::Done)
}

async fn remove_group(
    session: &mut Session<'_>,
    device: &str,
    pv_uuid: Option<&str>,
    volume_group: &str,
    bare_too: bool,
) -> Result<(), StepFailure> {
    let options = session.options;
    let all = volumes(session, lines::physical_volumes(options)).await?;
    let in_group: Vec<&PhysicalVolume> = all.iter().filter(|volume| volume.group == volume_group).collect();
    let is_disk = |volume: &PhysicalVolume| pv_uuid.map_or(volume.path == device, |uuid| volume.uuid == uuid);

    let mut batch = Vec::new();
    if !in_group.is_empty() {
        refuse_used_group(session, volume_group).await?;
        batch.push(lines::remove_volume_group(options, volume_group));
    }
    let mut disk = match in_group.as_slice() {
        [only] => Some((*only).clone()),
        // Somebody made the group larger; the other disks are theirs.
        several => several.iter().find(|volume| is_disk(volume)).map(|volume| (*volume).clone()),
    };
    if disk.is_none() && bare_too {
        disk = all.iter().find(|volume| volume.group.is_empty() && is_disk(volume)).cloned();
        if disk.is_none() && pv_uuid.is_none() {
            // The list has the kernel's name, the user may have given a link.
            let named = volumes(session, lines::physical_volume(options, device)).await?;
            disk = named.into_iter().find(|volume| volume.group.is_empty());
        }
    }
    // A missing disk is listed as `[unknown]`.
    if let Some(disk) = disk.filter(|disk| disk.path.starts_with('/')) {
        batch.push(lines::remove_physical_volume(options, &disk.path));
    }
    let judge =
        |_: &CommandLine, result: &LineResult, _| match lvm_finds_nothing(result) || says(result, &["no pv found"]) {
            true => Verdict::GoOn,
            false => Verdict::Fail,
        };
    session.act(batch, judge).await.map(drop)
}

/// The physical volumes a line of `pvs` lists; none when LVM knows none there.
async fn volumes(session: &mut Session<'_>, line: CommandLine) -> Result<Vec<PhysicalVolume>, StepFailure> {
    let result = session.ask(line.clone()).await?;
    if result.success() {
        lvm::physical_volumes(&result.stdout).map_err(|error| session.senseless(&line, &error))
    } else if lvm_finds_nothing(&result) {
        Ok(Vec::new())
    } else {
        Err(session.failed_line(&line, &result))
    }
}

async fn refuse_used_group(session: &mut Session<'_>, volume_group: &str) -> Result<(), StepFailure> {
    let line = lines::logical_volume_names(session.options, volume_group);
    let result = session.ask(line.clone()).await?;
    if !result.success() && !lvm_finds_nothing(&result) {
        return Err(session.failed_line(&line, &result));
    }
    let names = lvm::names(&result.stdout);
    if names.is_empty() {
        return Ok(());
    }
    let text = format!(
        "volume group {volume_group} still contains logical volumes ({}), nothing was removed",
        names.join(", ")
    );
    Err(session.refused(text))
}
