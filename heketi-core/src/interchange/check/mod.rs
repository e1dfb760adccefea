//! Damage that heketi v10 leaves in its database, each with a repair where there is one (core sections 8.4 and 9.2 of
//! its behaviour).

mod bucket;
mod hosts;
mod links;
mod operations;
mod repair;
mod sizes;

use std::fmt;

use super::V10Database;
use repair::Fix;

pub(super) const OLDER_REVISION: &str =
    "the newest of the two meta pages of the BoltDB file is damaged: this is the state before the last change";

/// What kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DamageKind {
    /// The file itself.
    File,
    /// A list names a record that is not there or does not name it back, or lacks one that does.
    Link,
    /// A record names another that is not there.
    Dangling,
    /// Sizes or counts do not add up.
    Sizes,
    /// A host name or another name belongs to two, or is registered for nobody.
    Name,
    /// A pending operation that v10 cannot finish or undo.
    Operation,
    /// A record is marked as pending for an operation that is not there.
    Mark,
}

/// One damage, with its repair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// What kind.
    pub kind: DamageKind,
    /// What is wrong, in the words of v10's consistency check where it has some.
    pub text: String,
    /// What [`V10Database::repair`] does about it. None where the conversion itself is the repair, as for the
    /// operation of a crashed clone, or only the nodes can tell; then the text says what to do.
    pub repair: Option<String>,
    /// True if [`V10Database::to_inventory`] refuses the database because of it.
    pub blocks_conversion: bool,
    fix: Option<Fix>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.repair {
            Some(repair) => write!(f, "; repair: {repair}"),
            None => Ok(()),
        }
    }
}

/// Findings as they are made.
struct Findings<'a> {
    database: &'a V10Database,
    found: Vec<Damage>,
}

impl Findings<'_> {
    /// A damage the conversion can do with.
    fn mild(&mut self, kind: DamageKind, text: String, fix: Option<Fix>) {
        self.add(kind, text, fix, false);
    }

    /// A damage the conversion cannot do with.
    fn severe(&mut self, kind: DamageKind, text: String, fix: Option<Fix>) {
        self.add(kind, text, fix, true);
    }

    fn add(&mut self, kind: DamageKind, text: String, fix: Option<Fix>, blocks_conversion: bool) {
        let repair = fix.as_ref().map(ToString::to_string);
        self.found.push(Damage { kind, text, repair, blocks_conversion, fix });
    }
}

impl V10Database {
    /// Everything that is wrong with the database. [`V10Database::upgrade`] comes first: what an older version did not
    /// record is no damage.
    pub fn check(&self) -> Vec<Damage> {
        let mut findings = Findings { database: self, found: Vec::new() };
        if self.older_revision {
            findings.mild(DamageKind::File, OLDER_REVISION.into(), None);
        }
        findings.links();
        findings.sizes();
        findings.host_names();
        findings.names();
        findings.operations();
        findings.marks();
        findings.found
    }
}
