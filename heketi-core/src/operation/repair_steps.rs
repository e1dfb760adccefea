//! The steps of single repairs, and what must hold before they are taken.

use super::machine::{in_cluster, on_node};
use super::repair_item::{Item, Stage};
use super::{Action, BrickSpec, DeviceContents, DeviceReport, GlusterBrick, GlusterVolumeSpec, Host, Step};
use crate::audit::{Facts, Remains, Repair, is_lost, is_whole, lacks_bricks, lost_options, mates};
use crate::id::{BrickId, ClusterId, NodeId, VolumeId};
use crate::inventory::Inventory;
use crate::model::{Brick, BrickFormat, Device, Volume, VolumeOptions};
use crate::units::Kib;

/// How a repair begins.
pub(super) enum Begin {
    /// With this step, which belongs to that stage.
    Step(Stage, Step),
    /// Not now: another of its kind comes first.
    Later,
    /// Not at all, and why.
    Never(String),
}

/// Why a repair cannot be judged: a node that it is about did not answer.
pub(super) fn unanswered(facts: &Facts<'_>, repair: &Repair) -> Option<String> {
    let inventory = facts.inventory;
    let brick = |id: BrickId| inventory.brick(id).map(|brick| (brick.node, inventory.volume(brick.volume)));
    let (mut nodes, mut clusters): (Vec<NodeId>, Vec<ClusterId>) = (Vec::new(), Vec::new());
    match repair {
        Repair::DropBrick(id) | Repair::MeasureBrick(id) | Repair::MountBrick(id) | Repair::ResetBrick(id) => {
            let (node, volume) = brick(*id)?;
            nodes.push(node);
            clusters.extend(volume.map(|volume| volume.cluster));
        }
        Repair::MeasureDevice(id) | Repair::MakeGroup(id) => nodes.push(inventory.device(*id)?.node),
        Repair::TakeInDevice { node, .. } | Repair::RemoveDirectory { node, .. } => nodes.push(*node),
        Repair::RemoveBrick(Remains { node, .. }) => nodes.push(*node),
        Repair::PlaceBricks(id)
        | Repair::LayoutVolume(id)
        | Repair::StartVolume(id)
        | Repair::SetOptions(id)
        | Repair::NameVolume { volume: id, .. }
        | Repair::TakeInBrick { volume: id, .. } => clusters.push(inventory.volume(*id)?.cluster),
        Repair::CreateVolume(id) => {
            let volume = inventory.volume(*id)?;
            clusters.push(volume.cluster);
            nodes.extend(facts.bricks_of(volume).into_iter().map(|brick| brick.node));
        }
        Repair::TakeInNode { cluster, .. } | Repair::TakeInVolume { cluster, .. } => clusters.push(*cluster),
        Repair::ProbePeer(id) => {
            let peers = facts.reports.nodes.get(id).map(|report| &report.peers);
            if let Some(Err(why)) = peers {
                return Some(format!("node {id} does not tell its trusted pool: {why}"));
            }
            clusters.push(inventory.node(*id)?.cluster);
        }
        Repair::NameNode { node: id, .. } => clusters.push(inventory.node(*id)?.cluster),
        Repair::ByHand(_)
        | Repair::DropJob(_)
        | Repair::DropOperation(_)
        | Repair::SizeVolume(_)
        | Repair::CountHosted(_) => {}
    }
    let silent = nodes.into_iter().find_map(|id| {
        let answer = facts.reports.nodes.get(&id)?;
        let why = answer.contents.as_ref().err().or(answer.volumes.as_ref().err())?;
        Some(format!("node {id} could not be inspected: {why}"))
    });
    let no_view = clusters.into_iter().find(|id| !facts.views.contains_key(id));
    silent.or_else(|| no_view.map(|id| format!("no node of cluster {id} tells its trusted pool and volumes")))
}

/// The first step of a repair whose finding was just confirmed. `taken` holds volumes of which a brick is being
/// made again: one at a time.
pub(super) fn begin(facts: &Facts<'_>, item: &mut Item, taken: &mut Vec<VolumeId>) -> Begin {
    if let Repair::ResetBrick(id) = item.repair {
        return begin_reset(facts, item, id, taken);
    }
    match first_step(facts, item) {
        Some((stage, step)) => Begin::Step(stage, step),
        None => Begin::Never("what it is about is not there any more".to_owned()),
    }
}

