//! The records that a repair takes from what nodes and gluster say.

use super::devices::{has_moved, measure};
use super::facts::{Facts, Found, id_of, is_clone, is_same, logical_volume};
use super::reports::PoolView;
use super::{Repair, names, volumes};
use crate::id::{BrickId, ClusterId, DeviceId, IdSource, NodeId, VolumeId};
use crate::inventory::{ChangeSet, Key};
use crate::model::{
    BlockHosting, Brick, BrickFormat, Device, Durability, EntryState, HostNames, Node, SetPosition, Snapshot, Tags,
    Volume, VolumeOptions,
};
use crate::operation::GlusterBrick;
use crate::units::{Gib, KIB_PER_GIB, Kib};

type Records = Result<ChangeSet, String>;

/// What a repair that only changes records changes.
///
/// # Errors
/// Why it cannot be done: mostly that a node did not answer, or answers otherwise now.
pub(crate) fn records(repair: &Repair, facts: &Facts<'_>, ids: &mut dyn IdSource) -> Records {
    let mut changes = ChangeSet::default();
    match repair {
        Repair::DropJob(id) => changes.delete(Key::Job(*id)),
        Repair::DropOperation(id) => changes.delete(Key::Operation(*id)),
        Repair::DropBrick(id) => changes.delete(Key::Brick(*id)),
        Repair::SizeVolume(id) => {
            let volume = volume(facts, *id)?;
            let size = volumes::whole_size(facts.inventory, volume).ok_or("its bricks are for no whole size")?;
            changes.put_volume(Volume { size, ..volume.clone() });
        }
        Repair::CountHosted(id) => changes.put_volume(counted(facts, volume(facts, *id)?)?),
        Repair::TakeInNode { cluster, host } => changes.put_node(node(facts, *cluster, host, ids)?),
        Repair::TakeInDevice { node, device } => changes.put_device(taken_device(facts, *node, *device)?),
        Repair::TakeInVolume { cluster, name } => return taken_volume(facts, *cluster, name, ids),
        Repair::TakeInBrick { volume: id, brick } => {
            let volume = volume(facts, *id)?;
            let found = facts.gluster_volume(volume).ok_or("gluster does not have the volume")?;
            let place = found.bricks.iter().position(|listed| listed == brick).ok_or("gluster does not list it")?;
            changes.put_brick(taken_brick(facts, volume, brick, place, ids)?);
        }
        Repair::PlaceBricks(id) => {
            let volume = volume(facts, *id)?;
            let found = facts.gluster_volume(volume).ok_or("gluster does not have the volume")?;
            for brick in facts.bricks_of(volume) {
                let place = found.bricks.iter().position(|listed| is_same(brick, listed));
                let position = Some(position(volume.durability, place.ok_or("gluster does not list a brick")?));
                if position != brick.position {
                    changes.put_brick(Brick { position, ..brick.clone() });
                }
            }
        }
        Repair::MeasureBrick(id) => changes.put_brick(measured_brick(facts, *id)?),
        Repair::NameVolume { volume: id, name } => {
            changes.put_volume(Volume { name: name.clone(), ..volume(facts, *id)?.clone() });
        }
        Repair::LayoutVolume(id) => {
            let volume = volume(facts, *id)?;
            let found = facts.gluster_volume(volume).and_then(|found| found.durability);
            let durability = found.ok_or("gluster does not tell the volume's durability")?;
            changes.put_volume(Volume { durability, ..volume.clone() });
            // The places of bricks follow from the size of a set.
            let listed = facts.gluster_volume(volume).map_or(&[][..], |found| &found.bricks);
            for brick in facts.bricks_of(volume) {
                if let Some(place) = listed.iter().position(|listed| is_same(brick, listed)) {
                    changes.put_brick(Brick { position: Some(position(durability, place)), ..brick.clone() });
                }
            }
        }
        Repair::NameNode { node, storage } => {
            let node = facts.inventory.node(*node).ok_or("the node is not there any more")?;
            let mut hostnames = node.hostnames.clone();
            hostnames.storage.retain(|name| name != storage);
            hostnames.storage.insert(0, storage.clone());
            changes.put_node(Node { hostnames, ..Node::clone(node) });
        }
        Repair::MeasureDevice(id) => {
            let device = facts.inventory.device(*id).ok_or("the device is not there any more")?;
            changes.put_device(measured_device(facts, device)?);
        }
        other => return Err(format!("this is no repair of a record: {other}")),
    }
    Ok(changes)
}

fn volume<'a>(facts: &Facts<'a>, id: VolumeId) -> Result<&'a Volume, String> {
    facts.inventory.volume(id).map(|volume| &**volume).ok_or_else(|| "the volume is not there any more".to_owned())
}

