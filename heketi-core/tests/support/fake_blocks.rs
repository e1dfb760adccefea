//! gluster-block on the fake nodes.

use heketi_core::Gib;
use heketi_core::model::Secret;
use heketi_core::operation::{Action, GlusterBlock, Observation};

use super::drive::World;
use super::fake::{Effect, Fake};

/// What no text may hold.
pub const PASSWORD: &str = "never-shown-0x5ecret";

/// A block volume.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeBlock {
    pub size: Gib,
    /// What some host serves after an expansion that failed there.
    pub usable: Option<Gib>,
    pub hosts: Vec<String>,
    pub auth: bool,
}

impl Fake {
    pub(super) fn block_effect(&mut self, pool: u32, action: &Action, half: bool) -> Effect {
        match action {
            Action::CreateBlockVolume { block_volume: wanted } => {
                let started = self.volumes.get(&(pool, wanted.hosting.clone())).is_some_and(|volume| volume.started);
                if !started {
                    return Err(format!("Failed to create block volume: Volume {} does not exist", wanted.hosting));
                }
                let known = |host: &String| self.nodes.get(host).is_some_and(|node| node.pool == pool);
                if !wanted.hosts.iter().all(known) || wanted.ha_count as usize > wanted.hosts.len() {
                    return Err("Failed to create block volume: multipath req".into());
                }
                let key = (pool, wanted.hosting.clone(), wanted.name.clone());
                if self.blocks.contains_key(&key) {
                    return Err(format!("Failed to create block volume: BLOCK with name: '{}' already EXIST", key.2));
                }
                let hosts = if half { Vec::new() } else { wanted.hosts.clone() };
                self.blocks
                    .insert(key.clone(), FakeBlock { size: wanted.size, usable: None, hosts, auth: wanted.auth });
                self.read(&key)
            }
            // A half done delete has taken targets away, and the block volume is listed still.
            Action::DeleteBlockVolume { .. } if half => Ok(Observation::Done),
            Action::DeleteBlockVolume { hosting, name } => {
                self.blocks.remove(&(pool, hosting.clone(), name.clone()));
                Ok(Observation::Done)
            }
            Action::ExpandBlockVolume { hosting, name, size } => {
                let block = self.blocks.get_mut(&(pool, hosting.clone(), name.clone()));
                let block = block.ok_or_else(|| format!("block {hosting}/{name} doesn't exist"))?;
                if *size < block.size {
                    return Err("Shrink size ?".into());
                }
                let old = block.usable.unwrap_or(block.size);
                (block.size, block.usable) = (*size, half.then_some(old));
                Ok(Observation::Done)
            }
            Action::ReadBlockVolume { hosting, name } => self.read(&(pool, hosting.clone(), name.clone())),
            Action::ListBlockVolumes { hosting } => {
                let names = self.blocks.keys().filter(|(of, in_volume, _)| *of == pool && in_volume == hosting);
                Ok(Observation::BlockVolumes(names.map(|(_, _, name)| name.clone()).collect()))
            }
            other => panic!("the nodes of this test know no {other:?}"),
        }
    }

    fn read(&self, key: &(u32, String, String)) -> Effect {
        let block = self.blocks.get(key).ok_or_else(|| format!("block {}/{} doesn't exist", key.1, key.2))?;
        let secret = |text: &str| if block.auth { text.to_owned() } else { String::new() };
        Ok(Observation::BlockVolume(GlusterBlock {
            iqn: format!("iqn.2016-12.org.gluster-block:{}", key.2),
            username: secret("user"),
            password: Secret::new(secret(PASSWORD)),
            size: Some(block.size),
            usable: block.usable,
            rounding: self.rounding,
        }))
    }
}

impl World {
    /// Differences between the block volumes of the state and those of gluster-block.
    pub(super) fn block_differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = self.fake.blocks.clone();
        for block in self.inventory.block_volumes() {
            if self.inventory.is_block_volume_hidden(block.id) {
                found.push(format!("block volume {} is hidden", block.name));
            }
            let hosting = &self.inventory.volume(block.hosting).unwrap().name;
            let key = left.keys().find(|(_, volume, name)| volume == hosting && *name == block.name).cloned();
            let made = key.and_then(|key| left.remove(&key));
            let good = |made: &FakeBlock| {
                let same = made.size == block.size && made.hosts == block.hosts && made.auth == block.auth;
                // Where nobody says otherwise, all hosts may serve more than is known.
                same && made.usable.is_none_or(|usable| usable == block.usable)
            };
            if !made.as_ref().is_some_and(good) {
                found.push(format!("block volume {block:?} should be there, gluster-block has {made:?}"));
            }
            let password = if block.auth { PASSWORD } else { "" };
            if block.password.expose() != password {
                found.push(format!("block volume {} has another password", block.name));
            }
        }
        let left = left.into_iter().filter(|((_, _, name), _)| !name.starts_with("foreign"));
        found.extend(left.map(|(key, block)| format!("gluster-block has {key:?}: {block:?}")));
        found
    }
}
