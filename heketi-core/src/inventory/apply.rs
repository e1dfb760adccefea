//! The one place where state changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::change::{Change, ChangeSet, Key, Record};
use super::index::DeviceUse;
use super::{ApplyError, Inventory, Job, KeyedRequest};
use crate::id::{DeviceId, NodeId};
use crate::model::{BlockVolume, Brick, Device, Node, Volume};
use crate::operation::Operation;
use crate::units::Kib;

type Applied = Result<(), ApplyError>;

fn refuse<T>(text: String) -> Result<T, ApplyError> {
    Err(ApplyError(text))
}

impl Inventory {
    /// Makes all changes, or none of them.
    ///
    /// # Errors
    /// [`ApplyError`] when a record would refer to one that is not there, a record that others refer to
    /// would go, a name would be taken twice, a device would be charged more than it has, or the space of a
    /// block hosting volume would not add up.
    pub fn apply(&mut self, changes: &ChangeSet) -> Applied {
        *self = self.clone().with(changes.iter().cloned())?;
        Ok(())
    }

    /// The state with all changes made. What no clone shares is changed in place, which takes a fraction of the
    /// time of [`Inventory::apply`]: for a state that belongs to one owner alone.
    ///
    /// # Errors
    /// As [`Inventory::apply`]; then the state is lost.
    pub fn applied(self, changes: impl IntoIterator<Item = Change>) -> Result<Self, ApplyError> {
        self.with(changes.into_iter())
    }

    pub(super) fn with(mut self, changes: impl Iterator<Item = Change>) -> Result<Self, ApplyError> {
        let mut hosting = BTreeSet::new();
        for change in changes {
            self.collect_hosting(&change, &mut hosting);
            match change {
                Change::Put(record) => self.put(record)?,
                Change::Delete(key) => self.remove(key)?,
            }
        }
        hosting.into_iter().try_for_each(|volume| self.check_hosting(volume))?;
        let mut recharged = std::mem::take(&mut self.index.recharged);
        recharged.sort_unstable();
        recharged.dedup();
        recharged.into_iter().for_each(|device| self.index.place(device, DeviceUse::recharged));
        Ok(self)
    }

    fn put(&mut self, record: Record) -> Applied {
        match record {
            Record::Cluster(cluster) => {
                self.clusters.insert(cluster.id, Arc::new(cluster));
                Ok(())
            }
            Record::Node(node) => self.put_node(node),
            Record::Device(device) => self.put_device(device),
            Record::Volume(volume) => self.put_volume(volume),
            Record::Brick(brick) => self.put_brick(brick),
            Record::BlockVolume(block_volume) => self.put_block_volume(block_volume),
            Record::Operation(operation) => self.put_operation(operation),
            Record::Job(job) => self.put_job(job),
            Record::KeyedRequest(request) => {
                self.put_keyed_request(request);
                Ok(())
            }
            Record::HostKey(key) => {
                self.host_keys.insert(key.id, Arc::new(key));
                Ok(())
            }
            Record::Origin(origin) => {
                self.origins.insert(origin.id, Arc::new(origin));
                Ok(())
            }
        }
    }

    fn put_node(&mut self, node: Node) -> Applied {
        if !self.clusters.contains_key(&node.cluster) {
            return refuse(format!("node {} names unknown cluster {}", node.id, node.cluster));
        }
        if let Some(old) = self.nodes.get(&node.id).cloned() {
            self.unlink_node(&old);
        }
        for host in node.hostnames.all() {
            match self.index.hosts.insert(host.to_owned(), node.id) {
                Some(other) if other != node.id => {
                    return refuse(format!("host name {host} of node {} belongs to node {other}", node.id));
                }
                _ => {}
            }
        }
        self.index.cluster_nodes.insert((node.cluster, node.id));
        let id = node.id;
        self.nodes.insert(id, Arc::new(node));
        let devices: Vec<DeviceId> = self.devices_of_node(id).collect();
        devices.into_iter().for_each(|device| self.place(device));
        Ok(())
    }

    fn unlink_node(&mut self, node: &Node) {
        for host in node.hostnames.all() {
            self.index.hosts.remove(host);
        }
        self.index.cluster_nodes.remove(&(node.cluster, node.id));
    }

    fn put_device(&mut self, device: Device) -> Applied {
        if !self.nodes.contains_key(&device.node) {
            return refuse(format!("device {} names unknown node {}", device.id, device.node));
        }
        let device = Arc::new(device);
        let id = device.id;
        self.index.node_devices.insert((device.node, id));
        self.devices.insert(id, device.clone());
        let Some(known) = self.index.devices.get_mut(&id) else {
            self.index.devices.insert(id, Arc::new(DeviceUse::new(device)));
            self.place(id);
            return Ok(());
        };
        let known = Arc::make_mut(known);
        let old = std::mem::replace(&mut known.device, device);
        if old.node != known.device.node {
            if !known.bricks.is_empty() {
                return refuse(format!("device {id} holds bricks of node {}", old.node));
            }
            self.index.node_devices.remove(&(old.node, id));
        }
        // The bricks it holds must fit in it still, or the records could not be loaded again.
        fits(known)?;
        self.place(id);
        Ok(())
    }

