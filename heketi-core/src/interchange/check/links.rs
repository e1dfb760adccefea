//! Links that lead nowhere, or in one direction only.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{V10Database, change, kind};
use super::bucket::Bucket;
use super::repair::Fix;
use super::{DamageKind, Findings};

/// All that one kind of record holds of another: owner, member.
type Pairs<'a> = Vec<(&'a str, &'a str)>;

impl V10Database {
    fn has(&self, bucket: Bucket, id: &str) -> bool {
        match bucket {
            Bucket::Cluster => self.clusters.contains_key(id),
            Bucket::Node => self.nodes.contains_key(id),
            Bucket::Device => self.devices.contains_key(id),
            Bucket::Volume => self.volumes.contains_key(id),
            Bucket::Brick => self.bricks.contains_key(id),
            Bucket::BlockVolume => self.block_volumes.contains_key(id),
        }
    }

    /// Volumes that pending clones make: v10 writes their records last, and refers to them before.
    pub(super) fn clones_in_work(&self) -> BTreeSet<&str> {
        let clones = self.operations.values().filter(|it| it.kind == kind::CLONE_VOLUME);
        let targets = clones.flat_map(|it| &it.actions).filter(|it| it.change == change::CLONE_TO);
        targets.map(|it| it.id.as_str()).collect()
    }

    /// Bricks that take the place of others: v10 links them last.
    fn replacements_in_work(&self) -> BTreeSet<&str> {
        let evictions = self.operations.values().filter(|it| it.kind == kind::EVICT_BRICK);
        let added = evictions.flat_map(|it| &it.actions).filter(|it| it.change == change::ADD_BRICK);
        added.map(|it| it.id.as_str()).collect()
    }
}

fn lists<'a, T: 'a>(records: &'a BTreeMap<String, T>, list: impl Fn(&'a T) -> &'a Vec<String>) -> Pairs<'a> {
    let pairs = |(id, record): (&'a String, &'a T)| list(record).iter().map(move |it| (id.as_str(), it.as_str()));
    records.iter().flat_map(pairs).collect()
}

fn owners<'a, T: 'a>(records: &'a BTreeMap<String, T>, owner: impl Fn(&'a T) -> &'a String) -> Pairs<'a> {
    records.iter().map(|(id, record)| (owner(record).as_str(), id.as_str())).collect()
}

/// Is exactly that listed, sorted by owner, which members name as their owners, and are all of those there? So it is in
/// nearly all databases, and told faster than what is wrong.
fn agree(listed: &Pairs<'_>, owned: &Pairs<'_>, is_there: impl Fn(&str) -> bool) -> bool {
    if listed.len() != owned.len() {
        return false;
    }
    let mut owned = owned.clone();
    owned.sort_unstable();
    let mut last = None;
    listed.iter().zip(&owned).all(|(listed, owned)| {
        let seen = last.replace(owned.0) == Some(owned.0);
        listed == owned && (seen || is_there(owned.0))
    })
}

