//! Host names and other names that must be unique.

use std::collections::{BTreeMap, BTreeSet};

use super::bucket::Bucket;
use super::repair::Fix;
use super::{DamageKind, Findings};

impl Findings<'_> {
    /// Host names belong to one node, and are registered for it. v10 lets two nodes that are added at the same moment
    /// both have a name, and leaves registrations behind where adding a node fails.
    pub(super) fn host_names(&mut self) {
        let database = self.database;
        let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
        let mut wanted: BTreeMap<String, &str> = BTreeMap::new();
        for (id, node) in &database.nodes {
            let names = &node.info.hostnames;
            for (prefix, hosts) in [("MANAGE", &names.manage), ("STORAGE", &names.storage)] {
                for host in hosts {
                    wanted.entry(format!("{prefix}{host}")).or_insert(id);
                    match holders.insert(host, id) {
                        Some(other) if other != id => self.two_nodes(host, other, id),
                        _ => {}
                    }
                }
            }
        }
        // Only a BoltDB file has registrations.
        if database.registrations.is_empty() {
            return;
        }
        for (name, node) in &wanted {
            let register = Fix::Register { name: name.clone(), node: (*node).to_owned() };
            match database.registrations.get(name) {
                None => {
                    let text = format!("Node {node} has a name that is not registered: {name}");
                    self.mild(DamageKind::Name, text, Some(register));
                }
                Some(other) if other != node && !database.nodes.contains_key(other) => {
                    let text = format!("{name} of node {node} is registered for node {other}, which is not known");
                    self.mild(DamageKind::Name, text, Some(register));
                }
                Some(other) if other != node && !self.has_name(other, name) => {
                    let text = format!("{name} of node {node} is registered for node {other}, which does not have it");
                    self.mild(DamageKind::Name, text, Some(register));
                }
                Some(_) => {}
            }
        }
        let hosts = database.registrations.iter().filter(|(name, _)| !name.starts_with("DEVICE"));
        for (name, node) in hosts.filter(|(name, _)| !wanted.contains_key(*name)) {
            let text = format!("{name} is registered for node {node}, and no node has that name");
            self.mild(DamageKind::Name, text, Some(Fix::Unregister(name.clone())));
        }
    }

    fn has_name(&self, node: &str, registered: &str) -> bool {
        self.database.nodes.get(node).is_some_and(|node| {
            let names = &node.info.hostnames;
            let is = |prefix, hosts: &[String]| {
                registered.strip_prefix(prefix).is_some_and(|name| hosts.iter().any(|host| host == name))
            };
            is("MANAGE", &names.manage) || is("STORAGE", &names.storage)
        })
    }

    fn two_nodes(&mut self, host: &str, first: &str, second: &str) {
        let empty = |id: &&str| {
            let listed = self.database.nodes.get(*id).is_some_and(|it| it.devices.is_empty());
            listed && self.database.devices.values().all(|it| it.node_id != *id)
        };
        let remove = [second, first].iter().find(|id| empty(id)).map(|id| Fix::Remove(Bucket::Node, (*id).to_owned()));
        let (fix, hint) = match remove.map_or_else(|| self.merge(first, second), Ok) {
            Ok(fix) => (Some(fix), String::new()),
            Err(why) => (
                None,
                format!(
                    "; both have devices, and {why}: look which of the two the host is, and give the other its own name \
                     in the JSON form (`heketi db export`, `heketi db import`)"
                ),
            ),
        };
        let text = format!("host name {host} belongs to node {first} and to node {second}{hint}");
        self.severe(DamageKind::Name, text, fix);
    }

    /// Two records of one host become one, which keeps all devices; or why they may be of different hosts.
    fn merge(&self, first: &str, second: &str) -> Result<Fix, String> {
        let database = self.database;
        let unknown = || "one of them is not known".to_owned();
        let (one, other) = database.nodes.get(first).zip(database.nodes.get(second)).ok_or_else(unknown)?;
        if one.info.hostnames != other.info.hostnames {
            return Err("their other names differ".into());
        }
        if one.info.cluster != other.info.cluster {
            return Err("they are in different clusters".into());
        }
        let names = |node: &str| -> BTreeSet<&str> {
            let devices = database.devices.values().filter(|it| it.node_id == node);
            devices.map(|it| it.info.name.as_str()).collect()
        };
        if let Some(name) = names(first).intersection(&names(second)).next() {
            return Err(format!("both have a device {name}"));
        }
        let is_registered = |id: &str| database.registrations.values().any(|node| node == id);
        let (into, from) = match is_registered(second) && !is_registered(first) {
            true => (second, first),
            false => (first, second),
        };
        let zone = database.nodes.get(into).map_or(0, |node| node.info.zone);
        Ok(Fix::Merge { from: from.to_owned(), into: into.to_owned(), zone })
    }

    /// Volumes have names of their own in a cluster, block volumes in a hosting volume. Which of two is the one that
    /// there is, only the nodes can tell: taking the wrong one, its deletion would delete the other.
    pub(super) fn names(&mut self) {
        let database = self.database;
        let mut names = BTreeMap::new();
        for (id, entry) in &database.volumes {
            let (cluster, name) = (&entry.info.cluster, &entry.info.name);
            let Some(other) = names.insert((cluster, name), id) else { continue };
            let made = |id: &String| self.first_brick(id);
            let (fix, hint) = match (made(other), made(id)) {
                (_, None) => (Some(Fix::Remove(Bucket::Volume, id.clone())), String::new()),
                (None, Some(_)) => (Some(Fix::Remove(Bucket::Volume, other.clone())), String::new()),
                (Some(one), Some(two)) => (
                    None,
                    format!(
                        ": gluster has one of them at most, and `gluster volume info {name}` tells which: brick {one} is \
                         of the first, {two} of the second; take the other out of the JSON form (`heketi db export`, \
                         `heketi db import`), with its bricks"
                    ),
                ),
            };
            let text = format!("volumes {other} and {id} of cluster {cluster} are both called {name}{hint}");
            self.severe(DamageKind::Name, text, fix);
        }
        let mut names = BTreeMap::new();
        for (id, entry) in &database.block_volumes {
            let (hosting, name) = (&entry.info.blockhostingvolume, &entry.info.name);
            let Some(other) = names.insert((hosting, name), id) else { continue };
            let iqn = |id: &String| database.block_volumes.get(id).map_or("", |it| it.info.blockvolume.iqn.as_str());
            let text = format!(
                "block volumes {other} and {id} in volume {hosting} are both called {name}: `gluster-block info` of \
                 {name} tells the target of the one there is, {:?} is of the first, {:?} of the second; take the other \
                 out of the JSON form (`heketi db export`, `heketi db import`)",
                iqn(other),
                iqn(id)
            );
            self.severe(DamageKind::Name, text, None);
        }
    }

    /// The path of a brick of the volume, if it has any.
    fn first_brick(&self, volume: &str) -> Option<&str> {
        let bricks = self.database.bricks.values();
        bricks.filter(|it| it.info.volume == volume).map(|it| it.info.path.as_str()).next()
    }
}
