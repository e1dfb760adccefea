//! Answers of LVM, lsblk, wipefs, udev, mount, lsof, and fstab: whatever the text, reading it ends with a
//! value or an error, and the value is one the rest of heketi can rely on.
#![no_main]

use heketi_exec::node::parse::{lsblk, lvm, mounts};
use libfuzzer_sys::fuzz_target;

const DEVICE: &str = "/dev/sdb";

fuzz_target!(|data: &[u8]| {
    let text = &*String::from_utf8_lossy(data);

    let group = text.split([':', '\n']).next().unwrap_or_default().trim();
    for group in [group, "vg_1"] {
        if let Ok(size) = lvm::group_size(text, group) {
            assert!(size.extent.0 == 0 || size.total.0.is_multiple_of(size.extent.0));
            assert!(size.extent.0 == 0 || size.free.0.is_multiple_of(size.extent.0));
        }
    }
    let _ = lvm::physical_volumes(text);
    let _ = lvm::volume_groups(text);
    let _ = lvm::logical_volumes(text);
    let blank = |name: &str| name.is_empty() || name.contains(char::is_whitespace);
    assert!(!lvm::names(text).iter().any(|name| blank(name)));
    assert!(!lvm::volumes_and_pools(text).iter().any(|volume| blank(&volume.name) || volume.pool.contains(' ')));
    let _ = lvm::thin_count(text);
    assert!(lvm::links(text, DEVICE).iter().any(|path| path == DEVICE));

    if let Ok(Some(disk)) = lsblk::disk(text) {
        assert!(disk.all().len() > disk.children.len());
    }
    assert!(lsblk::signatures(text).iter().all(|signature| !signature.kind.is_empty()));

    let _ = mounts::mounts(text);
    assert!(mounts::fstab(text).iter().all(|line| text.contains(line.text) && !line.text.trim().starts_with('#')));
    assert!(mounts::holders(text, 3).len() <= 3);
});
