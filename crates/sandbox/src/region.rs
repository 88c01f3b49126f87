//! The regions that exist in the sandbox. The region of a request is the one in its credential scope.

/// Where the seeded accounts work by default.
pub const DEFAULT_REGION: &str = "us-west-2";

/// The region of IAM's scope, and of a client that names none.
pub const GLOBAL_REGION: &str = "us-east-1";

const REGIONS: [(&str, &str); 3] = [
    (DEFAULT_REGION, "US West (Oregon)"),
    (GLOBAL_REGION, "US East (N. Virginia)"),
    ("eu-west-1", "EU (Ireland)"),
];

/// Whether the sandbox has this region.
pub fn exists(region: &str) -> bool {
    REGIONS.iter().any(|(known, _)| *known == region)
}

/// As AWS writes it for people; the region itself where it has no such name.
pub(crate) fn name(region: &str) -> &str {
    REGIONS.iter().find(|(known, _)| *known == region).map_or(region, |(_, name)| name)
}
