use heketi_core::operation::{BrickSpec, Observation, StepFailure, StepOutcome};
use tracing::warn;

use crate::node::commands::brick as lines;
use crate::node::parse::lvm::LogicalVolume;
use crate::node::parse::{lvm, mounts};
use crate::node::session::{Session, Verdict, lvm_finds_nothing, no_such_file, program_missing, says};
use crate::runner::{CommandLine, LineResult};

pub(super) async fn create(session: &mut Session<'_>, brick: &BrickSpec, redo: bool) -> StepOutcome {
    if redo && !remove(session, brick).await? {
        return Err(session.refused(format!(
            "thin pool {}/{} exists and holds other logical volumes",
            brick.volume_group, brick.thin_pool
        )));
    }
    let (format, format_small) = (lines::format(session.options, brick), lines::format_small(session.options, brick));
    let options = session.options;
    let judge = |line: &CommandLine, result: &LineResult, tries| match (&format_small, options.busy_pause(tries)) {
        (Some(small), _) if *line == format && says(result, TOO_SMALL) => Verdict::Instead(small.clone()),
        (_, Some(pause)) if has_no_device_yet(line, result) => Verdict::Retry(pause),
        _ => Verdict::Fail,
    };
    let edit = session.edit_fstab(Some(&lines::fstab_line(session.options, brick)), &[]);
    session.act(lines::create(session.options, brick, edit), judge).await?;
    Ok(Observation::Done)
}

/// udev makes the device node of a new volume some time after `lvcreate` has ended, where LVM does not wait for it.
fn has_no_device_yet(line: &CommandLine, result: &LineResult) -> bool {
    let is_its_user = line.text.starts_with("mkfs.xfs ") || line.text.starts_with("mount ");
    is_its_user
        && !program_missing(result)
        && (no_such_file(result) || says(result, &["special device"]))
        && says(result, &["/dev/mapper/"])
}

/// What mkfs.xfs of xfsprogs 5.19 and later says about file systems under 300 MiB.
const TOO_SMALL: &[&str] = &["must be larger than 300mb", "log size must be at least"];

pub(super) async fn destroy(session: &mut Session<'_>, brick: &BrickSpec) -> StepOutcome {
    remove(session, brick).await.map(|pool_removed| Observation::BrickDestroyed { pool_removed })
}

/// What is left of a brick on the node.
struct Remains {
    /// How often its mount point is mounted.
    mounted: usize,
    /// Its lines in fstab.
    fstab_lines: Vec<String>,
    /// Its logical volume, if that exists.
    volume: Option<String>,
    /// Its thin pool exists.
    pool: bool,
}

/// Removes all that is left of the brick. Is its thin pool gone?
///
/// fstab comes before LVM: a node whose fstab names a missing volume does not boot. A failure leaves the
/// rest as it is, for the next try to find.
async fn remove(session: &mut Session<'_>, brick: &BrickSpec) -> Result<bool, StepFailure> {
    let options = session.options;
    let (group, pool) = (brick.volume_group.as_str(), brick.thin_pool.as_str());
    let remains = inspect(session, brick).await?;

    let mut batch = vec![lines::unmount(&brick.mount_point); remains.mounted];
    if !remains.fstab_lines.is_empty() {
        batch.push(session.edit_fstab(None, &remains.fstab_lines));
    }
    if let Some(volume) = &remains.volume {
        batch.push(lines::remove_volume(options, group, volume));
    }
    if !remains.pool {
        batch.extend(remove_directories(brick));
        act(session, brick, batch).await?;
        return Ok(true);
    }
    let count_line = lines::thin_count(options, group, pool);
    batch.push(count_line.clone());
    let results = act(session, brick, batch).await?;
    let counted = results.last().ok_or_else(|| session.unanswered(&count_line))?;
    // A failed line got this far only because LVM knows no such pool.
    let count = if counted.success() {
        lvm::thin_count(&counted.stdout).map_err(|error| {
            let failure = session.senseless(&count_line, &error);
            let unable = "Unable to determine number of logical volumes in thin pool";
            let text = format!("{unable} {group}/{pool} on host {}: {}", failure.host, failure.text);
            StepFailure { text, ..failure }
        })?
    } else {
        0
    };
    let mut batch = Vec::new();
    if count == 0 {
        batch.push(lines::remove_volume(options, group, pool));
    }
    batch.extend(remove_directories(brick));
    act(session, brick, batch).await?;
    Ok(count == 0)
}

/// The mount point, and for a brick that glusterd mounted also the directory above, which holds those of all the
/// volume's bricks on the node: glusterd leaves both.
fn remove_directories(brick: &BrickSpec) -> Vec<CommandLine> {
    let above = directory_of_volume(&brick.mount_point);
    [Some(brick.mount_point.as_str()), above].into_iter().flatten().map(lines::remove_mount_point).collect()
}

fn directory_of_volume(mount_point: &str) -> Option<&str> {
    let (above, _) = mount_point.rsplit_once('/')?;
    let name = real_path(above).strip_prefix("/run/gluster/snaps/")?;
    (!name.is_empty() && !name.contains('/')).then_some(above)
}

