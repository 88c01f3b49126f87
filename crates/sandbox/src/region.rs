//! The regions that exist in the sandbox. The region of a request is the one in its credential scope.

/// Where the seeded accounts work by default.
pub const DEFAULT_REGION: &str = "us-west-2";

/// The region of IAM's scope, and of a client that names none.
pub const GLOBAL_REGION: &str = "us-east-1";

const REGIONS: [&str; 3] = [DEFAULT_REGION, GLOBAL_REGION, "eu-west-1"];

/// Whether the sandbox has this region.
pub fn exists(region: &str) -> bool {
    REGIONS.contains(&region)
}
