//! heketi on real LVM, XFS and GlusterFS: three small virtual nodes on this machine (see `lab.sh`).
//!
//! Run with `cargo test -p heketi-exec --test lab -- --ignored`. Needs root on a Debian-like machine; the
//! first run builds an image of the nodes. The lab stays up for the next run unless `HEKETI_LAB_DOWN=1`.
//! Missing prerequisites are a failure, only `HEKETI_LAB=off` skips. `HEKETI_LAB_SEED` repeats the random
//! choices of a run, `HEKETI_LAB_KILLS` sets how often the server is killed. `HEKETI_BUILT` is a directory that has heketi and
//! heketi-cli; without it they are built.

mod lab;
mod node_layer;
mod nodes;
mod programs;
