//! A database file of heketi v10 becomes one of ours, in its place.
//!
//! The new file is written and flushed under the name `<db>.new`. Then the old one gets the name `<db>.v10` beside
//! its own, and the new one takes its own: one rename, before which the old state starts and after which the new one
//! does. On a file system without hard links the old file is renamed instead, and a start that finds no `<db>` but
//! the two others finishes that. All this happens under v10's lock.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use heketi_core::audit::{self, Finding};
use heketi_core::interchange::{ConvertError, Converted, Damage, Note, UpgradeNote, V10Database, refuse};
use heketi_core::inventory::Inventory;

use super::bolt_file::{BoltFile, Hold, identity, looks_like_bolt};
use super::{FileStore, Store, StoreError};
use crate::random::RandomIds;

/// Most damages that an error names.
const NAMED: usize = 10;

/// What a conversion did.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// Where the database is; a link to it was followed.
    pub path: PathBuf,
    /// Where the file of heketi v10 is kept, untouched and read only.
    pub kept: PathBuf,
    /// What had to be brought up to v10's last version first.
    pub upgrades: Vec<UpgradeNote>,
    /// What was damaged in it.
    pub damages: Vec<Damage>,
    /// How many of the damages were repaired in the new file.
    pub repaired: usize,
    /// What else the user should know.
    pub notes: Vec<Note>,
    /// What the audit finds wrong in the converted state, without the nodes.
    pub findings: Vec<Finding>,
}

/// What is changed in the records before they are converted, and how many changes that were.
pub type Edit<'a> = &'a mut dyn FnMut(&mut V10Database) -> usize;

/// Places where the program can end in the middle of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// The new file is whole.
    Written,
    /// The old file has its second name, or only that.
    Kept,
    /// The new file has the name of the old one.
    Replaced,
}

/// Opens the database file at `path`, or creates one where there is none. A file of heketi 4 to 10 is converted
/// first; the second value tells how that went.
///
/// # Errors
/// [`StoreError`] as of [`FileStore::open`]; also when a heketi v10 has the file open, when it is damaged or
/// truncated, and when `<db>.v10` is there already. Nothing was changed then.
pub fn open_or_convert(path: impl AsRef<Path>) -> Result<(FileStore, Option<Conversion>), StoreError> {
    let path = &resolved(path.as_ref());
    finish(path)?;
    let conversion = match BoltFile::open(path, Hold::Exclusive)? {
        Some(bolt) => Some(convert(&bolt, true, None, &mut |_| Ok(()))?),
        None => None,
    };
    Ok((FileStore::open(path)?, conversion))
}

/// Where a link leads: the files stay together there.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Converts the file of heketi v10 at `path` after `edit` changed its records; none when it is no such file.
///
/// # Errors
/// As of [`open_or_convert`].
pub fn convert_edited(path: &Path, edit: Edit<'_>) -> Result<Option<Conversion>, StoreError> {
    let path = &resolved(path);
    finish(path)?;
    match BoltFile::open(path, Hold::Exclusive)? {
        Some(bolt) => convert(&bolt, false, Some(edit), &mut |_| Ok(())).map(Some),
        None => Ok(None),
    }
}

/// Writes a new database file with this state. It has its name only once it is whole.
///
/// # Errors
/// [`StoreError`] when there is a file of that name, or it cannot be written.
pub fn create(path: &Path, inventory: &Inventory) -> Result<(), StoreError> {
    let written = beside(path, "new");
    write(&written, inventory)?;
    // Unlike a rename, a second name never replaces a file.
    let named = fs::hard_link(&written, path).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        _ if path.exists() => Err(io::ErrorKind::AlreadyExists.into()),
        _ => fs::rename(&written, path),
    });
    let named = named.and_then(|()| sync_directory(path));
    let _ = fs::remove_file(&written);
    named.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError(format!("{} file already exists", path.display())),
        _ => StoreError(format!("{} cannot be written: {error}", path.display())),
    })
}

/// Finishes a conversion that ended in the middle.
fn finish(path: &Path) -> Result<(), StoreError> {
    let (kept, written) = (beside(path, "v10"), beside(path, "new"));
    if !kept.exists() {
        return Ok(());
    }
    let (name, old) = (path.display(), kept.display());
    if !path.exists() {
        if !written.exists() || FileStore::open(&written).is_err() {
            return Err(StoreError(format!(
                "database {name} is missing, and {old} is the heketi v10 database it was converted from: bring back a \
                 backup as {name}, or rename {old} to {name}, which forgets everything done since"
            )));
        }
        let renamed = fs::rename(&written, path).and_then(|()| sync_directory(path));
        renamed.map_err(|error| StoreError(format!("{} cannot be renamed to {name}: {error}", written.display())))?;
    }
    if !looks_like_bolt(path) {
        protect(&kept);
    }
    Ok(())
}

