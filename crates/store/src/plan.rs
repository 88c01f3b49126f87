//! How a file is cut into parts.

use std::ops::Range;

use firmhold_core::binary_part::{MAX_PARTS, MAX_SIZE, MIN_SIZE};

/// The size of parts, as long as their number allows it: 8 MiB. Small enough that a few in flight are a few tens of
/// megabytes and that a broken line costs little; large enough that a request's own cost does not show.
pub const SUGGESTED: u64 = 8 * MIB;

const MIB: u64 = 1024 * 1024;

/// The size of all parts but the last of a file of `total` bytes: [`SUGGESTED`], or more, in whole MiB, where 10,000
/// parts would not do. At most 5 GiB, with which a file of 48.8 TiB is as large as one can be.
#[must_use]
pub fn part_size(total: u64) -> u64 {
    least_part_size(total).clamp(SUGGESTED, MAX_SIZE)
}

/// In whole MiB, what 10,000 parts need at least.
fn least_part_size(total: u64) -> u64 {
    total.div_ceil(u64::from(MAX_PARTS)).div_ceil(MIB).saturating_mul(MIB)
}

/// One part of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedPart {
    /// 1 to 10,000.
    pub number: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

impl PlannedPart {
    /// Its bytes in the file.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.size
    }
}

/// A file cut into parts: without gaps, numbered from 1, all of one size but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartPlan {
    total: u64,
    part_size: u64,
}

impl PartPlan {
    /// The plan for a file of `total` bytes; nothing if it is larger than any upload can be. An empty file is one
    /// empty part.
    #[must_use]
    pub fn new(total: u64) -> Option<Self> {
        let plan = Self { total, part_size: part_size(total) };
        (plan.total <= MAX_SIZE * u64::from(MAX_PARTS)).then_some(plan)
    }

    /// The plan with parts of `part_size` bytes; nothing if a part may not have so many, or if more than 10,000 parts
    /// would be needed.
    #[must_use]
    pub fn with_part_size(total: u64, part_size: u64) -> Option<Self> {
        let fits = (MIN_SIZE..=MAX_SIZE).contains(&part_size);
        (fits && total.div_ceil(part_size) <= u64::from(MAX_PARTS)).then_some(Self { total, part_size })
    }

    /// A plan in parts of `part_size`, or of more where their number would not allow it; nothing if it is larger than any
    /// upload can be.
    #[must_use]
    pub fn in_parts_of(total: u64, part_size: u64) -> Option<Self> {
        let part_size = part_size.max(least_part_size(total)).clamp(MIN_SIZE, MAX_SIZE);
        let plan = Self { total, part_size };
        (plan.total <= MAX_SIZE * u64::from(MAX_PARTS)).then_some(plan)
    }

    /// Bytes of the file.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes of all parts but the last.
    #[must_use]
    pub fn part_size(&self) -> u64 {
        self.part_size
    }

    /// How many parts; at least one.
    #[must_use]
    pub fn count(&self) -> u32 {
        // INVARIANT: `new` made the size large enough for MAX_PARTS, which fits.
        u32::try_from(self.total.div_ceil(self.part_size)).unwrap_or(MAX_PARTS).max(1)
    }

    /// The part with this number.
    #[must_use]
    pub fn part(&self, number: u32) -> Option<PlannedPart> {
        if !(1..=self.count()).contains(&number) {
            return None;
        }
        let offset = u64::from(number - 1) * self.part_size;
        Some(PlannedPart { number, offset, size: self.part_size.min(self.total - offset) })
    }

    /// All parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = PlannedPart> + use<> {
        let plan = *self;
        (1..=plan.count()).filter_map(move |number| plan.part(number))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_grow_with_the_file() {
        const GIB: u64 = 1024 * MIB;
        for (total, size, count) in [
            (0, SUGGESTED, 1),
            (1, SUGGESTED, 1),
            (SUGGESTED, SUGGESTED, 1),
            (SUGGESTED + 1, SUGGESTED, 2),
            (GIB, SUGGESTED, 128),
            (80_000 * MIB, SUGGESTED, 10_000),
            (80_000 * MIB + 1, 9 * MIB, 8889),
            (5 * 1024 * GIB, 525 * MIB, 9987),
            (MAX_SIZE * 10_000, MAX_SIZE, 10_000),
        ] {
            let plan = PartPlan::new(total).unwrap();
            assert_eq!((plan.part_size(), plan.count()), (size, count), "{total}");
        }
        assert_eq!(PartPlan::new(MAX_SIZE * 10_000 + 1), None);
        assert_eq!(PartPlan::new(u64::MAX), None);
    }

    #[test]
    fn a_part_size_can_be_asked_for_within_what_an_upload_may_have() {
        let plan = PartPlan::with_part_size(20 * MIB, 16 * MIB).unwrap();
        assert_eq!((plan.count(), plan.part(2).unwrap().size), (2, 4 * MIB));
        for (total, part_size) in [(1, MIN_SIZE - 1), (1, MAX_SIZE + 1), (MIN_SIZE * 10_000 + 1, MIN_SIZE)] {
            assert_eq!(PartPlan::with_part_size(total, part_size), None, "{total} {part_size}");
        }
    }

    #[test]
    fn a_part_size_of_ones_own_grows_with_the_file_too() {
        for (total, wanted, size, count) in [
            (12 * MIB, 1, MIN_SIZE, 3),
            (300 * MIB, 128 * MIB, 128 * MIB, 3),
            (80_000 * MIB, MIN_SIZE, 8 * MIB, 10_000),
            (MAX_SIZE * 10_000, 128 * MIB, MAX_SIZE, 10_000),
        ] {
            let plan = PartPlan::in_parts_of(total, wanted).unwrap();
            assert_eq!((plan.part_size(), plan.count()), (size, count), "{total}");
        }
        assert_eq!(PartPlan::in_parts_of(MAX_SIZE * 10_000 + 1, MAX_SIZE), None);
    }

    proptest! {
        #[test]
        fn parts_cover_the_file_once(total in prop_oneof![0..=200 * MIB, 0..=MAX_SIZE * 10_000]) {
            let plan = PartPlan::new(total).unwrap();
            let count = plan.count();
            prop_assert!(count <= MAX_PARTS);
            let mut end = 0;
            for part in plan.parts() {
                prop_assert_eq!(part.offset, end);
                prop_assert!(part.number == count || part.size >= MIN_SIZE);
                prop_assert!(part.size <= MAX_SIZE);
                end = part.range().end;
            }
            prop_assert_eq!(end, total);
            prop_assert_eq!((plan.part(0), plan.part(count + 1)), (None, None));
        }
    }
}
