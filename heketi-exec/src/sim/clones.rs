//! Snapshots of volumes and volumes cloned from them: `gluster snapshot …`.

use std::collections::HashMap;

use super::gluster::Answer;
use super::node::{Directory, LogicalVolume, LvKind, Mount};
use super::state::State;
use super::volume::{Brick, Snapshot, SnapshotBrick, Volume, VolumeStatus};

/// What gluster answers about a snapshot or clone: its element inside `kind`.
fn answer(text: String, kind: &str, inner: &str) -> Result<Answer, String> {
    Ok(Answer::Report { text, xml: format!("<{kind}>{inner}</{kind}>") })
}

fn missing(snapshot: &str) -> String {
    format!("Snapshot ({snapshot}) does not exist")
}

const NOT_RUNNING: &str = "One or more bricks are not running. Please run volume status command to see brick status.\n\
                           Please start the stopped brick and then issue snapshot create command.";

/// Options a clone has beside those of its source.
const CLONE_OPTIONS: [&str; 3] = ["features.quota", "features.inode-quota", "features.quota-deem-statfs"];

/// Did `snapshot clone` make it?
pub(super) fn is_clone(volume: &Volume) -> bool {
    CLONE_OPTIONS.iter().all(|key| volume.options.iter().any(|(known, _)| known == key))
}

impl State {
    /// `snapshot list [V]`.
    pub(super) fn snapshot_list(&self, at: usize, volume: Option<&str>) -> Result<Answer, String> {
        let pool = &self.pools[self.nodes[at].pool];
        let names: Vec<&String> = match volume {
            Some(name) => {
                let volume = pool.volumes.get(name).ok_or_else(|| format!("Volume ({name}) does not exist"))?;
                volume.snapshots.iter().collect()
            }
            None => pool.snapshots.keys().collect(),
        };
        let mut inner = format!("<count>{}</count>", names.len());
        let mut text = String::new();
        for name in &names {
            inner.push_str(&format!("<snapshot>{name}</snapshot>"));
            text.push_str(&format!("{name}\n"));
        }
        if names.is_empty() {
            text = "No snapshots present\n".into();
        }
        answer(text, "snapList", &inner)
    }

    /// `snapshot create S V no-timestamp`: a snapshot of every brick's logical volume, in the same pools.
    pub(super) fn snapshot_create(&mut self, at: usize, name: &str, volume_name: &str) -> Result<Answer, String> {
        let pool = self.nodes[at].pool;
        if self.pools[pool].snapshots.contains_key(name) {
            return Err(format!("Snapshot {name} already exists"));
        }
        let volume = self.pools[pool].volumes.get(volume_name);
        let volume = volume.ok_or_else(|| format!("Volume ({volume_name}) does not exist "))?;
        if !volume.started() {
            return Err(format!("volume {volume_name} is not started"));
        }
        if let Some(limit) = self.pools[pool].snapshot_limit
            && volume.snapshots.len() >= limit as usize
        {
            return Err("The number of existing snaps has reached the effective maximum limit".into());
        }
        let (layout, bricks, options) = (volume.layout, volume.bricks.clone(), volume.options.clone());
        let (uuid, inner_name) = (self.uuid(), self.uuid().replace('-', ""));
        let bricks = self.copy_bricks(at, &bricks, &inner_name)?;
        let snapshot =
            Snapshot { uuid: uuid.clone(), volume: volume_name.into(), active: false, layout, bricks, options };
        let pool = &mut self.pools[pool];
        pool.snapshots.insert(name.to_owned(), snapshot);
        if let Some(volume) = pool.volumes.get_mut(volume_name) {
            volume.snapshots.push(name.to_owned());
        }
        let inner = format!("<snapshot><name>{name}</name><uuid>{uuid}</uuid></snapshot>");
        answer(format!("snapshot create: success: Snap {name} created successfully\n"), "snapCreate", &inner)
    }

