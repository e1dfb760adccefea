//! Creates a block volume, in a hosting volume that has room or in a new one.

use serde::{Deserialize, Serialize};

use super::block_hosts::{self, block_step, exporting, hosting_of, listed_block_volumes, to_ask};
use super::block_plan::{BlockVolumeCreateRequest, Hosting, HostingChoice, hosting_for};
use super::machine::{Context, Event, Turn, failure_texts, nothing_started, on_node, plan, settle};
use super::{Action, GlusterBlockSpec, Machine, Observation, Planned, Step, StepOutcome, VolumeCreate, Work};
use crate::error::Error;
use crate::id::{BlockVolumeId, IdSource, NodeId, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::{BlockVolume, Secret, Volume};
use crate::placement::Policy;
use crate::units::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// The hosting volume is made.
    Hosting,
    /// Is the name free, and which hosts answer?
    Look,
    /// gluster-block is told.
    Create,
    /// Undo: commands of lost connections end.
    UndoSettle,
    /// Undo: it is deleted, whatever there is of it.
    UndoDelete,
    /// Undo: is it gone?
    UndoCheck,
    /// Undo: the hosting volume that was made for it goes.
    UndoHosting,
}

/// Creates a block volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockVolumeCreate {
    block_volume: BlockVolumeId,
    hosting: VolumeId,
    /// How the hosting volume is made, where none had room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new_hosting: Option<VolumeCreate>,
    /// Over how many hosts it is wanted; 0 means all.
    ha_count: u32,
    /// Nodes it may be exported from.
    nodes: Vec<NodeId>,
    /// Nodes that may have been told to create it.
    told: Vec<NodeId>,
    phase: Phase,
}

