//! `gluster-block`: block volumes in gluster volumes, with gluster-block's refusals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::node::{Output, fail, ok};
use super::state::State;

/// A block volume.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Block {
    /// Identity of its target.
    pub gbid: String,
    /// Empty without authentication.
    pub password: String,
    /// Size of its file in GiB.
    pub size: u64,
    /// What each host it is exported from serves, in GiB.
    pub hosts: BTreeMap<String, u64>,
}

/// One gluster-block command line.
#[derive(Debug)]
pub(super) enum BlockCommand {
    Create { volume: String, name: String, ha: usize, auth: bool, hosts: Vec<String>, size: u64 },
    Delete { volume: String, name: String },
    List { volume: String },
    Info { volume: String, name: String },
    Modify { volume: String, name: String, size: u64 },
}

/// Why a command failed: gluster-block's exit status and words.
type Refusal = (i32, String);

impl BlockCommand {
    /// Reads the words after `gluster-block`.
    ///
    /// # Errors
    /// What is not understood.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((&"--json", words)) = words.split_last() else {
            return Err("gluster-block without --json".into());
        };
        let target = |text: &str| {
            let parts = text.split_once('/').filter(|(volume, name)| !volume.is_empty() && !name.is_empty());
            parts
                .map(|(volume, name)| (volume.to_owned(), name.to_owned()))
                .ok_or_else(|| format!("{text} is no target"))
        };
        let gib = |text: &str| {
            let size = text.strip_suffix("GiB").and_then(|number| number.parse::<u64>().ok());
            size.filter(|size| *size > 0).ok_or_else(|| format!("{text} is no size"))
        };
        match words {
            ["create", path, "ha", ha, "auth", auth, "prealloc", prealloc, hosts, size] => {
                let (volume, name) = target(path)?;
                let auth = match *auth {
                    "enable" => true,
                    "disable" => false,
                    other => return Err(format!("auth {other}")),
                };
                if !["full", "no"].contains(prealloc) {
                    return Err(format!("prealloc {prealloc}"));
                }
                let ha = ha.parse().map_err(|_| format!("{ha} is no number"))?;
                let hosts = hosts.split(',').map(str::to_owned).collect();
                Ok(Self::Create { volume, name, ha, auth, hosts, size: gib(size)? })
            }
            ["delete", path] => target(path).map(|(volume, name)| Self::Delete { volume, name }),
            ["list", volume] => Ok(Self::List { volume: (*volume).to_owned() }),
            ["info", path] => target(path).map(|(volume, name)| Self::Info { volume, name }),
            ["modify", path, "size", size] => {
                let (volume, name) = target(path)?;
                Ok(Self::Modify { volume, name, size: gib(size)? })
            }
            _ => Err(format!("gluster-block {} is not known", words.join(" "))),
        }
    }
}

/// As gluster-block writes sizes: one decimal place of the largest unit that fits.
fn size_text(gib: u64) -> String {
    let (mut size, mut unit) = (gib as f64, 0);
    while size >= 1024.0 {
        (size, unit) = (size / 1024.0, unit + 1);
    }
    format!("{size:.1} {}", ["GiB", "TiB", "PiB", "EiB"].get(unit).unwrap_or(&"ZiB"))
}

fn gone(volume: &str, name: &str) -> Refusal {
    (2, format!("block {volume}/{name} doesn't exist"))
}

/// A failure of some hosts, with the targets it left.
fn partial(failed: Vec<String>, done: Vec<String>) -> Map<String, Value> {
    let mut answer = Map::new();
    for (key, hosts) in [("FAILED ON", failed), ("SUCCESSFUL ON", done)] {
        if !hosts.is_empty() {
            answer.insert(key.into(), json!(hosts));
        }
    }
    answer
}

impl State {
    /// Runs one gluster-block command on a node.
    pub(super) fn gluster_block(&mut self, at: usize, command: &BlockCommand) -> Output {
        if self.blockd_stopped.contains(&at) {
            return fail(255, "Connection failed. Please check if gluster-block daemon is operational.");
        }
        let result = match command {
            BlockCommand::Create { volume, name, ha, auth, hosts, size } => {
                self.block_create(at, volume, name, (*ha, *auth, *size), hosts)
            }
            BlockCommand::Delete { volume, name } => self.block_delete(at, volume, name),
            BlockCommand::List { volume } => self.block_list(at, volume),
            BlockCommand::Info { volume, name } => self.block_info(at, volume, name),
            BlockCommand::Modify { volume, name, size } => self.block_modify(at, volume, name, *size),
        };
        match result {
            Ok(answer) if answer.get("RESULT").is_some_and(|result| result == "FAIL") => {
                fail(255, Value::Object(answer).to_string())
            }
            Ok(answer) => ok(format!("{}\n", Value::Object(answer))),
            // Newer versions write failures to standard error.
            Err((status, text)) => {
                fail(status, json!({"RESULT": "FAIL", "errCode": status, "errMsg": text}).to_string())
            }
        }
    }

