//! What is in a database file, and copies of it.

use std::fmt;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use heketi_core::inventory::{Record, decode_key, decode_record};
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::Revision;

pub(super) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
pub(super) const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// The layout of tables and keys this program reads and writes.
pub(super) const FORMAT: u64 = 1;

pub(super) fn number(database: &impl ReadableDatabase, name: &str) -> Result<u64, redb::Error> {
    let transaction = database.begin_read()?;
    let value = transaction.open_table(NUMBERS)?.get(name)?.map(|value| value.value());
    Ok(value.unwrap_or(0))
}

/// All records and their revision, of one moment.
pub(super) fn load(database: &impl ReadableDatabase) -> Result<(Vec<Record>, Revision), Box<dyn std::error::Error>> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let mut records = Vec::new();
    for entry in transaction.open_table(RECORDS)?.iter()? {
        let (key, value) = entry?;
        records.push(decode_record(decode_key(key.value())?, value.value())?);
    }
    let revision = transaction.open_table(NUMBERS)?.get("revision")?.map_or(0, |value| value.value());
    Ok((records, Revision(revision)))
}

/// A compact copy of one moment in a file without a name.
pub(super) fn backup(database: &impl ReadableDatabase, directory: &Path) -> Result<File, String> {
    let failed = |error: &dyn fmt::Display| format!("no copy can be written to {}: {error}", directory.display());
    let mut file = tempfile::tempfile_in(directory).map_err(|error| failed(&error))?;
    let copy = file.try_clone().map_err(|error| failed(&error))?;
    copy_to(database, copy).map_err(|error| failed(&error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
    Ok(file)
}

fn copy_to(database: &impl ReadableDatabase, file: File) -> Result<(), redb::Error> {
    let source = database.begin_read()?;
    let mut copy = Database::builder().create_with_backend(FileBackend::new(file)?)?;
    let transaction = copy.begin_write()?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        for entry in source.open_table(RECORDS)?.iter()? {
            let (key, value) = entry?;
            records.insert(key.value(), value.value())?;
        }
        let mut numbers = transaction.open_table(NUMBERS)?;
        for entry in source.open_table(NUMBERS)?.iter()? {
            let (key, value) = entry?;
            numbers.insert(key.value(), value.value())?;
        }
    }
    transaction.commit()?;
    copy.compact()?;
    Ok(())
}
