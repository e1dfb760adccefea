//! A backend in memory that does at once what it is asked for.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use heketi_core::api::*;
use heketi_core::id::{BlockVolumeId, BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, SeededIds, VolumeId};
use heketi_core::model::{BlockHosting, BlockRestriction, EntryState, Tags};
use heketi_core::{Error, ErrorKind, Gib, Kib};
use heketi_http::backend::{Backend, QueueState};
use heketi_http::metrics::Observed;

use crate::state::{State, brick, found};

pub struct Fake {
    pub state: Mutex<State>,
    ids: Mutex<SeededIds>,
    /// What the next requests that create or change something are refused with.
    pub refusals: Mutex<VecDeque<Error>>,
    /// How often a job is found running before it is done.
    pub polls: AtomicUsize,
    /// How long `cluster_list` takes.
    pub delay: Mutex<Duration>,
}

/// The node that cannot be added.
pub const BROKEN_HOST: &str = "broken.example";
/// The device that cannot be added.
pub const BROKEN_DEVICE: &str = "/dev/broken";

impl Fake {
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            ids: Mutex::new(SeededIds::new(7)),
            refusals: Mutex::default(),
            polls: AtomicUsize::new(1),
            delay: Mutex::default(),
        }
    }

    fn refusal(&self) -> Result<(), Error> {
        self.refusals.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    /// Notes a request about an object that is there, and does nothing.
    fn noted(&self, is_there: impl Fn(&State) -> bool, line: String) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        found(is_there(&state).then_some(()))?;
        state.log.push(line);
        Ok(self.job(&mut state, QueueState::Done))
    }

    fn job(&self, state: &mut State, end: QueueState) -> QueueId {
        let id = QueueId::new(&mut *self.ids.lock().unwrap());
        state.jobs.insert(id, (self.polls.load(Ordering::Relaxed), end));
        id
    }
}

#[async_trait]
impl Backend for Fake {
    async fn cluster_create(&self, request: ClusterCreateRequest) -> Result<ClusterInfo, Error> {
        self.refusal()?;
        let id = ClusterId::new(&mut *self.ids.lock().unwrap());
        let cluster = ClusterInfo {
            id,
            nodes: vec![],
            volumes: vec![],
            block: request.block,
            file: request.file,
            blockvolumes: vec![],
        };
        self.state.lock().unwrap().clusters.insert(id, cluster.clone());
        Ok(cluster)
    }

    async fn cluster_list(&self) -> Result<ClusterList, Error> {
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        Ok(ClusterList { clusters: self.state.lock().unwrap().clusters.keys().copied().collect() })
    }

    async fn cluster_info(&self, id: ClusterId) -> Result<ClusterInfo, Error> {
        assert_ne!(id.to_string(), "dead".repeat(8), "a handler that panics");
        let state = self.state.lock().unwrap();
        let mut cluster = found(state.clusters.get(&id))?.clone();
        cluster.nodes = state.nodes.values().filter(|node| node.cluster == id).map(|node| node.id).collect();
        cluster.volumes = state.volumes.keys().copied().collect();
        Ok(cluster)
    }

    async fn cluster_delete(&self, id: ClusterId) -> Result<(), Error> {
        self.refusal()?;
        found(self.state.lock().unwrap().clusters.remove(&id)).map(drop)
    }