fn first_step(facts: &Facts<'_>, item: &mut Item) -> Option<(Stage, Step)> {
    let inventory = facts.inventory;
    let step = match &item.repair {
        Repair::ProbePeer(id) => {
            let node = inventory.node(*id)?;
            asked(facts, node.cluster, Action::ProbePeer { storage: node.storage_host().to_owned() })?
        }
        Repair::MakeGroup(id) => {
            let device = inventory.device(*id)?;
            let action = Action::InspectDevice { device: disk(facts, device) };
            return Some((Stage::Looking, on_node(host(inventory, device.node)?, action)));
        }
        Repair::RemoveBrick(remains) => {
            let action = Action::DestroyBrick { brick: spec_of(remains) };
            on_node(host(inventory, remains.node)?, action)
        }
        Repair::RemoveDirectory { node, path } => {
            on_node(host(inventory, *node)?, Action::RemoveMountDirectory { path: path.clone() })
        }
        Repair::MountBrick(id) => {
            let (brick, volume) = with_volume(inventory, *id)?;
            let contents = facts.reports.contents(brick.node)?;
            let point = brick.mount_point();
            let mounted = contents.mounts.iter().any(|mount| mount.mount_point == point);
            let started = facts.gluster_volume(volume).is_some_and(|found| found.started);
            // gluster does not look again for a brick that was not there when it wanted to start it.
            item.tell = !mounted && started;
            let action = Action::MountBrick { brick: brick.spec(volume.gid), make_directory: false };
            on_node(host(inventory, brick.node)?, action)
        }
        Repair::CreateVolume(id) => {
            let volume = inventory.volume(*id)?;
            asked(facts, volume.cluster, Action::RecreateVolume { volume: recreated(facts, volume) })?
        }
        Repair::StartVolume(id) => {
            let volume = inventory.volume(*id)?;
            let name = volume.name.clone();
            let forced = lacks_bricks(facts, volume);
            let action = if forced { Action::StartBricks { name } } else { Action::StartVolume { name } };
            asked(facts, volume.cluster, action)?
        }
        Repair::SetOptions(id) => {
            let volume = inventory.volume(*id)?;
            let options = lost_options(volume, facts.gluster_volume(volume)?);
            asked(facts, volume.cluster, Action::SetOptions { name: volume.name.clone(), options })?
        }
        _ => return None,
    };
    Some((Stage::Making, step))
}

fn begin_reset(facts: &Facts<'_>, item: &mut Item, id: BrickId, taken: &mut Vec<VolumeId>) -> Begin {
    let gone = || Begin::Never("what it is about is not there any more".to_owned());
    let Some((brick, volume)) = with_volume(facts.inventory, id) else { return gone() };
    if taken.contains(&volume.id) {
        return Begin::Later;
    }
    if let Err(why) = mates_answer(facts, volume, brick) {
        return Begin::Never(why);
    }
    item.made = is_lost(facts, brick);
    item.tell = true;
    let Some(brick) = listed(facts, volume, brick) else { return gone() };
    // A process that holds the lost file system would not let it be unmounted.
    match asked(facts, volume.cluster, Action::StopBrick { name: volume.name.clone(), brick }) {
        Some(step) => {
            taken.push(volume.id);
            Begin::Step(Stage::Stopping, step)
        }
        None => gone(),
    }
}

/// An empty brick takes the place of a lost one only while gluster reaches all others of its set: one that is
/// away may be the only one with some data, and would be taken for outdated when it comes back.
fn mates_answer(facts: &Facts<'_>, volume: &Volume, brick: &Brick) -> Result<(), String> {
    let found = facts.gluster_volume(volume).ok_or("gluster does not have its volume")?;
    let heals = match facts.reports.heals.get(&volume.id) {
        Some(Ok(heals)) => heals,
        Some(Err(why)) => return Err(format!("gluster does not tell which bricks of the volume answer: {why}")),
        None => return Err("gluster was not asked which bricks of the volume answer".to_owned()),
    };
    for mate in mates(facts, volume, brick).filter(|mate| !is_lost(facts, mate)) {
        let place = found.bricks.iter().position(|listed| listed.path == mate.brick_directory());
        let listed = place.and_then(|place| found.bricks.get(place));
        let named = heals.iter().find(|heal| heal.brick.is_some() && heal.brick.as_ref() == listed);
        // gluster lists bricks in the volume's order, those that do not answer without their names.
        let heal = named.or_else(|| heals.get(place?).filter(|_| heals.len() == found.bricks.len()));
        if !heal.is_some_and(|heal| heal.connected) {
            let name = listed.map_or_else(|| mate.brick_directory(), ToString::to_string);
            return Err(format!("brick {name} of the same set does not answer; repair that first"));
        }
    }
    Ok(())
}

