//! The `gluster` command: peers, what is answered, and in which form.

use super::gluster_command::{GlusterAction as A, GlusterCommand};
use super::node::{Output, fail, ok};
use super::state::{Pool, State};
use super::xml;

/// What gluster answers when it worked.
pub(super) enum Answer {
    /// `<command>: <text>`.
    Done(String),
    /// The whole standard output, and the XML inside `cliOutput` where that was asked for.
    Report { text: String, xml: String },
}

impl State {
    /// Runs one gluster command on a node.
    pub(super) fn gluster(&mut self, at: usize, command: &GlusterCommand) -> Output {
        if !self.nodes.get(at).is_some_and(|node| node.glusterd) {
            return fail(1, "Connection failed. Please check if gluster daemon is operational.");
        }
        let title = command.action.title();
        match (self.gluster_action(at, &command.action), command.xml) {
            (Ok(Answer::Done(text)), false) => ok(format!("{title}: {text}\n")),
            (Ok(Answer::Report { text, .. }), false) => ok(text),
            (Ok(Answer::Done(_)), true) => ok(xml::document(0, 0, "", "")),
            (Ok(Answer::Report { xml, .. }), true) => ok(xml::document(0, 0, "", &xml)),
            (Err(text), false) => fail(1, format!("{title}: failed: {text}")),
            (Err(text), true) => {
                let mut output = ok(xml::document(-1, 30_800, &text, ""));
                output.status = self.xml_failure_status;
                output
            }
        }
    }

    /// Takes the pool's lock for a command that lasts, or tells which one refuses.
    pub(super) fn begin_transaction(&mut self, at: usize, command: &GlusterCommand) -> Result<usize, Output> {
        let pool = self.nodes[at].pool;
        let transaction = &mut self.pools[pool].transaction;
        if std::mem::replace(transaction, true) {
            let text = "Another transaction is in progress. Please try again after some time.";
            let mut refused = fail(1, format!("{}: failed: {text}", command.action.title()));
            if command.xml {
                refused = ok(xml::document(-1, 30_802, text, ""));
                refused.status = self.xml_failure_status;
            }
            return Err(refused);
        }
        Ok(pool)
    }

    fn gluster_action(&mut self, at: usize, action: &A) -> Result<Answer, String> {
        match action {
            A::PoolList => Ok(self.pool_list(at)),
            A::PeerStatus => Ok(self.peer_status(at)),
            A::PeerProbe(host) => self.peer_probe(at, host),
            A::PeerDetach(host) => self.peer_detach(at, host),
            A::SnapshotLimit(limit) => {
                let pool = self.nodes[at].pool;
                self.pools[pool].snapshot_limit = Some(*limit);
                Ok(Answer::Done("snap-max-hard-limit for System set successfully".into()))
            }
            A::Create(name, list) => self.create_volume(at, name, list).map(Answer::Done),
            A::AddBrick(name, list) => self.add_bricks(at, name, list).map(Answer::Done),
            A::Set(name, pairs) => self.set_options(at, name, pairs).map(Answer::Done),
            A::Start(name, force) => self.start_volume(at, name, *force).map(Answer::Done),
            A::Stop(name, force) => self.stop_volume(at, name, *force).map(Answer::Done),
            A::Delete(name) => self.delete_volume(at, name).map(Answer::Done),
            A::Rebalance(name) => self.rebalance(at, name).map(Answer::Done),
            A::ReplaceBrick { volume, old, new } => self.replace_brick(at, volume, old, new).map(Answer::Done),
            A::ResetBrick { volume, brick, commit } => self.reset_brick(at, volume, brick, *commit).map(Answer::Done),
            A::Heal(name) => self.start_heal(at, name).map(Answer::Done),
            A::Info(name) => self.volume_info(at, name.as_deref()),
            A::HealInfo(name) => self.heal_info(at, name),
            A::SnapshotList(volume) => self.snapshot_list(at, volume.as_deref()),
            A::SnapshotCreate { snapshot, volume } => self.snapshot_create(at, snapshot, volume),
            A::SnapshotActivate(snapshot) => self.snapshot_activate(at, snapshot),
            A::SnapshotDeactivate(snapshot) => self.snapshot_deactivate(at, snapshot),
            A::SnapshotDelete(snapshot) => self.snapshot_delete(at, snapshot),
            A::SnapshotClone { clone, snapshot } => self.snapshot_clone(at, clone, snapshot),
        }
    }

    /// Members of the pool but the asked one, by identity.
    fn peers(&self, at: usize) -> Vec<usize> {
        self.pools[self.nodes[at].pool].members.iter().copied().filter(|member| *member != at).collect()
    }

