//! What `GET /events` tells.

use serde::{Deserialize, Serialize};

use crate::id::{OperationId, QueueId};
use crate::model::EntryState;
use crate::units::Timestamp;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct EventInfo {
    /// Rises from event to event, over restarts too.
    pub id: u64,
    /// What happened, such as `volume.created`.
    pub event: String,
    /// When it was on disk.
    pub time: Timestamp,
    /// What it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<EventObject>,
    /// The operation it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<EventOperation>,
}

/// The object of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct EventObject {
    /// `cluster`, `node`, `device`, `volume` or `blockvolume`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name: of a volume, the path of a device, the management host name of a node.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The cluster it is in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// The node of a device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// The state of a node or device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<EntryState>,
}

/// The operation of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventOperation {
    /// Its id.
    pub id: OperationId,
    /// The queue entry that reports its end.
    pub queue: QueueId,
    /// Name of its kind, such as `create-volume`.
    #[serde(default)]
    pub type_name: String,
    /// What it does, such as `create volume <id>`.
    #[serde(default)]
    pub text: String,
    /// The path of what it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