fn position(durability: Durability, place: usize) -> SetPosition {
    let size = durability.set_size().max(1) as usize;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    SetPosition { set: number(place / size), index: number(place % size) }
}

fn counted(facts: &Facts<'_>, volume: &Volume) -> Result<Volume, String> {
    let hosting = volume.hosting.ok_or("it is no block hosting volume")?;
    let blocks = facts.inventory.block_volumes_of_volume(volume.id);
    let used = blocks.filter_map(|id| facts.inventory.block_volume(id)).map(|block| block.size.0).sum::<u64>();
    let free = volume.size.0.checked_sub(used.saturating_add(hosting.reserved.0));
    let free = Gib(free.ok_or("its block volumes do not fit in it")?);
    Ok(Volume { hosting: Some(BlockHosting { free, ..hosting }), ..volume.clone() })
}

/// Nothing is placed on it before an administrator has looked at its names, zone and tags.
fn node(facts: &Facts<'_>, cluster: ClusterId, host: &str, ids: &mut dyn IdSource) -> Result<Node, String> {
    let answered = facts.reports.strangers.get(&(cluster, host.to_owned()));
    match answered {
        Some(Ok(_)) => {}
        Some(Err(why)) => return Err(format!("commands do not reach it by the name {host}: {why}")),
        None => return Err(format!("{host} is no member without a record any more")),
    }
    let view = facts.views.get(&cluster).ok_or("no node of its cluster answers")?;
    let peer = view.strangers.iter().find(|peer| peer.names.first().is_some_and(|name| name == host));
    let peer = peer.ok_or_else(|| format!("{host} is no member without a record any more"))?;
    let zones = facts.inventory.nodes_of_cluster(cluster).filter_map(|id| facts.inventory.node(id));
    let zone = zones.map(|node| node.zone).max().unwrap_or(0).saturating_add(1);
    // gluster lists bricks by the name they were created with.
    let bricks = view.volumes.iter().flat_map(|volume| &volume.bricks);
    let mut hosts = bricks.map(|brick| &brick.host).filter(|host| peer.names.contains(host));
    let storage = hosts.next().cloned().unwrap_or_else(|| host.to_owned());
    let hostnames = HostNames { manage: vec![host.to_owned()], storage: vec![storage] };
    Ok(Node { id: NodeId::new(ids), cluster, zone, hostnames, tags: Tags::new(), state: EntryState::Offline })
}

fn taken_device(facts: &Facts<'_>, node: NodeId, id: DeviceId) -> Result<Device, String> {
    let contents = facts.reports.contents(node).ok_or("the node does not answer")?;
    let blank = Device {
        id,
        node,
        name: String::new(),
        paths: Vec::new(),
        pv_uuid: None,
        tags: Tags::new(),
        state: EntryState::Offline,
        total: Kib::ZERO,
        foreign: Kib::ZERO,
        extent: Kib::ZERO,
    };
    let device = facts.inventory.device(id).map_or(blank, |device| Device { node, ..Device::clone(device) });
    let found = measure(facts.inventory, &device, contents).ok_or("its volume group is not there any more")?;
    let name = found.path.ok_or("its disk is missing")?;
    let paths = vec![name.clone()];
    let Device { tags, state, .. } = device;
    let (pv_uuid, total, foreign, extent) = (found.pv_uuid, found.total, found.foreign, found.extent);
    Ok(Device { id, node, name, paths, pv_uuid, tags, state, total, foreign, extent })
}

/// The device as LVM describes it.
fn measured_device(facts: &Facts<'_>, device: &Device) -> Result<Device, String> {
    let contents = facts.reports.contents(device.node).ok_or("the node does not answer")?;
    let found = measure(facts.inventory, device, contents).ok_or("its volume group is not there")?;
    let mut changed = Device { total: found.total, foreign: found.foreign, extent: found.extent, ..device.clone() };
    changed.pv_uuid = found.pv_uuid.or(changed.pv_uuid);
    if let Some(path) = found.path.filter(|path| has_moved(device, path)) {
        changed.paths.retain(|other| *other != device.name);
        changed.paths.push(path.clone());
        changed.name = path;
    }
    Ok(changed)
}

fn measured_brick(facts: &Facts<'_>, id: BrickId) -> Result<Brick, String> {
    let brick = facts.inventory.brick(id).ok_or("the brick is not there any more")?;
    let contents = facts.reports.contents(brick.node).ok_or("the node does not answer")?;
    let group = crate::model::volume_group_name(brick.device);
    let gone = "its logical volume is not there";
    let found = logical_volume(contents, &group, &brick.logical_volume_name()).ok_or(gone)?;
    let pool = found.thin_pool.as_deref().and_then(|pool| logical_volume(contents, &group, pool)).ok_or(gone)?;
    let own_name = names::brick_of_pool(&pool.name) == Some(brick.id);
    Ok(Brick {
        size: facts.brick_size(brick, found.size),
        pool_size: pool.size,
        metadata_size: pool.metadata,
        thin_pool: (!own_name).then(|| pool.name.clone()),
        ..Brick::clone(brick)
    })
}

