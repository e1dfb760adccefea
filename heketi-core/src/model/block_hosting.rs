//! How a block hosting volume divides its size, and how that changes.

use super::{BlockHosting, Volume};
use crate::error::Error;
use crate::units::Gib;

impl BlockHosting {
    /// What a hosting volume of `size` holds at most: 98 % of it, in whole GiB, rounded down.
    pub const fn capacity(size: Gib) -> Gib {
        // 98 % of a 64-bit number is one.
        Gib((size.0 as u128 * 98 / 100) as u64)
    }

    /// How a new hosting volume of `size` divides it.
    pub const fn of(size: Gib) -> Self {
        let free = Self::capacity(size);
        Self { free, reserved: Gib(size.0 - free.0), restriction: super::BlockRestriction::None }
    }
}

impl Volume {
    /// The volume with `size` more of its space hosted, and less free.
    ///
    /// # Errors
    /// `Internal` with heketi v10's text when that much is not free, or the volume hosts no block volumes.
    pub fn with_hosted(&self, size: Gib) -> Result<Self, Error> {
        let hosting = self.block_hosting()?;
        let free = hosting.free.0.checked_sub(size.0).ok_or_else(|| self.guard("free", "less than zero"))?;
        Ok(Self { hosting: Some(BlockHosting { free: Gib(free), ..hosting }), ..self.clone() })
    }

    /// The volume with `size` less of its space hosted, and more free.
    ///
    /// # Errors
    /// `Internal` with heketi v10's text when more would be free than the volume has, or it hosts no block
    /// volumes.
    pub fn with_released(&self, size: Gib) -> Result<Self, Error> {
        let hosting = self.block_hosting()?;
        let limit = || self.guard("free", &format!("greater than {}", self.size.0));
        let free = hosting.free.0.checked_add(size.0).ok_or_else(limit)?;
        if free.checked_add(hosting.reserved.0).is_none_or(|sum| sum > self.size.0) {
            return Err(limit());
        }
        Ok(Self { hosting: Some(BlockHosting { free: Gib(free), ..hosting }), ..self.clone() })
    }

    /// The volume with `size` of its free space reserved.
    ///
    /// # Errors
    /// As [`Volume::with_hosted`].
    pub fn with_reserved(&self, size: Gib) -> Result<Self, Error> {
        let volume = self.with_hosted(size)?;
        let hosting = volume.block_hosting()?;
        let limit = || self.guard("reserved", &format!("greater than {}", self.size.0));
        let reserved = hosting.reserved.0.checked_add(size.0).ok_or_else(limit)?;
        if reserved.checked_add(hosting.free.0).is_none_or(|sum| sum > self.size.0) {
            return Err(limit());
        }
        Ok(Self { hosting: Some(BlockHosting { reserved: Gib(reserved), ..hosting }), ..volume })
    }

    /// The volume after it grew by `increment`; one that hosts block volumes divides that as it divided its
    /// first size.
    pub fn grown(&self, increment: Gib) -> Self {
        let more = BlockHosting::of(increment);
        let hosting = self.hosting.map(|hosting| BlockHosting {
            free: Gib(hosting.free.0.saturating_add(more.free.0)),
            reserved: Gib(hosting.reserved.0.saturating_add(more.reserved.0)),
            ..hosting
        });
        Self { size: Gib(self.size.0.saturating_add(increment.0)), hosting, ..self.clone() }
    }

    fn block_hosting(&self) -> Result<BlockHosting, Error> {
        self.hosting.ok_or_else(|| Error::internal(format!("volume {} hosts no block volumes", self.id)))
    }

    fn guard(&self, what: &str, limit: &str) -> Error {
        Error::internal(format!("Volume {} {what} size may not be set {limit}", self.id))
    }
}
