//! One simulated node: its disks, volume groups, file systems, mounts and files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::disk::SimDisk;
use super::text_file::TextFile;

/// What a command line did.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// It worked and printed `stdout`.
pub(super) fn ok(stdout: impl Into<String>) -> Output {
    Output { status: 0, stdout: stdout.into(), stderr: String::new() }
}

/// It failed with exit status `status` and wrote `stderr`.
pub(super) fn fail(status: i32, stderr: impl Into<String>) -> Output {
    let mut stderr = stderr.into();
    if !stderr.ends_with('\n') {
        stderr.push('\n');
    }
    Output { status, stdout: String::new(), stderr }
}

/// A volume group on one disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct VolumeGroup {
    pub uuid: String,
    pub disk: String,
    pub extent_kib: u64,
    pub extents: u64,
    /// Extents of all logical volumes, pool metadata and the spare.
    pub used: u64,
    /// Extents of `lvol0_pmspare`; zero when there is none.
    pub spare: u64,
    /// How many thin pools there are: the spare goes with the last one.
    pub pools: u64,
    pub lvs: BTreeMap<String, LogicalVolume>,
}

/// A logical volume.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LogicalVolume {
    pub uuid: String,
    pub size_kib: u64,
    pub kind: LvKind,
    pub fs: Option<Tree>,
    /// At how many mount points it is mounted.
    pub mounts: u32,
}

/// What kind of logical volume.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum LvKind {
    /// Thin pool: extents of data and metadata, and the number of volumes in it.
    Pool { data: u64, metadata: u64, volumes: u64 },
    /// A volume in a thin pool.
    Thin { pool: String, origin: Option<String> },
    /// An ordinary volume of that many extents.
    Plain { extents: u64 },
}

/// The directories of one file system, by their path from its top (`""`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tree {
    pub directories: BTreeMap<String, Directory>,
}

/// A directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Directory {
    pub group: u32,
    pub mode: u32,
    /// `trusted.glusterfs.volume-id`: stays when the volume is deleted.
    pub volume_id: Option<String>,
    /// It holds files, such as `.glusterfs`.
    pub used: bool,
}

/// A mounted logical volume.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mount {
    pub vg: String,
    pub lv: String,
    pub options: String,
}

/// A simulated node.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Node {
    pub manage: String,
    pub storage: String,
    /// glusterd's identity.
    pub uuid: String,
    pub up: bool,
    pub glusterd: bool,
    /// udev keeps links below `/dev/disk`.
    pub udev: bool,
    /// Which trusted pool it is in.
    pub pool: usize,
    /// The names its peers know it by.
    pub peer_names: Vec<String>,
    pub disks: BTreeMap<String, SimDisk>,
    pub aliases: HashMap<String, String>,
    pub vgs: BTreeMap<String, VolumeGroup>,
    pub root: Tree,
    pub mounts: BTreeMap<String, Mount>,
    /// What glusterd mounts itself: mount point, and the volume group and logical volume there.
    pub gluster_mounts: BTreeMap<String, (String, String)>,
    pub files: BTreeMap<String, TextFile>,
    /// Brick directories in use, with their volume.
    pub bricks: BTreeMap<String, String>,
    /// Brick directories that were not there when glusterd started.
    pub unresolved: BTreeSet<String>,
    /// Mount points that something outside of gluster keeps busy.
    pub busy: BTreeSet<String>,
    /// Programs that are not installed.
    #[serde(default)]
    pub missing: BTreeSet<String>,
    /// Batches that run now: their number, and a line of theirs.
    #[serde(skip)]
    pub batches: BTreeMap<u64, Arc<str>>,
    /// The most of them at one time.
    #[serde(skip)]
    pub most_batches: usize,
}

impl Tree {
    /// A file system that holds nothing.
    pub fn empty() -> Self {
        Self { directories: BTreeMap::from([(String::new(), Directory { mode: 0o755, ..Directory::default() })]) }
    }

