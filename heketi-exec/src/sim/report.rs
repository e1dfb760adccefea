//! `pvs`, `vgs`, `lvs` and `vgdisplay -c`.

use std::fmt::Write;

use super::command::{Report, ReportKind};
use super::disk::SimDisk;
use super::lvm::{no_such_lv, no_such_vg};
use super::node::{LogicalVolume, LvKind, Node, Output, VolumeGroup, fail, ok};

/// What one line of a report is about.
#[derive(Clone, Copy, Default)]
struct Row<'a> {
    pv: Option<&'a SimDisk>,
    vg: Option<(&'a str, &'a VolumeGroup)>,
    lv: Option<(&'a str, &'a LogicalVolume)>,
    /// A volume LVM hides unless asked: its name and size.
    hidden: Option<(&'a str, u64)>,
}

impl Node {
    /// `vgdisplay -c`.
    pub fn vg_display(&self, vg: &str) -> Output {
        let Some(group) = self.vgs.get(vg) else { return no_such_vg(vg) };
        let open = group.lvs.values().filter(|lv| lv.mounts > 0).count();
        ok(format!(
            "  {vg}:r/w:772:-1:0:{}:{open}:-1:0:1:1:{}:{}:{}:{}:{}:{}\n",
            group.lvs.len(),
            group.extents * group.extent_kib,
            group.extent_kib,
            group.extents,
            group.used,
            group.extents - group.used,
            group.uuid,
        ))
    }

    /// `pvs`, `vgs` or `lvs`.
    pub fn report(&self, report: &Report) -> Output {
        let rows = match self.rows(report) {
            Ok(rows) => rows,
            Err(mut output) => {
                if report.json {
                    output.stdout = format!(
                        "  {{\n      \"report\": [\n          {{\n              \"{}\": \
                             [\n              ]\n          }}\n      ]\n  }}\n",
                        key(report.kind)
                    );
                }
                return output;
            }
        };
        let defaults: &[&str] = match report.kind {
            ReportKind::Pv => &["pv_name", "vg_name", "pv_fmt", "pv_attr", "pv_size", "pv_free"],
            ReportKind::Vg => &["vg_name", "pv_count", "lv_count", "snap_count", "vg_attr", "vg_size", "vg_free"],
            ReportKind::Lv => &[
                "lv_name",
                "vg_name",
                "lv_attr",
                "lv_size",
                "pool_lv",
                "origin",
                "data_percent",
                "metadata_percent",
                "move_pv",
                "mirror_log",
                "copy_percent",
                "convert_lv",
            ],
        };
        let names: Vec<&str> = match &report.fields {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => defaults.to_vec(),
        };
        let mut table = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut values = Vec::with_capacity(names.len());
            for name in &names {
                match field(name, row, report) {
                    Some(value) => values.push(value),
                    None => return fail(5, format!("  Unrecognised field: {name}")),
                }
            }
            table.push(values);
        }
        ok(if report.json { json(report, &names, &table) } else { plain(report, &names, &table) })
    }

    fn rows(&self, report: &Report) -> Result<Vec<Row<'_>>, Output> {
        let mut rows = Vec::new();
        match report.kind {
            ReportKind::Pv if report.targets.is_empty() => {
                rows.extend(self.disks.values().filter(|disk| disk.pv.is_some()).map(|disk| self.pv_row(disk)));
            }
            ReportKind::Pv => {
                for device in &report.targets {
                    let disk = self.disk_path(device).and_then(|path| self.disks.get(&path));
                    let text = || fail(5, format!("  Failed to find physical volume \"{device}\"."));
                    rows.push(self.pv_row(disk.filter(|disk| disk.pv.is_some()).ok_or_else(text)?));
                }
            }
            ReportKind::Vg if report.targets.is_empty() => rows.extend(self.vgs.iter().map(|vg| self.vg_row(vg))),
            ReportKind::Vg => {
                for vg in &report.targets {
                    rows.push(self.vg_row(self.vgs.get_key_value(vg).ok_or_else(|| no_such_vg(vg))?));
                }
            }
            ReportKind::Lv if report.targets.is_empty() => {
                self.vgs.iter().for_each(|vg| lv_rows(&mut rows, self.vg_row(vg), report.hidden));
            }
            ReportKind::Lv => {
                for target in &report.targets {
                    let (vg, lv) = target.split_once('/').map_or((target.as_str(), None), |(vg, lv)| (vg, Some(lv)));
                    let row = self.vg_row(self.vgs.get_key_value(vg).ok_or_else(|| no_such_vg(vg))?);
                    match (lv, row.vg) {
                        (Some(lv), Some((_, group))) => {
                            let found = group.lvs.get_key_value(lv).ok_or_else(|| no_such_lv(vg, lv))?;
                            rows.push(Row { lv: Some((found.0, found.1)), ..row });
                        }
                        _ => lv_rows(&mut rows, row, report.hidden),
                    }
                }
            }
        }
        Ok(rows)
    }

    fn pv_row<'a>(&'a self, disk: &'a SimDisk) -> Row<'a> {
        let vg = disk.vg().and_then(|name| self.vgs.get_key_value(name)).map(|(name, vg)| (name.as_str(), vg));
        Row { pv: Some(disk), vg, ..Row::default() }
    }

    fn vg_row<'a>(&'a self, (name, vg): (&'a String, &'a VolumeGroup)) -> Row<'a> {
        Row { pv: self.disks.get(&vg.disk), vg: Some((name, vg)), ..Row::default() }
    }
}