async fn inspect(session: &mut Session<'_>, brick: &BrickSpec) -> Result<Remains, StepFailure> {
    let (mount, fstab, volumes) = (
        lines::mounts(),
        lines::read_fstab(session.options),
        lines::volumes_and_pools(session.options, &brick.volume_group),
    );
    let result = session.inspect(vec![mount.clone(), fstab.clone(), volumes.clone()]).await?;
    let mut answers = result.lines.into_iter();

    let mounted = answers.next().ok_or_else(|| session.unanswered(&mount))?;
    if !mounted.success() {
        return Err(session.failed_line(&mount, &mounted));
    }
    let mut mounted = mounts::mounts(&mounted.stdout);
    mounted.retain(|mount| real_path(&mount.mount_point) == real_path(&brick.mount_point));
    // glusterd names the volumes it makes; heketi v10 guessed those names, and not always rightly.
    let by_gluster = mounted.last().filter(|_| is_mounted_by_gluster(&brick.mount_point));
    let volume = match by_gluster.and_then(|mount| mounts::logical_volume(&mount.device)) {
        Some((group, volume)) if group == brick.volume_group => volume,
        _ => brick.logical_volume.clone(),
    };

    let listed = answers.next().ok_or_else(|| session.unanswered(&fstab))?;
    // A node without the file has no line of ours either.
    if !listed.success() && !no_such_file(&listed) {
        return Err(session.failed_line(&fstab, &listed));
    }
    let fstab_lines = if listed.success() { fstab_lines(brick, &listed.stdout) } else { Vec::new() };

    let found = match answers.next() {
        Some(found) => found,
        None => session.ask(volumes.clone()).await?,
    };
    // Without the volume group nothing of LVM is left.
    if !found.success() && !lvm_finds_nothing(&found) {
        return Err(session.failed_line(&volumes, &found));
    }
    let found = if found.success() { lvm::volumes_and_pools(&found.stdout) } else { Vec::new() };
    let named = |name: &str| found.iter().find(|volume| volume.name == name);
    if let Some(LogicalVolume { name, pool }) = named(&volume)
        && *pool != brick.thin_pool
    {
        let pool = if pool.is_empty() { "no thin pool" } else { pool };
        return Err(session.refused(format!(
            "logical volume {}/{name} is in {pool} and not in {}: it is not this brick's, nothing was removed",
            brick.volume_group, brick.thin_pool
        )));
    }
    Ok(Remains {
        mounted: mounted.len(),
        fstab_lines,
        volume: named(&volume).map(|volume| volume.name.clone()),
        pool: named(&brick.thin_pool).is_some(),
    })
}

/// `/var/run` is a link to `/run` on today's nodes; mount listings show the latter.
pub(super) fn real_path(path: &str) -> &str {
    match path.strip_prefix("/var/run/") {
        Some(_) => path.get("/var".len()..).unwrap_or(path),
        None => path,
    }
}

/// glusterd mounts bricks of clones and snapshots itself; fstab never names them.
fn is_mounted_by_gluster(mount_point: &str) -> bool {
    real_path(mount_point).starts_with("/run/gluster/")
}

/// The lines of this brick, and of no other, in this fstab.
fn fstab_lines(brick: &BrickSpec, fstab: &str) -> Vec<String> {
    if is_mounted_by_gluster(&brick.mount_point) {
        return Vec::new();
    }
    let device = lines::device_node(brick);
    let mut found: Vec<String> = Vec::new();
    for line in mounts::fstab(fstab) {
        let is_its = line.mount.device == device || line.mount.mount_point == brick.mount_point;
        if is_its && !found.iter().any(|text| text == line.text) {
            found.push(line.text.to_owned());
        }
    }
    found
}

/// Runs the lines that remove a brick; what is gone already is as good as removed.
async fn act(
    session: &mut Session<'_>,
    brick: &BrickSpec,
    batch: Vec<CommandLine>,
) -> Result<Vec<LineResult>, StepFailure> {
    let (options, host) = (session.options, session.host);
    let above = directory_of_volume(&brick.mount_point).map(lines::remove_mount_point);
    let mut is_busy = false;
    let judge = |line: &CommandLine, result: &LineResult, tries: u32| {
        let program = line.text.split(' ').next().unwrap_or_default();
        let gone = match program {
            "umount" => says(result, &["not mounted", "no mount point specified", "not found"]),
            "rmdir" => {
                // Files under a mount point are somebody's: they stay, and so does the directory.
                let is_used = says(result, &["not empty"]);
                if is_used && above.as_ref() != Some(line) {
                    warn!(host = %host.manage, command = %line.text, "left behind: {}", result.failure_text());
                }
                is_used || no_such_file(result)
            }
            // What edits fstab finds out itself what is gone.
            "bash" | "sed" => false,
            _ => lvm_finds_nothing(result),
        };
        is_busy = program == "umount" && !gone;
        match options.busy_pause(tries) {
            _ if gone => Verdict::GoOn,
            Some(pause) if is_busy && says(result, &["busy"]) => Verdict::Retry(pause),
            _ => Verdict::Fail,
        }
    };
    let failure = match session.act(batch, judge).await {
        Err(failure) if is_busy && options.debug_umount_failures => failure,
        other => return other,
    };
    // A brick process, a snapshot or an administrator's shell: its name is worth a line.
    let holders = match session.ask(lines::holders(&brick.mount_point)).await {
        Ok(answer) => mounts::holders(&answer.stdout, 10).join(", "),
        Err(_) => String::new(),
    };
    if holders.is_empty() {
        return Err(failure);
    }
    warn!(host = %host.manage, mount_point = %brick.mount_point, "cannot unmount; used by: {holders}");
    Err(StepFailure { text: format!("{}; used by: {holders}", failure.text), ..failure })
}
