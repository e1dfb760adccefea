//! Nodes in memory: what each step means, without command lines. It refuses what real nodes refuse, and
//! panics when a step would destroy data.

use std::collections::{BTreeMap, BTreeSet};

use super::fake_blocks::FakeBlock;
use heketi_core::operation::{
    Action, BrickSpec, Certainty, DeviceContents, DeviceReport, FailureKind, GlusterBrick, GlusterVolumeSpec,
    Observation, PeerIdentity, Step, StepFailure, StepOutcome,
};
use heketi_core::{Gib, Kib};

/// How one step goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No host can be reached.
    NotStarted,
    /// Answers with an error and has done nothing, half of it, or all.
    FailedBefore,
    FailedHalf,
    FailedAfter,
    /// The connection is lost; it has done nothing, half of it, or all.
    UnknownBefore,
    UnknownHalf,
    UnknownAfter,
    /// The last host in question takes it, the connection is lost, and the command goes on until the host
    /// settles or the operation is over.
    Late,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::NotStarted,
        Self::FailedBefore,
        Self::FailedHalf,
        Self::FailedAfter,
        Self::UnknownBefore,
        Self::UnknownHalf,
        Self::UnknownAfter,
        Self::Late,
    ];

    /// Those that differ for a step that changes nothing.
    pub const OF_QUESTIONS: [Self; 3] = [Self::NotStarted, Self::FailedBefore, Self::UnknownBefore];
}

/// Does the step change nothing?
pub fn is_question(action: &Action) -> bool {
    use Action::{
        CheckGlusterd, HealInfo, InspectDevice, InspectNode, ListBlockVolumes, ListPeers, ListSnapshots, ListVolumes,
        ReadBlockVolume, ReadBrickStorage, ReadDevice, ReadPeerIdentity, Settle, StartHeal, Wait,
    };
    let of_disk = matches!(action, InspectNode | InspectDevice { .. } | ReadDevice { .. } | ReadBrickStorage { .. });
    let of_block = matches!(action, ListBlockVolumes { .. } | ReadBlockVolume { .. });
    let of_gluster = matches!(action, CheckGlusterd | ListPeers | ListVolumes | ListSnapshots | HealInfo { .. });
    let of_peers = matches!(action, ReadPeerIdentity | StartHeal { .. } | Wait);
    of_disk || of_block || of_gluster || of_peers || matches!(action, Settle)
}

fn is_of_blocks(action: &Action) -> bool {
    use Action::{CreateBlockVolume, DeleteBlockVolume, ExpandBlockVolume, ListBlockVolumes, ReadBlockVolume};
    matches!(action, CreateBlockVolume { .. } | DeleteBlockVolume { .. } | ExpandBlockVolume { .. })
        || matches!(action, ListBlockVolumes { .. } | ReadBlockVolume { .. })
}

/// A volume group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub device: String,
    /// Bricks by logical volume: mount point and what they take.
    pub bricks: BTreeMap<String, (String, Kib)>,
    /// Thin pools: what they take, and the logical volumes in them.
    pub pools: BTreeMap<String, (Kib, BTreeSet<String>)>,
}

