//! The records heketi keeps, and the rules that concern one record alone.
//!
//! A link is stored once, on the side that belongs to one other object (a brick names its device, node and
//! volume); the way back is an index of the [`crate::inventory::Inventory`]. Links can therefore not
//! disagree.

mod block_hosting;
mod block_volume;
mod brick;
mod cluster;
mod device;
mod durability;
mod host_key;
mod node;
mod options;
mod origin;
mod secret;
mod tags;
mod volume;

pub use block_volume::BlockVolume;
pub(crate) use brick::PoolKey;
pub use brick::{Brick, BrickFormat, SetPosition, brick_mount_point};
pub use cluster::Cluster;
pub use device::{DEFAULT_EXTENT, Device, volume_group_name};
pub use durability::Durability;
pub use host_key::HostKey;
pub use node::{HostNames, Node};
pub use options::{OptionError, TagRule, VolumeOptions, ZoneChecking};
pub use origin::{BlockVolumeOrigin, Origin, OriginOf, VolumeOrigin};
pub use secret::Secret;
pub use tags::{ArbiterUse, EntryState, Tags, effective_tags};
pub use volume::{BlockHosting, BlockRestriction, Snapshot, Volume};
