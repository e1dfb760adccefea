//! Pending operations, their marks, and attributes of the database.

use serde::{Deserialize, Serialize};

use super::{null_when_empty, nullable, records};

records! {
    /// The id of the operation that has not finished with a record; empty when none.
    PendingMark {
        /// Id of the operation.
        #[serde(rename = "Id")]
        id: String,
    }

    /// An attribute of the database.
    AttributeEntry {
        /// Its key.
        #[serde(rename = "Key")]
        key: String,
        /// Its value.
        #[serde(rename = "Value")]
        value: String,
    }

    /// A pending operation.
    OperationEntry {
        /// Its id.
        #[serde(rename = "Id")]
        id: String,
        /// When it was planned, in seconds since 1970.
        #[serde(rename = "Timestamp")]
        timestamp: i64,
        /// What kind (core section 7.1): 1 create volume … 9 expand block volume.
        #[serde(rename = "Type")]
        kind: i64,
        /// What it changes, in order.
        #[serde(rename = "Actions", deserialize_with = "nullable", serialize_with = "null_when_empty")]
        actions: Vec<ActionEntry>,
        /// Empty, `stale` or `failed`.
        #[serde(rename = "Status")]
        status: String,
    }

    /// One change of a pending operation.
    ActionEntry {
        /// What kind of change (core section 7.1): 1 add brick … 14 expand block volume.
        #[serde(rename = "Change")]
        change: i64,
        /// The object.
        #[serde(rename = "Id")]
        id: String,
        /// GiB: the increment of an expanded volume, the new size of an expanded block volume.
        #[serde(rename = "Delta", deserialize_with = "super::super::json::read_delta")]
        delta: Option<i64>,
    }
}
