//! Audits: the state against itself and against what the nodes report.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use heketi_core::Error;
use heketi_core::audit::{Finding, Report, Reports, check, check_nodes, questions};
use heketi_core::id::QueueId;
use heketi_core::inventory::Inventory;
use heketi_core::operation::{AuditRepair, Certainty, FailureKind, Step, StepFailure, StepOutcome};

use super::Engine;
use super::requests::blocking;

/// Questions asked at the same time. Each opens a connection.
const AT_ONCE: usize = 32;

/// How long one question may take. A node that hangs must not hold up what is to be told about the others.
const LIMIT: Duration = Duration::from_secs(120);

impl Engine {
    /// Is the state consistent with itself and, if `nodes` is set, with what the nodes report? Changes nothing.
    ///
    /// What operations work on meanwhile is not judged: findings are those of the state before and after the look
    /// at the nodes and, if anything was changed in between, of a second look.
    ///
    /// # Errors
    /// `Internal` when the look at the state ended by a defect.
    pub async fn audit(&self, nodes: bool) -> Result<Report, Error> {
        if !nodes {
            let inventory = self.inventory();
            return blocking(move || Report { findings: check(&inventory), ..Report::default() }).await;
        }
        let before = self.inventory();
        let report = self.look_at_nodes(before.clone()).await?;
        let quiet = Arc::ptr_eq(&before, &self.inventory()) && before.operations().next().is_none();
        if quiet || report.findings.is_empty() {
            return Ok(report);
        }
        Ok(report.confirmed_by(&self.look_at_nodes(self.inventory()).await?))
    }

    /// Repairs these findings of an audit in the background, as far as heketi can. Everything is looked at again
    /// before it is done; the job fails, and tells which and why, if some were not repaired.
    ///
    /// # Errors
    /// `Invalid` when heketi can repair none of them, `Conflict` when other operations work on all of them,
    /// `NotServing`.
    pub async fn audit_repair(&self, findings: &[Finding]) -> Result<QueueId, Error> {
        self.submit(|planning| AuditRepair::plan(planning.inventory, findings, planning.ids, planning.now)).await
    }

    async fn look_at_nodes(&self, before: Arc<Inventory>) -> Result<Report, Error> {
        let (asked, steps) = questions(&before, before.nodes().map(|node| node.id));
        let outcomes = self.ask(steps).await;
        let mut reports = Reports::read(&asked, &outcomes);
        let strangers = reports.strangers_to_ask(&before);
        let steps = strangers.iter().map(|(_, name)| Reports::question_to_stranger(name)).collect();
        for (place, outcome) in strangers.into_iter().zip(self.ask(steps).await) {
            reports.read_stranger(place, &outcome);
        }
        let after = self.inventory();
        blocking(move || check_nodes(&after, &reports).confirmed_by(&check_nodes(&before, &reports))).await
    }

    /// Runs steps that change nothing; one outcome for each, in their order.
    pub(super) async fn ask(&self, steps: Vec<Step>) -> Vec<StepOutcome> {
        let ask = |step: Step| {
            let engine = self.clone();
            async move {
                let answer = engine.inner.executor.execute(&step);
                tokio::time::timeout(LIMIT, answer).await.unwrap_or_else(|_| Err(no_answer(&step)))
            }
        };
        stream::iter(steps).map(ask).buffered(AT_ONCE).collect().await
    }
}

fn no_answer(step: &Step) -> StepFailure {
    StepFailure {
        host: step.hosts.first().map(|host| host.manage.clone()).unwrap_or_default(),
        kind: FailureKind::Unreachable,
        certainty: Certainty::NotStarted,
        text: format!("no answer within {} s to: {}", LIMIT.as_secs(), step.action.describe()),
    }
}
