//! heketi's buckets and records in a BoltDB file (core section 8.1 of heketi v10's behaviour).

mod nodes;
mod operations;
mod volumes;

use std::collections::BTreeMap;

use super::bolt::{Bolt, Bucket, Item};
use super::gob::{self, Fields};
use super::{ReadError, V10Database};
use nodes::{cluster, device, node};
use operations::{attribute, operation};
use volumes::{block_volume, brick, volume};

/// Buckets that every version has.
const REQUIRED: [&str; 5] = ["CLUSTER", "NODE", "VOLUME", "DEVICE", "BRICK"];

type Decoded<T> = Result<T, String>;
/// Raw records of a bucket that are no gob: registered names and the ids they stand for.
type Registrations = BTreeMap<String, String>;

impl V10Database {
    /// Reads the BoltDB file of heketi 4 to 10; `bytes` is the whole file. Nothing is upgraded or repaired.
    ///
    /// # Errors
    /// [`ReadError`]; a file that cannot be read as a whole is not read at all.
    pub fn from_bolt(bytes: &[u8]) -> Result<Self, ReadError> {
        let bolt = Bolt::open(bytes)?;
        let mut database = Self { older_revision: bolt.is_older_revision(), ..Self::default() };
        let buckets = bolt.buckets()?;
        for required in REQUIRED {
            if !buckets.iter().any(|(name, _)| *name == required.as_bytes()) {
                return Err(ReadError::MissingBucket(required));
            }
        }
        let mut named = Registrations::new();
        for (name, bucket) in buckets {
            match name {
                b"CLUSTER" => database.clusters = records("CLUSTER", bucket, &[], &mut named, cluster)?,
                b"NODE" => {
                    database.nodes = records("NODE", bucket, &["MANAGE", "STORAGE"], &mut named, node)?;
                }
                b"VOLUME" => database.volumes = records("VOLUME", bucket, &[], &mut named, volume)?,
                b"DEVICE" => database.devices = records("DEVICE", bucket, &["DEVICE"], &mut named, device)?,
                b"BRICK" => database.bricks = records("BRICK", bucket, &[], &mut named, brick)?,
                b"BLOCKVOLUME" => {
                    database.block_volumes = records("BLOCKVOLUME", bucket, &[], &mut named, block_volume)?;
                }
                b"DBATTRIBUTE" => {
                    database.attributes = records("DBATTRIBUTE", bucket, &[], &mut named, attribute)?;
                }
                b"PENDING_OPERATIONS" => {
                    database.operations = records("PENDING_OPERATIONS", bucket, &[], &mut named, operation)?;
                }
                _ => return Err(ReadError::UnknownBucket(String::from_utf8_lossy(name).into_owned())),
            }
        }
        database.registrations = named;
        database.keys_match_records()?;
        Ok(database)
    }
}

/// The records of a bucket. Keys that begin with one of `prefixes` are names; what they stand for is an id as text.
fn records<T>(
    name: &'static str,
    bucket: Bucket<'_>,
    prefixes: &[&str],
    named: &mut Registrations,
    decode: impl Fn(Fields<'_>) -> Decoded<T>,
) -> Result<BTreeMap<String, T>, ReadError> {
    let mut records = Vec::with_capacity(bucket.len());
    for (key, item) in bucket {
        let shown = || String::from_utf8_lossy(key).into_owned();
        let damaged = |why: String| ReadError::Record { bucket: name, key: shown(), why };
        let text = std::str::from_utf8(key).map_err(|_| damaged("its key is no text".into()))?;
        let Item::Value(value) = item else {
            return Err(damaged("it is a bucket".into()));
        };
        if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            let id = std::str::from_utf8(value).ok().filter(|id| is_id(id));
            named.insert(text.to_owned(), id.ok_or_else(|| damaged("it is no id".into()))?.to_owned());
            continue;
        }
        let fields = gob::decode(value).and_then(|value| Fields::of("the record", value));
        records.push((text.to_owned(), fields.and_then(&decode).map_err(damaged)?));
    }
    Ok(records.into_iter().collect())
}

/// An id as heketi v10 makes them.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads the fields of a struct of ours from one of Go's, and sees to it that none is left.
macro_rules! read {
    ($from:expr, $type:ident { $($member:ident: $how:ident($field:literal)),* $(, ..$rest:expr)? }) => {{
        let mut fields = $from;
        let read = $type { $($member: fields.$how($field)?,)* $(..$rest)? };
        fields.finish()?;
        read
    }};
}
use read;