fn lv_rows<'a>(rows: &mut Vec<Row<'a>>, row: Row<'a>, hidden: bool) {
    let Some((_, group)) = row.vg else { return };
    if hidden && group.spare > 0 {
        rows.push(Row { hidden: Some(("[lvol0_pmspare]", group.spare * group.extent_kib)), ..row });
    }
    rows.extend(group.lvs.iter().map(|(name, lv)| Row { lv: Some((name, lv)), ..row }));
}

const fn key(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Pv => "pv",
        ReportKind::Vg => "vg",
        ReportKind::Lv => "lv",
    }
}

fn json(report: &Report, names: &[&str], table: &[Vec<String>]) -> String {
    let mut text = format!("  {{\n      \"report\": [\n          {{\n              \"{}\": [\n", key(report.kind));
    for (index, values) in table.iter().enumerate() {
        text.push_str("                  {");
        for (at, (name, value)) in names.iter().zip(values).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            // Names and values hold no character that JSON escapes, except in odd device paths.
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            _ = write!(text, "{comma}\"{name}\":\"{value}\"");
        }
        text.push_str(if index + 1 == table.len() { "}\n" } else { "},\n" });
    }
    text.push_str("              ]\n          }\n      ]\n  }\n");
    text
}

fn plain(report: &Report, names: &[&str], table: &[Vec<String>]) -> String {
    let mut text = String::new();
    if report.headings && !table.is_empty() {
        _ = writeln!(text, "  {}", names.iter().map(|n| heading(n)).collect::<Vec<_>>().join(&report.separator));
    }
    for values in table {
        _ = writeln!(text, "  {}", values.join(&report.separator));
    }
    text
}

fn heading(name: &str) -> String {
    match name {
        "pv_name" | "vg_name" | "lv_name" => name.split('_').next().unwrap_or_default().to_uppercase(),
        "pv_size" => "PSize".into(),
        "pv_free" => "PFree".into(),
        "vg_size" => "VSize".into(),
        "vg_free" => "VFree".into(),
        "lv_size" => "LSize".into(),
        "pool_lv" => "Pool".into(),
        _ => name.split('_').next_back().unwrap_or_default().to_owned(),
    }
}