/// Makes the brick on its node: all of it, or only its directory.
fn make_brick(facts: &Facts<'_>, item: &Item, brick: &Brick, volume: &Volume) -> Option<Step> {
    let spec = brick.spec(volume.gid);
    let action = if item.made {
        Action::CreateBrick { brick: spec, redo: true }
    } else {
        Action::MountBrick { brick: spec, make_directory: true }
    };
    Some(on_node(host(facts.inventory, brick.node)?, action))
}

/// The next step of a repair that is begun; none when its stage changed to one without.
///
/// # Errors
/// Why it cannot go on now.
pub(super) fn go_on(facts: &Facts<'_>, item: &mut Item) -> Result<Option<Step>, String> {
    let inventory = facts.inventory;
    let gone = || format!("{}: what it is about is not there any more", item.what);
    if let Repair::MakeGroup(id) = item.repair {
        let device = inventory.device(id).ok_or_else(gone)?;
        let contents = facts.reports.contents(device.node).ok_or_else(|| silent(item, device.node))?;
        let path = disk(facts, device);
        let holds_volume = contents.physical_volumes.iter().any(|disk| disk.device == path);
        let action = Action::SetUpDevice { device: path, volume_group: device.volume_group(), wipe: holds_volume };
        return Ok(Some(on_node(host(inventory, device.node).ok_or_else(gone)?, action)));
    }
    let (Repair::MountBrick(id) | Repair::ResetBrick(id)) = item.repair else {
        item.stage = Stage::Left("it was interrupted".to_owned());
        return Ok(None);
    };
    let (brick, volume) = with_volume(inventory, id).ok_or_else(gone)?;
    if facts.reports.contents(brick.node).is_none() {
        return Err(silent(item, brick.node));
    }
    let is_reset = matches!(item.repair, Repair::ResetBrick(_));
    if item.stage == Stage::Making && is_whole(facts, brick) {
        item.stage = Stage::Telling;
    }
    match &item.stage {
        Stage::Unmaking(_) => {
            let action = Action::DestroyBrick { brick: brick.spec(volume.gid) };
            Ok(Some(on_node(host(inventory, brick.node).ok_or_else(gone)?, action)))
        }
        Stage::Making => make_brick(facts, item, brick, volume).map(Some).ok_or_else(gone),
        _ if !is_whole(facts, brick) => Err(format!("{}: the brick is not there as it was made", item.what)),
        _ => {
            let name = volume.name.clone();
            if is_reset {
                let action = Action::ResetBrick { name, brick: listed(facts, volume, brick).ok_or_else(gone)? };
                // Only there glusterd can be made to look at the directory of the brick again.
                let host = host(inventory, brick.node).ok_or_else(gone)?;
                return Ok(Some(in_cluster(volume.cluster, vec![host], action)));
            }
            asked(facts, volume.cluster, Action::StartBricks { name })
                .map(Some)
                .ok_or_else(|| format!("{}: no node of cluster {} tells its volumes", item.what, volume.cluster))
        }
    }
}

fn silent(item: &Item, node: NodeId) -> String {
    format!("{}: node {node} could not be inspected", item.what)
}