    /// Does `path` hold a directory?
    pub fn has_children(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        self.directories.range(prefix.clone()..).next().is_some_and(|(child, _)| child.starts_with(&prefix))
    }
}

impl Node {
    /// A node as it comes from the shelf.
    pub fn new(manage: &str, storage: &str, uuid: String, pool: usize, disks: Vec<SimDisk>) -> Self {
        let mut root = Tree::empty();
        for path in ["/dev", "/etc", "/mnt", "/run", "/run/gluster", "/run/gluster/snaps", "/tmp", "/var", "/var/lib"] {
            root.directories.insert(path.into(), Directory { mode: 0o755, ..Directory::default() });
        }
        let mut node = Self {
            manage: manage.into(),
            storage: storage.into(),
            uuid,
            up: true,
            glusterd: true,
            udev: true,
            pool,
            peer_names: vec![storage.into()],
            disks: BTreeMap::new(),
            aliases: HashMap::new(),
            vgs: BTreeMap::new(),
            root,
            mounts: BTreeMap::new(),
            gluster_mounts: BTreeMap::new(),
            files: BTreeMap::from([("/etc/fstab".to_owned(), TextFile::default())]),
            bricks: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            busy: BTreeSet::new(),
            missing: BTreeSet::new(),
            batches: BTreeMap::new(),
            most_batches: 0,
        };
        for disk in disks {
            node.add_disk(disk);
        }
        node
    }

    /// Plugs a disk in.
    pub fn add_disk(&mut self, disk: SimDisk) {
        for alias in &disk.aliases {
            self.aliases.insert(alias.clone(), disk.path.clone());
        }
        self.disks.insert(disk.path.clone(), disk);
    }

    /// `pgrep -af MARK`: the scripts of batches that run.
    pub fn list_processes(&self, mark: &str) -> Output {
        let mut text = String::new();
        for (number, line) in &self.batches {
            let script = format!("exec </dev/null;export LC_ALL=C;hk_n={number:016x};{line}");
            if script.contains(mark) {
                _ = writeln!(text, "{} /bin/sh -c {script}", 1000 + number % 30_000);
            }
        }
        Output { status: i32::from(text.is_empty()), stdout: text, stderr: String::new() }
    }

    /// Makes an unknown path below `/dev` an empty disk.
    pub fn find_or_add_disk(&mut self, device: &str, size_kib: u64) {
        let made_by_system = device.starts_with("/dev/mapper/") || device.starts_with("/dev/disk/by-id/lvm-pv-uuid-");
        if device.starts_with("/dev/") && !made_by_system && self.disk_path(device).is_none() {
            self.add_disk(SimDisk::new(device, size_kib));
        }
    }

    /// Gives a disk another path.
    pub fn rename_disk(&mut self, from: &str, to: &str) {
        let Some(mut disk) = self.disks.remove(from) else { return };
        to.clone_into(&mut disk.path);
        if let Some(vg) = disk.vg().and_then(|vg| self.vgs.get_mut(vg)) {
            to.clone_into(&mut vg.disk);
        }
        for path in self.aliases.values_mut().filter(|path| *path == from) {
            to.clone_into(path);
        }
        self.disks.insert(to.to_owned(), disk);
    }

    /// Makes an alias lead to a disk, or to nothing.
    pub fn set_alias(&mut self, alias: &str, path: Option<&str>) {
        self.aliases.remove(alias);
        self.disks.values_mut().for_each(|disk| disk.aliases.retain(|other| other != alias));
        if let Some(disk) = path.and_then(|path| self.disks.get_mut(path)) {
            disk.aliases.push(alias.to_owned());
            self.aliases.insert(alias.to_owned(), disk.path.clone());
        }
    }

    /// The path under which the node keeps the disk that `device` leads to.
    pub fn disk_path(&self, device: &str) -> Option<String> {
        if self.disks.contains_key(device) {
            return Some(device.to_owned());
        }
        if let Some(uuid) = device.strip_prefix("/dev/disk/by-id/lvm-pv-uuid-") {
            let has_uuid = |disk: &&SimDisk| disk.pv.as_ref().is_some_and(|pv| pv.uuid == uuid);
            return self.disks.values().find(has_uuid).filter(|_| self.udev).map(|disk| disk.path.clone());
        }
        self.aliases.get(device).filter(|path| self.disks.contains_key(*path)).cloned()
    }

