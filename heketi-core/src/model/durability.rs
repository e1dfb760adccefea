use std::fmt;

use serde::{Deserialize, Serialize};

/// How a volume survives the loss of bricks: what a brick set is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Durability {
    /// One brick a set; losing it loses its files.
    None,
    /// Every brick of a set holds the same files.
    Replicate {
        /// Bricks of a set, 1 to 3.
        replica: u32,
    },
    /// Files are cut over `data` bricks, `redundancy` of which may be lost.
    Disperse {
        /// Bricks that hold data.
        data: u32,
        /// Bricks that may be lost.
        redundancy: u32,
    },
}

impl Durability {
    /// The combinations of data and redundancy that are allowed, as in heketi v10.
    pub const DISPERSE_COMBINATIONS: [(u32, u32); 4] = [(2, 1), (4, 2), (8, 3), (8, 4)];

    /// Bricks of one set.
    pub const fn set_size(&self) -> u32 {
        match *self {
            Self::None => 1,
            Self::Replicate { replica } => replica,
            Self::Disperse { data, redundancy } => data + redundancy,
        }
    }

    /// Bricks of one set whose sizes add up to what the set holds.
    pub const fn data_bricks(&self) -> u32 {
        match *self {
            Self::None | Self::Replicate { .. } => 1,
            Self::Disperse { data, .. } => data,
        }
    }

    /// How many other bricks of its set must be up and healed before one may be replaced; none where nothing
    /// else holds its files (core section 2.3 of heketi v10's behaviour).
    pub const fn peers_needed(&self) -> Option<u32> {
        match *self {
            Self::None => None,
            Self::Replicate { replica: 0..3 } => Some(1),
            Self::Replicate { replica } => Some(replica / 2 + 1),
            Self::Disperse { data, .. } => Some(data),
        }
    }

    /// Sets that one `add-brick` command takes, so that its line stays short (heketi v10's batches).
    pub const fn sets_per_add(&self) -> usize {
        match self {
            Self::None => 15,
            Self::Replicate { .. } => 5,
            Self::Disperse { .. } => 1,
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Replicate { replica } => write!(f, "replicate {replica}"),
            Self::Disperse { data, redundancy } => write!(f, "disperse {data}+{redundancy}"),
        }
    }
}
