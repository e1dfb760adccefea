//! LVM reports, and udev's names of a disk.

use std::collections::BTreeMap;

use heketi_core::api::LvmRow;
use heketi_core::operation::{NodeLogicalVolume, NodeVolumeGroup};
use heketi_core::units::Kib;
use serde::Deserialize;

use super::{ParseError, json_with_noise};

/// A physical volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct PhysicalVolume {
    /// Path of its disk; `[unknown]` when the disk is missing.
    #[serde(default, rename = "pv_name")]
    pub path: String,
    /// Its UUID.
    #[serde(default, rename = "pv_uuid")]
    pub uuid: String,
    /// The volume group it belongs to; empty when it belongs to none.
    #[serde(default, rename = "vg_name")]
    pub group: String,
}

#[derive(Deserialize)]
struct Reports {
    #[serde(default)]
    report: Vec<Report>,
}

/// The key differs by LVM version.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    pv: Vec<PhysicalVolume>,
    #[serde(default)]
    vg: Vec<PhysicalVolume>,
}

/// `pvs -o pv_name,pv_uuid,vg_name --reportformat=json`.
///
/// # Errors
/// [`ParseError`] when there is no report.
pub fn physical_volumes(text: &str) -> Result<Vec<PhysicalVolume>, ParseError> {
    let reports: Reports = json_with_noise("pvs", text)?;
    Ok(reports.report.into_iter().flat_map(|report| report.pv.into_iter().chain(report.vg)).collect())
}

/// Sizes of a volume group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupSize {
    /// Of one extent.
    pub extent: Kib,
    /// All extents.
    pub total: Kib,
    /// Free extents.
    pub free: Kib,
}

/// `vgdisplay -c GROUP`: the line that begins with the name of the group.
///
/// # Errors
/// [`ParseError`] when there is no such line or its numbers are none.
pub fn group_size(text: &str, group: &str) -> Result<GroupSize, ParseError> {
    // The text heketi v10 gave for any answer it could not read.
    let bad = |why: &str| ParseError::new("vgdisplay", format!("vgdisplay returned an invalid string ({why})"), text);
    let fields = |line: &str| line.trim().split(':').map(str::to_owned).collect::<Vec<_>>();
    let fields = text
        .lines()
        .map(fields)
        .find(|fields| fields.len() >= 17 && fields.first().is_some_and(|name| name == group))
        .ok_or_else(|| bad("no line of the volume group"))?;
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let (extent, total, free) = (number(12), number(13), number(15));
    let (Some(extent), Some(total), Some(free)) = (extent, total, free) else {
        return Err(bad("a size is no number"));
    };
    if extent == 0 {
        return Err(bad("the extent size is zero"));
    }
    let size = |extents: u64| extents.checked_mul(extent).map(Kib).ok_or_else(|| bad("a size is too large"));
    Ok(GroupSize { extent: Kib(extent), total: size(total)?, free: size(free)? })
}

/// Could this be a name in LVM? Warnings hold blanks and other signs.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+_.-".contains(c))
}

/// A logical volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalVolume {
    /// Its name.
    pub name: String,
    /// The thin pool it lives in; empty when it lives in none.
    pub pool: String,
}

/// `lvs --noheadings --separator : --options lv_name,pool_lv GROUP`.
pub fn volumes_and_pools(text: &str) -> Vec<LogicalVolume> {
    let volume = |line: &str| {
        let (name, pool) = line.trim().split_once(':')?;
        (is_name(name) && (pool.is_empty() || is_name(pool)))
            .then(|| LogicalVolume { name: name.to_owned(), pool: pool.to_owned() })
    };
    text.lines().filter_map(volume).collect()
}

/// `lvs --noheadings -o lv_name GROUP`.
pub fn names(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| is_name(line)).map(str::to_owned).collect()
}

/// `lvs --noheadings --options=thin_count GROUP/POOL`.
///
/// # Errors
/// [`ParseError`] when no line is a number.
pub fn thin_count(text: &str) -> Result<u64, ParseError> {
    text.lines()
        .find_map(|line| line.trim().parse().ok())
        .ok_or_else(|| ParseError::new("lvs", "no number of logical volumes", text))
}