    /// The logical volume that `device` (`/dev/mapper/VG-LV` or `/dev/VG/LV`) leads to.
    pub fn lv_of_device(&self, device: &str) -> Option<(String, String)> {
        let (vg, lv) = match device.strip_prefix("/dev/mapper/") {
            Some(name) => split_mapper_name(name)?,
            None => {
                let (vg, lv) = device.strip_prefix("/dev/")?.split_once('/')?;
                (vg.to_owned(), lv.to_owned())
            }
        };
        self.vgs.get(&vg)?.lvs.contains_key(&lv).then_some((vg, lv))
    }

    /// The logical volume of these names.
    pub fn lv_mut(&mut self, vg: &str, lv: &str) -> Option<&mut LogicalVolume> {
        self.vgs.get_mut(vg)?.lvs.get_mut(lv)
    }

    /// Splits `path` into the mount point it lies under (`None`: the root file system) and the path from there.
    pub fn locate<'a>(&self, path: &'a str) -> (Option<&'a str>, &'a str) {
        let mut end = path.len();
        while end > 0 {
            let (point, rest) = path.split_at(end);
            if self.mounts.contains_key(point) {
                return (Some(point), rest);
            }
            end = point.rfind('/').unwrap_or(0);
        }
        (None, if path == "/" { "" } else { path })
    }

    /// The file system that holds `path`, and the path in it.
    pub fn tree<'a>(&self, path: &'a str) -> Option<(&Tree, &'a str)> {
        let (point, rest) = self.locate(path);
        let Some(point) = point else { return Some((&self.root, rest)) };
        let mount = self.mounts.get(point)?;
        Some((self.vgs.get(&mount.vg)?.lvs.get(&mount.lv)?.fs.as_ref()?, rest))
    }

    /// As [`Self::tree`], to change it.
    pub fn tree_mut<'a>(&mut self, path: &'a str) -> Option<(&mut Tree, &'a str)> {
        let (point, rest) = self.locate(path);
        let Some(point) = point else { return Some((&mut self.root, rest)) };
        let mount = self.mounts.get(point)?;
        Some((self.vgs.get_mut(&mount.vg)?.lvs.get_mut(&mount.lv)?.fs.as_mut()?, rest))
    }

    /// The directory at `path`.
    pub fn directory(&self, path: &str) -> Option<&Directory> {
        let (tree, rest) = self.tree(path)?;
        tree.directories.get(rest)
    }

    /// The directory at `path`, to change it.
    pub fn directory_mut(&mut self, path: &str) -> Option<&mut Directory> {
        let (tree, rest) = self.tree_mut(path)?;
        tree.directories.get_mut(rest)
    }
}

/// The name device-mapper gives a logical volume: dashes doubled, joined by one.
pub(super) fn mapper_name(vg: &str, lv: &str) -> String {
    format!("{}-{}", vg.replace('-', "--"), lv.replace('-', "--"))
}

fn split_mapper_name(name: &str) -> Option<(String, String)> {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes.get(at) != Some(&b'-') {
            at += 1;
        } else if bytes.get(at + 1) == Some(&b'-') {
            at += 2;
        } else {
            return Some((name.get(..at)?.replace("--", "-"), name.get(at + 1..)?.replace("--", "-")));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapper_names_go_both_ways() {
        for (vg, lv, name) in [("vg_a", "brick_b", "vg_a-brick_b"), ("v-g", "l--v", "v--g-l----v")] {
            assert_eq!(mapper_name(vg, lv), name);
            assert_eq!(split_mapper_name(name), Some((vg.to_owned(), lv.to_owned())));
        }
        assert_eq!(split_mapper_name("plain--name"), None);
    }
}
