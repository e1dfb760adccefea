//! The whole simulation as a text that can be read back: a cluster can outlive its process.

use serde::{Deserialize, Serialize};

use super::SimCluster;
use super::state::State;

/// Why a saved simulation cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a saved simulation: {0}")]
pub struct SavedError(#[from] serde_json::Error);

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum Saved<S> {
    #[serde(rename = "1")]
    V1 { state: S },
}

impl SimCluster {
    /// Everything the nodes hold, as JSON. Scripted faults and latency are not part of it, nor are batches
    /// that run.
    ///
    /// # Errors
    /// What the serializer says; there is no state it refuses.
    pub fn save(&self) -> Result<String, SavedError> {
        Ok(serde_json::to_string(&Saved::V1 { state: &*self.state() })?)
    }

    /// The cluster that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`SavedError`] when the text is of another kind or version.
    pub fn load(text: &str) -> Result<Self, SavedError> {
        let Saved::V1 { state } = serde_json::from_str::<Saved<State>>(text)?;
        let cluster = Self::new();
        *cluster.state() = state;
        Ok(cluster)
    }
}

/// Maps whose keys are no texts, as lists of pairs.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
