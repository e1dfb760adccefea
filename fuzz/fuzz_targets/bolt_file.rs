//! BoltDB files: whatever the pages hold, reading them ends with a database or an error. What was read is written and
//! read again as it was.
#![no_main]

#[path = "../../heketi-core/tests/support/v10_file.rs"]
mod v10_file;

use heketi_core::id::SeededIds;
use heketi_core::interchange::{V10Database, is_bolt};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = (is_bolt(data), V10Database::from_bolt(data));
    // The checksum of the meta pages keeps nearly all inputs out: here they are right.
    let Some((root, pages)) = data.split_first() else { return };
    let Ok(read) = V10Database::from_bolt(&v10_file::image(pages, 512, u64::from(*root))) else { return };
    assert_eq!(V10Database::from_bolt(&v10_file::write(&read, 512)).as_ref(), Ok(&read));
    let json = V10Database::from_json(read.to_json().as_bytes()).expect("what was written can be read");
    assert_eq!(json.to_json(), read.to_json());
    let mut repaired = read;
    repaired.upgrade(&mut SeededIds::new(1));
    let found = repaired.check();
    repaired.repair(&found);
    let _ = repaired.to_inventory();
});
