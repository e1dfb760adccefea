use heketi_core::api::{AuditInfo, AuditPlan};

use super::args::{Audit, AuditCommand, Repair};
use super::{CliError, Session};

pub(super) async fn run(session: Session<'_>, command: Audit) -> Result<(), CliError> {
    match command.command {
        Some(AuditCommand::Repair(options)) => repair(session, options).await,
        None => check(session, command.nodes).await,
    }
}

async fn check(mut session: Session<'_>, nodes: bool) -> Result<(), CliError> {
    let audit = session.client.audit(nodes).await?;
    session.show(&audit, findings)?;
    match audit.findings.len() {
        0 => Ok(()),
        1 => Err(CliError::new("the audit found 1 problem")),
        many => Err(CliError(format!("the audit found {many} problems"))),
    }
}

fn findings(audit: &AuditInfo) -> String {
    let mut text = String::new();
    if audit.findings.is_empty() {
        text.push_str("No problems found\n");
    }
    for it in &audit.findings {
        let remedy = if it.automatic { "Repair" } else { "By hand" };
        text.push_str(&format!("Id:{}  {}: {}\n  {remedy}: {}\n", it.id, it.severity, it.text, it.repair));
    }
    for note in &audit.notes {
        text.push_str(&format!("Not heketi's: {note}\n"));
    }
    text
}

async fn repair(mut session: Session<'_>, options: Repair) -> Result<(), CliError> {
    match (options.plan, options.apply) {
        (true, false) => {
            let plan = session.client.audit_repair_plan(&options.findings).await?;
            session.show(&plan, steps)
        }
        (false, true) => {
            // A script that repairs every night meets a healthy cluster most of the time.
            let all = options.findings.is_empty();
            if all && session.client.audit_repair_plan(&[]).await?.repairs.is_empty() {
                return session.print(NOTHING);
            }
            session.client.audit_repair(&options.findings).await?;
            session.print("Repaired; audit again to see what is left\n")
        }
        _ => Err(CliError::new("name one of --plan and --apply")),
    }
}

const NOTHING: &str = "Nothing to repair\n";

fn steps(plan: &AuditPlan) -> String {
    if plan.repairs.is_empty() {
        return NOTHING.to_owned();
    }
    let mut text = String::new();
    for repair in &plan.repairs {
        text.push_str(&format!("Id:{}  {}\n", repair.finding, repair.text));
        if repair.steps.is_empty() {
            text.push_str("  (only by hand)\n");
        }
        for step in &repair.steps {
            text.push_str(&format!("  {step}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_heketis_is_told_and_is_no_problem() {
        let audit = AuditInfo { notes: vec!["gluster volume pictures in cluster 4f".to_owned()], ..Default::default() };
        assert_eq!(findings(&audit), "No problems found\nNot heketi's: gluster volume pictures in cluster 4f\n");
    }
}
