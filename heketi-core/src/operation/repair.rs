//! Repairs what an audit found, as far as heketi can.
//!
//! A finding may be old when it is repaired. So nothing is done on the strength of the finding: before every
//! stage the nodes are asked again, and only what that audit finds as well is done. Removed is what this
//! operation's own look at the node and at gluster's volumes says is left over, nothing else.
//!
//! Every repair can be done twice. A lost brick is made again (destroy, then create) only as long as gluster was
//! not told, and only after this operation saw that its logical volume was gone.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, failure_texts, plan, settle};
use super::repair_claims::{Held, claims};
use super::repair_item::{Item, Stage, TRIES};
use super::repair_steps::{Begin, begin, go_on, new_group, unanswered};
use super::{Action, Certainty, Machine, Observation, Planned, Step, StepOutcome, Work};
use crate::audit::{Facts, Finding, Repair, Reports, check_for_repair, questions, records};
use crate::error::{Error, ErrorKind};
use crate::id::{ClusterId, IdSource, NodeId, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::units::Timestamp;

/// Most repairs of one operation: it is stored whole at every stage.
const MOST: usize = 100;

/// Most records changed at once, so that a change set fits in one commit of any store.
const RECORDS_AT_ONCE: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Commands of lost connections end.
    Settle,
    /// The nodes are asked.
    Inspect,
    /// Something is done about some of the findings.
    Act,
}

/// Repairs what an audit found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRepair {
    items: Vec<Item>,
    held: Box<Held>,
    phase: Phase,
    /// Items whose steps run, in the order of the steps.
    acting: Vec<usize>,
    /// Where commands may still run that nobody waits for.
    told: Vec<NodeId>,
    asked: Box<Asked>,
}

/// Whom the questions of a stage went to, in the order of its steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Asked {
    /// Nodes, one for each question.
    nodes: Vec<NodeId>,
    /// Volumes whose heal info is asked for.
    heals: Vec<VolumeId>,
    /// Members of trusted pools that are no nodes.
    strangers: Vec<(ClusterId, String)>,
}