impl Group {
    /// Takes a logical volume out, with its thin pool if it was the last in it.
    pub(super) fn remove(&mut self, volume: &str) {
        self.bricks.remove(volume);
        self.pools.values_mut().for_each(|(_, volumes)| _ = volumes.remove(volume));
        self.pools.retain(|_, (_, volumes)| !volumes.is_empty());
    }
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FakeNode {
    pub groups: BTreeMap<String, Group>,
    /// Disks with a physical volume in no group.
    pub bare: BTreeSet<String>,
    /// Which trusted pool it is in.
    pub pool: u32,
    /// glusterd's identity, where it is not its name.
    pub uuid: Option<String>,
    /// How each logical volume was made.
    pub specs: BTreeMap<(String, String), BrickSpec>,
    /// Mount points that are not mounted, have no line in fstab, or hold no brick directory.
    pub unmounted: BTreeSet<String>,
    pub not_in_fstab: BTreeSet<String>,
    pub without_directory: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FakeVolume {
    pub started: bool,
    pub bricks: Vec<GlusterBrick>,
}

/// A snapshot of a volume; its bricks are logical volumes beside those of the volume.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeSnapshot {
    pub volume: String,
    pub active: bool,
    pub bricks: Vec<GlusterBrick>,
}

/// All nodes, by storage host name.
#[derive(Clone, Debug, Default)]
pub struct Fake {
    pub nodes: BTreeMap<String, FakeNode>,
    /// gluster volumes by pool and name.
    pub volumes: BTreeMap<(u32, String), FakeVolume>,
    /// Options that were set, by pool and volume.
    pub options: BTreeMap<(u32, String), Vec<(String, String)>>,
    /// Snapshots by pool and name.
    pub snapshots: BTreeMap<(u32, String), FakeSnapshot>,
    /// Volumes that gluster takes no snapshots of.
    pub unclonable: BTreeSet<(u32, String)>,
    /// Block volumes by pool, hosting volume and name.
    pub blocks: BTreeMap<(u32, String, String), FakeBlock>,
    /// How far off the sizes of block volumes are told at most.
    pub rounding: Gib,
    /// Hosts that do not answer.
    pub down: BTreeSet<String>,
    /// Entries that wait to be healed from a brick.
    pub heal: BTreeMap<GlusterBrick, u64>,
    /// The group that owns the directory of each brick, by logical volume.
    pub groups_of_bricks: BTreeMap<String, i64>,
    /// Logical volumes whose thin pool holds another one too.
    pub shared_pools: BTreeSet<String>,
    /// Nodes that were reinstalled: the pool that knows them, and as whom.
    pub lost: BTreeMap<String, (u32, String)>,
    /// A node, and the only name its peers know it by.
    pub renamed: Option<(String, String)>,
    /// Bricks that do not run, because what they were is gone.
    pub lost_bricks: BTreeSet<GlusterBrick>,
    /// How many looks a volume still needs to be healed.
    pub healing: BTreeMap<String, u64>,
    /// Bricks of volumes that were made again, and that gluster does not know to be empty.
    pub blank: BTreeSet<GlusterBrick>,
    /// What volumes were created with.
    pub layouts: BTreeMap<(u32, String), GlusterVolumeSpec>,
    late: Vec<(String, Action)>,
    pools: u32,
}

/// What every disk holds.
pub const DISK: Kib = Kib(100 * 1024 * 1024);
pub const EXTENT: Kib = Kib(4096);

pub type Effect = Result<Observation, String>;

impl Fake {
    pub fn with_nodes(names: &[&str]) -> Self {
        let mut fake = Self::default();
        for name in names {
            fake.pools += 1;
            fake.nodes.insert((*name).to_owned(), FakeNode { pool: fake.pools, ..FakeNode::default() });
        }
        fake
    }

