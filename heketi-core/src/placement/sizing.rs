//! Sizes: what a brick takes from a device, and how a volume is split over brick sets (core sections 2.2
//! to 2.4 of heketi v10's behaviour; only the series of set counts differs, it is 1, 2, 3, …).

use super::{Policy, Wanted};
use crate::units::Kib;

/// Thin pool metadata never needs more: 16 GiB, LVM's limit.
const METADATA_MAX: Kib = Kib(16 * 1024 * 1024);

/// What one brick takes from a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrickSpace {
    /// Size of the thin pool.
    pub pool: Kib,
    /// Size of the thin pool's metadata: 0.5 % of the pool.
    pub metadata: Kib,
}

impl BrickSpace {
    /// A brick of usable size `brick` on a device with extents of `extent`. The factor is a 32-bit number
    /// widened for the multiplication: a 64-bit one gives other sizes (1.2 of 20 GiB by one extent).
    pub fn new(brick: Kib, factor: f32, extent: Kib) -> Self {
        // `as` truncates towards zero and saturates, which is the rounding wanted here.
        let pool = Kib((brick.0 as f64 * f64::from(factor)) as u64).round_up(extent);
        let metadata = Kib((pool.0 as f64 * 0.005) as u64).min(METADATA_MAX).round_up(extent);
        Self { pool, metadata }
    }

    /// What the device is charged.
    pub fn total(&self) -> Kib {
        self.pool + self.metadata
    }
}

/// No arbiter brick is smaller: 16 MiB.
const ARBITER_MIN: Kib = Kib(16 * 1024);

/// Usable size of the arbiter brick of a set whose other bricks are of size `data`: it holds no file contents,
/// so one KiB for each file of the average size will do (core section 2.5 of heketi v10's behaviour).
pub fn arbiter_brick(data: Kib, average_file: Kib) -> Kib {
    Kib(data.0 / average_file.0.max(1)).max(ARBITER_MIN)
}

/// One way to split a volume: `sets` brick sets with bricks of size `brick`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// How many brick sets.
    pub sets: u32,
    /// Usable size of each brick that holds data.
    pub brick: Kib,
}

/// Why no further split is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitEnd {
    /// More sets would make bricks smaller than allowed.
    #[error("Minimum brick size limit reached.  Out of space.")]
    BrickTooSmall,
    /// More sets would be more bricks than allowed.
    #[error("Maximum number of bricks reached.")]
    TooManyBricks,
    /// Not one file of the average size would fit on a brick, so no arbiter brick can be sized.
    #[error("Average file size ({}) is greater than Brick size ({})", .average_file.0, .brick.0)]
    FilesTooLarge {
        /// The average file size.
        average_file: Kib,
        /// Usable size of each brick that holds data.
        brick: Kib,
    },
}

/// The splits to try for a request, those with fewest sets first, and why the series ends.
pub fn splits(wanted: &Wanted<'_>, policy: &Policy) -> (Vec<Split>, SplitEnd) {
    let mut splits = Vec::new();
    for sets in 1u32.. {
        match split(wanted, policy, sets) {
            Ok(split) => splits.extend(split),
            Err(end) => return (splits, end),
        }
    }
    (splits, SplitEnd::TooManyBricks)
}

/// The first of [`splits`].
pub(super) fn first_split(wanted: &Wanted<'_>, policy: &Policy) -> Result<Split, SplitEnd> {
    (1u32..).find_map(|sets| split(wanted, policy, sets).transpose()).unwrap_or(Err(SplitEnd::TooManyBricks))
}

