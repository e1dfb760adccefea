use serde::{Deserialize, Serialize};

use super::validate::Problems;
use super::{Validate, ValidationError};
use crate::audit::{Finding, Report};

/// Answer of `GET /audit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AuditInfo {
    /// Were the nodes asked too?
    pub nodes: bool,
    /// What is wrong; empty when all is well.
    pub findings: Vec<FindingInfo>,
    /// What is on the nodes and not heketi's: no repair touches it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl From<&Report> for AuditInfo {
    fn from(report: &Report) -> Self {
        let findings = report.findings.iter().map(FindingInfo::from).collect();
        Self { nodes: report.nodes, findings, notes: report.notes.clone() }
    }
}

/// One contradiction within the state, or between the state and a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FindingInfo {
    /// Names the finding in a repair request: the same contradiction has the same id in every audit.
    pub id: String,
    /// `error` when data is in danger or the next operation can go wrong, else `warning`.
    pub severity: String,
    /// What it is about: `brick <id>`, `logical volume <group>/<name> on node <id>`.
    #[serde(default)]
    pub objects: Vec<String>,
    /// The objects and what is wrong with them.
    pub text: String,
    /// What would repair it.
    pub repair: String,
    /// Can heketi repair it? Otherwise the text of the repair tells an administrator what to do.
    #[serde(default)]
    pub automatic: bool,
}

impl From<&Finding> for FindingInfo {
    fn from(finding: &Finding) -> Self {
        Self {
            id: finding.name(),
            severity: finding.severity.to_string(),
            objects: finding.objects.iter().map(ToString::to_string).collect(),
            text: finding.text.clone(),
            repair: finding.repair.to_string(),
            automatic: finding.repair.is_automatic(),
        }
    }
}

/// Body of `POST /audit/repair`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AuditRepairRequest {
    /// Repair; otherwise only tell what would be done.
    pub apply: bool,
    /// Ids of the findings to repair; empty means all that can be repaired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

impl AuditRepairRequest {
    /// The findings of an audit that are asked for.
    pub fn select<'a>(&self, report: &'a Report) -> Vec<&'a Finding> {
        let wanted = |finding: &&Finding| self.findings.is_empty() || self.findings.contains(&finding.name());
        report.findings.iter().filter(wanted).collect()
    }
}

impl Validate for AuditRepairRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        let good = |id: &&String| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
        let bad = self.findings.iter().find(|id| !good(id));
        Problems::default().field("findings", bad.map(|id| format!("{id} is not the id of a finding"))).result()
    }
}

/// Answer of `POST /audit/repair` without `apply`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AuditPlan {
    /// The repairs, in the order of the findings.
    pub repairs: Vec<RepairInfo>,
}

impl<'a> FromIterator<&'a Finding> for AuditPlan {
    fn from_iter<I: IntoIterator<Item = &'a Finding>>(findings: I) -> Self {
        Self { repairs: findings.into_iter().map(RepairInfo::from).collect() }
    }
}

/// What would be done about one finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepairInfo {
    /// Id of the finding.
    pub finding: String,
    /// The objects and what is wrong with them.
    pub text: String,
    /// What would be done, in order; empty when only an administrator can repair it.
    #[serde(default)]
    pub steps: Vec<String>,
}

impl From<&Finding> for RepairInfo {
    fn from(finding: &Finding) -> Self {
        let steps = finding.repair.is_automatic().then(|| finding.repair.to_string());
        Self { finding: finding.name(), text: finding.text.clone(), steps: steps.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{decode, encode};
    use crate::audit::{Repair, Severity};

    #[test]
    fn a_finding_has_the_same_id_in_every_audit() {
        let finding = |text: &str, repair: &str| Finding {
            severity: Severity::Error,
            objects: Vec::new(),
            text: text.into(),
            repair: Repair::ByHand(repair.into()),
        };
        let one = FindingInfo::from(&finding("Brick a unknown device b", "remove it"));
        assert_eq!(one.id, FindingInfo::from(&finding("Brick a unknown device b", "")).id);
        assert_ne!(one.id, FindingInfo::from(&finding("Brick a unknown device c", "remove it")).id);
        let request = AuditRepairRequest { apply: true, findings: vec![one.id.clone()] };
        assert_eq!(request.validate(), Ok(()));
        assert_eq!(decode::<AuditRepairRequest>(encode(&request).as_bytes()).unwrap(), request);
        let bad = AuditRepairRequest { apply: true, findings: vec![one.id, "x".into()] };
        let told = bad.validate().unwrap_err().to_string();
        assert_eq!(told, "validation failed: findings: x is not the id of a finding.");
    }

    #[test]
    fn a_plan_tells_what_heketi_would_do_and_only_that() {
        let finding = |repair| Finding { severity: Severity::Warning, objects: Vec::new(), text: "x".into(), repair };
        let job = Repair::DropJob(crate::id::QueueId::from_bytes([1; 16]));
        let plan: AuditPlan = [&finding(Repair::ByHand("ask somebody".into())), &finding(job)].into_iter().collect();
        assert_eq!(plan.repairs[0].steps, Vec::<String>::new());
        assert_eq!(plan.repairs[1].steps, ["remove the job's record"]);
    }
}
