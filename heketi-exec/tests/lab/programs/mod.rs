//! The real server and the real command line, over SSH, on real storage.

mod audit;
mod bad_input;
mod evacuation;
mod harness;
mod kills;
mod kinds;
mod replaced;
mod server;
mod stand_alone;
mod volumes;

use crate::lab::scenario;
use crate::nodes::assert_blank;
use harness::Lab;

/// Runs a scenario, which must leave the nodes as it found them.
fn leaving_nothing(act: fn(&Lab)) {
    act(&Lab::new());
    assert_blank();
}

macro_rules! scenarios {
    ($($name:ident: $act:path;)*) => {$(
        #[test]
        #[ignore = "boots virtual nodes and needs root"]
        fn $name() {
            scenario(|| leaving_nothing($act));
        }
    )*};
}

scenarios! {
    stand_alone: stand_alone::walk_through;
    bad_input: bad_input::is_named_and_changes_nothing;
    volume_life: volumes::create_mount_expand_delete;
    exact_filling: volumes::fill_to_the_last_extent;
    half_made: volumes::a_create_that_fails_half_way;
    refused_delete: volumes::a_delete_that_gluster_refuses;
    arbiter_and_disperse: kinds::arbiter_and_disperse;
    clone: kinds::clone_outlives_its_source;
    device_remove: evacuation::remove_a_device_behind_the_heal_gate;
    dead_node: evacuation::a_dead_node_is_evacuated;
    leaked_brick: audit::a_leaked_brick_is_removed_and_a_foreign_one_stays;
    replaced_disk: replaced::a_replaced_disk_is_rebuilt;
    rebuilt_node: replaced::a_rebuilt_node_is_taken_back;
    kills: kills::at_random_moments;
}
