//! JSON of heketi v10's form, in and out.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use heketi_core::interchange::V10Database;
use heketi_exec::RandomIds;
use heketi_exec::store;

use super::super::Failure;
use super::super::arguments::{DbFile, ExportFormat};
use super::{named, path_of};

pub(super) fn import(json: Option<PathBuf>, file: &DbFile) -> Result<(), Failure> {
    let json = named(json, "Please provide file for input")?;
    let path = path_of(file)?;
    let failed = |text: String| Failure::plain(format!("db creation failed: {text}"));
    if path.exists() {
        return Err(failed(format!("{} file already exists", path.display())));
    }
    let text = read(&json).map_err(|error| failed(format!("Could not open input file: {error}")))?;
    let database = V10Database::from_json(&text);
    let mut database = database.map_err(|error| failed(format!("Could not decode input file as JSON: {error}")))?;
    // What is made here is another database than the one that was exported.
    database.attributes.remove(GENERATION);
    database.upgrade(&mut RandomIds::default());
    for damage in database.check() {
        eprintln!("WARNING: {damage}");
    }
    let converted = database.to_inventory().map_err(|error| {
        failed(format!("{error}; `heketi db repair --dbfile {} --dry-run` tells the repairs", json.display()))
    })?;
    converted.notes.iter().for_each(|note| eprintln!("NOTE: {note}"));
    store::create(path, &converted.inventory).map_err(|error| failed(error.to_string()))?;
    eprintln!("DB imported to {}", path.display());
    Ok(())
}

/// The attribute that tells databases apart.
const GENERATION: &str = "DB_GENERATION_ID";

fn read(json: &Path) -> io::Result<Vec<u8>> {
    if json.as_os_str() != "-" {
        return std::fs::read(json)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", json.display())));
    }
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text)?;
    Ok(text)
}

pub(super) fn export(
    json: Option<PathBuf>,
    ExportFormat::V10: ExportFormat,
    force: bool,
    file: &DbFile,
) -> Result<(), Failure> {
    let json = named(json, "Please provide file for output")?;
    let path = path_of(file)?;
    if json.as_os_str() == "-" {
        return print(path, force);
    }
    let failed = |text: String| Failure::plain(format!("failed to dump db: {text}"));
    let cannot = |error: &io::Error| {
        let why = if error.kind() == io::ErrorKind::AlreadyExists { "file exists".into() } else { error.to_string() };
        failed(format!("Could not create json file: open {}: {why}", json.display()))
    };
    if json.exists() {
        return Err(cannot(&io::ErrorKind::AlreadyExists.into()));
    }
    let text = load(path, force)?;
    // Passwords of block volumes are in it.
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&json);
    let mut out = created.map_err(|error| cannot(&error))?;
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.sync_all()) {
        let _ = std::fs::remove_file(&json);
        return Err(failed(format!("Could not write {}: {error}", json.display())));
    }
    eprintln!("DB exported to {}", path.display());
    Ok(())
}

pub(super) fn dump(file: &DbFile) -> Result<(), Failure> {
    // For people who look at it, what v10 does not know is no reason to show nothing.
    print(path_of(file)?, true)
}

fn print(path: &Path, force: bool) -> Result<(), Failure> {
    let text = load(path, force)?;
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    written.map_err(|error| Failure::plain(format!("failed to dump db: {error}")))
}

fn load(path: &Path, force: bool) -> Result<String, Failure> {
    let (database, _) = store::read_as_v10(path, force)
        .map_err(|error| Failure::plain(format!("failed to dump db: Unable to open database: {error}")))?;
    Ok(database.to_json())
}
