//! `lsblk`, `wipefs` and `udevadm` on the disks of a node.

use std::fmt::Write;

use serde_json::{Value, json};

use super::disk::SimDisk;
use super::node::{LvKind, Node, Output, fail, mapper_name, ok};

impl Node {
    /// `lsblk --json --bytes --output NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO DEV`.
    pub fn list_block_devices(&self, device: &str) -> Output {
        let found = match self.disk_path(device).and_then(|path| self.disks.get(&path)) {
            Some(disk) => self.disk_json(disk),
            None => match self.lv_of_device(device) {
                Some((vg, lv)) => self.lv_json(&vg, &lv),
                None => match self.disks.values().flat_map(|d| &d.partitions).find(|p| p.path == device) {
                    Some(part) => entry(
                        &part.path,
                        "part",
                        part.signature.as_deref(),
                        part.mounted.as_deref(),
                        part.size_kib,
                        false,
                    ),
                    None => return fail(32, format!("lsblk: {device}: not a block device")),
                },
            },
        };
        let answer = json!({ "blockdevices": [found] });
        ok(serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n")
    }

    /// The same without a device.
    pub fn list_all_block_devices(&self) -> Output {
        let all: Vec<Value> = self.disks.values().map(|disk| self.disk_json(disk)).collect();
        ok(serde_json::to_string_pretty(&json!({ "blockdevices": all })).unwrap_or_default() + "\n")
    }

    fn disk_json(&self, disk: &SimDisk) -> Value {
        let format = if disk.pv.is_some() { Some("LVM2_member") } else { disk.signature.as_deref() };
        let mut value = entry(&disk.path, "disk", format, disk.mounted.as_deref(), disk.size_kib, disk.read_only);
        let mut children: Vec<Value> = Vec::new();
        for part in &disk.partitions {
            children.push(entry(
                &part.path,
                "part",
                part.signature.as_deref(),
                part.mounted.as_deref(),
                part.size_kib,
                disk.read_only,
            ));
        }
        if let Some((vg, group)) = disk.vg().and_then(|vg| self.vgs.get_key_value(vg)) {
            for (name, lv) in &group.lvs {
                match &lv.kind {
                    LvKind::Plain { .. } => children.push(self.lv_json(vg, name)),
                    LvKind::Thin { .. } => {}
                    LvKind::Pool { metadata, .. } => {
                        children.extend(self.pool_json(vg, name, lv.size_kib, metadata * group.extent_kib))
                    }
                }
            }
        }
        if !children.is_empty() {
            value["children"] = Value::Array(children);
        }
        value
    }

    /// A thin pool as lsblk shows it: below metadata and data the pool device, below that what lives in it.
    fn pool_json(&self, vg: &str, pool: &str, data_kib: u64, metadata_kib: u64) -> Vec<Value> {
        let mapper = mapper_name(vg, pool);
        let device = |name: String, kib: u64| entry(&name, "lvm", None, None, kib, false);
        let mut inner = device(format!("{mapper}-tpool"), data_kib);
        let mut top = vec![device(mapper.clone(), data_kib)];
        let lvs = self.vgs.get(vg).into_iter().flat_map(|group| &group.lvs);
        let inside = lvs.filter(|(_, lv)| matches!(&lv.kind, LvKind::Thin { pool: p, .. } if p == pool));
        top.extend(inside.map(|(name, _)| self.lv_json(vg, name)));
        inner["children"] = Value::Array(top);
        [("tmeta", metadata_kib), ("tdata", data_kib)]
            .map(|(part, kib)| {
                let mut value = device(format!("{mapper}_{part}"), kib);
                value["children"] = json!([inner]);
                value
            })
            .into()
    }

    fn lv_json(&self, vg: &str, lv: &str) -> Value {
        let found = self.vgs.get(vg).and_then(|group| group.lvs.get(lv));
        let format = found.and_then(|lv| lv.fs.as_ref()).map(|_| "xfs");
        let point =
            found.filter(|lv| lv.mounts > 0).and_then(|_| self.mounts.iter().find(|(_, m)| m.vg == vg && m.lv == lv));
        entry(
            &mapper_name(vg, lv),
            "lvm",
            format,
            point.map(|(point, _)| point.as_str()),
            found.map_or(0, |lv| lv.size_kib),
            false,
        )
    }

    /// `wipefs --no-act --parsable DEV`.
    pub fn list_signatures(&self, device: &str) -> Output {
        let Some(disk) = self.disk_path(device).and_then(|path| self.disks.get(&path)) else {
            return fail(
                1,
                format!("wipefs: error: {device}: probing initialization failed: No such file or directory"),
            );
        };
        let mut text = String::new();
        for (offset, uuid, kind) in signatures(disk) {
            if text.is_empty() {
                text.push_str("# offset,uuid,label,type\n");
            }
            _ = writeln!(text, "{offset},{uuid},,{kind}");
        }
        ok(text)
    }

    /// `wipefs --all DEV`: also takes the LVM label, and with it a volume group nobody uses.
    pub fn wipe_signatures(&mut self, device: &str) -> Output {
        let Some(path) = self.disk_path(device) else {
            return fail(
                1,
                format!("wipefs: error: {device}: probing initialization failed: No such file or directory"),
            );
        };
        let busy =
            || fail(1, format!("wipefs: error: {device}: probing initialization failed: Device or resource busy"));
        let Some(disk) = self.disks.get_mut(&path) else { return busy() };
        let active = disk.vg().and_then(|vg| self.vgs.get(vg)).is_some_and(|vg| !vg.lvs.is_empty());
        if active || disk.in_use() {
            return busy();
        }
        if disk.read_only {
            return fail(1, format!("wipefs: error: {device}: probing initialization failed: Read-only file system"));
        }
        let mut text = String::new();
        for (offset, _, kind) in signatures(disk) {
            _ = writeln!(
                text,
                "{device}: 8 bytes were erased at offset 0x{:0>8} ({kind}): 53 49 4d 00 00 00 00 00",
                offset.trim_start_matches("0x")
            );
        }
        if let Some(vg) = disk.pv.take().and_then(|pv| pv.vg) {
            self.vgs.remove(&vg);
        }
        disk.signature = None;
        disk.partitions.clear();
        ok(text)
    }

    /// `udevadm info --query=symlink --name=DEV`.
    pub fn symlinks(&self, device: &str) -> Output {
        let Some(disk) = self.disk_path(device).and_then(|path| self.disks.get(&path)).filter(|_| self.udev) else {
            return fail(1, format!("Unknown device \"{device}\": No such device"));
        };
        let by_uuid = disk.pv.as_ref().map(|pv| format!("disk/by-id/lvm-pv-uuid-{}", pv.uuid));
        let aliases = disk.aliases.iter().filter_map(|alias| alias.strip_prefix("/dev/")).map(str::to_owned);
        ok(by_uuid.into_iter().chain(aliases).collect::<Vec<_>>().join(" ") + "\n")
    }
}

/// Offset, identity and kind of everything that marks a disk as used.
fn signatures(disk: &SimDisk) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    if let Some(pv) = &disk.pv {
        found.push(("0x218", pv.uuid.clone(), "LVM2_member".to_owned()));
    }
    if let Some(kind) = &disk.signature {
        found.push(("0x438", "5f1c1a52-33a8-4d7b-9d2e-0a8d7f0b6c11".to_owned(), kind.clone()));
    }
    if !disk.partitions.is_empty() {
        found.push(("0x1fe", String::new(), "dos".to_owned()));
    }
    found
}

fn entry(path: &str, kind: &str, format: Option<&str>, point: Option<&str>, kib: u64, read_only: bool) -> Value {
    let name = path.strip_prefix("/dev/").unwrap_or(path);
    json!({ "name": name, "type": kind, "fstype": format, "mountpoint": point, "size": kib * 1024, "ro": read_only })
}
