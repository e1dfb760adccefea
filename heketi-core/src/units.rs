//! Sizes and time: [`Kib`] for devices and bricks, [`Gib`] for volumes, [`Timestamp`] in seconds.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, SubAssign};

use serde::{Deserialize, Serialize};

/// A size in KiB (1024 bytes). Devices, bricks and all accounting use it.
///
/// Addition saturates: no real size comes near 2^64 KiB, so a sum at the limit is refused as too large
/// wherever it is compared, instead of wrapping to something small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Kib(pub u64);

/// KiB in one GiB.
pub const KIB_PER_GIB: u64 = 1024 * 1024;

impl Kib {
    /// No space at all.
    pub const ZERO: Self = Self(0);

    /// `self - other`, or `None` where that would be negative.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// `self - other`, or zero where that would be negative.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Rounded up to whole extents of size `extent`; an extent of zero leaves the size as it is.
    pub const fn round_up(self, extent: Self) -> Self {
        match self.0.checked_next_multiple_of(extent.0) {
            Some(size) => Self(size),
            None if extent.0 == 0 => self,
            None => Self(u64::MAX),
        }
    }

    /// Whole GiB, rounded down, as the command line prints sizes.
    pub const fn whole_gib(self) -> Gib {
        Gib(self.0 / KIB_PER_GIB)
    }
}

impl Add for Kib {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Kib {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Kib {
    fn sub_assign(&mut self, other: Self) {
        *self = self.saturating_sub(other);
    }
}

impl Sum for Kib {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Kib {
    /// Exact when the size is a whole number of GiB or MiB, else in GiB with two decimals or in KiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => write!(f, "0 KiB"),
            n if n % KIB_PER_GIB == 0 => write!(f, "{} GiB", n / KIB_PER_GIB),
            n if n >= KIB_PER_GIB => write!(f, "{:.2} GiB", n as f64 / KIB_PER_GIB as f64),
            n if n % 1024 == 0 => write!(f, "{} MiB", n / 1024),
            n => write!(f, "{n} KiB"),
        }
    }
}

/// A size in GiB, as volumes are requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Gib(pub u64);

impl Gib {
    /// The same size in KiB.
    pub const fn kib(self) -> Kib {
        Kib(self.0.saturating_mul(KIB_PER_GIB))
    }
}

impl fmt::Display for Gib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} GiB", self.0)
    }
}

/// Seconds since 1970-01-01 UTC. The embedder reads the clock, this crate never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Timestamp(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_up_to_whole_extents() {
        for (size, extent, rounded) in
            [(1, 4096, 4096), (4096, 4096, 4096), (4097, 4096, 8192), (0, 4096, 0), (7, 0, 7)]
        {
            assert_eq!(Kib(size).round_up(Kib(extent)), Kib(rounded));
        }
        assert_eq!(Kib(u64::MAX).round_up(Kib(4096)), Kib(u64::MAX));
    }

    #[test]
    fn prints_the_unit_an_admin_reads() {
        for (size, text) in
            [(0, "0 KiB"), (5, "5 KiB"), (2048, "2 MiB"), (KIB_PER_GIB, "1 GiB"), (KIB_PER_GIB * 3 / 2, "1.50 GiB")]
        {
            assert_eq!(Kib(size).to_string(), text);
        }
    }
}
