//! Is the state consistent with itself, and with what the nodes report? Findings name the objects and what would
//! repair them.
//!
//! Some contradictions cannot be stored at all ([`crate::inventory::Inventory::apply`] refuses them); the
//! audit looks for those too, because it judges states that were imported or damaged. What no state can hold is
//! sorted out by [`salvage`].
//!
//! Everything here is pure. Whoever audits runs the steps of [`questions`] and hands in the answers.

mod blocks;
mod bricks;
mod busy;
mod devices;
mod facts;
mod finding;
mod gluster;
mod leaks;
mod names;
mod operations;
mod peers;
mod records;
mod repair;
mod reports;
mod salvage;
mod structure;
mod volumes;

pub use finding::{Finding, Report, Severity, Subject};
pub use repair::{Remains, Repair};
pub use reports::{NodeReport, Reports, questions};
pub use salvage::{Salvaged, salvage};

pub(crate) use bricks::{is_lost, mates};
pub(crate) use facts::{Facts, lost_options};
pub(crate) use gluster::{is_whole, lacks_bricks};
pub(crate) use records::records;

use crate::inventory::Inventory;
use busy::Busy;

/// All contradictions of the state with itself; none for a sound state.
pub fn check(inventory: &Inventory) -> Vec<Finding> {
    let mut report = Report::default();
    structure::indexes(inventory, &mut report);
    report.findings.extend(check_records(inventory));
    report.findings
}

/// As [`check`], of a state that was made of its records a moment ago: its indexes need no second look.
pub fn check_records(inventory: &Inventory) -> Vec<Finding> {
    let mut report = Report::default();
    structure::check(inventory, &mut report);
    volumes::check(inventory, &mut report);
    blocks::check(inventory, &mut report);
    operations::check(inventory, &mut report);
    report.findings
}

/// All contradictions of the state with itself and with the answers of the nodes. What pending operations work
/// on is judged by the state alone, and a node that did not answer not at all.
pub fn check_nodes(inventory: &Inventory, reports: &Reports) -> Report {
    judge(inventory, reports, true)
}

/// As [`check_nodes`], for a repair that is under way: what it claims is judged.
pub(crate) fn check_for_repair(inventory: &Inventory, reports: &Reports) -> Report {
    judge(inventory, reports, false)
}

fn judge(inventory: &Inventory, reports: &Reports, repairs_count: bool) -> Report {
    let mut report = Report { nodes: true, findings: check(inventory), notes: Vec::new() };
    let (facts, busy) = (Facts::new(inventory, reports), Busy::new(inventory, repairs_count));
    peers::check(&facts, busy, &mut report);
    devices::check(&facts, busy, &mut report);
    bricks::check(&facts, busy, &mut report);
    gluster::check(&facts, busy, &mut report);
    leaks::check(&facts, busy, &mut report);
    report
}
