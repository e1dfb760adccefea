use serde::{Deserialize, Serialize};

use super::validate::{Problems, ids};
use super::{Validate, ValidationError};
use crate::id::OperationId;
use crate::inventory::Inventory;
use crate::operation::{ChangedObject, Operation, OperationStatus};

/// Answer of `GET /operations`: how many operations are recorded, and in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct OperationCounts {
    /// All that are recorded.
    pub total: u64,
    /// Those that are worked on now.
    pub in_flight: u64,
    /// Left over by a server that ended.
    pub stale: u64,
    /// Could not be finished or undone; they are resumed later.
    pub failed: u64,
    /// Planned or running.
    pub new: u64,
}

/// A pending operation in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OperationInfo {
    /// Its id.
    pub id: OperationId,
    /// Name of its kind, such as `create-volume`.
    #[serde(default)]
    pub type_name: String,
    /// Empty for one that is planned or runs, `stale` or `failed`.
    #[serde(default)]
    pub status: String,
    /// `in-flight` while the server works on it, else empty.
    #[serde(default)]
    pub sub_status: String,
}

impl OperationInfo {
    /// What a list tells of an operation; `in_flight` if the server works on it.
    pub fn new(operation: &Operation, in_flight: bool) -> Self {
        let status = match operation.status {
            OperationStatus::New => "",
            OperationStatus::Stale => "stale",
            OperationStatus::Failed => "failed",
        };
        Self {
            id: operation.id,
            type_name: operation.type_name().to_owned(),
            status: status.to_owned(),
            sub_status: if in_flight { "in-flight" } else { "" }.to_owned(),
        }
    }
}

/// Answer of `GET /operations/pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OperationList {
    /// All pending operations, sorted.
    #[serde(default)]
    pub pendingoperations: Vec<OperationInfo>,
}

/// One object that an operation works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OperationChange {
    /// Id of the object.
    pub id: String,
    /// What happens to it, such as `Add brick`.
    pub description: String,
}

/// Answer of `GET /operations/pending/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OperationDetails {
    /// What a list tells; as in heketi v10 without the sub-status.
    #[serde(flatten)]
    pub info: OperationInfo,
    /// What it works on, in the order of the work.
    #[serde(default)]
    pub changes: Vec<OperationChange>,
    /// How far it is, while the server works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<OperationProgress>,
}

/// How far an operation is with the steps it runs side by side now. Others may follow, depending on what these bring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct OperationProgress {
    /// How many of these steps are over.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// Those that run now, in words: `create brick brick_b4… on gfs-a.example`.
    pub running: Vec<String>,
}

impl OperationDetails {
    /// What is told about one operation.
    pub fn new(operation: &Operation, inventory: &Inventory) -> Self {
        let changes = operation.changes(inventory).into_iter();
        Self {
            info: OperationInfo::new(operation, false),
            changes: changes.map(|ChangedObject { id, description }| OperationChange { id, description }).collect(),
            progress: None,
        }
    }
}

/// Body of `POST /operations/pending/cleanup`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CleanUpRequest {
    /// The operations to resume; empty means all that are stale or failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 32)))]
    pub operations: Vec<String>,
}

impl CleanUpRequest {
    /// The operations to resume, of a valid request; none means all. An id in upper case counts here: a list
    /// of ids that name nothing must not turn into one that names everything.
    pub fn selection(&self) -> Vec<OperationId> {
        self.operations.iter().filter_map(|id| id.to_ascii_lowercase().parse().ok()).collect()
    }
}

impl Validate for CleanUpRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default().field("operations", ids(&self.operations)).result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{decode, encode};

    #[test]
    fn operations_are_written_as_v10_writes_them() {
        let list = r#"{"pendingoperations":[{"id":"0fe7a71000112233445566778899aabb","type_name":"create-volume","status":"","sub_status":"in-flight"}]}"#;
        assert_eq!(encode(&decode::<OperationList>(list.as_bytes()).unwrap()), list);
        let details = r#"{"id":"0fe7a71000112233445566778899aabb","type_name":"create-volume","status":"stale","sub_status":"","changes":[{"id":"b41cb41c00112233445566778899aabb","description":"Add brick"}]}"#;
        assert_eq!(encode(&decode::<OperationDetails>(details.as_bytes()).unwrap()), details);
        assert_eq!(encode(&CleanUpRequest::default()), "{}");
    }

    #[test]
    fn a_clean_up_names_at_most_32_operations() {
        let request = |operations: Vec<String>| CleanUpRequest { operations };
        let id = "0f".repeat(16);
        assert_eq!(request(vec![]).selection(), []);
        assert_eq!(request(vec![id.clone()]).selection(), [id.parse().unwrap()]);
        assert_eq!(request(vec![id.to_uppercase()]).selection(), [id.parse().unwrap()]);
        assert_eq!(request(vec![id.clone(); 32]).validate(), Ok(()));
        for (operations, problem) in [
            (vec![id.clone(); 33], "too many ids specified (33), up to 32 supported"),
            (vec![id, "zz".into()], "zz is not a valid UUID"),
        ] {
            let told = request(operations).validate().unwrap_err().to_string();
            assert_eq!(told, format!("validation failed: operations: {problem}."));
        }
    }
}
