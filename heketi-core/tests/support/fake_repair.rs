//! What the simulated nodes do for audits and repairs.

use heketi_core::Kib;
use heketi_core::operation::{
    Action, BrickSpec, GlusterBrick, GlusterVolume, NodeContents, NodeLogicalVolume, NodeMount, NodePhysicalVolume,
    NodeVolumeGroup, Observation,
};

use super::fake::{DISK, EXTENT, Effect, Fake, FakeVolume};

impl Fake {
    /// A volume as gluster lists it.
    pub fn listed(&self, key: &(u32, String), volume: &FakeVolume) -> GlusterVolume {
        let made = self.layouts.get(key);
        let options = made.into_iter().flat_map(|made| &made.options).filter_map(|option| option.split_once(' '));
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let set = self.options.get(key).into_iter().flatten().cloned();
        GlusterVolume {
            name: key.1.clone(),
            uuid: key.1.clone(),
            started: volume.started,
            bricks: volume.bricks.clone(),
            options: options.chain(set).collect(),
            durability: made.map(|made| made.durability),
        }
    }

    /// A brick was made.
    pub fn made(&mut self, host: &str, brick: &BrickSpec, name: GlusterBrick) {
        let node = self.node(host);
        node.specs.insert((brick.volume_group.clone(), brick.logical_volume.clone()), brick.clone());
        for missing in [&mut node.unmounted, &mut node.not_in_fstab, &mut node.without_directory] {
            missing.remove(&brick.mount_point);
        }
        if self.volumes.values().any(|volume| volume.bricks.contains(&name)) {
            self.blank.insert(name);
        }
    }

    pub fn repair_effect(&mut self, host: &str, action: &Action) -> Effect {
        let pool = self.nodes[host].pool;
        match action {
            Action::InspectNode => return Ok(Observation::Node(Box::new(self.contents(host)))),
            Action::StartBricks { name } => self.volume(pool, name)?.started = true,
            Action::RecreateVolume { volume } => {
                let key = (pool, volume.name.clone());
                if self.volumes.contains_key(&key) {
                    return Err(format!("volume {} already exists", volume.name));
                }
                self.check_bricks(pool, volume.sets.concat())?;
                self.layouts.insert(key.clone(), volume.clone());
                self.volumes.insert(key, FakeVolume { started: true, bricks: volume.sets.concat() });
            }
            Action::MountBrick { brick, make_directory } => {
                let node = self.node(host);
                let group = node.groups.get(&brick.volume_group).ok_or("no such volume group")?;
                group.bricks.get(&brick.logical_volume).ok_or("no such logical volume")?;
                node.unmounted.remove(&brick.mount_point);
                node.not_in_fstab.remove(&brick.mount_point);
                if *make_directory && node.without_directory.remove(&brick.mount_point) {
                    self.blank.insert(GlusterBrick { host: host.to_owned(), path: brick.brick_directory() });
                }
            }
            Action::RemoveMountDirectory { .. } => {}
            other => panic!("the nodes of this test know no {other:?}"),
        }
        Ok(Observation::Done)
    }

    pub fn exists(&self, brick: &GlusterBrick) -> bool {
        let Some(node) = self.nodes.get(&brick.host) else { return false };
        let mut mounts = node.groups.values().flat_map(|group| group.bricks.values()).map(|(mount, _)| mount);
        mounts.any(|mount| {
            format!("{mount}/brick") == brick.path
                && !node.unmounted.contains(mount)
                && !node.without_directory.contains(mount)
        })
    }

    fn contents(&self, host: &str) -> NodeContents {
        let node = &self.nodes[host];
        let mut found = NodeContents::default();
        for (name, group) in &node.groups {
            let uuid = format!("{host}{}", group.device);
            let (device, volume_group) = (group.device.clone(), Some(name.clone()));
            found.physical_volumes.push(NodePhysicalVolume { device, uuid, volume_group });
            let used: Kib = group.bricks.values().map(|(_, size)| *size).sum();
            let free = DISK.saturating_sub(used);
            found.volume_groups.push(NodeVolumeGroup { name: name.clone(), total: DISK, free, extent: EXTENT });
            for (lv, (mount_point, _)) in &group.bricks {
                let spec = &node.specs[&(name.clone(), lv.clone())];
                found.logical_volumes.push(NodeLogicalVolume {
                    volume_group: name.clone(),
                    name: lv.clone(),
                    thin_pool: Some(spec.thin_pool.clone()),
                    is_pool: false,
                    size: spec.size.round_up(EXTENT),
                    metadata: Kib::ZERO,
                });
                found.logical_volumes.push(NodeLogicalVolume {
                    volume_group: name.clone(),
                    name: spec.thin_pool.clone(),
                    thin_pool: None,
                    is_pool: true,
                    size: spec.pool_size,
                    metadata: spec.metadata_size,
                });
                let mount = NodeMount { device: format!("/dev/mapper/{name}-{lv}"), mount_point: mount_point.clone() };
                if !node.not_in_fstab.contains(mount_point) {
                    found.fstab.push(mount.clone());
                }
                if node.unmounted.contains(mount_point) {
                    continue;
                }
                found.mounts.push(mount);
                found.directories.push(mount_point.clone());
                if !node.without_directory.contains(mount_point) {
                    found.directories.push(format!("{mount_point}/brick"));
                }
            }
        }
        found
    }

    /// What of bricks is not as it was made.
    pub fn broken(&self) -> Vec<String> {
        let mut found: Vec<String> = self.blank.iter().map(|brick| format!("{brick} is silently empty")).collect();
        for (host, node) in &self.nodes {
            for (what, points) in [
                ("not mounted", &node.unmounted),
                ("not in fstab", &node.not_in_fstab),
                ("without brick directory", &node.without_directory),
            ] {
                found.extend(points.iter().map(|point| format!("{point} on {host} is {what}")));
            }
        }
        found
    }
}