    fn unlink_device(&mut self, device: &Device) {
        self.index.place(device.id, |_| None);
        self.index.devices.remove(&device.id);
        self.index.node_devices.remove(&(device.node, device.id));
    }

    fn put_volume(&mut self, volume: Volume) -> Applied {
        if !self.clusters.contains_key(&volume.cluster) {
            return refuse(format!("volume {} names unknown cluster {}", volume.id, volume.cluster));
        }
        let volume = Arc::new(volume);
        match self.volumes.insert(volume.id, volume.clone()) {
            Some(old) => self.unlink_volume(&old),
            None => _ = self.index.volume_bricks.insert(volume.id, Arc::default()),
        }
        let name = (volume.cluster, volume.name.clone());
        if let Some(other) = self.index.volume_names.insert(name, volume.id) {
            return refuse(format!("volume name {} of {} belongs to volume {other}", volume.name, volume.id));
        }
        self.index.cluster_volumes.insert((volume.cluster, volume.id));
        self.index.count_volume(volume.cluster, true);
        Ok(())
    }

    fn unlink_volume(&mut self, volume: &Volume) {
        self.index.volume_names.remove(&(volume.cluster, volume.name.clone()));
        self.index.cluster_volumes.remove(&(volume.cluster, volume.id));
        self.index.count_volume(volume.cluster, false);
    }

    fn put_brick(&mut self, brick: Brick) -> Applied {
        let brick = Arc::new(brick);
        if let Some(old) = self.bricks.insert(brick.id, brick.clone()) {
            self.unlink_brick(&old);
        }
        if brick.retired {
            self.index.retired_bricks.insert((brick.node, brick.id));
        } else if !self.index.join_volume(&brick) {
            return refuse(format!("brick {} names unknown volume {}", brick.id, brick.volume));
        }
        let charge = if self.join_pool(&brick)? { Kib::ZERO } else { brick.charge() };
        let known = self.index.devices.get_mut(&brick.device).filter(|known| known.device.node == brick.node);
        let Some(known) = known.map(Arc::make_mut) else {
            return refuse(format!("brick {} names no device {} of node {}", brick.id, brick.device, brick.node));
        };
        known.add(brick.id, charge);
        self.index.recharged.push(brick.device);
        fits(known)
    }

    /// A brick comes to its thin pool; true if others live there, so that it is charged for already.
    fn join_pool(&mut self, brick: &Brick) -> Result<bool, ApplyError> {
        let shared = self.others_in_pool_of(brick) > 0;
        let sizes = (brick.pool_size, brick.metadata_size);
        let mate = if shared { self.pool_mate(brick) } else { None };
        if let Some(other) = mate.filter(|it| (it.pool_size, it.metadata_size) != sizes) {
            return refuse(format!("bricks {} and {} share a thin pool and differ in its size", brick.id, other.id));
        }
        self.index.count_guest(brick, true);
        Ok(shared)
    }

    /// Another brick in the thin pool of `brick`.
    fn pool_mate(&self, brick: &Brick) -> Option<&Arc<Brick>> {
        let mates = self.bricks_of_device(brick.device).filter(|id| *id != brick.id).filter_map(|id| self.brick(id));
        mates.into_iter().find(|other| other.pool_key() == brick.pool_key())
    }

    fn unlink_brick(&mut self, brick: &Brick) {
        if brick.retired {
            self.index.retired_bricks.remove(&(brick.node, brick.id));
        } else {
            self.index.leave_volume(brick);
        }
        self.index.count_guest(brick, false);
        let charge = if self.others_in_pool_of(brick) > 0 { Kib::ZERO } else { brick.charge() };
        if let Some(known) = self.index.devices.get_mut(&brick.device).map(Arc::make_mut) {
            known.remove(brick.id, charge);
            self.index.recharged.push(brick.device);
        }
    }

    fn put_block_volume(&mut self, block_volume: BlockVolume) -> Applied {
        let (id, hosting) = (block_volume.id, block_volume.hosting);
        match self.volumes.get(&hosting) {
            Some(volume) if volume.hosting.is_some() && volume.cluster == block_volume.cluster => {}
            _ => return refuse(format!("block volume {id} names no block hosting volume {hosting} of its cluster")),
        }
        if let Some(old) = self.block_volumes.get(&id).cloned() {
            self.unlink_block_volume(&old);
        }
        let name = (hosting, block_volume.name.clone());
        if let Some(other) = self.index.block_volume_names.insert(name, id) {
            return refuse(format!("block volume name {} of {id} belongs to block volume {other}", block_volume.name));
        }
        self.index.cluster_block_volumes.insert((block_volume.cluster, id));
        self.index.hosted_block_volumes.insert((hosting, id));
        self.block_volumes.insert(id, Arc::new(block_volume));
        Ok(())
    }