    /// Runs a step, going wrong as told.
    pub fn execute(&mut self, step: &Step, fault: Option<Fault>) -> StepOutcome {
        if step.action == Action::Wait {
            return Ok(Observation::Done);
        }
        // A lost question has no answer, whoever was asked.
        let lost = fault == Some(Fault::Late) && is_question(&step.action);
        let fault = if lost { Some(Fault::UnknownBefore) } else { fault };
        let mut reachable = step.hosts.iter().filter(|host| !self.down.contains(&host.storage));
        let host = if fault == Some(Fault::Late) { reachable.next_back() } else { reachable.next() };
        let failure = |host: &str, kind, certainty, text: String| {
            Err(StepFailure { host: host.to_owned(), kind, certainty, text })
        };
        let Some(host) = host.filter(|_| fault != Some(Fault::NotStarted)) else {
            let text = format!("no host to {}", step.action.describe());
            return failure("", FailureKind::Unreachable, Certainty::NotStarted, text);
        };
        let text = format!("{} on {}: {fault:?}", step.action.describe(), host.manage);
        let failed = |text| failure(&host.manage, FailureKind::Command, Certainty::Failed, text);
        let unknown = |text| failure(&host.manage, FailureKind::Command, Certainty::Unknown, text);
        let storage = host.storage.clone();
        match fault {
            None => self.effect(&storage, &step.action, false).or_else(failed),
            Some(Fault::NotStarted | Fault::FailedBefore) => failed(text),
            Some(Fault::FailedHalf) => self.effect(&storage, &step.action, true).map_or_else(failed, |_| failed(text)),
            Some(Fault::FailedAfter) => {
                self.effect(&storage, &step.action, false).map_or_else(failed, |_| failed(text))
            }
            Some(Fault::UnknownBefore) => unknown(text),
            Some(Fault::UnknownHalf) => {
                let _ = self.effect(&storage, &step.action, true);
                unknown(text)
            }
            Some(Fault::UnknownAfter) => {
                let _ = self.effect(&storage, &step.action, false);
                unknown(text)
            }
            Some(Fault::Late) => {
                self.late.push((storage, step.action.clone()));
                unknown(text)
            }
        }
    }

    /// Commands that still run on a host, or on any, come to their end.
    pub fn end_late(&mut self, host: Option<&str>) {
        let all = std::mem::take(&mut self.late);
        let (ending, running): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(on, _)| host.is_none_or(|host| on == host));
        self.late = running;
        for (host, action) in ending {
            let _ = self.effect(&host, &action, false);
        }
    }

