//! v10's JSON form: read leniently as Go reads it, written as Go writes it, byte for byte.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ReadError, V10Database};
use crate::api;

/// The attribute of databases whose clusters have flags.
pub(super) const FLAGS: &str = "DB_CLUSTER_HAS_FILE_BLOCK_FLAG";

/// The attribute that names the database.
pub(super) const GENERATION: &str = "DB_GENERATION_ID";

/// Attributes heketi v10 knows; a database with another is a newer heketi's.
pub(super) const ATTRIBUTES: [&str; 5] =
    [FLAGS, "DB_BRICK_HAS_SUBTYPE_FIELD", "DB_HAS_PENDING_OPS_BUCKET", GENERATION, "DB_DEVICE_HAS_ID_META"];

/// A member that v10 always writes.
const CLUSTERS: &[u8] = b"\"clusterentries\"";

/// Reads `null` or a number that is a whole one: what v10 imported itself comes back as floating point.
pub(super) fn read_delta<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    let whole = |number: serde_json::Number| {
        let float = || number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 2f64.powi(53)).map(|it| it as i64);
        number.as_i64().or_else(float).ok_or_else(|| D::Error::custom(format!("{number} is no whole number of GiB")))
    };
    number.map(whole).transpose()
}

/// Writes a whole factor without a fraction, as Go does.
pub(super) fn write_factor<S: Serializer>(factor: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    if !factor.is_finite() {
        return Err(S::Error::custom(format!("{factor} is no factor")));
    }
    // Below 2^24 every whole 32-bit float is exact.
    if factor.fract() == 0.0 && factor.abs() < 16_777_216.0 {
        serializer.serialize_i64(*factor as i64)
    } else {
        factor.serialize(serializer)
    }
}

impl V10Database {
    /// Reads the JSON form that v10's `db export` and `GET /db/dump` write.
    ///
    /// # Errors
    /// [`ReadError::Json`] names line and member, one that v10 does not have among them: it would be lost; [`ReadError::UnknownAttribute`] for a newer heketi's database;
    /// [`ReadError::Record`] for a record whose key is not its id.
    pub fn from_json(json: &[u8]) -> Result<Self, ReadError> {
        let read: Self = serde_json::from_slice(json).map_err(|error| ReadError::Json(error.to_string()))?;
        if read == Self::default() && !json.windows(CLUSTERS.len()).any(|it| it == CLUSTERS) {
            return Err(ReadError::Json("it has no member clusterentries".into()));
        }
        read.keys_match_records()?;
        Ok(read)
    }

    /// The JSON form, indented by four spaces, as v10's `db export` writes it. Block volume passwords are in it.
    pub fn to_json(&self) -> String {
        // Records are plain data with text keys; a factor that is no number cannot be read in the first place.
        api::encode_indented(self)
    }

    /// Is every record stored under its own id, and every attribute known?
    pub(super) fn keys_match_records(&self) -> Result<(), ReadError> {
        let record = |bucket, key: &String, id: &String| {
            let why = || format!("it says that its id is {id:?}");
            if key == id { Ok(()) } else { Err(ReadError::Record { bucket, key: key.clone(), why: why() }) }
        };
        self.clusters.iter().try_for_each(|(key, it)| record("CLUSTER", key, &it.info.id))?;
        self.nodes.iter().try_for_each(|(key, it)| record("NODE", key, &it.info.id))?;
        self.devices.iter().try_for_each(|(key, it)| record("DEVICE", key, &it.info.id))?;
        self.volumes.iter().try_for_each(|(key, it)| record("VOLUME", key, &it.info.id))?;
        self.bricks.iter().try_for_each(|(key, it)| record("BRICK", key, &it.info.id))?;
        self.block_volumes.iter().try_for_each(|(key, it)| record("BLOCKVOLUME", key, &it.info.id))?;
        self.operations.iter().try_for_each(|(key, it)| record("PENDING_OPERATIONS", key, &it.id))?;
        match self.attributes.keys().find(|key| !ATTRIBUTES.contains(&key.as_str())) {
            Some(key) => Err(ReadError::UnknownAttribute(key.clone())),
            None => Ok(()),
        }
    }
}