impl BlockVolumeCreate {
    /// Plans to create a block volume; none if `chosen` does not fit the state any more.
    ///
    /// # Errors
    /// As [`choose_hosting`](super::choose_hosting).
    pub fn plan(
        inventory: &Inventory,
        request: &BlockVolumeCreateRequest,
        chosen: &HostingChoice,
        policy: &Policy,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Option<Planned>, Error> {
        // What has room now counts, not what had room when the choice was made.
        let (volume, bricks, new_hosting) = match (hosting_for(inventory, request, policy)?, chosen) {
            (Hosting::Existing(id), _) => match inventory.volume(id) {
                Some(volume) => (Volume::clone(volume), Vec::new(), None),
                None => return Ok(None),
            },
            (Hosting::New(wanted), HostingChoice::New(choice)) => {
                match VolumeCreate::prepare(inventory, &wanted, choice, policy, ids)? {
                    Some((work, volume, bricks)) => (volume, bricks, Some(work.without_retries())),
                    None => return Ok(None),
                }
            }
            (Hosting::New(_), HostingChoice::Existing(_)) => return Ok(None),
        };
        let id = BlockVolumeId::new(ids);
        let (hosting, cluster) = (volume.id, volume.cluster);
        let mut changes = ChangeSet::default();
        changes.put_volume(volume.with_hosted(request.size)?);
        bricks.into_iter().for_each(|brick| changes.put_brick(brick));
        changes.put_block_volume(BlockVolume {
            id,
            cluster,
            hosting,
            name: request.name.clone().unwrap_or_else(|| format!("blockvol_{id}")),
            size: request.size,
            usable: request.size,
            ha_count: request.ha_count,
            auth: request.auth,
            hosts: Vec::new(),
            iqn: String::new(),
            username: String::new(),
            password: Secret::default(),
        });
        let work = Work::BlockVolumeCreate(Self {
            block_volume: id,
            hosting,
            phase: if new_hosting.is_some() { Phase::Hosting } else { Phase::Look },
            new_hosting,
            ha_count: request.ha_count,
            nodes: exporting(inventory, cluster),
            told: Vec::new(),
        });
        Ok(Some(plan(work, changes, ids, now)))
    }

    /// The work of a heketi v10 that ended in the middle of it: any of the `nodes` may have been told, and it is undone.
    pub(crate) fn left_over(block_volume: &BlockVolume, new_hosting: Option<VolumeCreate>, nodes: Vec<NodeId>) -> Self {
        Self {
            block_volume: block_volume.id,
            hosting: block_volume.hosting,
            new_hosting,
            ha_count: block_volume.ha_count,
            told: nodes.clone(),
            nodes,
            phase: Phase::Create,
        }
    }

    /// The block volume that is created.
    pub fn block_volume(&self) -> BlockVolumeId {
        self.block_volume
    }

    /// The hosting volume, if it is made for this block volume.
    pub(crate) fn new_hosting(&self) -> Option<VolumeId> {
        self.new_hosting.as_ref().map(VolumeCreate::volume)
    }

    /// The hosting volume is made, or unmade, by the operation that does nothing else.
    fn drive_hosting(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        if event == Event::Resume {
            self.phase = Phase::UndoHosting;
        }
        let Some(work) = &mut self.new_hosting else {
            return Err(Error::internal(format!("block volume {} gets no hosting volume", self.block_volume)));
        };
        match work.advance(context, event)? {
            Turn::Finish(JobResult::Volume(_)) if self.phase == Phase::Hosting => Ok(self.look(context)),
            Turn::Finish(_) => {
                // The hosting volume goes in the same change, and after what it hosts.
                let hosting_goes = std::mem::take(&mut context.changes);
                context.changes.delete(Key::BlockVolume(self.block_volume));
                context.changes.append(hosting_goes);
                Ok(Turn::Finish(context.failed()))
            }
            turn => Ok(turn),
        }
    }

    /// Must hosts be chosen? Else it is exported from all, whether they answer or not.
    fn chooses_hosts(&self) -> bool {
        (1..self.nodes.len()).contains(&(self.ha_count as usize))
    }

    fn list(&self, context: &Context<'_>, volume: &Volume, nodes: &[NodeId]) -> Step {
        block_step(context.inventory, nodes, Action::ListBlockVolumes { hosting: volume.name.clone() })
    }

    fn look(&mut self, context: &Context<'_>) -> Turn {
        self.phase = Phase::Look;
        let Some(volume) = context.inventory.volume(self.hosting) else {
            return Turn::Suspend(format!("hosting volume {} is not known", self.hosting));
        };
        let asked = to_ask(context.inventory, context.environment.facts, &self.nodes, &[]);
        let mut steps = vec![self.list(context, volume, &asked)];
        if self.chooses_hosts() {
            let hosts = block_hosts::hosts(context.inventory, &self.nodes);
            steps.extend(hosts.into_iter().map(|host| on_node(host, Action::CheckGlusterd)));
        }
        Turn::Run(steps)
    }

    /// The nodes it is exported from. Those that answer are taken in an order that differs from one block
    /// volume to the next, so that initiators spread over all nodes.
    fn choose_nodes(&self, checks: &[StepOutcome]) -> Result<Vec<NodeId>, &'static str> {
        if !self.chooses_hosts() {
            return Ok(self.nodes.clone());
        }
        let answered = self.nodes.iter().zip(checks).filter(|(_, check)| check.is_ok());
        let mut nodes: Vec<NodeId> = answered.map(|(node, _)| *node).collect();
        let wanted = self.ha_count as usize;
        if nodes.len() < wanted {
            return Err("insufficient block hosts online");
        }
        let seed = self.block_volume.stable_hash(0);
        nodes.sort_by_key(|node| (node.stable_hash(seed), *node));
        nodes.truncate(wanted);
        Ok(nodes)
    }