    /// The pool of a node, where the volume must be running.
    fn block_pool(&self, at: usize, volume: &str) -> Result<usize, Refusal> {
        let pool = self.nodes[at].pool;
        match self.pools[pool].volumes.get(volume) {
            _ if !self.nodes[at].glusterd => Err((5, format!("Check if volume {volume} is operational"))),
            None => Err((2, format!("Volume {volume} does not exist"))),
            Some(found) if !found.started() => Err((5, format!("Check if volume {volume} is operational"))),
            Some(_) => Ok(pool),
        }
    }

    /// Does gluster-blockd of this host answer its peers?
    fn exports(&self, host: &str, pool: usize) -> bool {
        let node = self.names.get(host).copied();
        node.is_some_and(|n| self.nodes[n].up && self.nodes[n].pool == pool && !self.blockd_stopped.contains(&n))
    }

    /// What the bricks of a volume hold together, in GiB; none where a brick is no file system heketi made.
    fn capacity(&self, pool: usize, volume: &str) -> Option<u64> {
        let volume = self.pools[pool].volumes.get(volume)?;
        let data = if volume.layout.data > 0 { u64::from(volume.layout.data) } else { 1 };
        let size = |brick: &super::volume::Brick| {
            let node = &self.nodes[brick.node];
            let mount = node.mounts.iter().find(|(point, _)| brick.path.starts_with(&format!("{point}/")))?.1;
            Some(node.vgs.get(&mount.vg)?.lvs.get(&mount.lv)?.size_kib)
        };
        let sets = volume.bricks.chunks(volume.layout.set_size().max(1));
        let kib: Option<u64> = sets.map(|set| Some(size(set.first()?)? * data)).sum();
        // Sizes of bricks are rounded down to KiB.
        kib.map(|kib| (kib + 1024).div_euclid(1024 * 1024))
    }

    fn has_room(&self, pool: usize, volume: &str, more: u64) -> Result<(), Refusal> {
        let used = self.pools[pool].blocks.iter().filter(|((hosting, _), _)| hosting == volume);
        let used: u64 = used.map(|(_, block)| block.size).sum();
        match self.capacity(pool, volume) {
            Some(capacity) if used + more > capacity => Err((28, format!("Low space on the volume {volume}"))),
            _ => Ok(()),
        }
    }

    fn block_create(
        &mut self,
        at: usize,
        volume: &str,
        name: &str,
        (ha, auth, size): (usize, bool, u64),
        hosts: &[String],
    ) -> Result<Map<String, Value>, Refusal> {
        if ha == 0 || ha > hosts.len() {
            return Err((19, format!("multipath req: {ha} > block-hosts: {}\n", hosts.join(","))));
        }
        let pool = self.block_pool(at, volume)?;
        let key = (volume.to_owned(), name.to_owned());
        if self.pools[pool].blocks.contains_key(&key) {
            return Err((17, format!("BLOCK with name: '{name}' already EXIST\n")));
        }
        self.has_room(pool, volume, size)?;
        let exported: Vec<String> = hosts.iter().take(ha).cloned().collect();
        if let Some(host) = exported.iter().find(|host| !self.exports(host, pool)) {
            // It takes back what it did.
            return Err((255, format!("failed to configure on {host} : No route to host")));
        }
        let (gbid, password) = match self.mock_targets {
            true => ("fakeIQN".to_owned(), "secret".to_owned()),
            false => (self.uuid(), self.uuid()),
        };
        let password = if auth { password } else { String::new() };
        let mut answer = Map::new();
        let iqn = if self.mock_targets { gbid.clone() } else { format!("iqn.2016-12.org.gluster-block:{gbid}") };
        answer.insert("IQN".into(), json!(iqn));
        if auth {
            let user = if self.mock_targets { "heketi-user" } else { gbid.as_str() };
            answer.insert("USERNAME".into(), json!(user));
            answer.insert("PASSWORD".into(), json!(password));
        }
        let portals: Vec<String> = exported.iter().map(|host| format!("{host}:3260")).collect();
        answer.insert("PORTAL(S)".into(), json!(portals));
        answer.insert("RESULT".into(), json!("SUCCESS"));
        let hosts = exported.into_iter().map(|host| (host, size)).collect();
        self.pools[pool].blocks.insert(key, Block { gbid, password, size, hosts });
        Ok(answer)
    }

