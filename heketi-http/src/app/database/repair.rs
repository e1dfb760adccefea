//! Repairs that need no node.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use heketi_core::audit;
use heketi_core::interchange::V10Database;
use heketi_core::inventory::{ChangeSet, Inventory, Key, Record};
use heketi_exec::RandomIds;
use heketi_exec::store::{self, DatabaseKind, FileStore, Store};

use super::super::arguments::DbFile;
use super::super::{Failure, tell};
use super::{path_of, remedy};
use crate::app::conversion;

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::plain(format!("failed to repair db: {error}"))
}

pub(super) fn repair(dry_run: bool, apply: bool, file: &DbFile) -> Result<(), Failure> {
    let path = path_of(file)?;
    if dry_run == apply {
        return Err(Failure::plain("name one of --dry-run and --apply"));
    }
    match DatabaseKind::of(path) {
        DatabaseKind::Ours => ours(path, apply),
        DatabaseKind::Bolt => bolt(path, apply),
        DatabaseKind::Json => json(path, apply),
    }
}

/// Tells the repairs; returns whether there are any.
fn plan(database: &V10Database) -> bool {
    let found = database.check();
    found.iter().for_each(|damage| tell(&format!("{}\n  {}", damage.text, remedy(damage))));
    found.iter().any(|damage| damage.repair.is_some())
}

fn bolt(path: &Path, apply: bool) -> Result<(), Failure> {
    let (mut database, _) = store::read_as_v10(path, true).map_err(failed)?;
    database.upgrade(&mut RandomIds::default());
    let any = plan(&database);
    if !apply {
        let kept = format!("{}.v10", path.display());
        let then = match any {
            true => format!("--apply would convert it with these repairs and keep the file as {kept}"),
            false => "Nothing to repair".to_owned(),
        };
        tell(&then);
        return Ok(());
    }
    if !any {
        tell("Nothing to repair: it was not touched; a server that is started on it converts it");
        return Ok(());
    }
    let conversion = store::convert_edited(path, &mut |database| {
        let found = database.check();
        database.repair(&found)
    });
    match conversion.map_err(failed)? {
        Some(done) => {
            tell(&format!("Repaired: {} of {}", done.repaired, done.damages.len()));
            conversion::lines(&done).iter().for_each(|line| eprintln!("{line}"));
            Ok(())
        }
        None => Err(failed(format!("{} was replaced meanwhile", path.display()))),
    }
}

fn json(path: &Path, apply: bool) -> Result<(), Failure> {
    let (mut database, _) = store::read_as_v10(path, true).map_err(failed)?;
    database.upgrade(&mut RandomIds::default());
    let any = plan(&database);
    if !any || !apply {
        tell(if any { "--apply would make these repairs" } else { "Nothing to repair" });
        return Ok(());
    }
    let copy = back_up(path)?;
    let found = database.check();
    let repaired = database.repair(&found);
    let new = PathBuf::from(format!("{}.new", path.display()));
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&new);
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        io::Write::write_all(&mut out, database.to_json().as_bytes())?;
        out.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| failed(format!("{}: {error}", path.display())))?;
    tell(&format!("Repaired: {repaired} of {}; the file as it was is {}", found.len(), copy.display()));
    Ok(())
}

/// What no state can hold is left out; what is left is judged and repaired by a running server, with the nodes.
fn ours(path: &Path, apply: bool) -> Result<(), Failure> {
    let dropped = misfits(store::read_records(path).map_err(failed)?);
    for (key, why) in &dropped {
        tell(&format!("record {key} contradicts others: {why}\n  Repair: leave it out"));
    }
    if dropped.is_empty() {
        tell("Nothing to repair without the nodes: `heketi-cli audit --nodes` asks a running server for the rest");
        return Ok(());
    }
    if !apply {
        tell("--apply would leave these records out");
        return Ok(());
    }
    let store = FileStore::open(path).map_err(failed)?;
    let copy = back_up(path)?;
    // Again, now that nobody else can write.
    let (records, revision) = store.load().map_err(failed)?;
    let mut changes = ChangeSet::default();
    let dropped = misfits(records);
    dropped.iter().for_each(|(key, _)| changes.delete(*key));
    store.commit(revision, &[changes]).map_err(failed)?;
    store.close();
    tell(&format!("Repaired: {} of {}; the file as it was is {}", dropped.len(), dropped.len(), copy.display()));
    tell("`heketi-cli audit --nodes` and `heketi-cli audit repair` take in again what these records stood for");
    Ok(())
}

