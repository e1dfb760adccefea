//! A backend in memory that does at once what it is asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use heketi_core::api::*;
use heketi_core::id::{BrickId, ClusterId, DeviceId, NodeId, QueueId, SeededIds, VolumeId};
use heketi_core::model::{EntryState, Tags};
use heketi_core::{Error, ErrorKind, Gib, Kib};
use heketi_http::backend::{Backend, QueueState};

/// What exists.
#[derive(Default)]
pub struct State {
    pub clusters: BTreeMap<ClusterId, ClusterInfo>,
    pub nodes: BTreeMap<NodeId, NodeInfo>,
    pub devices: BTreeMap<DeviceId, (NodeId, DeviceInfo)>,
    pub volumes: BTreeMap<VolumeId, VolumeInfo>,
    pub jobs: BTreeMap<QueueId, (usize, QueueState)>,
    /// The requests that came in, as text.
    pub log: Vec<String>,
}

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

    fn job(&self, state: &mut State, end: QueueState) -> QueueId {
        let id = QueueId::new(&mut *self.ids.lock().unwrap());
        state.jobs.insert(id, (self.polls.load(Ordering::Relaxed), end));
        id
    }
}

fn found<T>(object: Option<T>) -> Result<T, Error> {
    object.ok_or_else(Error::not_found)
}

impl State {
    fn node_with_devices(&self, id: NodeId) -> Result<NodeInfo, Error> {
        let mut node = found(self.nodes.get(&id))?.clone();
        node.devices =
            self.devices.values().filter(|(owner, _)| *owner == id).map(|(_, device)| device.clone()).collect();
        Ok(node)
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

    /// As in heketi v10 a job is forgotten when its end was told.
    async fn operations(&self) -> Result<OperationCounts, Error> {
        self.refusal()?;
        Ok(OperationCounts::default())
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

pub fn brick(number: u8, volume: VolumeId) -> BrickInfo {
    BrickInfo {
        id: BrickId::from_bytes([number; 16]),
        path: format!("/bricks/{number}"),
        device: DeviceId::from_bytes([0xdd; 16]),
        node: NodeId::from_bytes([0xaa; 16]),
        volume,
        size: Gib(10).kib(),
    }
}