    /// Makes a thin snapshot of every brick's logical volume, named `<inner>_<index among those of its node>`.
    fn copy_bricks(&mut self, at: usize, bricks: &[Brick], inner: &str) -> Result<Vec<SnapshotBrick>, String> {
        let mut origins = Vec::with_capacity(bricks.len());
        for brick in bricks {
            if !self.connected(at, brick.node) {
                return Err(NOT_RUNNING.into());
            }
            let node = &self.nodes[brick.node];
            let mount = node.locate(&brick.path).0.and_then(|point| node.mounts.get(point));
            let mount = mount.ok_or("Snapshot is supported only for thin provisioned LV.")?;
            if !node.vgs.get(&mount.vg).is_some_and(|group| group.lvs.contains_key(&mount.lv)) {
                // Its disk is lost: the brick's process has ended by itself.
                return Err(NOT_RUNNING.into());
            }
            origins.push((brick, mount.vg.clone(), mount.lv.clone()));
        }
        let mut copies: Vec<SnapshotBrick> = Vec::with_capacity(bricks.len());
        for (index, (brick, vg, origin)) in origins.into_iter().enumerate() {
            let of_node = copies.iter().filter(|copy| copy.node == brick.node).count();
            let lv = format!("{inner}_{of_node}");
            self.copy_lv(brick.node, &vg, &origin, &lv)?;
            let mount_point = format!("/run/gluster/snaps/{inner}/brick{}", index + 1);
            copies.push(SnapshotBrick { node: brick.node, host: brick.host.clone(), vg, lv, mount_point });
        }
        Ok(copies)
    }

    fn copy_lv(&mut self, node: usize, vg: &str, origin: &str, name: &str) -> Result<(), String> {
        let uuid = self.lvm_uuid();
        let group = self.nodes[node].vgs.get_mut(vg).ok_or("volume group is gone")?;
        let from = group.lvs.get(origin).ok_or("logical volume is gone")?;
        let LvKind::Thin { pool, .. } = &from.kind else {
            return Err("Snapshot is supported only for thin provisioned LV.".into());
        };
        let kind = LvKind::Thin { pool: pool.clone(), origin: Some(origin.to_owned()) };
        let copy = LogicalVolume { uuid, size_kib: from.size_kib, kind, fs: from.fs.clone(), mounts: 0 };
        let pool = pool.clone();
        group.lvs.insert(name.to_owned(), copy);
        if let Some(LvKind::Pool { volumes, .. }) = group.lvs.get_mut(&pool).map(|lv| &mut lv.kind) {
            *volumes += 1;
        }
        Ok(())
    }

    /// glusterd mounts what it made itself, without fstab.
    fn mount_copy(&mut self, brick: &SnapshotBrick) {
        let node = &mut self.nodes[brick.node];
        let parent = brick.mount_point.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        for path in [parent, brick.mount_point.clone()] {
            node.root.directories.insert(path, Directory { mode: 0o755, ..Directory::default() });
        }
        node.gluster_mounts.insert(brick.mount_point.clone(), (brick.vg.clone(), brick.lv.clone()));
        if let Some(lv) = node.lv_mut(&brick.vg, &brick.lv) {
            lv.mounts += 1;
            let options = "rw,relatime,nouuid".to_owned();
            node.mounts
                .insert(brick.mount_point.clone(), Mount { vg: brick.vg.clone(), lv: brick.lv.clone(), options });
        }
    }

    fn unmount_copy(&mut self, brick: &SnapshotBrick) {
        let node = &mut self.nodes[brick.node];
        node.gluster_mounts.remove(&brick.mount_point);
        if node.mounts.remove(&brick.mount_point).is_some()
            && let Some(lv) = node.lv_mut(&brick.vg, &brick.lv)
        {
            lv.mounts -= 1;
        }
        let parent = brick.mount_point.rsplit_once('/').map_or("", |(parent, _)| parent);
        node.root.directories.remove(&brick.mount_point);
        if !node.root.has_children(parent) {
            node.root.directories.remove(parent);
        }
    }

    fn snapshot_mut(&mut self, at: usize, name: &str) -> Result<&mut Snapshot, String> {
        let pool = self.nodes[at].pool;
        self.pools[pool].snapshots.get_mut(name).ok_or_else(|| missing(name))
    }

