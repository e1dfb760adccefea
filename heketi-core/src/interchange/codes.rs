//! The numbers that stand for kinds of operations and changes in heketi v10's records.

/// Kinds of pending operations (core section 7.1).
pub(super) mod kind {
    pub const CREATE_VOLUME: i64 = 1;
    pub const DELETE_VOLUME: i64 = 2;
    pub const EXPAND_VOLUME: i64 = 3;
    pub const CREATE_BLOCK_VOLUME: i64 = 4;
    pub const DELETE_BLOCK_VOLUME: i64 = 5;
    pub const REMOVE_DEVICE: i64 = 6;
    pub const CLONE_VOLUME: i64 = 7;
    pub const EVICT_BRICK: i64 = 8;
    pub const EXPAND_BLOCK_VOLUME: i64 = 9;
}

/// Kinds of changes (core section 7.1).
pub(super) mod change {
    pub const ADD_BRICK: i64 = 1;
    pub const ADD_VOLUME: i64 = 2;
    pub const DELETE_BRICK: i64 = 3;
    pub const DELETE_VOLUME: i64 = 4;
    pub const EXPAND_VOLUME: i64 = 5;
    pub const ADD_BLOCK_VOLUME: i64 = 6;
    pub const DELETE_BLOCK_VOLUME: i64 = 7;
    pub const REMOVE_DEVICE: i64 = 8;
    pub const CLONE_FROM: i64 = 9;
    pub const CLONE_TO: i64 = 11;
    pub const EXPAND_BLOCK_VOLUME: i64 = 14;

    /// Does a record carry the mark of an operation that changes it like this?
    pub fn marks(change: i64) -> bool {
        matches!(change, ADD_BRICK..=DELETE_VOLUME | ADD_BLOCK_VOLUME | DELETE_BLOCK_VOLUME | CLONE_FROM | CLONE_TO)
    }
}
