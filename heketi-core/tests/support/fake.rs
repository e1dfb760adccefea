//! Nodes in memory: what each step means, without command lines. It refuses what real nodes refuse, and
//! panics when a step would destroy data.

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::Kib;
use heketi_core::operation::{
    Action, BrickSpec, Certainty, DeviceContents, DeviceReport, FailureKind, GlusterBrick, GlusterVolume, Observation,
    Peer, Step, StepFailure, StepOutcome,
};

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
    use Action::{InspectDevice, ListPeers, ListVolumes, ReadDevice, Settle};
    matches!(action, Settle | ListPeers | InspectDevice { .. } | ReadDevice { .. } | ListVolumes)
}

/// A volume group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub device: String,
    /// Bricks by logical volume: mount point and what they take.
    pub bricks: BTreeMap<String, (String, Kib)>,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FakeNode {
    pub groups: BTreeMap<String, Group>,
    /// Disks with a physical volume in no group.
    pub bare: BTreeSet<String>,
    /// Which trusted pool it is in.
    pub pool: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FakeVolume {
    pub started: bool,
    pub bricks: Vec<GlusterBrick>,
}

/// All nodes, by storage host name.
#[derive(Clone, Debug, Default)]
pub struct Fake {
    pub nodes: BTreeMap<String, FakeNode>,
    /// gluster volumes by pool and name.
    pub volumes: BTreeMap<(u32, String), FakeVolume>,
    /// Hosts that do not answer.
    pub down: BTreeSet<String>,
    late: Vec<(String, Action)>,
    pools: u32,
}

/// What every disk holds.
pub const DISK: Kib = Kib(100 * 1024 * 1024);
const EXTENT: Kib = Kib(4096);

type Effect = Result<Observation, String>;

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
                let peers = self.nodes.iter().filter(|(name, node)| node.pool == pool && *name != host);
                let peer = |name: &String| Peer { names: vec![name.clone()], uuid: name.clone(), connected: true };
                return Ok(Observation::Pool(peers.map(|(name, _)| peer(name)).collect()));
            }
            Action::ProbePeer { storage } => self.probe(pool, storage)?,
            Action::DetachPeer { storage } => self.detach(host, pool, storage)?,
            Action::InspectDevice { device } => return Ok(self.inspect(host, device)),
            Action::SetUpDevice { device, volume_group, .. } => return self.set_up(host, device, volume_group, half),
            Action::ReadDevice { volume_group, .. } => return self.report(host, volume_group),
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
                self.volumes.insert(key, FakeVolume { started: !half, bricks: sets.concat() });
            }
            Action::AddBricks { name, sets, .. } => {
                self.check_bricks(pool, sets.concat())?;
                let sets = if half { &sets[..1] } else { &sets[..] };
                self.volume(pool, name)?.bricks.extend(sets.concat());
            }
            Action::Rebalance { name } => drop(self.volume(pool, name)?),
            Action::StartVolume { name } => self.volume(pool, name)?.started = true,
            Action::DeleteVolume { name } => {
                if self.nodes.iter().any(|(name, node)| node.pool == pool && self.down.contains(name)) {
                    return Err("a peer is down".into());
                }
                match self.volume(pool, name) {
                    Ok(volume) if half => volume.started = false,
                    _ => drop(self.volumes.remove(&(pool, name.clone()))),
                }
            }
            Action::ListVolumes => {
                let volumes = self.volumes.iter().filter(|((of, _), _)| *of == pool);
                let volume = |name: &String, volume: &FakeVolume| GlusterVolume {
                    name: name.clone(),
                    uuid: name.clone(),
                    started: volume.started,
                    bricks: volume.bricks.clone(),
                    options: Vec::new(),
                };
                return Ok(Observation::Volumes(volumes.map(|((_, name), it)| volume(name, it)).collect()));
            }
            other => panic!("the nodes of this test know no {other:?}"),
        }
        Ok(Observation::Done)
    }

    fn node(&mut self, host: &str) -> &mut FakeNode {
        self.nodes.get_mut(host).unwrap()
    }

    fn volume(&mut self, pool: u32, name: &str) -> Result<&mut FakeVolume, String> {
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
        self.pools += 1;
        self.node(storage).pool = self.pools;
        Ok(())
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
            node.groups.insert(group.to_owned(), Group { device: device.to_owned(), bricks: BTreeMap::new() });
        }
        self.report(host, group)
    }

    fn report(&mut self, host: &str, group: &str) -> Effect {
        let device = self.node(host).groups.get(group).map(|group| group.device.clone()).unwrap_or_default();
        let pv_uuid = Some(format!("{host}{device}"));
        Ok(Observation::Device(DeviceReport { total: DISK, free: DISK, extent: EXTENT, pv_uuid, paths: vec![device] }))
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
        let (need, used) = (brick.pool_size + brick.metadata_size, group.bricks.values().map(|(_, size)| *size).sum());
        if DISK.saturating_sub(used) < need {
            return Err("not enough free extents".into());
        }
        group.bricks.insert(brick.logical_volume.clone(), (brick.mount_point.clone(), need));
        Ok(())
    }

    fn destroy_brick(&mut self, host: &str, brick: &BrickSpec) -> Observation {
        let name = GlusterBrick { host: host.to_owned(), path: brick.brick_directory() };
        assert!(!self.is_listed(&name), "{name} is destroyed while gluster uses it");
        for (on, action) in &self.late {
            let sets = match action {
                Action::CreateVolume { volume } => &volume.sets[..],
                Action::AddBricks { sets, .. } => &sets[..],
                _ => &[],
            };
            let told = sets.iter().flatten().any(|brick| *brick == name);
            assert!(!told, "{name} is destroyed while {} still runs on {on}", action.describe());
        }
        if let Some(group) = self.node(host).groups.get_mut(&brick.volume_group) {
            group.bricks.remove(&brick.logical_volume);
        }
        Observation::BrickDestroyed { pool_removed: true }
    }

    /// gluster takes only directories that exist, of members of its pool, and that no volume uses.
    fn check_bricks(&self, pool: u32, bricks: Vec<GlusterBrick>) -> Result<(), String> {
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
