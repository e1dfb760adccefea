//! What gluster asks of brick directories, and what it writes on them.

use super::state::State;
use super::volume::{Brick, Layout};

impl State {
    /// What gluster asks of bricks before it takes them.
    pub(super) fn check_bricks(
        &self,
        at: usize,
        layout: Layout,
        wanted: &[(String, String)],
        force: bool,
    ) -> Result<Vec<Brick>, String> {
        let pool = self.nodes[at].pool;
        let mut bricks: Vec<Brick> = Vec::with_capacity(wanted.len());
        for (host, path) in wanted {
            let node = self.names.get(host).copied().filter(|n| self.nodes[*n].pool == pool);
            let node = node.ok_or_else(|| format!("Host {host} is not in ' Peer in Cluster' state"))?;
            if !self.connected(at, node) {
                return Err(format!("Host {host} not connected"));
            }
            if bricks.iter().any(|b| b.node == node && b.path == *path) {
                return Err(format!("Found duplicate exports {host}:{path}"));
            }
            bricks.push(Brick { host: host.clone(), node, path: path.clone() });
        }
        let set = layout.set_size();
        let crowded =
            |set: &[Brick]| set.iter().enumerate().any(|(i, b)| set.iter().skip(i + 1).any(|o| o.node == b.node));
        if set > 1 && !force && bricks.chunks(set).any(crowded) {
            return Err(format!(
                "Multiple bricks of a {} volume are present on the same server. This setup is not optimal. \
                     Bricks should be on different nodes to have best fault tolerant configuration. Use 'force' \
                     at the end of the command if you want to override this behavior. ",
                layout.kind()
            ));
        }
        for brick in &bricks {
            self.check_directory(brick, force).map_err(|text| {
                if brick.node == at { text } else { format!("Staging failed on {}. Error: {text}", brick.host) }
            })?;
        }
        Ok(bricks)
    }

    fn check_directory(&self, brick: &Brick, force: bool) -> Result<(), String> {
        let (node, path) = (&self.nodes[brick.node], brick.path.as_str());
        let name = format!("{}:{path}", brick.host);
        if node.directory(path).is_none() {
            return Err(format!(
                "Failed to create brick directory for brick {name}. Reason : No such file or directory "
            ));
        }
        let Some((tree, rest)) = node.tree(path) else { return Err(format!("Failed to stat {path}")) };
        if node.mounts.contains_key(path) && !force {
            return Err(format!(
                "The brick {name} is a mount point. Please create a sub-directory under the mount point and use \
                     that as the brick directory. Or use 'force' at the end of the command if you want to \
                     override this behavior."
            ));
        }
        if node.locate(path).0.is_none() && !force {
            return Err(format!(
                "The brick {name} is being created in the root partition. It is recommended that you don't use \
                     the system's root partition for storage backend. Or use 'force' at the end of the command \
                     if you want to override this behavior."
            ));
        }
        let marked = |path: &str| tree.directories.get(path).is_some_and(|d| d.volume_id.is_some());
        let above = rest.match_indices('/').map(|(at, _)| rest.get(..at).unwrap_or_default());
        if marked(rest) && !force {
            return Err(format!("{path} is already part of a volume"));
        }
        if above.into_iter().any(marked) {
            return Err(format!("parent directory of {path} is already part of a volume"));
        }
        Ok(())
    }

    /// Marks the brick directories as parts of a volume.
    pub(super) fn claim_bricks(&mut self, volume: &str, uuid: &str, bricks: &[Brick]) {
        for brick in bricks {
            let node = &mut self.nodes[brick.node];
            if let Some(directory) = node.directory_mut(&brick.path) {
                directory.volume_id = Some(uuid.to_owned());
            }
            node.bricks.insert(brick.path.clone(), volume.to_owned());
        }
    }

    /// A running brick keeps `.glusterfs` in its directory.
    pub(super) fn fill_bricks(&mut self, bricks: &[Brick]) {
        for brick in bricks {
            if let Some(directory) = self.nodes[brick.node].directory_mut(&brick.path) {
                directory.used = true;
            }
        }
    }

    /// Does a brick process run, on a directory with the volume's id on it?
    pub(super) fn brick_runs(&self, brick: &Brick, uuid: &str) -> bool {
        let Some(node) = self.nodes.get(brick.node) else { return false };
        let directory = node.directory(&brick.path);
        node.bricks.contains_key(&brick.path)
            && directory.is_some_and(|directory| directory.volume_id.as_deref() == Some(uuid))
    }

    /// `volume reset-brick V B start` ends the process of a brick, `… B B commit force` starts it on what is at its
    /// path then.
    pub(super) fn reset_brick(
        &mut self,
        at: usize,
        name: &str,
        wanted: &(String, String),
        commit: bool,
    ) -> Result<String, String> {
        let pool = self.nodes[at].pool;
        let volume = self.pools[pool].volumes.get(name).ok_or_else(|| format!("Volume {name} does not exist"))?;
        if volume.layout.set_size() == 1 {
            return Err("reset-brick is not supported on a distribute only volume".into());
        }
        if !volume.started() {
            return Err(format!("volume: {name} is not started"));
        }
        let node = self.names.get(&wanted.0);
        let brick = volume.bricks.iter().find(|b| Some(&b.node) == node && b.path == wanted.1).cloned();
        let brick =
            brick.ok_or_else(|| format!("brick: {}:{} does not exist in volume: {name}", wanted.0, wanted.1))?;
        if !self.connected(at, brick.node) || self.nodes[brick.node].pool != pool {
            return Err(format!("Host {} is not connected", brick.host));
        }
        let uuid = volume.uuid.clone();
        if !commit {
            self.nodes[brick.node].bricks.remove(&brick.path);
            return Ok("success: reset-brick start operation successful".into());
        }
        if self.brick_runs(&brick, &uuid) {
            return Err("Source brick must be stopped. Please use gluster volume reset-brick <volname> <dst-brick> \
                        start."
                .into());
        }
        if self.nodes[brick.node].directory(&brick.path).is_none() {
            return Err(format!("Failed to create brick directory for brick {}:{}", brick.host, brick.path));
        }
        if self.nodes[brick.node].unresolved.contains(&brick.path) {
            return Err(
                "When destination brick is new, please use gluster volume replace-brick <volname> <src-brick> \
                        <dst-brick> commit force"
                    .into(),
            );
        }
        self.claim_bricks(name, &uuid, std::slice::from_ref(&brick));
        self.fill_bricks(&[brick]);
        self.pools[pool].healing.insert(name.to_owned(), 3);
        Ok("success: reset-brick commit force operation successful".into())
    }

    /// What is left to heal in a volume; a look later it is less.
    pub(super) fn healing_step(&mut self, at: usize, name: &str) -> u64 {
        let pool = self.nodes[at].pool;
        let Some(left) = self.pools[pool].healing.get_mut(name) else { return 0 };
        *left = left.saturating_sub(1);
        *left
    }

    /// `volume heal V`.
    pub(super) fn start_heal(&mut self, at: usize, name: &str) -> Result<String, String> {
        let volume = self.pools[self.nodes[at].pool].volumes.get(name);
        let volume = volume.ok_or_else(|| format!("Volume {name} does not exist"))?;
        let runs = |brick: &Brick| self.connected(at, brick.node) && self.brick_runs(brick, &volume.uuid);
        if !volume.bricks.iter().all(runs) {
            return Err(format!(
                "Launching heal operation to perform index self heal on volume {name} has been \
                                unsuccessful"
            ));
        }
        self.healing_step(at, name);
        Ok("success".into())
    }
}