    async fn cluster_flags(&self, id: ClusterId, request: ClusterFlagsRequest) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap();
        let cluster = found(state.clusters.get_mut(&id))?;
        (cluster.file, cluster.block) = (request.file, request.block);
        Ok(())
    }

    async fn node_add(&self, request: NodeAddRequest) -> Result<QueueId, Error> {
        self.refusal()?;
        let missing = || Error::new(ErrorKind::NotFound, "Cluster id does not exist");
        let cluster = request.cluster.parse().map_err(|_| missing())?;
        let mut state = self.state.lock().unwrap();
        state.clusters.get(&cluster).ok_or_else(missing)?;
        if request.hostnames.manage[0] == BROKEN_HOST {
            return Ok(self.job(&mut state, QueueState::Failed("peer probe: failed: no route to host".to_owned())));
        }
        let id = NodeId::new(&mut *self.ids.lock().unwrap());
        let NodeAddRequest { zone, hostnames, tags, .. } = request;
        let node = NodeInfo { zone, hostnames, cluster, tags, id, state: EntryState::Online, devices: vec![] };
        state.nodes.insert(id, node);
        Ok(self.job(&mut state, QueueState::DoneAt(format!("/nodes/{id}"))))
    }

    async fn node_info(&self, id: NodeId) -> Result<NodeInfo, Error> {
        self.state.lock().unwrap().node_with_devices(id)
    }

    async fn node_delete(&self, id: NodeId) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        found(state.nodes.remove(&id))?;
        Ok(self.job(&mut state, QueueState::Done))
    }

    async fn node_state(&self, id: NodeId, request: StateRequest) -> Result<QueueId, Error> {
        let mut state = self.state.lock().unwrap();
        state.log.push(format!("node state {} {:?}", request.state, request.healcheck));
        found(state.nodes.get_mut(&id))?.state = request.target().unwrap();
        Ok(self.job(&mut state, QueueState::Done))
    }

    async fn node_tags(&self, id: NodeId, request: TagsChangeRequest) -> Result<Tags, Error> {
        let mut state = self.state.lock().unwrap();
        let node = found(state.nodes.get_mut(&id))?;
        node.tags = request.applied_to(&node.tags);
        Ok(node.tags.clone())
    }

    async fn device_add(&self, request: DeviceAddRequest) -> Result<QueueId, Error> {
        let missing = || Error::new(ErrorKind::NotFound, "Node id does not exist");
        let node = request.node.parse().map_err(|_| missing())?;
        let mut state = self.state.lock().unwrap();
        state.nodes.get(&node).ok_or_else(missing)?;
        if request.name == BROKEN_DEVICE {
            return Ok(
                self.job(&mut state, QueueState::Failed("Can't open /dev/broken exclusively.\nMounted?".to_owned()))
            );
        }
        let id = DeviceId::new(&mut *self.ids.lock().unwrap());
        let size = Gib(500).kib();
        let device = DeviceInfo {
            name: request.name,
            tags: request.tags,
            storage: StorageSize { total: size, free: size, used: Kib::ZERO },
            id,
            paths: vec![],
            pv_uuid: String::new(),
            state: EntryState::Online,
            bricks: vec![],
        };
        state.devices.insert(id, (node, device));
        Ok(self.job(&mut state, QueueState::Done))
    }

    async fn device_info(&self, id: DeviceId) -> Result<DeviceInfo, Error> {
        let state = self.state.lock().unwrap();
        found(state.devices.get(&id)).map(|(_, device)| device.clone())
    }

    async fn device_delete(&self, id: DeviceId, request: DeviceDeleteRequest) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        state.log.push(format!("device delete forceforget={}", request.forceforget));
        found(state.devices.remove(&id))?;
        Ok(self.job(&mut state, QueueState::Done))
    }

    async fn device_state(&self, id: DeviceId, request: StateRequest) -> Result<QueueId, Error> {
        let mut state = self.state.lock().unwrap();
        found(state.devices.get_mut(&id))?.1.state = request.target().unwrap();
        Ok(self.job(&mut state, QueueState::Done))
    }

    async fn device_tags(&self, id: DeviceId, request: TagsChangeRequest) -> Result<Tags, Error> {
        let mut state = self.state.lock().unwrap();
        let device = &mut found(state.devices.get_mut(&id))?.1;
        device.tags = request.applied_to(&device.tags);
        Ok(device.tags.clone())
    }

    async fn volume_create(&self, request: CheckedVolumeCreate) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        state.log.push(format!("volume create {request:?}"));
        let id = VolumeId::new(&mut *self.ids.lock().unwrap());
        let cluster = state.clusters.keys().next().copied().unwrap_or(ClusterId::from_bytes([1; 16]));
        let name = request.name.unwrap_or_else(|| format!("vol_{id}"));
        let bricks = u8::try_from(request.durability.set_size()).unwrap();
        let volume = VolumeInfo {
            size: request.size,
            durability: request.durability.into(),
            gid: request.gid,
            glustervolumeoptions: request.options,
            block: request.block,
            snapshot: request.snapshot.into(),
            id,
            cluster,
            mount: MountInfo::new(vec!["192.0.2.11".to_owned(), "192.0.2.12".to_owned()], &name),
            blockinfo: BlockInfo::default(),
            bricks: (1..=bricks).map(|n| brick(n, id)).collect(),
            name,
        };
        state.volumes.insert(id, volume);
        Ok(self.job(&mut state, QueueState::DoneAt(format!("/volumes/{id}"))))
    }

    async fn volume_list(&self) -> Result<VolumeList, Error> {
        Ok(VolumeList { volumes: self.state.lock().unwrap().volumes.keys().copied().collect() })
    }

    async fn volume_info(&self, id: VolumeId) -> Result<VolumeInfo, Error> {
        found(self.state.lock().unwrap().volumes.get(&id).cloned())
    }

    async fn volume_expand(&self, id: VolumeId, size: Gib) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        found(state.volumes.get_mut(&id))?.size.0 += size.0;
        Ok(self.job(&mut state, QueueState::DoneAt(format!("/volumes/{id}"))))
    }

    async fn volume_delete(&self, id: VolumeId) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        found(state.volumes.remove(&id))?;
        Ok(self.job(&mut state, QueueState::Done))
    }

    async fn node_replace(&self, id: NodeId) -> Result<QueueId, Error> {
        self.noted(|state| state.nodes.contains_key(&id), format!("node replace {id}"))
    }

    async fn device_resync(&self, id: DeviceId) -> Result<QueueId, Error> {
        self.noted(|state| state.devices.contains_key(&id), format!("device resync {id}"))
    }

    async fn device_replace(&self, id: DeviceId, request: DeviceReplaceRequest) -> Result<QueueId, Error> {
        self.noted(|state| state.devices.contains_key(&id), format!("device replace {id} {:?}", request.name))
    }

    /// There is one brick.
    async fn brick_evict(&self, id: BrickId, request: BrickEvictRequest) -> Result<QueueId, Error> {
        let line = format!("brick evict {id} check={}", request.checks_heal());
        self.noted(|_| id == BrickId::from_bytes([0xb4; 16]), line)
    }

    async fn volume_clone(&self, id: VolumeId, request: VolumeCloneRequest) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        let source = found(state.volumes.get(&id).cloned())?;
        let id = VolumeId::new(&mut *self.ids.lock().unwrap());
        let name = if request.name.is_empty() { format!("vol_{id}") } else { request.name };
        let mount = MountInfo::new(source.mount.glusterfs.hosts.clone(), &name);
        state.volumes.insert(id, VolumeInfo { id, name, mount, ..source });
        Ok(self.job(&mut state, QueueState::DoneAt(format!("/volumes/{id}"))))
    }

    async fn volume_block_restriction(&self, id: VolumeId, restriction: BlockRestriction) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        let volume = found(state.volumes.get_mut(&id))?;
        let hosting = BlockHosting { free: Gib(91), reserved: Gib(2), restriction };
        (volume.block, volume.blockinfo) = (true, BlockInfo::new(hosting, vec![]));
        Ok(self.job(&mut state, QueueState::DoneAt(format!("/volumes/{id}"))))
    }

    async fn block_volume_create(&self, request: BlockVolumeCreateRequest) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        state.log.push(format!("block volume create {request:?}"));
        let id = BlockVolumeId::new(&mut *self.ids.lock().unwrap());
        let credentials = |text: &str| if request.auth { text.to_owned() } else { String::new() };
        let volume = BlockVolumeInfo {
            size: request.size().unwrap(),
            name: if request.name.is_empty() { format!("blockvol_{id}") } else { request.name.clone() },
            hacount: if request.hacount == 0 { 2 } else { request.hacount },
            id,
            blockvolume: BlockTarget {
                hosts: vec!["192.0.2.11".into(), "192.0.2.12".into()],
                iqn: "iqn.2016-12.org.gluster-block:9f0e8d7c".into(),
                lun: 0,
                username: credentials("b10cb10c"),
                password: heketi_core::model::Secret::new(credentials("s3cret")),
            },
            cluster: ClusterId::from_bytes([1; 16]),
            blockhostingvolume: VolumeId::from_bytes([0xba; 16]),
            usablesize: request.size().unwrap(),
        };
        state.block_volumes.insert(id, volume);
        Ok(self.job(&mut state, QueueState::DoneAt(format!("/blockvolumes/{id}"))))
    }

    async fn block_volume_list(&self) -> Result<BlockVolumeList, Error> {
        Ok(BlockVolumeList { blockvolumes: self.state.lock().unwrap().block_volumes.keys().copied().collect() })
    }

    async fn block_volume_info(&self, id: BlockVolumeId) -> Result<BlockVolumeInfo, Error> {
        found(self.state.lock().unwrap().block_volumes.get(&id).cloned())
    }

    async fn block_volume_expand(&self, id: BlockVolumeId, size: Gib) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        let volume = found(state.block_volumes.get_mut(&id))?;
        (volume.size, volume.usablesize) = (size, size);
        Ok(self.job(&mut state, QueueState::DoneAt(format!("/blockvolumes/{id}"))))
    }

    async fn block_volume_delete(&self, id: BlockVolumeId) -> Result<QueueId, Error> {
        self.refusal()?;
        let mut state = self.state.lock().unwrap();
        found(state.block_volumes.remove(&id))?;
        Ok(self.job(&mut state, QueueState::Done))
    }

    async fn operations(&self) -> Result<OperationCounts, Error> {
        self.refusal()?;
        Ok(OperationCounts { total: 3, in_flight: 1, stale: 1, failed: 1, new: 1 })
    }

    async fn operation_list(&self) -> Result<OperationList, Error> {
        let state = self.state.lock().unwrap();
        Ok(OperationList { pendingoperations: state.operations.values().map(|it| it.info.clone()).collect() })
    }

    async fn operation_details(&self, id: OperationId) -> Result<OperationDetails, Error> {
        found(self.state.lock().unwrap().operations.get(&id).cloned())
    }

    async fn operation_clean_up(&self, request: CleanUpRequest) -> Result<QueueId, Error> {
        self.noted(|_| true, format!("clean up {:?}", request.selection()))
    }

    async fn audit(&self, nodes: bool) -> Result<AuditInfo, Error> {
        Ok(AuditInfo { nodes, findings: self.state.lock().unwrap().findings.clone(), notes: Vec::new() })
    }

    async fn audit_plan(&self, request: AuditRepairRequest) -> Result<AuditPlan, Error> {
        let findings = request.findings;
        let state = self.state.lock().unwrap();
        let chosen = state.findings.iter().filter(|it| findings.is_empty() || findings.contains(&it.id));
        let steps = |it: &FindingInfo| if it.severity == "error" { vec![it.repair.clone()] } else { vec![] };
        let repairs =
            chosen.map(|it| RepairInfo { finding: it.id.clone(), text: it.text.clone(), steps: steps(it) }).collect();
        Ok(AuditPlan { repairs })
    }

    async fn audit_repair(&self, request: AuditRepairRequest) -> Result<QueueId, Error> {
        self.noted(|_| true, format!("repair {:?}", request.findings))
    }

    /// As in heketi v10 a job is forgotten when its end was told.
    async fn observe(&self) -> Result<Observed, Error> {
        Ok(Observed::default())
    }

    async fn backup(&self) -> Result<std::fs::File, Error> {
        Err(Error::internal("nothing to copy"))
    }

    async fn db_dump(&self) -> Result<heketi_core::interchange::V10Database, Error> {
        self.refusal()?;
        Ok(heketi_core::interchange::V10Database::default())
    }

    async fn db_check(&self) -> Result<heketi_core::interchange::ConsistencyReport, Error> {
        self.refusal()?;
        Ok(heketi_core::interchange::V10Database::default().consistency(true))
    }

    async fn examine_gluster(&self) -> Result<StateExamination, Error> {
        self.refusal()?;
        let heketidb = heketi_core::interchange::V10Database::default();
        Ok(StateExamination { heketidb, report: Vec::new(), clusters: Vec::new() })
    }

    fn trouble(&self) -> Option<String> {
        self.refusals.lock().unwrap().front().map(ToString::to_string)
    }

    async fn placement_explain(&self, _: CheckedVolumeCreate) -> Result<PlacementInfo, Error> {
        Ok(PlacementInfo::default())
    }

    async fn capacity(&self, _: Option<ClusterId>, _: f32) -> Result<CapacityInfo, Error> {
        Ok(CapacityInfo::default())
    }

    async fn queue(&self, id: QueueId) -> Result<QueueState, Error> {
        let mut state = self.state.lock().unwrap();
        let (polls, end) = found(state.jobs.get_mut(&id))?;
        if *polls > 0 {
            *polls -= 1;
            return Ok(QueueState::Pending);
        }
        let end = end.clone();
        state.jobs.remove(&id);
        Ok(end)
    }
}