/// The split into `sets` brick sets; none where bricks would be too large for one, but more sets may do.
fn split(wanted: &Wanted<'_>, policy: &Policy, sets: u32) -> Result<Option<Split>, SplitEnd> {
    let (set_size, data) = (wanted.durability.set_size(), wanted.durability.data_bricks());
    let brick = Kib(wanted.size.0 / u64::from(sets) / u64::from(data.max(1)));
    if brick < policy.brick_min {
        return Err(SplitEnd::BrickTooSmall);
    }
    if sets.saturating_mul(set_size).saturating_add(wanted.existing_bricks) > policy.max_bricks {
        return Err(SplitEnd::TooManyBricks);
    }
    if brick > policy.brick_max {
        return Ok(None);
    }
    match wanted.arbiter.filter(|average| brick < *average) {
        Some(average_file) => Err(SplitEnd::FilesTooLarge { average_file, brick }),
        None => Ok(Some(Split { sets, brick })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ClusterId;
    use crate::model::{Durability, ZoneChecking};
    use crate::units::Gib;

    #[test]
    fn brick_space_matches_the_table_of_heketi_v10() {
        let e = Kib(4096);
        for (size, factor, pool, metadata) in [
            (16384, 1.0, 16384, 4096),
            (1048576, 1.0, 1048576, 8192),
            (2097152, 1.0, 2097152, 12288),
            (10485760, 1.0, 10485760, 53248),
            (10485760, 1.3, 13631488, 69632),
            (104857600, 1.5, 157286400, 786432),
            (4294967296, 1.0, 4294967296, 16777216),
        ] {
            let space = BrickSpace::new(Kib(size), factor, e);
            assert_eq!(space, BrickSpace { pool: Kib(pool), metadata: Kib(metadata) }, "{size} × {factor}");
        }
        assert_eq!(BrickSpace::new(Kib(20971520), 1.2, e).pool, Kib(25169920), "the factor is a 32-bit number");
    }

    fn wanted(size: Kib, durability: Durability) -> Wanted<'static> {
        Wanted {
            cluster: ClusterId::from_bytes([0; 16]),
            size,
            durability,
            factor: 1.0,
            existing_bricks: 0,
            zones: ZoneChecking::None,
            tag_rule: None,
            arbiter: None,
        }
    }

    fn series(size: Gib, durability: Durability) -> (Vec<(u32, u64)>, SplitEnd) {
        let (splits, end) = splits(&wanted(size.kib(), durability), &Policy::default());
        (splits.iter().map(|split| (split.sets, split.brick.0)).collect(), end)
    }

    #[test]
    fn sets_count_up_from_one_and_bricks_share_the_size() {
        let (sets, end) = series(Gib(100), Durability::None);
        assert_eq!(sets.len(), 32);
        assert_eq!(sets[..4], [(1, 104857600), (2, 52428800), (3, 34952533), (4, 26214400)]);
        assert_eq!((sets[31], end), ((32, 3276800), SplitEnd::TooManyBricks));
    }

    #[test]
    fn bricks_stay_within_their_limits() {
        let (sets, end) = series(Gib(100 * 1024), Durability::None);
        assert_eq!(sets.first(), Some(&(25, 4294967296)), "bricks over 4 TiB are skipped");
        assert_eq!(end, SplitEnd::TooManyBricks);
        let (sets, end) = series(Gib(16), Durability::Disperse { data: 8, redundancy: 3 });
        assert_eq!((sets, end), (vec![(1, 2097152), (2, 1048576)], SplitEnd::BrickTooSmall));
        let (sets, end) = series(Gib(200), Durability::Disperse { data: 8, redundancy: 3 });
        assert_eq!((sets, end), (vec![(1, 26214400), (2, 13107200)], SplitEnd::TooManyBricks));
        let (sets, end) = series(Gib(3), Durability::Disperse { data: 4, redundancy: 2 });
        assert_eq!((sets.len(), end), (0, SplitEnd::BrickTooSmall));
    }

    #[test]
    fn the_largest_volumes_follow_from_the_limits() {
        for (durability, sets, tib) in [
            (Durability::None, 32, 128),
            (Durability::Replicate { replica: 2 }, 16, 64),
            (Durability::Replicate { replica: 3 }, 10, 40),
            (Durability::Disperse { data: 2, redundancy: 1 }, 10, 80),
            (Durability::Disperse { data: 4, redundancy: 2 }, 5, 80),
            (Durability::Disperse { data: 8, redundancy: 3 }, 2, 64),
            (Durability::Disperse { data: 8, redundancy: 4 }, 2, 64),
        ] {
            let (fits, _) = series(Gib(tib * 1024), durability);
            assert_eq!(fits, [(sets, 4294967296)], "{durability}");
            assert!(series(Gib(tib * 1024 + 1024), durability).0.is_empty(), "{durability}");
        }
    }

    #[test]
    fn existing_bricks_count_towards_the_limit() {
        let mut expand = wanted(Gib(10).kib(), Durability::Replicate { replica: 3 });
        expand.existing_bricks = 30;
        assert_eq!(splits(&expand, &Policy::default()), (vec![], SplitEnd::TooManyBricks));
        expand.existing_bricks = 29;
        assert_eq!(splits(&expand, &Policy::default()).0.len(), 1);
    }
}
