//! Takes a node without devices out of its cluster and out of the trusted pool.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, plan};
use super::{Action, Certainty, Planned, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{IdSource, NodeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::units::Timestamp;

/// Takes a node out of its cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeDelete {
    node: NodeId,
}

impl NodeDelete {
    /// Plans to delete a node.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while it has devices or an operation works on it.
    pub fn plan(inventory: &Inventory, id: NodeId, ids: &mut dyn IdSource, now: Timestamp) -> Result<Planned, Error> {
        inventory.node(id).ok_or_else(Error::not_found)?;
        if inventory.devices_of_node(id).next().is_some() {
            let text = format!("Unable to delete node [{id}] because it contains devices");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        if inventory.conflict(&Object::Node(id), Claim::Exclusive).is_some() {
            return Err(Error::conflict());
        }
        Ok(plan(Work::NodeDelete(Self { node: id }), ChangeSet::default(), ids, now))
    }

    pub(super) fn claims(&self) -> Vec<(Object, Claim)> {
        vec![(Object::Node(self.node), Claim::Exclusive)]
    }

    pub(super) fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let node = context
            .inventory
            .node(self.node)
            .ok_or_else(|| Error::internal(format!("operation deletes node {}, which does not exist", self.node)))?;
        let others: Vec<_> = cluster_hosts(context.inventory, node.cluster, None)
            .into_iter()
            .filter(|host| host.node != self.node)
            .collect();
        match event {
            Event::Start | Event::Resume if !others.is_empty() => {
                let action = Action::DetachPeer { storage: node.storage_host().to_owned() };
                Ok(Turn::Run(vec![in_cluster(node.cluster, others, action)]))
            }
            Event::Start | Event::Resume => Ok(self.forget(context)),
            Event::Outcomes(outcomes) => match outcomes.as_slice() {
                [Ok(_)] => Ok(self.forget(context)),
                [Err(failure)] if failure.certainty != Certainty::Unknown => {
                    context.note_failure(&outcomes);
                    Ok(Turn::Finish(context.failed()))
                }
                _ => Ok(Turn::Suspend(failure_texts(&outcomes))),
            },
        }
    }

    fn forget(&self, context: &mut Context<'_>) -> Turn {
        context.changes.delete(Key::Node(self.node));
        Turn::Finish(JobResult::Done)
    }
}
