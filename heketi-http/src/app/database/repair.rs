//! Repairs that need no node.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use heketi_core::audit::{self, Salvaged};
use heketi_core::interchange::{Damage, V10Database};
use heketi_core::inventory::{ChangeSet, Inventory, Key, Record};
use heketi_core::model::Volume;
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

/// How often a repair uncovers the next damage at most: a link, then a size, then a name.
const ROUNDS: usize = 10;

/// Repairs until nothing with a repair is left; returns how many were made. `tell` gets each damage once.
fn repair_all(database: &mut V10Database, mut tell: impl FnMut(&Damage)) -> usize {
    let (mut told, mut repaired) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let found = database.check();
        let made = database.repair(&found);
        for damage in found {
            if !told.contains(&damage) {
                tell(&damage);
                told.push(damage);
            }
        }
        repaired += made;
        if made == 0 {
            break;
        }
    }
    repaired
}

/// Tells the damages and their repairs; returns how many there are of both.
fn plan(database: &V10Database) -> (usize, usize) {
    let mut damages = 0;
    let repairs = repair_all(&mut database.clone(), |damage| {
        tell(&format!("{}\n  {}", damage.text, remedy(damage)));
        damages += 1;
    });
    (damages, repairs)
}

fn bolt(path: &Path, apply: bool) -> Result<(), Failure> {
    let (mut database, _) = store::read_as_v10(path, true).map_err(failed)?;
    database.upgrade(&mut RandomIds::default());
    let (damages, repairs) = plan(&database);
    if !apply {
        let kept = format!("{}.v10", path.display());
        let then = match repairs > 0 {
            true => format!("--apply would convert it with these repairs and keep the file as {kept}"),
            false => "Nothing to repair".to_owned(),
        };
        tell(&then);
        return Ok(());
    }
    if repairs == 0 {
        tell("Nothing to repair: it was not touched; a server that is started on it converts it");
        return Ok(());
    }
    let conversion = store::convert_edited(path, &mut |database| repair_all(database, |_| {}));
    match conversion.map_err(failed)? {
        Some(done) => {
            tell(&format!("Repaired: {} of {damages}", done.repaired));
            conversion::lines(&done).iter().for_each(|line| eprintln!("{line}"));
            Ok(())
        }
        None => Err(failed(format!("{} was replaced meanwhile", path.display()))),
    }
}

fn json(path: &Path, apply: bool) -> Result<(), Failure> {
    let (mut database, _) = store::read_as_v10(path, true).map_err(failed)?;
    database.upgrade(&mut RandomIds::default());
    let (damages, repairs) = plan(&database);
    if repairs == 0 || !apply {
        tell(if repairs > 0 { "--apply would make these repairs" } else { "Nothing to repair" });
        return Ok(());
    }
    let copy = back_up(path)?;
    let repaired = repair_all(&mut database, |_| {});
    let new = PathBuf::from(format!("{}.new", path.display()));
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&new);
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        io::Write::write_all(&mut out, database.to_json().as_bytes())?;
        out.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| failed(format!("{}: {error}", path.display())))?;
    tell(&format!("Repaired: {repaired} of {damages}; the file as it was is {}", copy.display()));
    Ok(())
}

/// What no state can hold is left out; what is left is judged and repaired by a running server, with the nodes.
fn ours(path: &Path, apply: bool) -> Result<(), Failure> {
    let Some(salvaged) = salvaged(store::read_records(path).map_err(failed)?) else {
        tell("Nothing to repair without the nodes: `heketi-cli audit --nodes` asks a running server for the rest");
        return Ok(());
    };
    misfits(&salvaged).iter().for_each(|(text, repair)| tell(&format!("{text}\n  Repair: {repair}")));
    if !apply {
        tell("--apply would make these repairs");
        return Ok(());
    }
    let store = FileStore::open(path).map_err(failed)?;
    let copy = back_up(path)?;
    // Again, now that nobody else can write.
    let (records, revision) = store.load().map_err(failed)?;
    let (mut changes, mut repaired) = (ChangeSet::default(), 0);
    if let Some(Salvaged { inventory, dropped, locked, .. }) = self::salvaged(records) {
        repaired = dropped.len() + locked.len();
        dropped.iter().for_each(|(key, _)| changes.delete(*key));
        let kept = locked.iter().filter_map(|(key, _)| match key {
            Key::Volume(id) => inventory.volume(*id),
            _ => None,
        });
        kept.for_each(|volume| changes.put_volume(Volume::clone(volume)));
    }
    store.commit(revision, &[changes]).map_err(failed)?;
    store.close();
    tell(&format!("Repaired: {repaired} of {repaired}; the file as it was is {}", copy.display()));
    tell("`heketi-cli audit --nodes` and `heketi-cli audit repair` take in again what left out records stood for");
    Ok(())
}

/// What can be made of records that contradict each other; none if they do not.
pub(super) fn salvaged(records: Vec<Record>) -> Option<Salvaged> {
    match Inventory::from_records(records.clone()) {
        Ok(_) => None,
        Err(_) => Some(audit::salvage(records)),
    }
}

/// What each contradiction is, and its repair.
pub(super) fn misfits(salvaged: &Salvaged) -> Vec<(String, String)> {
    let text = |(key, why): &(Key, String)| format!("record {key} contradicts others: {why}");
    let dropped = salvaged
        .dropped
        .iter()
        .map(|it| (text(it), "leave it out; an audit of the nodes takes in again what it stood for".to_owned()));
    let locked = salvaged.locked.iter().map(|it| {
        let repair = "keep it with all its block volumes, and lock it until its restriction is lifted; `heketi-cli audit \
                      repair` counts what it hosts";
        (text(it), repair.to_owned())
    });
    dropped.chain(locked).collect()
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
