//! Rules of a replication configuration.

use std::collections::HashSet;

use super::document::DocumentKind;
use super::lifecycle::is_enabled;
use super::subject::Scene;
use super::tree::At;

/// The enabled rules.
pub fn enabled<'a>(scene: &Scene<'a>) -> Vec<At<'a>> {
    if !scene.own.is(DocumentKind::Replication) {
        return Vec::new();
    }
    scene.own.rules().into_iter().filter(is_enabled).collect()
}

/// A replication configuration has no more rules
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationConfiguration.html>).
const MAX_RULES: usize = 1_000;

/// Their destination buckets, each once.
pub fn destinations<'a>(scene: &Scene<'a>) -> Vec<At<'a>> {
    let rules = enabled(scene).into_iter().take(MAX_RULES);
    let mut all: Vec<At<'a>> = rules.filter_map(|rule| rule.get("Destination")?.get("Bucket")).collect();
    let mut seen = HashSet::new();
    all.retain(|bucket| seen.insert(bucket.as_text()));
    all
}

/// The name in a bucket's ARN.
pub fn bucket_name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