impl AuditRepair {
    /// Plans the repairs of these findings. Those that only an administrator can do, and those another operation
    /// stands in the way of, are left out and told so in the end.
    ///
    /// # Errors
    /// `Invalid` when heketi can do nothing about any of them; `Conflict` when other operations work on all.
    pub fn plan(
        inventory: &Inventory,
        findings: &[Finding],
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        let mut items: Vec<Item> = Vec::new();
        let mut held = Held::default();
        for finding in findings.iter().filter(|finding| finding.repair.is_automatic()).take(MOST) {
            if items.iter().any(|item| item.repair == finding.repair) {
                continue;
            }
            let mut item = Item::new(finding.text.clone(), finding.repair.clone());
            let claims = claims(inventory, &finding.repair);
            let blocked = claims.iter().any(|(object, claim)| inventory.conflict(object, *claim).is_some());
            if blocked {
                item.stage = Stage::Left("another operation works on it".into());
            } else {
                held.add(claims);
            }
            items.push(item);
        }
        if items.is_empty() {
            let text = "None of the findings can be repaired by heketi; the plan tells what to do by hand";
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        if !items.iter().any(Item::is_open) {
            return Err(Error::conflict());
        }
        let work = Work::AuditRepair(Self {
            items,
            held: Box::new(held),
            phase: Phase::Inspect,
            acting: Vec::new(),
            told: Vec::new(),
            asked: Box::default(),
        });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    /// Asks the nodes of all clusters concerned.
    fn inspect(&mut self, inventory: &Inventory) -> Turn {
        self.phase = Phase::Inspect;
        self.acting.clear();
        let nodes = self.held.clusters(inventory).into_iter().flat_map(|cluster| inventory.nodes_of_cluster(cluster));
        let (asked, mut steps) = questions(inventory, nodes.collect::<Vec<_>>());
        let mut asked = Asked { nodes: asked, ..Asked::default() };
        for item in self.items.iter().filter(|item| item.stage == Stage::Waiting) {
            if let Repair::ResetBrick(id) = item.repair
                && let Some(volume) = inventory.brick(id).and_then(|brick| inventory.volume(brick.volume))
                && !asked.heals.contains(&volume.id)
            {
                asked.heals.push(volume.id);
                let hosts = super::machine::cluster_hosts(inventory, volume.cluster, None);
                let action = Action::HealInfo { name: volume.name.clone() };
                steps.push(Step { hosts, changes_gluster: None, action });
            }
        }
        let strangers = self.items.iter().filter(|item| item.is_open()).filter_map(|item| match &item.repair {
            Repair::TakeInNode { cluster, host } => Some((*cluster, host.clone())),
            _ => None,
        });
        asked.strangers = strangers.collect();
        steps.extend(asked.strangers.iter().map(|(_, name)| Reports::question_to_stranger(name)));
        *self.asked = asked;
        Turn::Run(steps)
    }

    fn read(&self, outcomes: &[StepOutcome]) -> Reports {
        let (nodes, others) = outcomes.split_at_checked(self.asked.nodes.len()).unwrap_or((outcomes, &[]));
        let (heals, strangers) = others.split_at_checked(self.asked.heals.len()).unwrap_or((others, &[]));
        let mut reports = Reports::read(&self.asked.nodes, nodes);
        for (volume, outcome) in self.asked.heals.iter().zip(heals) {
            reports.read_heal(*volume, outcome);
        }
        for (place, outcome) in self.asked.strangers.iter().zip(strangers) {
            reports.read_stranger(place.clone(), outcome);
        }
        reports
    }

    /// Decides by the answers what is done next.
    fn judge(&mut self, context: &mut Context<'_>, reports: &Reports) -> Turn {
        if self.change_records(context, reports) {
            return self.inspect(context.inventory);
        }
        let inventory = context.inventory;
        let fresh = check_for_repair(inventory, reports).findings;
        if self.follow_up(inventory, &fresh) {
            // Some of them need further questions.
            return self.inspect(inventory);
        }
        let facts = Facts::new(inventory, reports);
        self.sort_out(&facts, &fresh);
        match self.act(&facts) {
            Ok(Some(steps)) => {
                self.phase = Phase::Act;
                for host in steps.iter().flat_map(|step| &step.hosts) {
                    if !self.told.contains(&host.node) {
                        self.told.push(host.node);
                    }
                }
                Turn::Run(steps)
            }
            Ok(None) => Turn::Finish(self.result()),
            Err(why) => Turn::Suspend(why),
        }
    }

    /// Makes the repairs that only change records, in the order of their ranks. Were there any?
    fn change_records(&mut self, context: &mut Context<'_>, reports: &Reports) -> bool {
        let mut scratch = context.inventory.clone();
        let mut changed = 0;
        let is_waiting = |item: &&mut Item| item.stage == Stage::Waiting && item.repair.is_record();
        while changed < RECORDS_AT_ONCE {
            let fresh = check_for_repair(&scratch, reports).findings;
            let is_found = |item: &Item| fresh.iter().any(|finding| finding.repair == item.repair);
            let waiting = self.items.iter_mut().filter(is_waiting).filter(|item| is_found(item));
            let Some(item) = waiting.min_by_key(|item| item.repair.rank()) else { break };
            let made = records(&item.repair, &Facts::new(&scratch, reports), context.environment.ids);
            match made.and_then(|made| scratch.apply(&made).map(|()| made).map_err(|error| error.to_string())) {
                Ok(made) => {
                    changed += made.len();
                    context.changes.append(made);
                    item.stage = Stage::Done;
                }
                Err(why) => item.stage = Stage::Left(why),
            }
        }
        changed > 0
    }

    /// What a repair that was made brings to light is part of it: the bricks of a volume group that was made
    /// again, the options of a volume. Was there any?
    fn follow_up(&mut self, inventory: &Inventory, fresh: &[Finding]) -> bool {
        let before = self.items.len();
        for finding in fresh.iter().filter(|finding| finding.repair.is_automatic()) {
            let done = self.items.iter().filter(|item| matches!(item.stage, Stage::Done | Stage::Needless));
            let follows = done.into_iter().any(|item| leads_to(inventory, &item.repair, &finding.repair));
            if follows && self.items.len() < 2 * MOST && !self.items.iter().any(|item| item.repair == finding.repair) {
                self.items.push(Item::new(finding.text.clone(), finding.repair.clone()));
            }
        }
        self.items.len() > before
    }

    /// Closes what needs no repair any more, and what cannot be judged.
    fn sort_out(&mut self, facts: &Facts<'_>, fresh: &[Finding]) {
        for item in self.items.iter_mut().filter(|item| item.stage == Stage::Waiting) {
            if let Some(why) = unanswered(facts, &item.repair) {
                item.stage = Stage::Left(why);
            } else if !fresh.iter().any(|finding| finding.repair == item.repair) {
                let now = fresh.iter().find(|finding| finding.text == item.what).map(|finding| &finding.repair);
                item.stage = match now {
                    Some(Repair::ByHand(text)) => Stage::Left(text.clone()),
                    // It took effect, whatever became of the answer.
                    _ if item.begun && item.tell => {
                        item.tries = 0;
                        Stage::Telling
                    }
                    _ if item.begun => Stage::Done,
                    _ => Stage::Needless,
                };
            }
        }
    }

    /// The next steps: those of repairs that are begun, else those of the lowest rank. None when all are closed.
    fn act(&mut self, facts: &Facts<'_>) -> Result<Option<Vec<Step>>, String> {
        self.acting.clear();
        let mut steps = Vec::new();
        for (place, item) in self.items.iter_mut().enumerate().filter(|(_, item)| item.is_begun()) {
            if item.tries >= TRIES {
                let why = format!("{}: {} failed {TRIES} times", item.what, item.repair);
                item.tries = 0;
                return Err(why);
            }
            if let Some(step) = go_on(facts, item)? {
                item.begun = true;
                self.acting.push(place);
                steps.push(step);
            }
        }
        if !steps.is_empty() {
            return Ok(Some(steps));
        }
        loop {
            let waiting = self.items.iter().filter(|item| item.stage == Stage::Waiting);
            let Some(rank) = waiting.map(|item| item.repair.rank()).min() else { return Ok(None) };
            let mut taken = Vec::new();
            for (place, item) in self.items.iter_mut().enumerate() {
                if item.stage != Stage::Waiting || item.repair.rank() != rank {
                    continue;
                }
                match begin(facts, item, &mut taken) {
                    Begin::Step(stage, step) => {
                        item.begun |= stage != Stage::Looking;
                        item.stage = stage;
                        self.acting.push(place);
                        steps.push(step);
                    }
                    Begin::Later => {}
                    Begin::Never(why) => item.stage = Stage::Left(why),
                }
            }
            if !steps.is_empty() {
                return Ok(Some(steps));
            }
        }
    }

    /// The steps have ended.
    fn acted(&mut self, context: &mut Context<'_>, outcomes: &[StepOutcome]) -> Turn {
        let unknown =
            |outcome: &StepOutcome| outcome.as_ref().is_err_and(|failure| failure.certainty == Certainty::Unknown);
        for (place, outcome) in self.acting.iter().zip(outcomes) {
            if let Some(item) = self.items.get_mut(*place) {
                let looked = item.stage == Stage::Looking;
                item.ended(context.inventory, outcome);
                let device = match item.repair {
                    Repair::MakeGroup(id) if !looked => context.inventory.device(id),
                    _ => None,
                };
                if let (Some(device), Ok(Observation::Device(report))) = (device, outcome) {
                    let made = new_group(context.inventory, device, report);
                    match made {
                        Ok(device) => context.changes.put_device(device),
                        Err(why) => item.stage = Stage::Left(why),
                    }
                }
            }
        }
        if outcomes.iter().any(unknown) {
            return self.settle(context.inventory);
        }
        self.told.clear();
        self.inspect(context.inventory)
    }

    fn settle(&mut self, inventory: &Inventory) -> Turn {
        self.phase = Phase::Settle;
        self.acting.clear();
        let nodes = self.told.iter().filter_map(|id| inventory.node(*id));
        Turn::Run(settle(nodes.map(|node| node.host())))
    }

    fn result(&self) -> JobResult {
        let text = self.text();
        let left = self.items.iter().any(|item| matches!(item.stage, Stage::Left(_)));
        if left { JobResult::Failed(text) } else { JobResult::Done }
    }

    /// What was repaired, what was not and why; a line for each finding.
    fn text(&self) -> String {
        let line = |item: &Item| match &item.stage {
            Stage::Left(why) => format!("Not repaired: {}: {why}", item.what),
            Stage::Needless => format!("Not found any more: {}", item.what),
            Stage::Done => format!("Repaired: {} ({})", item.what, item.repair),
            _ => format!("Under way: {} ({})", item.what, item.repair),
        };
        self.items.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn leads_to(inventory: &Inventory, made: &Repair, found: &Repair) -> bool {
    match (made, found) {
        (Repair::MakeGroup(device), Repair::ResetBrick(brick)) => {
            inventory.brick(*brick).is_some_and(|brick| brick.device == *device)
        }
        (Repair::MakeGroup(device), Repair::MeasureDevice(other)) => device == other,
        (Repair::CreateVolume(volume), Repair::StartVolume(other) | Repair::SetOptions(other)) => volume == other,
        _ => false,
    }
}

impl Machine for AuditRepair {
    fn type_name(&self) -> &'static str {
        "repair"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("repair", "Repaired")
    }

    fn object(&self) -> String {
        match self.items.as_slice() {
            [_] => format!("a finding of the audit\n{}", self.text()),
            items => format!("{} findings of the audit\n{}", items.len(), self.text()),
        }
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        self.held.claims()
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        Ok(match event {
            Event::Start => self.inspect(context.inventory),
            Event::Resume => {
                for item in &mut self.items {
                    item.tries = 0;
                    // Only a lost brick that was begun is known to be ours to make again.
                    let remakes = matches!(item.repair, Repair::ResetBrick(_)) && item.made;
                    if matches!(item.stage, Stage::Looking | Stage::Stopping)
                        || (item.stage == Stage::Making && !remakes)
                    {
                        item.stage = Stage::Waiting;
                    }
                }
                if self.told.is_empty() { self.inspect(context.inventory) } else { self.settle(context.inventory) }
            }
            Event::Outcomes(outcomes) => match self.phase {
                Phase::Settle if outcomes.iter().any(Result::is_err) => Turn::Suspend(failure_texts(&outcomes)),
                Phase::Settle => {
                    self.told.clear();
                    self.inspect(context.inventory)
                }
                Phase::Inspect => {
                    let reports = self.read(&outcomes);
                    self.judge(context, &reports)
                }
                Phase::Act => self.acted(context, &outcomes),
            },
        })
    }
}
