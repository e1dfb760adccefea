//! LVM commands that change something, with LVM's refusals.

use super::command::LvCreate;
use super::disk::{PhysicalVolume, SimDisk};
use super::node::{LogicalVolume, LvKind, Node, Output, VolumeGroup, fail, ok};

/// LVM's exit status for every refusal.
const REFUSED: i32 = 5;
/// Thin pool metadata is at least this large.
const METADATA_MIN_KIB: u64 = 2 * 1024;
/// Thin pool metadata is at most this large (15.8125 GiB).
const METADATA_MAX_KIB: u64 = 16_580_608;

/// LVM's answer for a volume group that is not there.
pub(super) fn no_such_vg(vg: &str) -> Output {
    fail(REFUSED, format!("  Volume group \"{vg}\" not found\n  Cannot process volume group {vg}"))
}

/// LVM's answer for a logical volume that is not there.
pub(super) fn no_such_lv(vg: &str, lv: &str) -> Output {
    fail(REFUSED, format!("  Failed to find logical volume \"{vg}/{lv}\""))
}

/// What keeps LVM from writing a label on a disk.
fn label_refused(disk: &SimDisk, device: &str) -> Option<String> {
    if disk.read_only {
        return Some(format!("  Error opening device {device} for writing at 0 length 512."));
    }
    if !disk.partitions.is_empty() {
        return Some(format!("  Cannot use {device}: device is partitioned"));
    }
    if disk.mounted.is_some() {
        return Some(format!("  Can't open {device} exclusively.  Mounted filesystem?"));
    }
    if let Some(vg) = disk.vg() {
        return Some(format!(
            "  Can't initialize physical volume \"{device}\" of volume group \"{vg}\" without -ff\n  {device}: \
                 physical volume not initialized."
        ));
    }
    disk.signature.as_ref().map(|kind| {
        format!(
            "  WARNING: {kind} signature detected on {device} at offset 1080. Wipe it? [y/n]: [n]\n  Aborted \
                 wiping of {kind}.\n  1 existing signature left on the device.\n  Aborting pvcreate on {device}."
        )
    })
}

impl Node {
    /// `pvcreate`.
    pub fn pv_create(&mut self, device: &str, metadata_kib: u64, uuid: String) -> Output {
        let Some(disk) = self.disk_path(device).and_then(|path| self.disks.get_mut(&path)) else {
            return fail(REFUSED, format!("  No device found for {device}."));
        };
        if let Some(text) = label_refused(disk, device) {
            return fail(REFUSED, text);
        }
        disk.pv = Some(PhysicalVolume { uuid, metadata_kib, vg: None });
        ok("")
    }

    /// `pvremove`.
    pub fn pv_remove(&mut self, device: &str) -> Output {
        let Some(disk) = self.disk_path(device).and_then(|path| self.disks.get_mut(&path)) else {
            return fail(REFUSED, format!("  No device found for {device}."));
        };
        if let Some(vg) = disk.vg() {
            return fail(
                REFUSED,
                format!(
                    "  PV {device} is used by VG {vg} so please use vgreduce first.\n  (If you are certain you \
                         need pvremove, then confirm by using --force twice.)\n  {device}: physical volume label \
                         not removed."
                ),
            );
        }
        match disk.pv.take() {
            Some(_) => ok(""),
            None => fail(REFUSED, format!("  No PV found on device {device}.")),
        }
    }

    /// `vgcreate`. As LVM does, it makes the physical volume when there is none yet.
    pub fn vg_create(&mut self, vg: &str, device: &str, extent_kib: u64, uuid: String, pv_uuid: String) -> Output {
        if self.vgs.contains_key(vg) {
            return fail(REFUSED, format!("  A volume group called {vg} already exists."));
        }
        let Some(path) = self.disk_path(device) else {
            return fail(REFUSED, format!("  No device found for {device}."));
        };
        let Some(disk) = self.disks.get_mut(&path) else { return fail(REFUSED, "  No device found.") };
        if let Some(other) = disk.vg() {
            return fail(
                REFUSED,
                format!(
                    "  Physical volume '{device}' is already in volume group '{other}'\n  Unable to add physical \
                         volume '{device}' to volume group '{vg}'"
                ),
            );
        }
        if disk.pv.is_none()
            && let Some(text) = label_refused(disk, device)
        {
            return fail(REFUSED, text);
        }
        let pv = disk.pv.get_or_insert(PhysicalVolume { uuid: pv_uuid, metadata_kib: 1024, vg: None });
        let extents = disk.size_kib.saturating_sub(pv.metadata_kib) / extent_kib;
        if extents == 0 {
            return fail(
                REFUSED,
                format!(
                    "  Physical volume {device} too small.\n  Unable to add physical volume '{device}' to volume \
                         group '{vg}'"
                ),
            );
        }
        pv.vg = Some(vg.to_owned());
        let group =
            VolumeGroup { uuid, disk: path, extent_kib, extents, used: 0, spare: 0, pools: 0, lvs: Default::default() };
        self.vgs.insert(vg.to_owned(), group);
        ok("")
    }

    /// `vgremove`, which asks before it removes logical volumes and takes silence for a no.
    pub fn vg_remove(&mut self, vg: &str) -> Output {
        let Some(group) = self.vgs.get(vg) else { return no_such_vg(vg) };
        if !group.lvs.is_empty() {
            return fail(REFUSED, format!("  Volume group \"{vg}\" not removed"));
        }
        if let Some(pv) = self.disks.get_mut(&group.disk).and_then(|disk| disk.pv.as_mut()) {
            pv.vg = None;
        }
        self.vgs.remove(vg);
        ok("")
    }