    fn create(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        block_volume: &BlockVolume,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, Error> {
        let failed = |text: &str| format!("Failed to create block volume: {text}");
        let (listing, checks) = outcomes.split_at(outcomes.len().min(1));
        let error = match (listed_block_volumes(listing), self.choose_nodes(checks)) {
            (Err(text), _) => failed(&text),
            (Ok(names), _) if names.contains(&block_volume.name) => failed(&format!(
                "BLOCK with name: '{}' already EXIST in volume {}, and heketi did not create it",
                block_volume.name, volume.name
            )),
            (_, Err(text)) => text.to_owned(),
            (Ok(_), Ok(nodes)) => {
                let hosts: Vec<String> =
                    block_hosts::hosts(context.inventory, &nodes).into_iter().map(|host| host.storage).collect();
                let ha_count = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
                let spec = GlusterBlockSpec {
                    hosting: volume.name.clone(),
                    name: block_volume.name.clone(),
                    size: block_volume.size,
                    ha_count,
                    auth: block_volume.auth,
                    hosts: hosts.clone(),
                };
                context.changes.put_block_volume(BlockVolume { hosts, ha_count, ..block_volume.clone() });
                self.told = to_ask(context.inventory, context.environment.facts, &nodes, &[]);
                self.phase = Phase::Create;
                let action = Action::CreateBlockVolume { block_volume: spec };
                return Ok(Turn::Run(vec![block_step(context.inventory, &self.told, action)]));
            }
        };
        context.error.get_or_insert(error);
        self.give_up(context, volume, block_volume)
    }

    /// There is nothing of it on any node.
    fn give_up(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        block_volume: &BlockVolume,
    ) -> Result<Turn, Error> {
        if self.new_hosting.is_some() {
            return self.drive_hosting(context, Event::Resume);
        }
        context.changes.delete(Key::BlockVolume(block_volume.id));
        context.changes.put_volume(volume.with_released(block_volume.size)?);
        Ok(Turn::Finish(context.failed()))
    }

    fn undo(&mut self, context: &Context<'_>) -> Turn {
        self.phase = Phase::UndoSettle;
        Turn::Run(settle(block_hosts::hosts(context.inventory, &self.told)))
    }

    fn proceed(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        block_volume: &BlockVolume,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, Error> {
        let failures = failure_texts(outcomes);
        match (self.phase, outcomes) {
            (Phase::Look, _) => self.create(context, volume, block_volume, outcomes),
            (Phase::Create, [Ok(Observation::BlockVolume(made))]) => {
                context.changes.put_block_volume(BlockVolume {
                    iqn: made.iqn.clone(),
                    username: made.username.clone(),
                    password: made.password.clone(),
                    ..block_volume.clone()
                });
                Ok(Turn::Finish(JobResult::BlockVolume(block_volume.id)))
            }
            (Phase::Create, [Err(failure)]) if nothing_started(failure) => {
                context.note_failure(outcomes);
                self.told.clear();
                self.give_up(context, volume, block_volume)
            }
            (Phase::Create, _) => {
                context.note_failure(outcomes);
                Ok(self.undo(context))
            }
            (Phase::UndoSettle | Phase::UndoDelete, _) if !failures.is_empty() => Ok(Turn::Suspend(failures)),
            (Phase::UndoSettle, _) => {
                self.phase = Phase::UndoDelete;
                let (hosting, name) = (volume.name.clone(), block_volume.name.clone());
                let action = Action::DeleteBlockVolume { hosting, name };
                Ok(Turn::Run(vec![block_step(context.inventory, &self.told, action)]))
            }
            (Phase::UndoDelete, _) => {
                self.phase = Phase::UndoCheck;
                Ok(Turn::Run(vec![self.list(context, volume, &self.told)]))
            }
            _ => match listed_block_volumes(outcomes) {
                Err(text) => Ok(Turn::Suspend(text)),
                Ok(names) if names.contains(&block_volume.name) => Ok(Turn::Suspend(format!(
                    "gluster-block still lists block volume {} in volume {}",
                    block_volume.name, volume.name
                ))),
                Ok(_) => self.give_up(context, volume, block_volume),
            },
        }
    }
}

impl Machine for BlockVolumeCreate {
    fn type_name(&self) -> &'static str {
        "create-block-volume"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("create", "Created")
    }

    fn object(&self) -> String {
        format!("block volume {}", self.block_volume)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        let mut claims = block_hosts::claims(self.block_volume, self.hosting, &self.nodes);
        if let Some(hosting) = &self.new_hosting {
            claims.retain(|(object, _)| *object != Object::Volume(self.hosting));
            claims.extend(hosting.claims());
        }
        claims
    }

    fn takes_slot(&self) -> bool {
        true
    }

    fn hides_volume(&self, volume: VolumeId) -> bool {
        self.new_hosting.as_ref().is_some_and(|hosting| hosting.hides_volume(volume))
    }

    fn hides_block_volume(&self, block_volume: BlockVolumeId) -> bool {
        self.block_volume == block_volume
    }

    fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.new_hosting.as_ref().is_some_and(|hosting| hosting.changes_bricks_of(volume))
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        if matches!(self.phase, Phase::Hosting | Phase::UndoHosting) {
            return self.drive_hosting(context, event);
        }
        let unknown =
            || Error::internal(format!("operation creates block volume {}, which is not known", self.block_volume));
        let block_volume = context.inventory.block_volume(self.block_volume).cloned().ok_or_else(unknown)?;
        let volume = hosting_of(context.inventory, &block_volume)?.clone();
        match event {
            Event::Start => Ok(self.look(context)),
            Event::Resume if self.told.is_empty() => self.give_up(context, &volume, &block_volume),
            Event::Resume => Ok(self.undo(context)),
            Event::Outcomes(outcomes) => self.proceed(context, &volume, &block_volume, &outcomes),
        }
    }
}