fn convert(
    bolt: &BoltFile,
    advise: bool,
    edit: Option<Edit<'_>>,
    reached: &mut dyn FnMut(Point) -> Result<(), StoreError>,
) -> Result<Conversion, StoreError> {
    let path = &bolt.path;
    let (kept, written) = (beside(path, "v10"), beside(path, "new"));
    refuse_two(bolt, &kept)?;
    let mut database = bolt.read()?;
    let upgrades = database.upgrade(&mut RandomIds::default());
    // Large databases: what does not depend on each other is done side by side.
    let (damages, repaired, converted) = match edit {
        Some(edit) => {
            let damages = database.check();
            (damages, edit(&mut database), database.to_inventory())
        }
        None => {
            let (damages, converted) = both(|| database.check(), || database.to_inventory_unchecked());
            let converted = refuse(&damages).and(converted);
            (damages, 0, converted)
        }
    };
    let Converted { inventory, notes, .. } = converted.map_err(|error| refused(path, &error, advise))?;
    std::thread::spawn(move || drop(database));
    let (findings, made) = both(|| audit::check_records(&inventory), || write(&written, &inventory));
    let made = made.and_then(|()| like(&written, &bolt.file));
    if let Err(error) = made {
        let _ = fs::remove_file(&written);
        return Err(error);
    }
    reached(Point::Written)?;
    let failed = |error: io::Error| {
        StoreError(format!("database {} cannot be replaced by the converted one: {error}", path.display()))
    };
    keep(path, &kept).and_then(|()| sync_directory(path)).map_err(failed)?;
    reached(Point::Kept)?;
    fs::rename(&written, path).and_then(|()| sync_directory(path)).map_err(failed)?;
    reached(Point::Replaced)?;
    protect(&kept);
    Ok(Conversion { path: path.clone(), kept, upgrades, damages, repaired, notes, findings })
}

/// Does the first thing on a thread of its own while the second is done here.
fn both<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let other = scope.spawn(first);
        let second = second();
        let first = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (first, second)
    })
}

/// A v10 that was gone back to has written its file again: which of the two counts, only the user knows.
fn refuse_two(bolt: &BoltFile, kept: &Path) -> Result<(), StoreError> {
    let Ok(other) = fs::metadata(kept) else { return Ok(()) };
    if bolt.file.metadata().is_ok_and(|own| identity(&own) == identity(&other)) {
        // A conversion that ended before the new file took the name.
        return Ok(());
    }
    let (name, kept) = (bolt.path.display(), kept.display());
    Err(StoreError(format!(
        "both {name} and {kept} are databases of heketi v10, as after going back to v10; nothing was touched: to convert \
         {name}, move {kept} away; to convert {kept} again, rename it to {name}"
    )))
}

fn refused(path: &Path, error: &ConvertError, advise: bool) -> StoreError {
    let name = path.display();
    match error {
        ConvertError::Damaged(damages) => {
            let mut text = format!("heketi v10's database {name} is damaged and was not touched:");
            damages.iter().take(NAMED).for_each(|damage| text.push_str(&format!("\n  {damage}")));
            if damages.len() > NAMED {
                text.push_str(&format!("\n  and {} more", damages.len() - NAMED));
            }
            if advise {
                let repair = format!("heketi db repair --dbfile {name}");
                text.push_str(&format!("\n`{repair} --dry-run` tells the repairs, `{repair} --apply` makes them"));
            }
            StoreError(text)
        }
        other => StoreError(format!("heketi v10's database {name} cannot be converted and was not touched: {other}")),
    }
}

fn write(path: &Path, inventory: &Inventory) -> Result<(), StoreError> {
    let _ = fs::remove_file(path);
    let failed = |error: &dyn std::fmt::Display| StoreError(format!("{} cannot be written: {error}", path.display()));
    let store = FileStore::open(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|error| failed(&error))?;
    store.fill(inventory).map_err(|error| failed(&error))?;
    store.close();
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| failed(&error))
}

/// Gives the new file mode and owner of the old one: whoever converts need not be who runs the server.
fn like(path: &Path, old: &File) -> Result<(), StoreError> {
    let give = || -> io::Result<()> {
        let (own, old) = (fs::metadata(path)?, old.metadata()?);
        if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::chown(path, Some(old.uid()), Some(old.gid()))?;
        }
        fs::set_permissions(path, Permissions::from_mode((old.mode() & 0o777) | 0o600))
    };
    give().map_err(|error| StoreError(format!("{} cannot get mode and owner of the old: {error}", path.display())))
}

/// Gives the old file its other name.
fn keep(path: &Path, kept: &Path) -> io::Result<()> {
    if kept.exists() {
        return Ok(());
    }
    fs::hard_link(path, kept).or_else(|_| fs::rename(path, kept))
}

/// Makes the kept file read only. Failing that it is still as it was.
fn protect(kept: &Path) {
    if let Ok(metadata) = fs::metadata(kept)
        && metadata.mode() & 0o222 != 0
    {
        let _ = fs::set_permissions(kept, Permissions::from_mode(metadata.mode() & 0o555));
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// The path with an ending added to its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