/// Records that contradict others, and what.
fn misfits(records: Vec<Record>) -> Vec<(Key, String)> {
    match Inventory::from_records(records.clone()) {
        Ok(_) => Vec::new(),
        Err(_) => audit::salvage(records).dropped,
    }
}

/// A copy beside the file, flushed.
fn back_up(path: &Path) -> Result<PathBuf, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let copy = PathBuf::from(format!("{}.before-repair.{now}", path.display()));
    let write = || -> io::Result<()> {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy)?;
        io::copy(&mut File::open(path)?, &mut out)?;
        out.sync_all()
    };
    write().map_err(|error| failed(format!("no copy can be written to {}: {error}", copy.display())))?;
    Ok(copy)
}

pub(super) fn delete_bricks_with_empty_path(
    all: bool,
    selected: [Vec<String>; 3],
    file: &DbFile,
) -> Result<(), Failure> {
    let path = path_of(file)?;
    let failed = |text: String| Failure::plain(format!("failed to delete bricks with empty path: {text}"));
    if !all && selected.iter().all(Vec::is_empty) {
        return Err(Failure::plain("neither --all flag nor list of clusters/nodes/devices is given"));
    }
    let is_id = |id: &&String| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(bad) = selected.iter().flatten().find(|id| !is_id(id)) {
        return Err(failed(format!("{bad} is not a valid UUID")));
    }
    let (mut database, kind) = store::read_as_v10(path, true).map_err(|error| failed(error.to_string()))?;
    // A state of ours has no brick without a path.
    if delete(&mut database, all, &selected) > 0 && kind == DatabaseKind::Bolt {
        let converted = store::convert_edited(path, &mut |database| delete(database, all, &selected));
        if let Some(done) = converted.map_err(|error| failed(error.to_string()))? {
            conversion::lines(&done).iter().for_each(|line| eprintln!("{line}"));
        }
    } else if kind == DatabaseKind::Json {
        return Err(failed(format!("{} is JSON: import it first", path.display())));
    }
    eprintln!("bricks with empty path removed ");
    Ok(())
}

/// Deletes the records, gives their space back, and takes them out of lists. Returns how many.
fn delete(database: &mut V10Database, all: bool, [clusters, nodes, devices]: &[Vec<String>; 3]) -> usize {
    let mut gone: BTreeSet<String> = BTreeSet::new();
    for (id, device) in &mut database.devices {
        let cluster = database.nodes.get(&device.node_id).map(|node| &node.info.cluster);
        let named =
            devices.contains(id) || nodes.contains(&device.node_id) || cluster.is_some_and(|it| clusters.contains(it));
        if !all && !named {
            continue;
        }
        device.bricks.retain(|id| {
            let Some(brick) = database.bricks.get(id).filter(|brick| brick.info.path.is_empty()) else { return true };
            let size = brick.tp_size.saturating_add(brick.pool_metadata_size);
            device.info.storage.used = device.info.storage.used.saturating_sub(size);
            device.info.storage.free = device.info.storage.free.saturating_add(size);
            gone.insert(id.clone());
            false
        });
    }
    database.bricks.retain(|id, _| !gone.contains(id));
    for volume in database.volumes.values_mut() {
        volume.bricks.retain(|id| !gone.contains(id));
    }
    gone.len()
}