/// A brick of gluster's list at `place`. Where a record of its id exists, it is corrected.
fn taken_brick(
    facts: &Facts<'_>,
    volume: &Volume,
    listed: &GlusterBrick,
    place: usize,
    ids: &mut dyn IdSource,
) -> Result<Brick, String> {
    let Found { node, device, named, volume: lv, pool } =
        facts.find(volume.cluster, listed).ok_or_else(|| format!("no node has the logical volume of {listed}"))?;
    let record = facts.inventory.device(device).filter(|record| record.node == node);
    record.ok_or_else(|| format!("the device of {listed} is not recorded"))?;
    let position = position(volume.durability, place);
    let is_last = position.index + 1 == volume.durability.set_size();
    let is_arbiter = VolumeOptions(&volume.options).arbiter() && is_last;
    let id = named.unwrap_or_else(|| BrickId::new(ids));
    let mut brick = Brick {
        id,
        device,
        node,
        volume: volume.id,
        size: lv.size,
        pool_size: pool.size,
        metadata_size: pool.metadata,
        format: if is_arbiter { BrickFormat::Arbiter } else { BrickFormat::Normal },
        position: Some(position),
        thin_pool: (names::brick_of_pool(&pool.name) != Some(id)).then(|| pool.name.clone()),
        logical_volume: named.is_none().then(|| lv.name.clone()),
        path: named.is_none().then(|| listed.path.clone()),
        retired: false,
    };
    brick.size = facts.brick_size(&brick, lv.size);
    Ok(brick)
}

fn taken_volume(facts: &Facts<'_>, cluster: ClusterId, name: &str, ids: &mut dyn IdSource) -> Records {
    let volumes = facts.views.get(&cluster).map_or(&[][..], |view: &PoolView<'_>| view.volumes);
    let found = volumes.iter().find(|found| found.name == name).ok_or("gluster does not have it any more")?;
    let durability = found.durability.ok_or("gluster does not tell its durability")?;
    let own = name.strip_prefix("vol_").and_then(|id| id.parse().ok());
    let given = if is_clone(found) { own } else { id_of(found).or(own) };
    let id = given.filter(|id| facts.inventory.volume(*id).is_none()).unwrap_or_else(|| VolumeId::new(ids));
    let options = found.options.iter().filter(|(key, _)| key != "user.heketi.id");
    let mut volume = Volume {
        id,
        cluster,
        name: name.to_owned(),
        size: Gib(0),
        durability,
        gid: 0,
        snapshot: Snapshot::default(),
        options: options.map(|(key, value)| format!("{key} {value}")).collect(),
        hosting: None,
    };
    let mut bricks = Vec::new();
    for (place, listed) in found.bricks.iter().enumerate() {
        bricks.push(taken_brick(facts, &volume, listed, place, ids)?);
    }
    volume.size = fit_sizes(facts, &volume, &mut bricks);
    let mut changes = ChangeSet::default();
    changes.put_volume(volume);
    bricks.into_iter().for_each(|brick| changes.put_brick(brick));
    Ok(changes)
}

/// LVM rounded the bricks up. Makes their sizes those of a volume of whole GiB again, and tells which.
fn fit_sizes(facts: &Facts<'_>, volume: &Volume, bricks: &mut [Brick]) -> Gib {
    let (set_size, data) = (volume.durability.set_size().max(1) as usize, u64::from(volume.durability.data_bricks()));
    let largest = |set: &[Brick]| set.iter().map(|brick| brick.size.0).max().unwrap_or(0);
    let held = bricks.chunks(set_size).map(|set| largest(set).saturating_mul(data)).fold(0, u64::saturating_add);
    let size = Gib(held / KIB_PER_GIB);
    let mut excess = held.saturating_sub(size.kib().0);
    for set in bricks.chunks_mut(set_size) {
        let extents = set.iter().filter_map(|brick| facts.inventory.device(brick.device)).map(|device| device.extent.0);
        let spare = extents.min().unwrap_or(0).saturating_sub(1);
        let cut = excess.div_ceil(data.max(1)).min(spare);
        excess = excess.saturating_sub(cut.saturating_mul(data));
        for brick in set.iter_mut().filter(|brick| brick.format == BrickFormat::Normal) {
            brick.size = brick.size.saturating_sub(Kib(cut));
        }
    }
    size
}