    /// `lvcreate`.
    pub fn lv_create(&mut self, wanted: &LvCreate, mut uuid: impl FnMut() -> String) -> Output {
        let vg = &wanted.vg;
        let Some(group) = self.vgs.get_mut(vg) else { return no_such_vg(vg) };
        let extents = |kib: u64| kib.div_ceil(group.extent_kib);
        let new_pool = wanted.pool.as_ref().filter(|_| wanted.size_kib.is_some());
        for name in [new_pool, wanted.name.as_ref()].into_iter().flatten() {
            if group.lvs.contains_key(name) {
                return fail(REFUSED, format!("  Logical Volume \"{name}\" already exists in volume group \"{vg}\""));
            }
        }
        let data = wanted.size_kib.map_or(0, extents);
        let asked = wanted.metadata_kib.unwrap_or(METADATA_MIN_KIB).clamp(METADATA_MIN_KIB, METADATA_MAX_KIB);
        let metadata = if new_pool.is_some() { extents(asked) } else { 0 };
        let spare = if wanted.spare { metadata.saturating_sub(group.spare) } else { 0 };
        let (needed, free) = (data + metadata + spare, group.extents - group.used);
        if needed > free {
            let text =
                format!("  Volume group \"{vg}\" has insufficient free space ({free} extents): {needed} required.");
            return fail(REFUSED, text);
        }
        let (extent_kib, mut kinds) = (group.extent_kib, Vec::new());
        match (&wanted.pool, &wanted.name, wanted.virtual_kib) {
            (None, Some(name), None) if data > 0 => {
                kinds.push((name, data * extent_kib, LvKind::Plain { extents: data }));
            }
            (Some(pool), name, virtual_kib) if name.is_some() == virtual_kib.is_some() => {
                let volumes = u64::from(name.is_some());
                match group.lvs.get_mut(pool).map(|lv| &mut lv.kind) {
                    Some(LvKind::Pool { volumes: count, .. }) if new_pool.is_none() => *count += volumes,
                    None if new_pool.is_some() && data > 0 => {
                        kinds.push((pool, data * extent_kib, LvKind::Pool { data, metadata, volumes }));
                    }
                    _ => return no_such_lv(vg, pool),
                }
                if let (Some(name), Some(kib)) = (name, virtual_kib) {
                    let size = kib.div_ceil(extent_kib).max(1) * extent_kib;
                    kinds.push((name, size, LvKind::Thin { pool: pool.clone(), origin: None }));
                }
            }
            _ => {
                return fail(
                    3,
                    "  Command does not accept this combination of options.\n  Run `lvcreate --help' for more \
                         information.",
                );
            }
        }
        group.used += needed;
        group.spare += spare;
        group.pools += u64::from(new_pool.is_some());
        for (name, size_kib, kind) in kinds {
            group.lvs.insert(name.clone(), LogicalVolume { uuid: uuid(), size_kib, kind, fs: None, mounts: 0 });
        }
        ok("")
    }

    /// `lvremove -f`. A thin pool takes the volumes in it along.
    pub fn lv_remove(&mut self, target: &str) -> Output {
        let Some((vg, name)) = target.split_once('/') else {
            return fail(REFUSED, "  Removing every logical volume of a volume group is not simulated.");
        };
        let Some(group) = self.vgs.get_mut(vg) else { return no_such_vg(vg) };
        let Some(lv) = group.lvs.get(name) else { return no_such_lv(vg, name) };
        let mut names = Vec::new();
        if let LvKind::Pool { volumes: 1.., .. } = lv.kind {
            let inside = |lv: &LogicalVolume| matches!(&lv.kind, LvKind::Thin { pool, .. } if pool == name);
            names.extend(group.lvs.iter().filter(|(_, lv)| inside(lv)).map(|(name, _)| name.clone()));
        }
        names.push(name.to_owned());
        if let Some(used) = names.iter().find(|name| group.lvs.get(*name).is_some_and(|lv| lv.mounts > 0)) {
            return fail(REFUSED, format!("  Logical volume {vg}/{used} contains a filesystem in use."));
        }
        let mut stdout = String::new();
        for name in names {
            group.forget(&name);
            stdout.push_str(&format!("  Logical volume \"{name}\" successfully removed\n"));
        }
        ok(stdout)
    }
}

impl VolumeGroup {
    /// Takes a logical volume out and gives its extents back; the metadata spare goes with the last pool.
    pub fn forget(&mut self, name: &str) {
        match self.lvs.remove(name).map(|lv| lv.kind) {
            Some(LvKind::Plain { extents }) => self.used -= extents,
            Some(LvKind::Thin { pool, .. }) => {
                if let Some(LvKind::Pool { volumes, .. }) = self.lvs.get_mut(&pool).map(|lv| &mut lv.kind) {
                    *volumes -= 1;
                }
            }
            Some(LvKind::Pool { data, metadata, .. }) => {
                self.used -= data + metadata;
                self.pools -= 1;
                if self.pools == 0 {
                    self.used -= self.spare;
                    self.spare = 0;
                }
            }
            None => {}
        }
    }
}
