//! Benches of heketi, and the placement ring of heketi v10 they are compared with.
