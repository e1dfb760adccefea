//! What is wrong with a database file.

use heketi_core::audit::{self, Salvaged};
use heketi_core::interchange::{Damage, V10Database};
use heketi_core::inventory::Inventory;
use heketi_exec::RandomIds;
use heketi_exec::store::{self, DatabaseKind};

use super::super::arguments::DbFile;
use super::super::{Failure, tell};
use super::repair::misfits;
use super::{path_of, remedy};

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::plain(format!("failed to check db: {error}"))
}

pub(super) fn consistency(file: &DbFile) -> Result<(), Failure> {
    let (database, _) = store::read_as_v10(path_of(file)?, true).map_err(failed)?;
    let text = serde_json::to_string_pretty(&database.consistency(false)).map_err(failed)?;
    tell(&text);
    Ok(())
}

pub(super) fn check(json: bool, file: &DbFile) -> Result<(), Failure> {
    if json {
        return consistency(file);
    }
    let path = path_of(file)?;
    let found = match DatabaseKind::of(path) {
        DatabaseKind::Ours => ours(path)?,
        DatabaseKind::Bolt | DatabaseKind::Json => {
            let (mut database, _) = store::read_as_v10(path, true).map_err(failed)?;
            v10(&mut database)
        }
    };
    found.iter().for_each(|line| tell(line));
    match found.len() {
        0 => tell("No problems found"),
        1 => return Err(Failure::plain("the check found 1 problem")),
        many => return Err(Failure::plain(format!("the check found {many} problems"))),
    }
    Ok(())
}

/// Brings it up to v10's last version in memory; what an older version did not record is no damage.
fn v10(database: &mut V10Database) -> Vec<String> {
    database.upgrade(&mut RandomIds::default());
    let line = |damage: &Damage| format!("{}\n  {}", damage.text, remedy(damage));
    database.check().iter().map(line).collect()
}

fn ours(path: &std::path::Path) -> Result<Vec<String>, Failure> {
    let records = store::read_records(path).map_err(failed)?;
    let salvaged = match Inventory::from_records(records.clone()) {
        Ok(inventory) => Salvaged { inventory, ..Salvaged::default() },
        Err(_) => audit::salvage(records),
    };
    let lost = misfits(&salvaged).into_iter().map(|(text, repair)| format!("error: {text}\n  Repair: {repair}"));
    let findings = audit::check(&salvaged.inventory).into_iter().map(|finding| {
        let remedy = if finding.repair.is_automatic() { "Repair by `heketi-cli audit repair`" } else { "By hand" };
        format!("{}: {}\n  {remedy}: {}", finding.severity, finding.text, finding.repair)
    });
    Ok(lost.chain(findings).collect())
}
