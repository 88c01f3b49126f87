//! Rules of a replication configuration.

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

/// Their destination buckets, each once.
pub fn destinations<'a>(scene: &Scene<'a>) -> Vec<At<'a>> {
    let mut all: Vec<At<'a>> = Vec::new();
    for rule in enabled(scene) {
        let Some(bucket) = rule.get("Destination").and_then(|destination| destination.get("Bucket")) else {
            continue;
        };
        if all.iter().all(|known| known.as_text() != bucket.as_text()) {
            all.push(bucket);
        }
    }
    all
}

/// The name in a bucket's ARN.
pub fn bucket_name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