/// `udevadm info --query=symlink --name=DEVICE`: all names of the device, `device` itself among them.
/// Left out are the names udev derives from the UUID of the physical volume. udev tells the links in any
/// order, here they are sorted.
pub fn links(text: &str, device: &str) -> Vec<String> {
    let mut paths: Vec<String> = text
        .split_ascii_whitespace()
        .map(|link| format!("/dev/{link}"))
        .filter(|path| !path.starts_with("/dev/disk/by-id/lvm-pv-uuid-"))
        .collect();
    paths.sort_unstable();
    if !paths.iter().any(|path| path == device) {
        paths.push(device.to_owned());
    }
    paths
}

/// A volume group in the report of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct GroupRow {
    #[serde(default)]
    vg_name: String,
    #[serde(default)]
    vg_size: String,
    #[serde(default)]
    vg_free: String,
    #[serde(default)]
    vg_extent_size: String,
}

/// A logical volume in the report of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct VolumeRow {
    #[serde(default)]
    vg_name: String,
    #[serde(default)]
    lv_name: String,
    #[serde(default)]
    pool_lv: String,
    #[serde(default)]
    lv_attr: String,
    #[serde(default)]
    lv_size: String,
    #[serde(default)]
    lv_metadata_size: String,
}

#[derive(Deserialize)]
struct AllReports {
    #[serde(default)]
    report: Vec<AllReport>,
}

#[derive(Deserialize)]
struct AllReport {
    #[serde(default)]
    vg: Vec<GroupRow>,
    #[serde(default)]
    lv: Vec<VolumeRow>,
}

/// A size in KiB as LVM prints it (`4096.00`, with or without a unit); absent for rows it does not apply to.
fn kib(command: &'static str, text: &str) -> Result<Kib, ParseError> {
    let number = text.trim().trim_end_matches(['k', 'K']);
    let whole = number.split(['.', ',']).next().unwrap_or_default();
    if whole.is_empty() {
        return Ok(Kib::ZERO);
    }
    whole.parse().map(Kib).map_err(|_| ParseError::new(command, "a size is no number", text))
}

/// `vgs --reportformat json --units k --nosuffix -o vg_name,vg_size,vg_free,vg_extent_size`.
///
/// # Errors
/// [`ParseError`] when there is no report or a size is no number.
pub fn volume_groups(text: &str) -> Result<Vec<NodeVolumeGroup>, ParseError> {
    let reports: AllReports = json_with_noise("vgs", text)?;
    let group = |row: GroupRow| {
        Ok(NodeVolumeGroup {
            total: kib("vgs", &row.vg_size)?,
            free: kib("vgs", &row.vg_free)?,
            extent: kib("vgs", &row.vg_extent_size)?,
            name: row.vg_name,
        })
    };
    reports.report.into_iter().flat_map(|report| report.vg).map(group).collect()
}

/// `lvs --reportformat json --units k --nosuffix -o vg_name,lv_name,pool_lv,lv_attr,lv_size,lv_metadata_size`.
/// LVM's hidden volumes, whose names it puts in brackets, are left out.
///
/// # Errors
/// [`ParseError`] when there is no report or a size is no number.
pub fn logical_volumes(text: &str) -> Result<Vec<NodeLogicalVolume>, ParseError> {
    let reports: AllReports = json_with_noise("lvs", text)?;
    let volume = |row: VolumeRow| {
        Ok(NodeLogicalVolume {
            thin_pool: Some(row.pool_lv).filter(|pool| !pool.is_empty()),
            is_pool: row.lv_attr.starts_with('t'),
            size: kib("lvs", &row.lv_size)?,
            metadata: kib("lvs", &row.lv_metadata_size)?,
            volume_group: row.vg_name,
            name: row.lv_name,
        })
    };
    let rows = reports.report.into_iter().flat_map(|report| report.lv);
    rows.filter(|row| !row.lv_name.starts_with('[')).map(volume).collect()
}

/// `pvs`, `vgs` or `lvs` with `--reportformat json`: the rows as they are. A value that is no text, which newer
/// versions can print, becomes one.
///
/// # Errors
/// [`ParseError`] when there is no report.
pub fn rows(command: &'static str, text: &str) -> Result<Vec<LvmRow>, ParseError> {
    #[derive(Deserialize)]
    struct Raw {
        report: Vec<BTreeMap<String, Vec<BTreeMap<String, serde_json::Value>>>>,
    }
    let raw: Raw = json_with_noise(command, text)?;
    let value = |value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let row = |row: BTreeMap<String, serde_json::Value>| row.into_iter().map(|(key, it)| (key, value(it))).collect();
    Ok(raw.report.into_iter().flat_map(BTreeMap::into_values).flatten().map(row).collect())
}