    fn pool_list(&self, at: usize) -> Answer {
        let mut text = String::from("UUID\t\t\t\t\tHostname \tState\n");
        let mut body = String::from("<peerStatus>");
        for member in self.peers(at) {
            let (node, connected) = (&self.nodes[member], self.connected(at, member));
            let state = if connected { "Connected" } else { "Disconnected" };
            let name = node.peer_names.first().unwrap_or(&node.storage);
            text.push_str(&format!("{}\t{name}\t{state} \n", node.uuid));
            xml::peer(&mut body, node, connected);
        }
        self.list_rejected(at, &mut text, &mut body);
        for member in &self.pools[self.nodes[at].pool].believed {
            let node = &self.nodes[*member];
            let name = node.peer_names.first().unwrap_or(&node.storage);
            text.push_str(&format!("{}\t{name}\tDisconnected \n", node.uuid));
            xml::peer(&mut body, node, false);
        }
        let local = &self.nodes[at].uuid;
        text.push_str(&format!("{local}\tlocalhost\tConnected \n"));
        body.push_str(&format!("<peer><uuid>{local}</uuid><hostname>localhost</hostname><hostnames><hostname>localhost</hostname></hostnames><connected>1</connected></peer></peerStatus>"));
        Answer::Report { text, xml: body }
    }

    fn peer_status(&self, at: usize) -> Answer {
        let peers = self.peers(at);
        let mut text = format!("Number of Peers: {}\n", peers.len());
        let mut body = String::from("<peerStatus>");
        for member in peers {
            let (node, connected) = (&self.nodes[member], self.connected(at, member));
            let state = if connected { "Connected" } else { "Disconnected" };
            let name = node.peer_names.first().unwrap_or(&node.storage);
            text.push_str(&format!("\nHostname: {name}\nUuid: {}\nState: Peer in Cluster ({state})\n", node.uuid));
            xml::peer(&mut body, node, connected);
        }
        body.push_str("</peerStatus>");
        Answer::Report { text, xml: body }
    }

    fn peer_probe(&mut self, at: usize, host: &str) -> Result<Answer, String> {
        let said = |text: &str| {
            Ok(Answer::Report { text: format!("peer probe: {text}\n"), xml: format!("<output>{text}</output>") })
        };
        let Some(other) = self.names.get(host).copied() else {
            return Err("Probe returned with Transport endpoint is not connected".into());
        };
        if other == at {
            return said("success. Probe on localhost not needed");
        }
        let pool = self.nodes[at].pool;
        if self.nodes[other].pool == pool {
            if !self.nodes[other].peer_names.iter().any(|name| name == host) {
                self.nodes[other].peer_names.push(host.to_owned());
            }
            return said(&format!("success. Host {host} port 24007 already in peer list"));
        }
        if let Some(said_so) = self.rejoin(at, other) {
            return said(&said_so);
        }
        if self.pools[pool].rejected.iter().any(|lost| lost.node == other) {
            return said(&format!("success. Host {host} port 24007 already in peer list"));
        }
        if !self.connected(at, other) {
            return Err("Probe returned with Transport endpoint is not connected".into());
        }
        let theirs = &self.pools[self.nodes[other].pool];
        let believes_otherwise = !theirs.believed.is_empty() && !theirs.believed.contains(&at);
        if theirs.members.len() > 1 || believes_otherwise || !theirs.volumes.is_empty() {
            return Err(format!("{host} is either already part of another cluster or having volumes configured"));
        }
        if self.pools[pool].members.iter().any(|member| !self.connected(at, *member)) {
            return Err("Cluster quorum is not met. Changing peers is not allowed in this state".into());
        }
        let old = std::mem::replace(&mut self.nodes[other].pool, pool);
        self.pools[old] = Pool::default();
        self.pools[pool].members.push(other);
        self.nodes[other].peer_names = vec![host.to_owned()];
        said("success")
    }