    fn effect(&mut self, host: &str, action: &Action, half: bool) -> Effect {
        let pool = self.nodes[host].pool;
        match action {
            Action::Settle => self.end_late(Some(host)),
            Action::CheckGlusterd => {}
            Action::ListPeers => {
                return Ok(Observation::Pool(self.peers(host)));
            }
            Action::ReadPeerIdentity => {
                let identity = PeerIdentity { uuid: self.uuid(host), peers: self.peers(host) };
                return Ok(Observation::Identity(identity));
            }
            Action::RestorePeer { uuid, through } => self.restore_peer(host, uuid, through, half)?,
            Action::StopBrick { brick, .. } => {
                let gone = self.lost_bricks.contains(brick) || self.blank.contains(brick) || !self.exists(brick);
                assert!(gone, "{brick} is stopped though it is not lost");
            }
            // Bricks of this test heal by being looked at.
            Action::StartHeal { .. } => {}
            Action::ResetBrick { name, brick } => self.reset_brick(pool, name, brick, half)?,
            Action::ProbePeer { storage } => self.probe(pool, storage)?,
            Action::DetachPeer { storage } => self.detach(host, pool, storage)?,
            Action::InspectDevice { device } => return Ok(self.inspect(host, device)),
            Action::SetUpDevice { device, volume_group, wipe } => {
                if *wipe {
                    self.node(host).bare.remove(device);
                }
                return self.set_up(host, device, volume_group, half);
            }
            Action::ReadDevice { volume_group, .. } => {
                if !self.node(host).groups.contains_key(volume_group) {
                    return Err(format!("no volume group {volume_group}"));
                }
                return self.report(host, volume_group);
            }
            Action::TearDownDevice { device, volume_group, bare_too, .. } => {
                self.tear_down(host, device, volume_group, *bare_too, half)?;
            }
            Action::CreateBrick { brick, redo } => self.create_brick(host, brick, *redo)?,
            Action::DestroyBrick { brick } => return Ok(self.destroy_brick(host, brick)),
            Action::CreateVolume { volume } => {
                let key = (pool, volume.name.clone());
                if self.volumes.contains_key(&key) {
                    return Err(format!("volume {} already exists", volume.name));
                }
                self.check_bricks(pool, volume.sets.concat())?;
                let sets = if half { &volume.sets[..1] } else { &volume.sets[..] };
                self.layouts.insert(key.clone(), volume.clone());
                self.volumes.insert(key, FakeVolume { started: !half, bricks: sets.concat() });
            }
            Action::AddBricks { name, sets, .. } => {
                self.check_bricks(pool, sets.concat())?;
                let sets = if half { &sets[..1] } else { &sets[..] };
                self.volume(pool, name)?.bricks.extend(sets.concat());
            }
            Action::ReplaceBrick { name, old, new } => self.replace_brick(pool, name, old, new, half)?,
            Action::HealInfo { name } => return self.heal_info(pool, name),
            Action::Rebalance { name } => drop(self.volume(pool, name)?),
            Action::StartVolume { name } => self.volume(pool, name)?.started = true,
            Action::SetOptions { name, options } => {
                self.volume(pool, name)?;
                let pairs =
                    options.iter().filter_map(|it| it.split_once(' ')).map(|(k, v)| (k.to_owned(), v.to_owned()));
                let set = self.options.entry((pool, name.clone())).or_default();
                for (key, value) in pairs {
                    set.retain(|(known, _): &(String, String)| *known != key);
                    set.push((key, value));
                }
            }
            Action::CreateSnapshot { volume, snapshot } => self.create_snapshot(pool, volume, snapshot, half)?,
            Action::CloneSnapshot { snapshot, clone } => self.clone_snapshot(pool, snapshot, clone, half)?,
            Action::DeleteSnapshot { snapshot } => self.delete_snapshot(pool, snapshot, half)?,
            Action::ListSnapshots => {
                let names = self.snapshots.keys().filter(|(of, _)| *of == pool).map(|(_, name)| name.clone());
                return Ok(Observation::Snapshots(names.collect()));
            }
            Action::ReadBrickStorage { directory } => return self.storage(host, directory),
            Action::DeleteVolume { name } => {
                if self.nodes.iter().any(|(name, node)| node.pool == pool && self.down.contains(name)) {
                    return Err("a peer is down".into());
                }
                if self.snapshots.iter().any(|((of, _), it)| *of == pool && it.volume == *name) {
                    return Err(format!("volume {name} has snapshots"));
                }
                match self.volume(pool, name) {
                    Ok(volume) if half => volume.started = false,
                    _ => {
                        self.options.remove(&(pool, name.clone()));
                        let hosts = self.blocks.keys().any(|(of, hosting, _)| *of == pool && hosting == name);
                        assert!(!hosts, "volume {name} is deleted while it hosts block volumes");
                        self.volumes.remove(&(pool, name.clone()));
                    }
                }
            }
            Action::ListVolumes => {
                let volumes = self.volumes.iter().filter(|((of, _), _)| *of == pool);
                return Ok(Observation::Volumes(volumes.map(|(key, it)| self.listed(key, it)).collect()));
            }
            other if is_of_blocks(other) => return self.block_effect(pool, other, half),
            other => return self.repair_effect(host, other),
        }
        Ok(Observation::Done)
    }

    pub fn node(&mut self, host: &str) -> &mut FakeNode {
        self.nodes.get_mut(host).unwrap()
    }

    pub fn volume(&mut self, pool: u32, name: &str) -> Result<&mut FakeVolume, String> {
        self.volumes.get_mut(&(pool, name.to_owned())).ok_or_else(|| format!("volume {name} does not exist"))
    }

    /// Does some volume of any pool use the brick?
    fn is_listed(&self, brick: &GlusterBrick) -> bool {
        self.volumes.values().any(|volume| volume.bricks.contains(brick))
    }

    fn probe(&mut self, pool: u32, storage: &str) -> Result<(), String> {
        let target = self.nodes.get(storage).ok_or("unknown host")?.pool;
        let alone = self.nodes.values().filter(|node| node.pool == target).count() == 1;
        if target != pool && (!alone || self.volumes.keys().any(|(of, _)| *of == target)) {
            return Err(format!("{storage} is part of another pool"));
        }
        self.node(storage).pool = pool;
        Ok(())
    }