/// One value; `None` for a field that is not known. A field that does not apply to the row is empty.
fn field(name: &str, row: &Row<'_>, report: &Report) -> Option<String> {
    let size = |kib: u64| size_text(kib, report.units, report.suffix);
    let vg = |get: &dyn Fn(&VolumeGroup) -> String| row.vg.map(|(_, vg)| get(vg)).unwrap_or_default();
    let lv = |get: &dyn Fn(&LogicalVolume) -> String| row.lv.map(|(_, lv)| get(lv)).unwrap_or_default();
    let pv = |get: &dyn Fn(&SimDisk) -> String| row.pv.map(get).unwrap_or_default();
    Some(match name {
        "pv_name" => pv(&|disk| disk.path.clone()),
        "pv_uuid" => pv(&|disk| disk.pv.as_ref().map(|pv| pv.uuid.clone()).unwrap_or_default()),
        "pv_fmt" => "lvm2".into(),
        "pv_attr" => if row.vg.is_some() { "a--" } else { "---" }.into(),
        "pv_size" => pv(&|disk| size(row.vg.map_or(disk.size_kib, |(_, vg)| vg.extents * vg.extent_kib))),
        "pv_free" => pv(&|disk| size(row.vg.map_or(disk.size_kib, |(_, vg)| (vg.extents - vg.used) * vg.extent_kib))),
        "dev_size" => pv(&|disk| size(disk.size_kib)),
        "vg_name" => row.vg.map(|(name, _)| name.to_owned()).unwrap_or_default(),
        "vg_uuid" => vg(&|vg| vg.uuid.clone()),
        "vg_attr" => vg(&|_| "wz--n-".into()),
        "vg_size" => vg(&|vg| size(vg.extents * vg.extent_kib)),
        "vg_free" => vg(&|vg| size((vg.extents - vg.used) * vg.extent_kib)),
        "vg_extent_size" => vg(&|vg| size(vg.extent_kib)),
        "vg_extent_count" => vg(&|vg| vg.extents.to_string()),
        "vg_free_count" => vg(&|vg| (vg.extents - vg.used).to_string()),
        "pv_count" => vg(&|_| "1".into()),
        "snap_count" => vg(&|_| "0".into()),
        "lv_count" => vg(&|vg| vg.lvs.len().to_string()),
        "lv_name" => match (row.lv, row.hidden) {
            (Some((name, _)), _) | (_, Some((name, _))) => name.to_owned(),
            _ => String::new(),
        },
        "lv_uuid" => lv(&|lv| lv.uuid.clone()),
        "lv_size" => match row.hidden {
            Some((_, kib)) => size(kib),
            None => lv(&|lv| size(lv.size_kib)),
        },
        "lv_metadata_size" => lv(&|lv| match (&lv.kind, row.vg) {
            (LvKind::Pool { metadata, .. }, Some((_, vg))) => size(metadata * vg.extent_kib),
            _ => String::new(),
        }),
        "lv_attr" if row.hidden.is_some() => "ewi-------".into(),
        "lv_attr" => lv(&|lv| attributes(lv)),
        "pool_lv" => lv(&|lv| match &lv.kind {
            LvKind::Thin { pool, .. } => pool.clone(),
            _ => String::new(),
        }),
        "origin" => lv(&|lv| match &lv.kind {
            LvKind::Thin { origin, .. } => origin.clone().unwrap_or_default(),
            _ => String::new(),
        }),
        "thin_count" => lv(&|lv| match lv.kind {
            LvKind::Pool { volumes, .. } => volumes.to_string(),
            _ => String::new(),
        }),
        "data_percent" => lv(&|lv| if matches!(lv.kind, LvKind::Plain { .. }) { String::new() } else { "0.00".into() }),
        "metadata_percent" => {
            lv(&|lv| if matches!(lv.kind, LvKind::Pool { .. }) { "10.00".into() } else { String::new() })
        }
        "move_pv" | "mirror_log" | "copy_percent" | "convert_lv" | "lv_tags" | "vg_tags" | "pv_tags" => String::new(),
        _ => return None,
    })
}

fn attributes(lv: &LogicalVolume) -> String {
    let open = if lv.mounts > 0 { 'o' } else { '-' };
    match lv.kind {
        LvKind::Pool { .. } => "twi-aotz--".into(),
        LvKind::Thin { .. } => format!("Vwi-a{open}tz--"),
        LvKind::Plain { .. } => format!("-wi-a{open}----"),
    }
}

fn size_text(kib: u64, units: char, suffix: bool) -> String {
    let (number, unit) = match units {
        'b' => ((kib * 1024).to_string(), 'B'),
        'k' => (format!("{kib}.00"), 'k'),
        'm' => (format!("{:.2}", kib as f64 / 1024.0), 'm'),
        'g' => (format!("{:.2}", kib as f64 / (1024.0 * 1024.0)), 'g'),
        _ if kib < 1024 => (format!("{kib}.00"), 'k'),
        _ if kib < 1024 * 1024 => (format!("{:.2}", kib as f64 / 1024.0), 'm'),
        _ => (format!("{:.2}", kib as f64 / (1024.0 * 1024.0)), 'g'),
    };
    if suffix { format!("{number}{unit}") } else { number }
}