    fn unlink_block_volume(&mut self, block_volume: &BlockVolume) {
        self.index.cluster_block_volumes.remove(&(block_volume.cluster, block_volume.id));
        self.index.hosted_block_volumes.remove(&(block_volume.hosting, block_volume.id));
        self.index.block_volume_names.remove(&(block_volume.hosting, block_volume.name.clone()));
    }

    fn put_operation(&mut self, operation: Operation) -> Applied {
        if let Some(old) = self.operations.get(&operation.id).cloned() {
            self.index.set_claims(old.id, old.claims(), false);
        }
        let claims = operation.claims();
        let id = operation.id;
        self.operations.insert(id, Arc::new(operation));
        self.index.set_claims(id, claims, true);
        Ok(())
    }

    fn put_job(&mut self, job: Job) -> Applied {
        if let Some(old) = self.jobs.get(&job.id) {
            self.index.finished_jobs.remove(&(old.time, old.id));
        }
        if job.result.is_some() {
            self.index.finished_jobs.insert((job.time, job.id));
        }
        self.jobs.insert(job.id, Arc::new(job));
        Ok(())
    }

    fn put_keyed_request(&mut self, request: KeyedRequest) {
        if let Some(old) = self.keyed_requests.get(&request.id) {
            self.index.keyed_requests.remove(&(old.time, old.id));
        }
        self.index.keyed_requests.insert((request.time, request.id));
        self.keyed_requests.insert(request.id, Arc::new(request));
    }

    fn remove(&mut self, key: Key) -> Applied {
        let found = match key {
            Key::Cluster(id) => {
                if self.nodes_of_cluster(id).next().is_some() || self.volumes_of_cluster(id).next().is_some() {
                    return refuse(format!("cluster {id} is not empty"));
                }
                self.clusters.remove(&id).is_some()
            }
            Key::Node(id) => self.remove_node(id)?,
            Key::Device(id) => {
                if self.bricks_of_device(id).next().is_some() {
                    return refuse(format!("device {id} holds bricks"));
                }
                self.devices.remove(&id).map(|old| self.unlink_device(&old)).is_some()
            }
            Key::Volume(id) => {
                if self.bricks_of_volume(id).next().is_some() {
                    return refuse(format!("volume {id} has bricks"));
                }
                if self.block_volumes_of_volume(id).next().is_some() {
                    return refuse(format!("volume {id} hosts block volumes"));
                }
                self.index.volume_bricks.remove(&id);
                self.volumes.remove(&id).map(|old| self.unlink_volume(&old)).is_some()
            }
            Key::Brick(id) => self.bricks.remove(&id).map(|old| self.unlink_brick(&old)).is_some(),
            Key::BlockVolume(id) => self.block_volumes.remove(&id).map(|old| self.unlink_block_volume(&old)).is_some(),
            Key::Operation(id) => match self.operations.remove(&id) {
                Some(old) => {
                    self.index.set_claims(id, old.claims(), false);
                    true
                }
                None => false,
            },
            Key::HostKey(id) => self.host_keys.remove(&id).is_some(),
            Key::KeyedRequest(id) => {
                self.keyed_requests.remove(&id).map(|old| self.index.keyed_requests.remove(&(old.time, id))).is_some()
            }
            Key::Origin(id) => self.origins.remove(&id).is_some(),
            Key::Job(id) => self.jobs.remove(&id).map(|old| self.index.finished_jobs.remove(&(old.time, id))).is_some(),
        };
        if found { Ok(()) } else { refuse(format!("{key:?} is not there")) }
    }

    fn remove_node(&mut self, id: NodeId) -> Result<bool, ApplyError> {
        if self.devices_of_node(id).next().is_some() {
            return refuse(format!("node {id} has devices"));
        }
        Ok(self.nodes.remove(&id).map(|old| self.unlink_node(&old)).is_some())
    }

    /// Puts a device where its record and its node's want it in the order of placement, or out of it.
    fn place(&mut self, id: DeviceId) {
        let nodes = &self.nodes;
        self.index.place(id, |known| known.place_on(nodes.get(&known.device.node)?));
    }
}

/// Refuses a device that is charged more than it has.
fn fits(known: &DeviceUse) -> Applied {
    let DeviceUse { device, charged, .. } = known;
    if known.bricks.is_empty() || *charged + device.foreign <= device.total {
        return Ok(());
    }
    refuse(format!("device {} of {} would be charged {charged}", device.id, device.total))
}
