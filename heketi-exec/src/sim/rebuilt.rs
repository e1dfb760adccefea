//! Nodes that are reinstalled and disks that are replaced, and the way of such a node back into its pool.

use super::SimCluster;
use super::disk::SimDisk;
use super::node::{Node, Output, ok};
use super::state::{Pool, Rejected, State};

impl SimCluster {
    /// The node is installed anew under its names: nothing on it but these disks, and a glusterd with a new
    /// identity that knows nobody. Its peers know it as what it was, and reject it.
    pub fn reinstall(&self, host: &str, disks: impl IntoIterator<Item = SimDisk>) {
        let mut state = self.state();
        let Some(at) = state.names.get(host).copied() else { return };
        let uuid = state.uuid();
        let new_pool = state.pools.len();
        let Some(node) = state.nodes.get_mut(at) else { return };
        let (manage, storage) = (node.manage.clone(), node.storage.clone());
        let fresh = Node::new(&manage, &storage, uuid, new_pool, disks.into_iter().collect());
        let old = std::mem::replace(node, fresh);
        state.pools.push(Pool { members: vec![at], ..Pool::default() });
        if let Some(pool) = state.pools.get_mut(old.pool) {
            pool.members.retain(|member| *member != at);
            if !pool.members.is_empty() {
                pool.rejected.push(Rejected { node: at, uuid: old.uuid, names: old.peer_names, accepted: false });
            }
        }
    }

    /// A disk fails and another is plugged in where it was. What was mounted of it stays mounted, and brick
    /// processes go on, as the kernel lets them.
    pub fn replace_disk(&self, host: &str, path: &str, disk: SimDisk) {
        self.with_node(host, |node| {
            node.vgs.retain(|_, vg| vg.disk != path);
            node.disks.remove(path);
            node.add_disk(disk);
        });
    }
}

impl State {
    /// Members that are rejected, in the answers of `pool list`: they have a connection.
    pub(super) fn list_rejected(&self, at: usize, text: &mut String, body: &mut String) {
        for lost in &self.pools[self.nodes[at].pool].rejected {
            let connected = u8::from(self.connected(at, lost.node));
            let name = lost.names.first().map_or("", String::as_str);
            text.push_str(&format!("{}\t{name}\tConnected \n", lost.uuid));
            body.push_str(&format!(
                "<peer><uuid>{}</uuid><hostname>{name}</hostname><hostnames><hostname>{name}</hostname></hostnames>\
                 <connected>{connected}</connected><state>6</state><stateStr>Peer Rejected</stateStr></peer>",
                lost.uuid
            ));
        }
    }

    /// A node that has its old identity again asks a member of its old pool to be taken in.
    pub(super) fn rejoin(&mut self, at: usize, member: usize) -> Option<String> {
        if !self.connected(at, member) {
            return None;
        }
        let (pool, uuid) = (self.nodes[member].pool, self.nodes[at].uuid.clone());
        let lost = self.pools[pool].rejected.iter_mut().find(|lost| lost.node == at && lost.uuid == uuid)?;
        lost.accepted = true;
        Some("success".into())
    }

    /// `systemctl stop|start|restart glusterd`. A start is when an accepted peer takes its place.
    pub(super) fn run_service(&mut self, at: usize, stop: bool, start: bool) -> Output {
        let was_running = self.nodes[at].glusterd && !stop;
        self.nodes[at].glusterd = start || was_running;
        if start && !was_running {
            self.take_place(at);
            self.resolve_bricks(at);
        }
        ok("")
    }

    /// glusterd looks at the directories of its bricks.
    fn resolve_bricks(&mut self, at: usize) {
        let node = &self.nodes[at];
        let bricks = self.pools[node.pool].volumes.values().flat_map(|volume| &volume.bricks);
        let missing = bricks.filter(|brick| brick.node == at && node.directory(&brick.path).is_none());
        let unresolved = missing.map(|brick| brick.path.clone()).collect();
        self.nodes[at].unresolved = unresolved;
    }

    fn take_place(&mut self, at: usize) {
        let accepted = |pool: &Pool| pool.rejected.iter().any(|lost| lost.node == at && lost.accepted);
        let Some(place) = self.pools.iter().position(accepted) else { return };
        let alone = std::mem::replace(&mut self.nodes[at].pool, place);
        self.pools[alone] = Pool::default();
        let pool = &mut self.pools[place];
        if let Some(found) = pool.rejected.iter().position(|lost| lost.node == at) {
            self.nodes[at].peer_names = pool.rejected.remove(found).names;
        }
        pool.members.push(at);
    }
}
