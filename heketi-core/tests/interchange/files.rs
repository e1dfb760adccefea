//! BoltDB files and gob streams: well-formed ones of every shape are read, all others are refused.

use std::collections::BTreeMap;
use std::time::Instant;

use heketi_core::interchange::{BrickEntry, BrickInfo, ReadError, V10Database, is_bolt};
use proptest::prelude::*;

use super::{SAMPLES, v10_file};

fn samples() -> Vec<V10Database> {
    SAMPLES.iter().map(|(_, file, _)| V10Database::from_bolt(file).unwrap()).collect()
}

/// A database with so many bricks and nothing else.
fn with_bricks(count: u64) -> V10Database {
    let brick = |i: u64| {
        let id = format!("{:032x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let info = BrickInfo { id: id.clone(), path: format!("/b/{i}"), size: i, ..BrickInfo::default() };
        (id, BrickEntry { info, tp_size: i << 7, sub_type: 1, ..BrickEntry::default() })
    };
    V10Database { bricks: (0..count).map(brick).collect(), ..V10Database::default() }
}

#[test]
fn files_with_pages_of_any_size_are_read() {
    let mut databases = samples();
    // Enough for branch pages over branch pages.
    databases.push(with_bricks(700));
    for (i, database) in databases.into_iter().enumerate() {
        for page_size in [512, 1024, 4096, 16384, 65536] {
            let file = v10_file::write(&database, page_size);
            assert_eq!(V10Database::from_bolt(&file).as_ref(), Ok(&database), "{i}, pages of {page_size}");
        }
    }
}

#[test]
fn the_newer_meta_page_counts_and_the_older_does_when_that_is_damaged() {
    let database = &samples()[1];
    let mut file = v10_file::write(database, 4096);
    // Page 1 is of the later transaction.
    file[4096 + 40] ^= 1;
    let older = V10Database::from_bolt(&file).unwrap();
    assert!(older.older_revision);
    assert!(older.check().iter().any(|damage| damage.text.contains("before the last change")));
    assert_eq!(V10Database { older_revision: false, ..older }, *database);
    file[40] ^= 1;
    assert!(matches!(V10Database::from_bolt(&file), Err(ReadError::Page { page: 0, .. })));
    // The first page alone may be lost.
    let mut file = v10_file::write(database, 1024);
    file[..1024].fill(0);
    assert!(is_bolt(&file));
    assert!(V10Database::from_bolt(&file).is_ok_and(|read| read.older_revision && read.bricks == database.bricks));
}

#[test]
fn refusals_say_what_is_wrong() {
    let refused = |bytes: &[u8]| V10Database::from_bolt(bytes).unwrap_err();
    assert!(matches!(refused(b""), ReadError::NotBolt(_)));
    assert!(matches!(refused(&[7; 10_000]), ReadError::NotBolt(_)));
    assert!(matches!(refused(b"{\"clusterentries\": {}}"), ReadError::NotBolt(_)));
    let file = SAMPLES[0].1;
    assert!(matches!(refused(&file[..100]), ReadError::Truncated { .. }));
    let text = refused(&file[..file.len() / 4]).to_string();
    assert!(text.contains("truncated"), "{text}");

    let bucket = |name: &str| (name.as_bytes().to_vec(), BTreeMap::new());
    let buckets: Vec<_> = ["BRICK", "CLUSTER", "DEVICE", "NODE", "VOLUME"].map(bucket).into();
    assert_eq!(V10Database::from_bolt(&v10_file::bolt(&buckets, 4096)), Ok(V10Database::default()));
    assert_eq!(refused(&v10_file::bolt(&buckets[1..], 4096)), ReadError::MissingBucket("BRICK"));
    let mut more = buckets.clone();
    more.insert(4, bucket("SNAPSHOT"));
    assert_eq!(refused(&v10_file::bolt(&more, 4096)), ReadError::UnknownBucket("SNAPSHOT".into()));
    let mut broken = buckets;
    broken[0].1.insert(b"0123".to_vec(), vec![3, 1, 2, 3]);
    let text = refused(&v10_file::bolt(&broken, 4096)).to_string();
    assert!(text.starts_with("record 0123 in bucket BRICK cannot be read: "), "{text}");
    broken[0].1.insert(b"0123".to_vec(), v10_file::every_kind_of_value());
    let text = refused(&v10_file::bolt(&broken, 4096)).to_string();
    assert!(text.contains("the record has field"), "{text}");
}

#[test]
fn passwords_stay_out_of_debug_output() {
    assert!(SAMPLES[0].2.contains("\"secret\""));
    assert!(!format!("{:?}", samples()[0]).contains("\"secret\""));
}

/// How many records there are.
fn records(database: &V10Database) -> usize {
    let V10Database { clusters, nodes, devices, volumes, bricks, block_volumes, attributes, operations, .. } = database;
    let placed = clusters.len() + nodes.len() + devices.len() + volumes.len() + bricks.len();
    placed + block_volumes.len() + attributes.len() + operations.len() + database.registrations.len()
}

/// A file that is damaged is refused, or has all its records.
fn is_whole_or_refused(file: &[u8], all: usize) -> Result<(), String> {
    match V10Database::from_bolt(file) {
        Ok(read) if records(&read) == all => Ok(()),
        Ok(read) => Err(format!("{} of {all} records are read", records(&read))),
        Err(_) => Ok(()),
    }
}

/// Most bits of every page header and element of a small file, and one bit of some of its other bytes.
#[test]
fn one_flipped_bit_never_shortens_a_database() {
    let mut database = samples().swap_remove(1);
    let sixth = database.bricks.keys().nth(5).unwrap().clone();
    database.bricks.split_off(&sixth);
    database.devices.clear();
    let (mut file, all) = (v10_file::write(&database, 512), records(&database));
    assert_eq!(V10Database::from_bolt(&file).as_ref(), Ok(&database));
    for at in 0..file.len() {
        let bits = if at % 512 < 96 { 0..8 } else { (at % 8) as u32..(at % 8) as u32 + u32::from(at % 5 == 0) };
        for bit in bits.step_by(2) {
            file[at] ^= 1 << bit;
            let whole = is_whole_or_refused(&file, all);
            assert_eq!(whole, Ok(()), "bit {bit} of byte {at} in page {}", at / 512);
            file[at] ^= 1 << bit;
        }
    }
}

/// 100 000 bricks are opened in 3 seconds at most; a tenth of that shows that nothing grows faster than the file.
#[test]
fn ten_thousand_bricks_are_read_in_a_moment() {
    let database = with_bricks(10_000);
    let file = v10_file::write(&database, 4096);
    let begun = Instant::now();
    assert_eq!(V10Database::from_bolt(&file).map(|read| read.bricks.len()), Ok(database.bricks.len()));
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_of_files_never_shorten_a_database(
        sample in 0usize..3,
        page_size in prop::sample::select(vec![512usize, 1024, 4096]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        in_headers: bool,
    ) {
        let database = &samples()[sample];
        let mut file = v10_file::write(database, page_size);
        let pages = file.len() / page_size;
        for (at, byte) in changes {
            let at = match in_headers {
                // Page numbers, counts, offsets and lengths.
                true => at.index(pages * 48) / 48 * page_size + at.index(pages * 48) % 48,
                false => at.index(file.len()),
            };
            file[at] = byte;
        }
        prop_assert_eq!(is_whole_or_refused(&file, records(database)), Ok(()));
    }

    #[test]
    fn random_pages_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..6000),
        page in 3usize..12,
    ) {
        let _ = V10Database::from_bolt(&bytes);
        let database = &samples()[1];
        let (mut file, all) = (v10_file::write(database, 512), records(database));
        // Behind a valid meta page.
        let at = page * 512;
        let end = (at + bytes.len()).min(file.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        prop_assert_eq!(is_whole_or_refused(&file, all), Ok(()));
    }

    #[test]
    fn truncated_files_are_refused(length in any::<prop::sample::Index>()) {
        let file = SAMPLES[1].1;
        let length = length.index(file.len());
        match V10Database::from_bolt(&file[..length]) {
            // The rest was never used.
            Ok(read) => prop_assert_eq!(read, samples()[1].clone()),
            Err(error) => prop_assert!(
                matches!(error, ReadError::Truncated { .. } | ReadError::NotBolt(_)) || length < 8192, "{}", error
            ),
        }
    }
}
