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
        if marked(rest) {
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
}
