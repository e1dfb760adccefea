//! Is the state consistent with itself? Findings name the objects and what would repair them.
//!
//! Some contradictions cannot be stored at all ([`crate::inventory::Inventory::apply`] refuses them); the
//! audit looks for those too, because it judges states that were imported or damaged.

mod operations;
mod structure;
mod volumes;

use std::fmt;

use crate::inventory::Inventory;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Space or records are wasted; no data is in danger.
    Warning,
    /// Data is less protected than promised, or the next operation can go wrong.
    Error,
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The objects and what is wrong with them.
    pub text: String,
    /// What would repair it.
    pub repair: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {} (repair: {})", self.text, self.repair)
    }
}

fn error(text: String, repair: &str) -> Finding {
    Finding { severity: Severity::Error, text, repair: repair.to_owned() }
}

fn warning(text: String, repair: &str) -> Finding {
    Finding { severity: Severity::Warning, text, repair: repair.to_owned() }
}

/// All contradictions of the state with itself; none for a sound state.
pub fn check(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = structure::check(inventory);
    findings.extend(volumes::check(inventory));
    findings.extend(operations::check(inventory));
    findings
}
