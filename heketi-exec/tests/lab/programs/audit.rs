//! What the audit finds on real nodes, and what its repair touches.

use super::harness::Lab;
use super::server::{Server, volume_id};

const LOST: &str = "0123456789abcdef0123456789abcdef";

pub fn a_leaked_brick_is_removed_and_a_foreign_one_stays(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    let id = volume_id(&server.ok(&["volume", "create", "--size=1", "--name=kept"]));
    let told = server.ok(&["audit", "--nodes"]);
    assert!(!told.contains(LOST) && told.contains("No problems found"), "{told}");
    let group = lab.on(1, "vgs --noheadings -o vg_name | head -n 1");
    let group = group.trim();
    lab.on(
        1,
        &format!(
            "lvcreate -qq --poolmetadataspare n -L 300M --thin {group}/tp_{LOST} --virtualsize 300M --name brick_{LOST}"
        ),
    );
    lab.on(1, &format!("lvcreate -qq -L 64M -n theirs {group}"));
    // The foreign volume takes space, which a resync takes notice of.
    for device in server.nodes().iter().flat_map(|node| node["devices"].as_array().cloned().unwrap_or_default()) {
        if group == format!("vg_{}", device["id"].as_str().expect("an id")) {
            server.ok(&["device", "resync", device["id"].as_str().expect("an id")]);
        }
    }
    let told = server.fails(&["audit", "--nodes"]);
    assert!(told.contains(&format!("brick_{LOST}")) && told.contains(group), "{told}");
    let plan = server.ok(&["audit", "repair", "--plan"]);
    assert!(plan.contains(&format!("brick_{LOST}")) && !plan.contains("theirs"), "{plan}");
    assert!(lab.on(1, "lvs --noheadings -o lv_name").contains(LOST), "a plan changes nothing");
    server.ok(&["audit", "repair", "--apply"]);
    let left = lab.on(1, "lvs --noheadings -o lv_name");
    assert!(!left.contains(LOST) && left.contains("theirs"), "{left}");
    let told = server.ok(&["audit", "--nodes"]);
    assert!(told.contains("No problems found"), "{told}");
    lab.on(1, &format!("lvremove -qq -f {group}/theirs"));
    server.ok(&["volume", "delete", &id]);
    lab.assert_no_traces();
    server.unload();
}
