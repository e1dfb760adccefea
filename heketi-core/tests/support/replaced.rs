//! Nodes that were reinstalled, disks that were replaced, and how gluster takes them back.

use heketi_core::operation::{BrickHeal, GlusterBrick, Observation, Peer};

use super::fake::Fake;

impl Fake {
    /// The node comes back from the shelf under its name: empty disks, and a glusterd that knows nobody.
    pub fn reinstall(&mut self, host: &str) {
        let known_as = (self.nodes[host].pool, self.uuid(host));
        let pool = self.new_pool();
        let node = self.nodes.get_mut(host).unwrap();
        node.groups.clear();
        node.bare.clear();
        node.pool = pool;
        node.uuid = Some(format!("new-{host}"));
        self.lost.insert(host.to_owned(), known_as);
        self.lose_bricks(|brick| brick.host == host);
    }

    /// Another disk, empty, is where this one was.
    pub fn replace_disk(&mut self, host: &str, device: &str) {
        let node = self.nodes.get_mut(host).unwrap();
        let gone: Vec<String> =
            node.groups.iter().filter(|(_, it)| it.device == device).map(|(vg, _)| vg.clone()).collect();
        gone.iter().for_each(|group| drop(node.groups.remove(group)));
        self.lose_bricks(|brick| brick.host == host && gone.iter().any(|group| brick.path.contains(group.as_str())));
    }

    fn lose_bricks(&mut self, is_gone: impl Fn(&GlusterBrick) -> bool) {
        let bricks = self.volumes.values().flat_map(|volume| &volume.bricks);
        let gone: Vec<GlusterBrick> = bricks.filter(|brick| is_gone(brick)).cloned().collect();
        self.lost_bricks.extend(gone);
    }

    pub(super) fn uuid(&self, host: &str) -> String {
        self.nodes[host].uuid.clone().unwrap_or_else(|| format!("uuid-{host}"))
    }

    fn known_as(&self, host: &str) -> String {
        let renamed = self.renamed.as_ref().filter(|(node, _)| node == host);
        renamed.map_or_else(|| host.to_owned(), |(_, name)| name.clone())
    }

    /// The other members of the pool of a host, those that were reinstalled among them.
    pub(super) fn peers(&self, host: &str) -> Vec<Peer> {
        let pool = self.nodes[host].pool;
        let here = self.nodes.iter().filter(|(name, node)| node.pool == pool && *name != host);
        let here = here.map(|(name, _)| {
            let connected = !self.down.contains(name);
            Peer { names: vec![self.known_as(name)], uuid: self.uuid(name), connected }
        });
        let lost = self.lost.iter().filter(|(_, (of, _))| *of == pool);
        let lost = lost.map(|(name, (_, uuid))| Peer {
            names: vec![self.known_as(name)],
            uuid: uuid.clone(),
            connected: false,
        });
        here.chain(lost).collect()
    }

    pub(super) fn restore_peer(&mut self, host: &str, uuid: &str, through: &str, half: bool) -> Result<(), String> {
        let pool = self.nodes.get(through).map(|node| node.pool).ok_or("no such member")?;
        if self.nodes[host].pool == pool {
            return Ok(());
        }
        if !self.peers(host).is_empty() {
            return Err(format!("{host} is a member of another pool"));
        }
        self.nodes.get_mut(host).unwrap().uuid = Some(uuid.to_owned());
        if half {
            return Ok(());
        }
        if self.lost.get(host) != Some(&(pool, uuid.to_owned())) {
            return Err(format!("the pool of {through} knows no {uuid}"));
        }
        self.lost.remove(host);
        self.nodes.get_mut(host).unwrap().pool = pool;
        Ok(())
    }

    pub(super) fn heal_info(&mut self, pool: u32, name: &str) -> Result<Observation, String> {
        let volume = self.volumes.get(&(pool, name.to_owned())).ok_or_else(|| format!("no volume {name}"))?;
        let left = self.healing.get_mut(name);
        let entries = left.map_or(0, |left| {
            *left = left.saturating_sub(1);
            *left
        });
        let bricks = volume.bricks.iter().map(|brick| {
            let node = &self.nodes[&brick.host];
            let connected = node.pool == pool
                && !self.down.contains(&brick.host)
                && !self.lost_bricks.contains(brick)
                && self.exists(brick);
            let waiting = entries + self.heal.get(brick).copied().unwrap_or(0);
            BrickHeal { brick: Some(brick.clone()), connected, entries: connected.then_some(waiting) }
        });
        Ok(Observation::Heal(bricks.collect()))
    }

    /// Half of it is that the brick process is stopped.
    pub(super) fn reset_brick(
        &mut self,
        pool: u32,
        name: &str,
        brick: &GlusterBrick,
        half: bool,
    ) -> Result<(), String> {
        let volume = self.volumes.get(&(pool, name.to_owned())).ok_or_else(|| format!("no volume {name}"))?;
        if !volume.bricks.contains(brick) {
            return Err(format!("{brick} is no brick of volume {name}"));
        }
        let mounts = self.nodes[&brick.host].groups.values().flat_map(|group| group.bricks.values());
        let exists = mounts.map(|(mount, _)| format!("{mount}/brick")).any(|path| path == brick.path);
        if !exists {
            return Err(format!("{brick} does not exist"));
        }
        if half {
            return Ok(());
        }
        self.blank.remove(brick);
        if self.lost_bricks.remove(brick) {
            self.healing.insert(name.to_owned(), 2);
        }
        Ok(())
    }
}