    fn detach(&mut self, host: &str, pool: u32, storage: &str) -> Result<(), String> {
        if self.nodes.get(storage).is_none_or(|node| node.pool != pool) {
            return Ok(());
        }
        assert_ne!(host, storage, "a node is asked to detach itself");
        if self.volumes.values().any(|volume| volume.bricks.iter().any(|brick| brick.host == storage)) {
            return Err(format!("{storage} has bricks"));
        }
        let pool = self.new_pool();
        self.node(storage).pool = pool;
        Ok(())
    }

    pub(super) fn new_pool(&mut self) -> u32 {
        self.pools += 1;
        self.pools
    }

    fn inspect(&mut self, host: &str, device: &str) -> Observation {
        let node = self.node(host);
        let group = node.groups.iter().find(|(_, group)| group.device == device).map(|(name, _)| name.clone());
        let pv = group.is_some() || node.bare.contains(device);
        let pv_uuid = pv.then(|| format!("{host}{device}"));
        Observation::Contents(DeviceContents {
            size: DISK,
            exists: true,
            pv_uuid,
            volume_group: group,
            ..DeviceContents::default()
        })
    }

    fn set_up(&mut self, host: &str, device: &str, group: &str, half: bool) -> Effect {
        let node = self.node(host);
        if node.bare.contains(device) || node.groups.values().any(|group| group.device == device) {
            return Err(format!("{device} is a physical volume already"));
        }
        if half {
            node.bare.insert(device.to_owned());
        } else {
            node.groups.insert(group.to_owned(), Group { device: device.to_owned(), ..Group::default() });
        }
        self.report(host, group)
    }

    fn report(&mut self, host: &str, group: &str) -> Effect {
        let device = self.node(host).groups.get(group).map(|group| group.device.clone()).unwrap_or_default();
        let pv_uuid = Some(format!("{host}{device}"));
        let bricks = self.node(host).groups.get(group).map(|group| &group.bricks);
        let used = bricks.into_iter().flatten().map(|(_, (_, size))| *size).sum();
        let free = DISK.saturating_sub(used);
        Ok(Observation::Device(DeviceReport { total: DISK, free, extent: EXTENT, pv_uuid, paths: vec![device] }))
    }

    fn tear_down(&mut self, host: &str, device: &str, group: &str, bare: bool, half: bool) -> Result<(), String> {
        let node = self.node(host);
        if node.groups.get(group).is_some_and(|group| !group.bricks.is_empty()) {
            return Err(format!("{group} holds logical volumes"));
        }
        let removed = node.groups.remove(group).is_some();
        if removed && half {
            node.bare.insert(device.to_owned());
        } else if bare && !half {
            node.bare.remove(device);
        }
        Ok(())
    }

    fn create_brick(&mut self, host: &str, brick: &BrickSpec, redo: bool) -> Result<(), String> {
        let group = self.node(host).groups.get_mut(&brick.volume_group).ok_or("no such volume group")?;
        if group.bricks.contains_key(&brick.logical_volume) && !redo {
            return Err(format!("{} exists", brick.logical_volume));
        }
        let made = format!("{}/brick", brick.mount_point);
        let name = GlusterBrick { host: host.to_owned(), path: made };
        let runs = self.is_listed(&name)
            && self.exists(&name)
            && !self.lost_bricks.contains(&name)
            && !self.blank.contains(&name);
        assert!(!runs, "{name} is made again while gluster uses it");
        let group = self.node(host).groups.get_mut(&brick.volume_group).ok_or("no such volume group")?;
        let (need, used) = (brick.pool_size + brick.metadata_size, group.pools.values().map(|(size, _)| *size).sum());
        if DISK.saturating_sub(used) < need {
            return Err("not enough free extents".into());
        }
        let is_data = group.bricks.contains_key(&brick.logical_volume) && self.is_listed(&name);
        assert!(!is_data || self.blank.contains(&name), "{name} is made anew while gluster uses it");
        let group = self.node(host).groups.get_mut(&brick.volume_group).ok_or("no such volume group")?;
        group.bricks.insert(brick.logical_volume.clone(), (brick.mount_point.clone(), need));
        group.pools.insert(brick.thin_pool.clone(), (need, BTreeSet::from([brick.logical_volume.clone()])));
        self.groups_of_bricks.insert(brick.logical_volume.clone(), brick.gid);
        self.made(host, brick, name);
        Ok(())
    }

