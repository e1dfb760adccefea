//! Snapshots and clones on the fake nodes: as gluster makes them, with logical volumes, names and mount points
//! of its own choice beside those of the volume.

use heketi_core::Kib;
use heketi_core::operation::{BrickStorage, GlusterBrick, Observation};

use super::fake::{Fake, FakeSnapshot, FakeVolume};

/// Where gluster mounts brick `at` of what it calls `inner`.
fn mount_point(inner: &str, at: usize) -> String {
    format!("/run/gluster/snaps/{inner}/brick{}", at + 1)
}

impl Fake {
    /// Volume group and logical volume mounted at a brick.
    fn locate(&self, brick: &GlusterBrick) -> Result<(String, String), String> {
        let groups = &self.nodes.get(&brick.host).ok_or("unknown host")?.groups;
        let all = groups.iter().flat_map(|(name, group)| group.bricks.iter().map(move |(lv, it)| (name, lv, &it.0)));
        let found = all.into_iter().find(|(_, _, mount)| format!("{mount}/brick") == brick.path);
        found.map(|(group, lv, _)| (group.clone(), lv.clone())).ok_or_else(|| format!("nothing is mounted at {brick}"))
    }

    /// A logical volume of its own for each of the bricks, in the same thin pool.
    /// With `half`, only on the node of the first.
    fn copy(&mut self, bricks: &[GlusterBrick], inner: &str, half: bool) -> Result<Vec<GlusterBrick>, String> {
        let places: Result<Vec<_>, String> = bricks.iter().map(|brick| self.locate(brick)).collect();
        let mut copies: Vec<GlusterBrick> = Vec::new();
        for (at, (brick, (group, origin))) in bricks.iter().zip(places?).enumerate() {
            let of_node = copies.iter().filter(|copy| copy.host == brick.host).count();
            let (name, mount) = (format!("{inner}_{of_node}"), mount_point(inner, at));
            copies.push(GlusterBrick { host: brick.host.clone(), path: format!("{mount}/brick") });
            if half && copies[0].host != brick.host {
                continue;
            }
            let group = self.nodes.get_mut(&brick.host).unwrap().groups.get_mut(&group).unwrap();
            let pool = group.pools.values_mut().find(|(_, volumes)| volumes.contains(&origin)).unwrap();
            pool.1.insert(name.clone());
            group.bricks.insert(name, (mount, Kib::ZERO));
        }
        Ok(copies)
    }

    pub(super) fn create_snapshot(&mut self, pool: u32, volume: &str, name: &str, half: bool) -> Result<(), String> {
        let key = (pool, name.to_owned());
        if let Some(snapshot) = self.snapshots.get_mut(&key) {
            snapshot.active = true;
            return Ok(());
        }
        let origin = self.volumes.get(&(pool, volume.to_owned())).filter(|volume| volume.started);
        let origin = origin.ok_or_else(|| format!("volume {volume} is not started"))?.bricks.clone();
        if origin.iter().any(|brick| self.down.contains(&brick.host)) {
            return Err("One or more bricks are not running.".into());
        }
        if self.unclonable.contains(&(pool, volume.to_owned())) {
            return Err("Commit failed on localhost. Please check log file for details.".into());
        }
        let bricks = self.copy(&origin, &format!("snap-{name}"), false)?;
        self.snapshots.insert(key, FakeSnapshot { volume: volume.to_owned(), active: !half, bricks });
        Ok(())
    }

    /// Half of it is a volume that is listed with all its bricks, most of which are not there.
    pub(super) fn clone_snapshot(&mut self, pool: u32, snapshot: &str, clone: &str, half: bool) -> Result<(), String> {
        if self.volumes.contains_key(&(pool, clone.to_owned())) {
            return Err(format!("Volume with name:{clone} already exists"));
        }
        let origin = self.snapshots.get(&(pool, snapshot.to_owned())).cloned();
        let origin = origin.filter(|snapshot| snapshot.active).ok_or_else(|| format!("{snapshot} is not activated"))?;
        let bricks = self.copy(&origin.bricks, clone, half)?;
        let options = self.options.get(&(pool, origin.volume.clone())).cloned().unwrap_or_default();
        self.options.insert((pool, clone.to_owned()), options);
        self.volumes.insert((pool, clone.to_owned()), FakeVolume { started: false, bricks });
        Ok(())
    }

    pub(super) fn delete_snapshot(&mut self, pool: u32, name: &str, half: bool) -> Result<(), String> {
        let key = (pool, name.to_owned());
        let Some(snapshot) = self.snapshots.get_mut(&key) else { return Ok(()) };
        if !self.down.is_empty() {
            return Err("a peer is down".into());
        }
        if half {
            snapshot.active = false;
            return Ok(());
        }
        for brick in self.snapshots.remove(&key).unwrap().bricks {
            let (group, volume) = self.locate(&brick).unwrap();
            self.nodes.get_mut(&brick.host).unwrap().groups.get_mut(&group).unwrap().remove(&volume);
        }
        Ok(())
    }

    /// A snapshot appears, as of a command that nobody waits for any more.
    pub fn snapshot_by_hand(&mut self, pool: u32, volume: &str, name: &str) {
        self.create_snapshot(pool, volume, name, false).unwrap();
    }

    /// Somebody clones the volume with these bricks, without heketi.
    pub fn clone_by_hand(&mut self, pool: u32, bricks: &[GlusterBrick], clone: &str) {
        let bricks = self.copy(bricks, "by-hand", false).unwrap();
        self.volumes.insert((pool, clone.to_owned()), FakeVolume { started: true, bricks });
    }

    pub(super) fn storage(&self, host: &str, directory: &str) -> Result<Observation, String> {
        let brick = GlusterBrick { host: host.to_owned(), path: directory.to_owned() };
        let Ok((volume_group, logical_volume)) = self.locate(&brick) else {
            return Ok(Observation::NoBrickStorage);
        };
        let pools = &self.nodes[host].groups[&volume_group].pools;
        let pool = pools.iter().find(|(_, (_, volumes))| volumes.contains(&logical_volume));
        let thin_pool = pool.map(|(name, _)| name.clone()).ok_or("no thin pool")?;
        let mount_point = directory.trim_end_matches("/brick").to_owned();
        Ok(Observation::BrickStorage(BrickStorage { volume_group, logical_volume, thin_pool, mount_point }))
    }
}