    fn peer_detach(&mut self, at: usize, host: &str) -> Result<Answer, String> {
        let pool = self.nodes[at].pool;
        let is_rejected = |n: usize| self.pools[pool].rejected.iter().any(|lost| lost.node == n);
        let other = self.names.get(host).copied().filter(|n| self.nodes[*n].pool == pool || is_rejected(*n));
        let other = other.ok_or_else(|| format!("{host} is not part of cluster"))?;
        if other == at {
            return Err(format!("{host} is localhost"));
        }
        let holds_bricks = |volume: &super::volume::Volume| volume.bricks.iter().any(|b| b.node == other);
        if self.pools[pool].volumes.values().any(holds_bricks) {
            return Err(format!(
                "Peer {host} hosts one or more bricks. If the peer is in not recoverable state then use either \
                     replace-brick or remove-brick command with force to remove all bricks from the peer and \
                     attempt the peer detach again."
            ));
        }
        // glusterd does not mind whether the peer that leaves is connected.
        let stands_aloof = |member: usize| member != other && (is_rejected(member) || !self.connected(at, member));
        let rejected = self.pools[pool].rejected.iter().map(|lost| lost.node);
        if self.pools[pool].members.iter().copied().chain(rejected).any(stands_aloof) {
            return Err("One of the peers is probably down. Check with 'peer status'".into());
        }
        if is_rejected(other) {
            self.pools[pool].rejected.retain(|lost| lost.node != other);
            return Ok(Answer::Done("success".into()));
        }
        self.pools[pool].members.retain(|member| *member != other);
        // One that does not hear of it goes on believing that it is a member.
        let believed = match self.connected(at, other) {
            true => Vec::new(),
            false => self.pools[pool].members.clone(),
        };
        self.nodes[other].pool = self.pools.len();
        self.pools.push(Pool { members: vec![other], believed, ..Pool::default() });
        Ok(Answer::Done("success".into()))
    }

    fn volume_info(&self, at: usize, name: Option<&str>) -> Result<Answer, String> {
        let pool = &self.pools[self.nodes[at].pool];
        let mut body = String::from("<volInfo><volumes>");
        let mut text = String::new();
        let mut count = 0;
        let mut add = |name: &str, volume: &super::volume::Volume| {
            xml::volume(&mut body, name, volume, &self.nodes);
            text.push_str(&format!(
                "\nVolume Name: {name}\nVolume ID: {}\nStatus: {}\nBricks:\n",
                volume.uuid,
                xml::status(volume).1
            ));
            for (n, brick) in volume.bricks.iter().enumerate() {
                text.push_str(&format!("Brick{}: {}:{}\n", n + 1, brick.host, brick.path));
            }
            count += 1;
        };
        match name {
            Some(name) => add(name, pool.volumes.get(name).ok_or_else(|| format!("Volume {name} does not exist"))?),
            None => pool.volumes.iter().for_each(|(name, volume)| add(name, volume)),
        }
        if count == 0 {
            text = "No volumes present\n".into();
        }
        body.push_str(&format!("<count>{count}</count></volumes></volInfo>"));
        Ok(Answer::Report { text, xml: body })
    }

    fn heal_info(&mut self, at: usize, name: &str) -> Result<Answer, String> {
        let healing = self.healing_step(at, name);
        let volume = self.pools[self.nodes[at].pool].volumes.get(name);
        let volume = volume.ok_or_else(|| format!("Volume {name} does not exist"))?;
        if !volume.started() {
            return Err(format!("Volume {name} is not started."));
        }
        if volume.layout.set_size() == 1 {
            return Err(format!("Volume {name} is not of type replicate/disperse"));
        }
        let (mut text, mut body) = (String::new(), String::from("<healInfo><bricks>"));
        for brick in &volume.bricks {
            let full = format!("{}:{}", brick.host, brick.path);
            if self.connected(at, brick.node) && self.brick_runs(brick, &volume.uuid) {
                let entries = volume.heal.get(&full).copied().unwrap_or(0) + healing;
                text.push_str(&format!("Brick {full}\nStatus: Connected\nNumber of entries: {entries}\n\n"));
                let uuid = &self.nodes[brick.node].uuid;
                body.push_str(&format!("<brick hostUuid=\"{uuid}\"><name>{}</name>", xml::escape(&full)));
                for entry in 0..entries {
                    body.push_str(&format!("<file gfid=\"{entry:032x}\">/file-{entry}</file>"));
                }
                body.push_str(&format!(
                    "<status>Connected</status><numberOfEntries>{entries}</numberOfEntries></brick>"
                ));
            } else {
                text.push_str(&format!(
                    "Brick {full}\nStatus: Transport endpoint is not connected\nNumber of entries: -\n\n"
                ));
                body.push_str(&format!(
                    "<brick hostUuid=\"-\"><name>{}</name><status>Transport endpoint is not \
                     connected</status><numberOfEntries>-</numberOfEntries></brick>",
                    xml::escape(&full)
                ));
            }
        }
        body.push_str("</bricks></healInfo>");
        Ok(Answer::Report { text, xml: body })
    }
}