    fn destroy_brick(&mut self, host: &str, brick: &BrickSpec) -> Observation {
        let name = GlusterBrick { host: host.to_owned(), path: brick.brick_directory() };
        let group = self.nodes[host].groups.get(&brick.volume_group);
        let is_there = group.is_some_and(|group| group.bricks.contains_key(&brick.logical_volume));
        let is_data = is_there && self.is_listed(&name) && !self.blank.contains(&name);
        assert!(!is_data, "{name} is destroyed while gluster uses it");
        for (on, action) in &self.late {
            let sets = match action {
                Action::CreateVolume { volume } => &volume.sets[..],
                Action::AddBricks { sets, .. } => &sets[..],
                _ => &[],
            };
            let replacing = matches!(action, Action::ReplaceBrick { new, .. } if *new == name);
            let told = replacing || sets.iter().flatten().any(|brick| *brick == name);
            assert!(!told, "{name} is destroyed while {} still runs on {on}", action.describe());
        }
        let Some(group) = self.nodes.get_mut(host).and_then(|node| node.groups.get_mut(&brick.volume_group)) else {
            return Observation::BrickDestroyed { pool_removed: true };
        };
        let pool = group.pools.iter().find(|(_, (_, volumes))| volumes.contains(&brick.logical_volume));
        assert!(pool.is_none_or(|(pool, _)| *pool == brick.thin_pool), "{name} is in {pool:?}");
        group.remove(&brick.logical_volume);
        let pool_stays = group.pools.contains_key(&brick.thin_pool);
        self.node(host).specs.remove(&(brick.volume_group.clone(), brick.logical_volume.clone()));
        let shared = pool_stays || self.shared_pools.contains(&brick.logical_volume);
        Observation::BrickDestroyed { pool_removed: !shared }
    }

    /// gluster wants the node of the new brick to be connected, not that of the old one.
    fn replace_brick(
        &mut self,
        pool: u32,
        name: &str,
        old: &GlusterBrick,
        new: &GlusterBrick,
        half: bool,
    ) -> Result<(), String> {
        let volume = self.volume(pool, name)?;
        if !volume.started {
            return Err(format!("volume {name} is not started"));
        }
        let place = volume.bricks.iter().position(|brick| brick == old).ok_or("no such brick in the volume")?;
        self.check_bricks(pool, vec![new.clone()])?;
        if self.down.contains(&new.host) {
            return Err(format!("{} is not connected", new.host));
        }
        if !half {
            self.volume(pool, name)?.bricks[place] = new.clone();
        }
        Ok(())
    }

    /// gluster takes only directories that exist, of members of its pool, and that no volume uses.
    pub fn check_bricks(&self, pool: u32, bricks: Vec<GlusterBrick>) -> Result<(), String> {
        for brick in bricks {
            let node = self.nodes.get(&brick.host).filter(|node| node.pool == pool).ok_or("host is not in the pool")?;
            let mounts = node.groups.values().flat_map(|group| group.bricks.values());
            if !mounts.map(|(mount, _)| format!("{mount}/brick")).any(|path| path == brick.path) {
                return Err(format!("{brick} does not exist"));
            }
            if self.is_listed(&brick) {
                return Err(format!("{brick} is part of a volume already"));
            }
        }
        Ok(())
    }
}
