//! Records in Go's gob encoding: whatever the bytes, decoding them ends with a record or an error.
#![no_main]

#[path = "../../heketi-core/tests/support/v10_file.rs"]
mod v10_file;

use std::collections::BTreeMap;

use heketi_core::interchange::V10Database;
use libfuzzer_sys::fuzz_target;

const BUCKETS: [&str; 8] =
    ["BLOCKVOLUME", "BRICK", "CLUSTER", "DBATTRIBUTE", "DEVICE", "NODE", "PENDING_OPERATIONS", "VOLUME"];

fuzz_target!(|data: &[u8]| {
    let Some((at, record)) = data.split_first() else { return };
    let mut buckets = BUCKETS.map(|name| (name.as_bytes().to_vec(), BTreeMap::new()));
    buckets[usize::from(*at) % 8].1.insert(vec![b'0'; 32], record.to_vec());
    if let Ok(read) = V10Database::from_bolt(&v10_file::bolt(&buckets, 4096)) {
        assert_eq!(V10Database::from_bolt(&v10_file::write(&read, 4096)).as_ref(), Ok(&read));
    }
});
