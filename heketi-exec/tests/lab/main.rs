//! heketi on real storage: the real server and command line, SSH, LVM, XFS, glusterd on three small nodes.
//!
//! Run with `cargo test -p heketi-exec --test lab -- --ignored --nocapture`, as root on a Debian-like machine.
//! `HEKETI_LAB=off` skips it; `HEKETI_LAB_ONLY=name` runs one scenario and those it needs; `HEKETI_LAB_SEED=n`
//! repeats the random moments of a run; `HEKETI_LAB_DOWN=1` ends the nodes afterwards.

mod bad_input;
mod kills;
mod lab;
mod server;
mod stand_alone;
mod volumes;

use std::time::Instant;

use lab::Lab;

/// A scenario: its name and what it does. Each leaves the nodes as it found them.
type Scenario = (&'static str, fn(&Lab));

const SCENARIOS: &[Scenario] = &[
    ("stand-alone", stand_alone::walk_through),
    ("bad-input", bad_input::is_named_and_changes_nothing),
    ("volume-life", volumes::create_mount_expand_delete),
    ("exact-filling", volumes::fill_to_the_last_extent),
    ("half-made", volumes::a_create_that_fails_half_way),
    ("refused-delete", volumes::a_delete_that_gluster_refuses),
    ("kills", kills::twenty_at_random_moments),
];

#[test]
#[ignore = "boots virtual nodes and needs root"]
fn lab() {
    if std::env::var("HEKETI_LAB").is_ok_and(|value| value == "off") {
        println!("the lab is switched off");
        return;
    }
    let only = std::env::var("HEKETI_LAB_ONLY").ok();
    let lab = Lab::up(3);
    let mut run = 0;
    for (name, scenario) in SCENARIOS {
        if only.as_deref().is_some_and(|only| only != *name) {
            continue;
        }
        println!("== {name}");
        let started = Instant::now();
        scenario(&lab);
        lab.assert_clean();
        run += 1;
        println!("== {name}: ok, {:.0} s", started.elapsed().as_secs_f64());
    }
    if std::env::var("HEKETI_LAB_DOWN").is_ok() {
        lab.down();
    }
    println!("lab scenarios run: {run}");
    assert!(run > 0, "no scenario has the name {only:?}");
}
