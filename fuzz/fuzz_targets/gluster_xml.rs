//! Answers of `gluster --xml`: whatever the text, reading it ends with a value or an error, and bricks, peers
//! and snapshots are well formed.
#![no_main]

use heketi_exec::node::parse::gluster_xml::{Reply, pool_list, snapshots, status, volumes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = &*String::from_utf8_lossy(data);
    let done = status(text);
    if let Ok(Reply::Refused(why)) = &done {
        assert!(!why.is_empty());
    }
    if let Ok(Reply::Done(peers)) = pool_list(text) {
        assert!(peers.iter().flat_map(|peer| &peer.names).all(|name| !name.is_empty()));
    }
    if let Ok(Reply::Done(volumes)) = volumes(text) {
        assert!(volumes.iter().flat_map(|volume| &volume.bricks).all(|brick| brick.path.starts_with('/')));
    }
    if let Ok(Reply::Done(list)) = snapshots(text) {
        assert!(list.total >= list.names.len() as u64);
    }
    assert_eq!(done.is_ok(), pool_list(text).is_ok(), "all answers have one frame");
});