/// What keeps a disk from becoming the volume group of `device` again. A physical volume in no group is either
/// what is left of that group, or what an earlier try made (`ours`).
pub(super) fn unusable(device: Option<&Device>, contents: &DeviceContents, ours: bool) -> Option<String> {
    if !contents.exists {
        return Some("its disk is not there: put it back, or remove the device".to_owned());
    }
    if contents.read_only {
        return Some("its disk is read-only".to_owned());
    }
    if !contents.mount_points.is_empty() {
        return Some(format!("its disk is in use ({})", contents.mount_points.join(", ")));
    }
    if !contents.children.is_empty() {
        return Some(format!("its disk holds {}", contents.children.join(", ")));
    }
    if let Some(signature) = &contents.signature {
        return Some(format!("its disk holds {signature}: wipe it if nobody needs that"));
    }
    let name = device.map(Device::volume_group);
    if let Some(group) = contents.volume_group.as_ref().filter(|group| Some(*group) != name.as_ref()) {
        return Some(format!("its disk belongs to volume group {group}"));
    }
    let recorded = device.and_then(|device| device.pv_uuid.as_ref());
    let foreign = contents.pv_uuid.as_ref().filter(|uuid| !ours && recorded != Some(*uuid));
    foreign.map(|uuid| format!("its disk is another physical volume ({uuid}): remove that if nobody needs it"))
}

/// The record of a device whose volume group was made again.
pub(super) fn new_group(inventory: &Inventory, device: &Device, report: &DeviceReport) -> Result<Device, String> {
    let foreign = report.total.saturating_sub(report.free);
    if inventory.charged(device.id) + foreign > report.total {
        return Err(format!("the new volume group of {} is too small for the device's bricks", report.total));
    }
    let pv_uuid = report.pv_uuid.clone().or_else(|| device.pv_uuid.clone());
    Ok(Device { total: report.total, extent: report.extent, foreign, pv_uuid, ..device.clone() })
}

fn host(inventory: &Inventory, node: NodeId) -> Option<Host> {
    inventory.node(node).map(|node| node.host())
}

/// A step for the node that answered for the trusted pool: the only one that may be left with a command nobody
/// waits for.
fn asked(facts: &Facts<'_>, cluster: ClusterId, action: Action) -> Option<Step> {
    let node = facts.views.get(&cluster)?.host;
    Some(in_cluster(cluster, vec![host(facts.inventory, node)?], action))
}

fn with_volume(inventory: &Inventory, id: BrickId) -> Option<(&Brick, &Volume)> {
    let brick = inventory.brick(id)?;
    Some((brick, inventory.volume(brick.volume)?))
}

/// Where the kernel has the disk of a device, as far as its physical volume tells.
fn disk(facts: &Facts<'_>, device: &Device) -> String {
    let disks = facts.reports.contents(device.node).map_or(&[][..], |contents| &contents.physical_volumes);
    let mut same = disks.iter().filter(|disk| device.pv_uuid.as_ref() == Some(&disk.uuid));
    same.next().map_or_else(|| device.name.clone(), |disk| disk.device.clone())
}

/// The names of what is left over; sizes play no part in destroying it.
fn spec_of(remains: &Remains) -> BrickSpec {
    BrickSpec {
        volume_group: remains.volume_group.clone(),
        thin_pool: remains.thin_pool.clone(),
        logical_volume: remains.logical_volume.clone(),
        mount_point: remains.mount_point.clone(),
        size: Kib::ZERO,
        pool_size: Kib::ZERO,
        metadata_size: Kib::ZERO,
        gid: 0,
        format: BrickFormat::Normal,
    }
}

/// The brick as gluster lists it.
fn listed(facts: &Facts<'_>, volume: &Volume, brick: &Brick) -> Option<GlusterBrick> {
    let directory = brick.brick_directory();
    facts.gluster_volume(volume)?.bricks.iter().find(|listed| listed.path == directory).cloned()
}

fn recreated(facts: &Facts<'_>, volume: &Volume) -> GlusterVolumeSpec {
    let bricks = facts.bricks_of(volume);
    let name = |brick: &&Brick| {
        let host = facts.inventory.node(brick.node).map(|node| node.storage_host().to_owned()).unwrap_or_default();
        GlusterBrick { host, path: brick.brick_directory() }
    };
    let set_size = volume.durability.set_size().max(1) as usize;
    let mut options = volume.options.clone();
    options.push(format!("user.heketi.id {}", volume.id));
    GlusterVolumeSpec {
        name: volume.name.clone(),
        durability: volume.durability,
        arbiter: VolumeOptions(&volume.options).arbiter(),
        sets: bricks.chunks(set_size).map(|set| set.iter().map(name).collect()).collect(),
        options,
    }
}