    /// `snapshot activate S`.
    pub(super) fn snapshot_activate(&mut self, at: usize, name: &str) -> Result<Answer, String> {
        let snapshot = self.snapshot_mut(at, name)?;
        if std::mem::replace(&mut snapshot.active, true) {
            return Err(format!("Snapshot {name} is already activated."));
        }
        let (uuid, bricks) = (snapshot.uuid.clone(), snapshot.bricks.clone());
        bricks.iter().for_each(|brick| self.mount_copy(brick));
        let inner = format!("<snapshot><name>{name}</name><uuid>{uuid}</uuid></snapshot>");
        answer(format!("Snapshot activate: {name}: Snap activated successfully\n"), "snapActivate", &inner)
    }

    /// `snapshot deactivate S`.
    pub(super) fn snapshot_deactivate(&mut self, at: usize, name: &str) -> Result<Answer, String> {
        let snapshot = self.snapshot_mut(at, name)?;
        if !std::mem::replace(&mut snapshot.active, false) {
            return Err(format!("Snapshot {name} is already deactivated."));
        }
        let (uuid, bricks) = (snapshot.uuid.clone(), snapshot.bricks.clone());
        bricks.iter().for_each(|brick| self.unmount_copy(brick));
        let inner = format!("<snapshot><name>{name}</name><uuid>{uuid}</uuid></snapshot>");
        answer(format!("Snapshot deactivate: {name}: Snap deactivated successfully\n"), "snapDeactivate", &inner)
    }

    /// `snapshot delete S`.
    pub(super) fn snapshot_delete(&mut self, at: usize, name: &str) -> Result<Answer, String> {
        let snapshot = self.snapshot_mut(at, name)?.clone();
        if let Some(brick) = snapshot.bricks.iter().find(|brick| !self.connected(at, brick.node)) {
            return Err(format!("brick of snapshot {name} on {} is down", brick.host));
        }
        for brick in &snapshot.bricks {
            self.unmount_copy(brick);
            if let Some(group) = self.nodes[brick.node].vgs.get_mut(&brick.vg) {
                group.forget(&brick.lv);
            }
        }
        let pool = self.nodes[at].pool;
        let pool = &mut self.pools[pool];
        pool.snapshots.remove(name);
        if let Some(volume) = pool.volumes.get_mut(&snapshot.volume) {
            volume.snapshots.retain(|other| other != name);
        }
        let inner = format!(
            "<snapshots><snapshot><status>Success</status><name>{name}</name><uuid>{}</uuid></snapshot></snapshots>",
            snapshot.uuid
        );
        answer(format!("snapshot delete: {name}: snap removed successfully\n"), "snapDelete", &inner)
    }

    /// `snapshot clone NEW S`: a new volume, not started, on snapshots of the snapshot's logical volumes.
    pub(super) fn snapshot_clone(&mut self, at: usize, clone: &str, name: &str) -> Result<Answer, String> {
        let pool = self.nodes[at].pool;
        if self.pools[pool].volumes.contains_key(clone) {
            return Err(format!("Volume with name:{clone} already exists"));
        }
        let snapshot = self.snapshot_mut(at, name).map_err(|_| format!("Failed to find :{name} snap"))?.clone();
        if !snapshot.active {
            return Err(format!("Snapshot {name} is not activated"));
        }
        let origins: Vec<Brick> = snapshot
            .bricks
            .iter()
            .map(|b| Brick { host: b.host.clone(), node: b.node, path: format!("{}/brick", b.mount_point) })
            .collect();
        let uuid = self.uuid();
        let copies = self.copy_bricks(at, &origins, &uuid.replace('-', ""))?;
        let mut bricks = Vec::with_capacity(copies.len());
        for copy in &copies {
            self.mount_copy(copy);
            bricks.push(Brick {
                host: copy.host.clone(),
                node: copy.node,
                path: format!("{}/brick", copy.mount_point),
            });
        }
        self.claim_bricks(clone, &uuid, &bricks);
        let mut volume = Volume {
            uuid: uuid.clone(),
            layout: snapshot.layout,
            bricks,
            status: VolumeStatus::Created,
            options: snapshot.options,
            snapshots: Vec::new(),
            rebalances: 0,
            heal: HashMap::new(),
        };
        CLONE_OPTIONS.iter().for_each(|key| volume.set(key, "off"));
        self.pools[pool].volumes.insert(clone.to_owned(), volume);
        let inner = format!("<volume><name>{clone}</name><uuid>{uuid}</uuid></volume>");
        answer(format!("snapshot clone: success: Clone {clone} created successfully\n"), "CloneCreate", &inner)
    }
}