impl Findings<'_> {
    pub(super) fn links(&mut self) {
        let it = self.database;
        let listed = lists(&it.clusters, |it| &it.info.nodes);
        self.both_ways(Bucket::Cluster, Bucket::Node, &listed, &owners(&it.nodes, |it| &it.info.cluster));
        let listed = lists(&it.clusters, |it| &it.info.volumes);
        self.both_ways(Bucket::Cluster, Bucket::Volume, &listed, &owners(&it.volumes, |it| &it.info.cluster));
        let listed = lists(&it.clusters, |it| &it.info.blockvolumes);
        let owned = owners(&it.block_volumes, |it| &it.info.cluster);
        self.both_ways(Bucket::Cluster, Bucket::BlockVolume, &listed, &owned);
        let listed = lists(&it.nodes, |it| &it.devices);
        self.both_ways(Bucket::Node, Bucket::Device, &listed, &owners(&it.devices, |it| &it.node_id));
        let listed = lists(&it.devices, |it| &it.bricks);
        self.both_ways(Bucket::Device, Bucket::Brick, &listed, &owners(&it.bricks, |it| &it.info.device));
        let listed = lists(&it.volumes, |it| &it.bricks);
        self.both_ways(Bucket::Volume, Bucket::Brick, &listed, &owners(&it.bricks, |it| &it.info.volume));
        let listed = lists(&it.volumes, |it| &it.info.blockinfo.blockvolume);
        let owned = owners(&it.block_volumes, |it| &it.info.blockhostingvolume);
        self.both_ways(Bucket::Volume, Bucket::BlockVolume, &listed, &owned);
        self.nodes_of_bricks();
        self.clusters_of_block_volumes();
    }

    /// Compares what owners list with what members name as their owner, which counts.
    fn both_ways(&mut self, owner: Bucket, member: Bucket, listed: &Pairs<'_>, owned: &Pairs<'_>) {
        let database = self.database;
        let mut pairs = listed.clone();
        pairs.sort_unstable();
        if agree(&pairs, owned, |id| database.has(owner, id)) {
            return;
        }
        // Members come in the order of their records.
        let owner_of = |id: &str| {
            let at = owned.binary_search_by(|(_, member)| (*member).cmp(id)).ok()?;
            owned.get(at).map(|(owner, _)| *owner)
        };
        let mut listing = BTreeMap::new();
        let (clones, replacements) = (database.clones_in_work(), database.replacements_in_work());
        for &(list, id) in listed {
            let unlist = || Fix::Unlist { owner: (owner, list.to_owned()), member: (member, id.to_owned()) };
            match owner_of(id) {
                None if member == Bucket::Volume && clones.contains(id) => {}
                None => {
                    let text = format!("{} {list} unknown {} {id}", owner.title(), member.word());
                    self.mild(DamageKind::Link, text, Some(unlist()));
                }
                Some(named) if named == list => {}
                // Its own link leads nowhere; below.
                Some(named) if !database.has(owner, named) => _ = listing.insert(id, list),
                Some(_) => {
                    let text = format!(
                        "{} {list} no link back to {} from {} {id}",
                        owner.title(),
                        owner.word(),
                        member.word()
                    );
                    self.mild(DamageKind::Link, text, Some(unlist()));
                }
            }
        }
        for &(named, id) in owned {
            let (list, it) = ((owner, named.to_owned()), (member, id.to_owned()));
            if !database.has(owner, named) {
                if owner == Bucket::Volume && clones.contains(named) {
                    continue;
                }
                let fix = match listing.get(id) {
                    Some(list) => Some(Fix::Link { owner: (owner, (*list).to_owned()), member: it }),
                    None => self.stray(owner, member, id),
                };
                let text = format!("{} {id} unknown {} {named}", member.title(), owner.word());
                self.severe(DamageKind::Dangling, text, fix);
            } else if pairs.binary_search(&(named, id)).is_err()
                && (member != Bucket::Brick || !replacements.contains(id))
            {
                let to = if member == Bucket::BlockVolume { "blockVolume" } else { member.word() };
                let text = format!("{} {id} no link back to {to} from {} {named}", member.title(), owner.word());
                self.mild(DamageKind::Link, text, Some(Fix::List { owner: list, member: it }));
            }
        }
    }

    /// What to do about a record whose owner is not there and that no other lists.
    fn stray(&self, owner: Bucket, member: Bucket, id: &str) -> Option<Fix> {
        let database = self.database;
        let remove = Some(Fix::Remove(member, id.to_owned()));
        match (member, owner) {
            (Bucket::Brick, Bucket::Volume) => remove,
            // Its path names the device.
            (Bucket::Brick, _) => {
                let path = &database.bricks.get(id)?.info.path;
                let device = path.split('/').find_map(|part| part.strip_prefix("vg_"))?;
                let owner = (Bucket::Device, database.devices.get_key_value(device)?.0.clone());
                Some(Fix::Link { owner, member: (member, id.to_owned()) })
            }
            (Bucket::BlockVolume, Bucket::Volume) => remove,
            (Bucket::BlockVolume, _) => {
                let hosting = &database.block_volumes.get(id)?.info.blockhostingvolume;
                let cluster = database.volumes.get(hosting)?.info.cluster.clone();
                Some(Fix::Link { owner: (owner, cluster), member: (member, id.to_owned()) })
            }
            (Bucket::Volume, _) => database.volumes.get(id).filter(|it| it.bricks.is_empty()).and(remove),
            (Bucket::Device, _) => database.devices.get(id).filter(|it| it.bricks.is_empty()).and(remove),
            (Bucket::Node, _) => database.nodes.get(id).filter(|it| it.devices.is_empty()).and(remove),
            _ => None,
        }
    }

    /// A brick is on the node of its device.
    fn nodes_of_bricks(&mut self) {
        let database = self.database;
        for (id, brick) in &database.bricks {
            let Some(device) = database.devices.get(&brick.info.device) else {
                continue;
            };
            if device.node_id == brick.info.node {
                continue;
            }
            let text = match database.nodes.contains_key(&brick.info.node) {
                false => format!("Brick {id} unknown node {}", brick.info.node),
                true => format!(
                    "Brick {id} is on node {}, and its device {} on node {}",
                    brick.info.node, brick.info.device, device.node_id
                ),
            };
            let owner = (Bucket::Node, device.node_id.clone());
            let fix = Fix::Link { owner, member: (Bucket::Brick, id.clone()) };
            self.severe(DamageKind::Dangling, text, Some(fix));
        }
    }

    /// A block volume is in the cluster of its hosting volume, which is flagged as one.
    fn clusters_of_block_volumes(&mut self) {
        let database = self.database;
        let mut unflagged = BTreeSet::new();
        for (id, entry) in &database.block_volumes {
            let (hosting, cluster) = (&entry.info.blockhostingvolume, &entry.info.cluster);
            let Some(volume) = database.volumes.get(hosting) else {
                continue;
            };
            if !volume.info.block {
                unflagged.insert(hosting);
            }
            if volume.info.cluster != *cluster && database.clusters.contains_key(cluster) {
                let text = format!(
                    "BlockVolume {id} of cluster {cluster} is hosted by volume {hosting} of cluster {}",
                    volume.info.cluster
                );
                let owner = (Bucket::Cluster, volume.info.cluster.clone());
                let fix = Fix::Link { owner, member: (Bucket::BlockVolume, id.clone()) };
                self.severe(DamageKind::Link, text, Some(fix));
            }
        }
        for id in unflagged {
            let text = format!("Volume {id} has blockvolumes but not block flag");
            self.severe(DamageKind::Link, text, Some(Fix::HostsBlocks(id.clone())));
        }
    }
}
