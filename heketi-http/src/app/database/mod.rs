//! `heketi db`: database files without a server.

mod check;
mod import_export;
mod repair;

use std::path::{Path, PathBuf};

use heketi_core::interchange::{Damage, DamageKind};

use super::Failure;
use super::arguments::{DbCommand, DbFile};
use crate::config::{LogFormat, LogLevel};
use crate::logging;

/// Runs a command. What it found is no failure, except for `check`.
pub(super) fn run(command: DbCommand) -> Result<(), Failure> {
    let level = if command.file().debug { LogLevel::Debug } else { LogLevel::Warning };
    logging::start(level, LogFormat::Text);
    match command {
        DbCommand::Import { jsonfile, file } => import_export::import(jsonfile, &file),
        DbCommand::Export { jsonfile, format, force, file } => import_export::export(jsonfile, format, force, &file),
        DbCommand::Dump { file } => import_export::dump(&file),
        DbCommand::Check { json, file } => check::check(json, &file),
        DbCommand::ConsistencyCheck { file } => check::consistency(&file),
        DbCommand::Repair { dry_run, apply, file } => repair::repair(dry_run, apply, &file),
        DbCommand::DeleteBricksWithEmptyPath { all, clusters, nodes, devices, file } => {
            repair::delete_bricks_with_empty_path(all, [clusters, nodes, devices], &file)
        }
    }
}

/// What becomes of a damage.
fn remedy(damage: &Damage) -> String {
    match (&damage.repair, damage.kind) {
        (Some(repair), _) => format!("Repair: {repair}"),
        (None, DamageKind::Operation) => "Left: heketi undoes or finishes it with the nodes".to_owned(),
        (None, _) => "By hand: `heketi db export`, edit the JSON, `heketi db import`".to_owned(),
    }
}

fn path_of(file: &DbFile) -> Result<&Path, Failure> {
    file.dbfile.as_deref().ok_or_else(|| Failure::plain("Please provide path for db file"))
}

fn named(path: Option<PathBuf>, missing: &str) -> Result<PathBuf, Failure> {
    path.ok_or_else(|| Failure::plain(missing))
}
