//! Kinds of records, and their names.

/// Which of a database's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bucket {
    Cluster,
    Node,
    Device,
    Volume,
    Brick,
    BlockVolume,
}

impl Bucket {
    /// As v10's consistency check spells it inside of a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Node => "node",
            Self::Device => "device",
            Self::Volume => "volume",
            Self::Brick => "brick",
            Self::BlockVolume => "blockvolume",
        }
    }

    /// As it spells it at the start of a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Node => "Node",
            Self::Device => "Device",
            Self::Volume => "Volume",
            Self::Brick => "Brick",
            Self::BlockVolume => "BlockVolume",
        }
    }
}