    fn block_delete(&mut self, at: usize, volume: &str, name: &str) -> Result<Map<String, Value>, Refusal> {
        let pool = self.block_pool(at, volume)?;
        let key = (volume.to_owned(), name.to_owned());
        let block = self.pools[pool].blocks.get(&key).ok_or_else(|| gone(volume, name))?;
        let hosts: Vec<String> = block.hosts.keys().cloned().collect();
        let (done, failed): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|host| self.exports(host, pool));
        let result = if failed.is_empty() { "SUCCESS" } else { "FAIL" };
        if failed.is_empty() {
            self.pools[pool].blocks.remove(&key);
        }
        let mut answer = partial(failed, done);
        answer.insert("RESULT".into(), json!(result));
        Ok(answer)
    }

    fn block_list(&mut self, at: usize, volume: &str) -> Result<Map<String, Value>, Refusal> {
        let pool = self.block_pool(at, volume)?;
        let names = self.pools[pool].blocks.keys().filter(|(hosting, _)| hosting == volume);
        let names: Vec<&String> = names.map(|(_, name)| name).collect();
        let mut answer = Map::new();
        answer.insert("blocks".into(), json!(names));
        answer.insert("RESULT".into(), json!("SUCCESS"));
        Ok(answer)
    }

    fn block_info(&mut self, at: usize, volume: &str, name: &str) -> Result<Map<String, Value>, Refusal> {
        let pool = self.block_pool(at, volume)?;
        let key = (volume.to_owned(), name.to_owned());
        let block = self.pools[pool].blocks.get(&key).ok_or_else(|| gone(volume, name))?;
        let hosts: Vec<&String> = block.hosts.keys().collect();
        let mut answer = Map::new();
        for (key, value) in [
            ("NAME", json!(name)),
            ("VOLUME", json!(volume)),
            ("GBID", json!(block.gbid)),
            ("SIZE", json!(size_text(block.size))),
            ("HA", json!(block.hosts.len())),
            ("PASSWORD", json!(block.password)),
            ("EXPORTED ON", json!(hosts)),
        ] {
            answer.insert(key.into(), value);
        }
        let behind = block.hosts.iter().filter(|(_, size)| **size != block.size);
        let behind: Map<String, Value> = behind.map(|(host, size)| (host.clone(), json!(size_text(*size)))).collect();
        if !behind.is_empty() {
            answer.insert("RESIZE FAILED ON".into(), Value::Object(behind));
        }
        Ok(answer)
    }

    fn block_modify(&mut self, at: usize, volume: &str, name: &str, size: u64) -> Result<Map<String, Value>, Refusal> {
        let pool = self.block_pool(at, volume)?;
        let key = (volume.to_owned(), name.to_owned());
        let block = self.pools[pool].blocks.get(&key).ok_or_else(|| gone(volume, name))?;
        let (old, hosts) = (block.size, block.hosts.clone());
        if size == old && hosts.values().all(|served| *served == old) {
            let text = size_text(size);
            return Err((255, format!("request size ({text}) is same as current size ({text}) ]")));
        }
        if size < old {
            let (old, new) = (size_text(old), size_text(size));
            return Err((255, format!("Shrink size ?\nuse 'force' option [current size {old}, request size {new}]")));
        }
        self.has_room(pool, volume, size - old)?;
        let fails = |host: &String| {
            let scripted = self.names.get(host).is_some_and(|node| self.resize_failing.contains(node));
            scripted || !self.exports(host, pool)
        };
        let (failed, done): (Vec<_>, Vec<_>) = hosts.keys().cloned().partition(|host| fails(host));
        let iqn = format!("iqn.2016-12.org.gluster-block:{}", block.gbid);
        let result = if failed.is_empty() { "SUCCESS" } else { "FAIL" };
        if let Some(block) = self.pools[pool].blocks.get_mut(&key) {
            block.size = size;
            done.iter().for_each(|host| _ = block.hosts.insert(host.clone(), size));
        }
        let mut answer = Map::new();
        answer.insert("IQN".into(), json!(iqn));
        if failed.is_empty() {
            answer.insert("SIZE".into(), json!(size_text(size)));
        }
        answer.append(&mut partial(failed, done));
        answer.insert("RESULT".into(), json!(result));
        Ok(answer)
    }
}
