//! What a repair of an audit's findings holds while it is pending.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::Repair;
use crate::id::{BrickId, ClusterId, DeviceId, NodeId, VolumeId};
use crate::inventory::{Claim, Inventory, Object};
use crate::model::volume_group_name;

/// Objects that are held, in a form that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    clusters: Vec<ClusterId>,
    hosts: Vec<String>,
    nodes: Vec<NodeId>,
    devices: Vec<DeviceId>,
    devices_alone: Vec<DeviceId>,
    volumes_alone: Vec<VolumeId>,
}

impl Held {
    pub fn add(&mut self, claims: Vec<(Object, Claim)>) {
        fn push<T: PartialEq>(list: &mut Vec<T>, id: T) {
            if !list.contains(&id) {
                list.push(id);
            }
        }
        for claim in claims {
            match claim {
                (Object::Cluster(id), _) => push(&mut self.clusters, id),
                (Object::HostName(name), _) => push(&mut self.hosts, name),
                (Object::Node(id), _) => push(&mut self.nodes, id),
                (Object::Device(id), Claim::Shared) => push(&mut self.devices, id),
                (Object::Device(id), Claim::Closed | Claim::Exclusive) => push(&mut self.devices_alone, id),
                (Object::Volume(id), _) => push(&mut self.volumes_alone, id),
                (Object::BlockVolume(_) | Object::DevicePath(..) | Object::RetiredBricks(_), _) => {}
            }
        }
    }

    pub fn claims(&self) -> Vec<(Object, Claim)> {
        let clusters = self.clusters.iter().map(|id| (Object::Cluster(*id), Claim::Shared));
        let hosts = self.hosts.iter().map(|name| (Object::HostName(name.clone()), Claim::Exclusive));
        let nodes = self.nodes.iter().map(|id| (Object::Node(*id), Claim::Shared));
        let devices = self.devices.iter().map(|id| (Object::Device(*id), Claim::Shared));
        let alone = self.devices_alone.iter().map(|id| (Object::Device(*id), Claim::Exclusive));
        let volumes = self.volumes_alone.iter().map(|id| (Object::Volume(*id), Claim::Exclusive));
        // Of two claims on one object the stronger counts: it comes later.
        let all: BTreeMap<_, _> =
            clusters.chain(hosts).chain(nodes).chain(devices).chain(alone).chain(volumes).collect();
        all.into_iter().collect()
    }

    /// The clusters of everything that is held.
    pub fn clusters(&self, inventory: &Inventory) -> Vec<ClusterId> {
        let of_node = |id: NodeId| inventory.node(id).map(|node| node.cluster);
        let devices = self.devices.iter().chain(&self.devices_alone).filter_map(|id| inventory.device(*id));
        let devices = devices.filter_map(|device| of_node(device.node));
        let nodes = self.nodes.iter().filter_map(|id| of_node(*id));
        let volumes = self.volumes_alone.iter().filter_map(|id| inventory.volume(*id)).map(|volume| volume.cluster);
        let mut all: Vec<ClusterId> =
            self.clusters.iter().copied().chain(devices).chain(nodes).chain(volumes).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// What one repair has to hold. Nothing else may change a volume while its bricks are made again or its records
/// corrected; nodes and clusters only have to stay.
pub(super) fn claims(inventory: &Inventory, repair: &Repair) -> Vec<(Object, Claim)> {
    let volume = |id: VolumeId| (Object::Volume(id), Claim::Exclusive);
    let device = |id: DeviceId| (Object::Device(id), Claim::Shared);
    let node = |id: NodeId| (Object::Node(id), Claim::Shared);
    let cluster = |id: ClusterId| (Object::Cluster(id), Claim::Shared);
    let of_brick = |id: BrickId| {
        let brick = inventory.brick(id);
        let known = brick.filter(|brick| inventory.volume(brick.volume).is_some());
        let mut claims: Vec<_> = known.map(|brick| volume(brick.volume)).into_iter().collect();
        claims.extend(brick.map(|brick| device(brick.device)));
        claims
    };
    match repair {
        Repair::ByHand(_) | Repair::DropJob(_) | Repair::DropOperation(_) => Vec::new(),
        Repair::DropBrick(id) | Repair::MeasureBrick(id) | Repair::MountBrick(id) | Repair::ResetBrick(id) => {
            of_brick(*id)
        }
        Repair::SizeVolume(id)
        | Repair::CountHosted(id)
        | Repair::PlaceBricks(id)
        | Repair::LayoutVolume(id)
        | Repair::StartVolume(id)
        | Repair::CreateVolume(id)
        | Repair::SetOptions(id)
        | Repair::NameVolume { volume: id, .. } => vec![volume(*id)],
        Repair::TakeInNode { cluster: id, host } => {
            vec![cluster(*id), (Object::HostName(host.clone()), Claim::Exclusive)]
        }
        Repair::TakeInDevice { node: on, device } => vec![node(*on), (Object::Device(*device), Claim::Exclusive)],
        Repair::TakeInVolume { cluster: id, .. } => vec![cluster(*id)],
        Repair::TakeInBrick { volume: id, .. } => vec![volume(*id)],
        Repair::NameNode { node: id, .. } | Repair::ProbePeer(id) | Repair::RemoveDirectory { node: id, .. } => {
            vec![node(*id)]
        }
        Repair::MeasureDevice(id) => vec![(Object::Device(*id), Claim::Exclusive)],
        Repair::MakeGroup(id) => {
            let bricks = inventory.bricks_of_device(*id).filter_map(|brick| inventory.brick(brick));
            let volumes = bricks.filter(|brick| inventory.volume(brick.volume).is_some());
            let mut claims: Vec<_> = volumes.map(|brick| volume(brick.volume)).collect();
            claims.push((Object::Device(*id), Claim::Exclusive));
            claims
        }
        Repair::RemoveBrick(remains) => {
            let group = remains.volume_group.as_str();
            let mut devices = inventory.devices_of_node(remains.node);
            let found = devices.find(|id| volume_group_name(*id) == group);
            found.map(device).into_iter().chain([node(remains.node)]).collect()
        }
    }
}
