//! Storage classes: which is colder, and which way lifecycle moves an object
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>).

/// From warm to cold: a transition leads down this list.
const WATERFALL: [&str; 7] =
    ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];

/// How cold a class is; STANDARD is 0. `None` for a class that lifecycle does not move to.
pub(crate) fn rank(class: &str) -> Option<usize> {
    WATERFALL.iter().position(|known| *known == class)
}

/// Whether an object of one class can be moved to another.
pub(crate) fn may_move(from: &str, to: &str) -> bool {
    let (Some(from_rank), Some(to_rank)) = (rank(from), rank(to)) else { return false };
    from_rank < to_rank && (from, to) != ("ONEZONE_IA", "GLACIER_IR")
}

/// The classes that want an object to be thirty days old.
pub(crate) fn is_infrequent(class: &str) -> bool {
    matches!(class, "STANDARD_IA" | "ONEZONE_IA")
}

/// Whether an object of this class has to be restored before it can be read.
pub(crate) fn is_archive(class: &str) -> bool {
    matches!(class, "GLACIER" | "DEEP_ARCHIVE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_only_get_colder() {
        assert!(may_move("STANDARD", "GLACIER_IR") && may_move("GLACIER", "DEEP_ARCHIVE"));
        assert!(!may_move("GLACIER", "STANDARD_IA") && !may_move("STANDARD", "STANDARD"));
        assert!(!may_move("ONEZONE_IA", "GLACIER_IR") && !may_move("STANDARD", "REDUCED_REDUNDANCY"));
    }
}
