//! The real server and the real command line, over SSH, on real storage.

mod bad_input;
mod harness;
mod kills;
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
    kills: kills::twenty_at_random_moments;
}
