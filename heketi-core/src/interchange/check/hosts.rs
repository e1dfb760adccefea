//! Host names and other names that must be unique.

use std::collections::BTreeMap;

use super::repair::{Bucket, Fix};
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
        let fix = [second, first].iter().find(|id| empty(id)).map(|id| Fix::Remove(Bucket::Node, (*id).to_owned()));
        let hint = match &fix {
            Some(_) => "",
            None => {
                "; both have devices: change the name of one in the JSON form (`heketi db export`, `heketi db import`)"
            }
        };
        let text = format!("host name {host} belongs to node {first} and to node {second}{hint}");
        self.severe(DamageKind::Name, text, fix);
    }

    /// Volumes have names of their own in a cluster, block volumes in a hosting volume.
    pub(super) fn names(&mut self) {
        let database = self.database;
        let mut names = BTreeMap::new();
        for (id, entry) in &database.volumes {
            if let Some(other) = names.insert((&entry.info.cluster, &entry.info.name), id) {
                let name = &entry.info.name;
                let text = format!(
                    "volumes {other} and {id} of cluster {} are both called {name}: gluster has one of them at most; \
                     remove the other in the JSON form (`heketi db export`, `heketi db import`)",
                    entry.info.cluster
                );
                self.severe(DamageKind::Name, text, None);
            }
        }
        let mut names = BTreeMap::new();
        for (id, entry) in &database.block_volumes {
            if let Some(other) = names.insert((&entry.info.blockhostingvolume, &entry.info.name), id) {
                let text = format!(
                    "block volumes {other} and {id} in volume {} are both called {}: remove one of them in the JSON \
                     form (`heketi db export`, `heketi db import`)",
                    entry.info.blockhostingvolume, entry.info.name
                );
                self.severe(DamageKind::Name, text, None);
            }
        }
    }
}
