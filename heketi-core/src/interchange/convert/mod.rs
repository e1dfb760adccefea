//! From heketi v10's records to ours.
//!
//! Each link is taken from the side that belongs to one other object, as our records have it: a brick's device and
//! volume, a device's node. v10's lists on the other side are not needed.

mod operations;
mod records;

pub(super) use records::durability;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::{Damage, V10Database};
use crate::id::{BrickId, ParseIdError};
use crate::inventory::{Inventory, Record};
use crate::model::SetPosition;

/// Something the user should know about the conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// One sentence or a few, naming the objects.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A converted database.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Converted {
    /// The state; what to store are its [`Inventory::records`].
    pub inventory: Inventory,
    /// What the user should know.
    pub notes: Vec<Note>,
}

/// Why a database is not converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// It is damaged; these findings stand in the way. [`V10Database::repair`] repairs those that have a repair.
    #[error("the database is damaged in {} places that stand in the way of its conversion: {}", .0.len(), summary(.0))]
    Damaged(Vec<Damage>),
    /// A value ours cannot hold.
    #[error("{object} cannot be converted: {why}")]
    Value {
        /// The record.
        object: String,
        /// What is wrong.
        why: String,
    },
}

/// The first few of them.
fn summary(found: &[Damage]) -> String {
    let mut texts: Vec<&str> = found.iter().take(3).map(|damage| damage.text.as_str()).collect();
    if found.len() > 3 {
        texts.push("…");
    }
    texts.join("; ")
}

/// What is being converted.
struct Conversion<'a> {
    database: &'a V10Database,
    records: Vec<Record>,
    notes: Vec<Note>,
    /// Places of bricks that a pending operation tells in its order.
    positions: BTreeMap<BrickId, SetPosition>,
    /// Bricks of clones that are being made: v10 records where they lie at the end, and the path of the source's brick
    /// until then.
    unplaced: BTreeSet<String>,
}

impl V10Database {
    /// Our state of these records. Call [`V10Database::upgrade`] first.
    ///
    /// Pending operations become operations of ours, stale, for the cleaner to undo or finish.
    ///
    /// # Errors
    /// [`ConvertError`]; the database is converted as a whole or not at all.
    pub fn to_inventory(&self) -> Result<Converted, ConvertError> {
        refuse(&self.check())?;
        self.to_inventory_unchecked()
    }

    /// As [`V10Database::to_inventory`], without [`V10Database::check`]: for whoever has that done at the same time, and
    /// then asks [`refuse`].
    ///
    /// # Errors
    /// [`ConvertError::Value`].
    pub fn to_inventory_unchecked(&self) -> Result<Converted, ConvertError> {
        let mut conversion = Conversion {
            database: self,
            records: Vec::new(),
            notes: Vec::new(),
            positions: BTreeMap::new(),
            unplaced: BTreeSet::new(),
        };
        conversion.records()?;
        let (records, mut notes) = (std::mem::take(&mut conversion.records), std::mem::take(&mut conversion.notes));
        let inventory = Inventory::from_records(records)
            .map_err(|error| ConvertError::Value { object: "the database".into(), why: error.to_string() })?;
        if self.older_revision {
            notes.push(Note { text: super::check::OLDER_REVISION.into() });
        }
        Ok(Converted { inventory, notes })
    }
}

/// Do these findings of [`V10Database::check`] stand in the way of a conversion?
///
/// # Errors
/// [`ConvertError::Damaged`] with those that do.
pub fn refuse(found: &[Damage]) -> Result<(), ConvertError> {
    let blocking: Vec<Damage> = found.iter().filter(|damage| damage.blocks_conversion).cloned().collect();
    if blocking.is_empty() { Ok(()) } else { Err(ConvertError::Damaged(blocking)) }
}

impl Conversion<'_> {
    fn note(&mut self, text: String) {
        self.notes.push(Note { text });
    }
}

/// An id of the object `what`.
fn id<T: FromStr<Err = ParseIdError>>(what: &str, text: &str) -> Result<T, ConvertError> {
    text.parse().map_err(|error: ParseIdError| value(what, text, error.to_string()))
}

fn value(what: &str, id: &str, why: impl Into<String>) -> ConvertError {
    ConvertError::Value { object: format!("{what} {id}"), why: why.into() }
}

/// A size in GiB.
fn gib(what: &str, id: &str, size: i64) -> Result<crate::units::Gib, ConvertError> {
    u64::try_from(size).map(crate::units::Gib).map_err(|_| value(what, id, format!("it has {size} GiB")))
}
