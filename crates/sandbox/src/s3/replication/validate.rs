//! What S3 refuses of a replication configuration
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html>).

use std::collections::HashSet;

use s3s::dto::{MetricsStatus, ReplicationConfiguration, ReplicationRule, ReplicationTimeStatus};
use s3s::{S3Result, s3_error};

use crate::s3::malformed_xml;
use crate::storage::replication::{destination, scope};

const MAX_RULES: usize = 1000;
const MAX_ID: usize = 255;
/// The only threshold that there is, in minutes.
const THRESHOLD: i32 = 15;

/// Checks the rules, and gives an id to each that has none.
pub(super) fn validate(configuration: &mut ReplicationConfiguration) -> S3Result<()> {
    let role = &configuration.role;
    if !(role.starts_with("arn:") && role.contains(":iam::") && role.contains(":role/")) {
        return Err(s3_error!(InvalidArgument, "Invalid Role ARN"));
    }
    let rules = &mut configuration.rules;
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(malformed_xml());
    }
    let mut seen = HashSet::new();
    for rule in rules.iter_mut() {
        let id = rule.id.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
        if id.chars().count() > MAX_ID {
            return Err(s3_error!(InvalidArgument, "ID length should not exceed allowed limit of {MAX_ID}"));
        }
        if !seen.insert(id.clone()) {
            return Err(s3_error!(
                InvalidArgument,
                "Rule ID must be unique. Found same ID for more than one rule"
            ));
        }
        check_rule(rule)?;
    }
    check_together(rules)
}

fn check_rule(rule: &ReplicationRule) -> S3Result<()> {
    if !matches!(rule.status.as_str(), "Enabled" | "Disabled") {
        return Err(malformed_xml());
    }
    if !rule.destination.bucket.starts_with("arn:") {
        return Err(s3_error!(InvalidArgument, "Invalid bucket ARN"));
    }
    match (&rule.filter, &rule.prefix) {
        (Some(_), Some(_)) => return Err(malformed_xml()),
        (Some(_), None) => check_second_version(rule)?,
        (None, _) => check_first_version(rule)?,
    }
    check_destination(rule)?;
    if rule.existing_object_replication.as_ref().is_some_and(|existing| existing.status.as_str() == "Enabled")
    {
        return Err(s3_error!(
            InvalidRequest,
            "Existing object replication is not supported. Replicate existing objects by a batch job."
        ));
    }
    Ok(())
}

/// A rule with a filter says what it does with delete markers (T14).
fn check_second_version(rule: &ReplicationRule) -> S3Result<()> {
    let missing = |what: &str| {
        Err(s3_error!(
            InvalidRequest,
            "{what} must be specified for this version of Cross Region Replication configuration schema. Please \
             refer to S3 Developer Guide for more information."
        ))
    };
    if rule.priority.is_none() {
        return missing("Priority");
    }
    let Some(markers) = &rule.delete_marker_replication else { return missing("DeleteMarkerReplication") };
    let status = markers.status.as_ref().ok_or_else(malformed_xml)?.as_str();
    if !matches!(status, "Enabled" | "Disabled") {
        return Err(malformed_xml());
    }
    let (_, tags) = scope(rule);
    if status == "Enabled" && !tags.is_empty() {
        return Err(s3_error!(
            InvalidRequest,
            "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 \
             Developer Guide for more information."
        ));
    }
    let filter = rule.filter.as_ref();
    let named = filter.map_or(0, |filter| {
        usize::from(filter.prefix.is_some())
            + usize::from(filter.tag.is_some())
            + usize::from(filter.and.is_some())
    });
    match named {
        0 | 1 => Ok(()),
        _ => Err(malformed_xml()),
    }
}

fn check_first_version(rule: &ReplicationRule) -> S3Result<()> {
    if rule.prefix.is_none() {
        return Err(malformed_xml());
    }
    if rule.priority.is_some() || rule.delete_marker_replication.is_some() {
        return Err(s3_error!(
            InvalidRequest,
            "Priority and DeleteMarkerReplication cannot be used for this version of Cross Region Replication \
             configuration schema. Please refer to S3 Developer Guide for more information."
        ));
    }
    Ok(())
}

fn check_destination(rule: &ReplicationRule) -> S3Result<()> {
    let destination = &rule.destination;
    if destination.access_control_translation.is_some() && destination.account.is_none() {
        return Err(s3_error!(
            InvalidRequest,
            "Account must be specified if AccessControlTranslation is specified."
        ));
    }
    let criteria = rule.source_selection_criteria.as_ref();
    let kms = criteria.and_then(|criteria| criteria.sse_kms_encrypted_objects.as_ref());
    let key = destination.encryption_configuration.as_ref();
    let key =
        key.and_then(|encryption| encryption.replica_kms_key_id.as_deref()).filter(|key| !key.is_empty());
    match (kms.map(|kms| kms.status.as_str()), key) {
        (Some("Enabled"), None) => {
            return Err(s3_error!(
                InvalidRequest,
                "ReplicaKmsKeyID must be specified if SseKmsEncryptedObjects tag is present."
            ));
        }
        (None, Some(_)) => {
            return Err(s3_error!(
                InvalidRequest,
                "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present."
            ));
        }
        _ => {}
    }
    check_time_control(rule)
}

/// Replication Time Control wants its metrics, and fifteen minutes.
fn check_time_control(rule: &ReplicationRule) -> S3Result<()> {
    let metrics = rule.destination.metrics.as_ref();
    let threshold = metrics.and_then(|metrics| metrics.event_threshold.as_ref());
    if threshold.is_some_and(|threshold| threshold.minutes != Some(THRESHOLD)) {
        return Err(s3_error!(InvalidArgument, "EventThreshold must be {THRESHOLD} minutes."));
    }
    let Some(time) = &rule.destination.replication_time else { return Ok(()) };
    if time.status.as_str() != ReplicationTimeStatus::ENABLED {
        return Ok(());
    }
    if time.time.minutes != Some(THRESHOLD) {
        return Err(s3_error!(InvalidArgument, "Time must be {THRESHOLD} minutes."));
    }
    let measured = metrics.is_some_and(|metrics| metrics.status.as_str() == MetricsStatus::ENABLED);
    match measured && threshold.is_some() {
        true => Ok(()),
        false => Err(s3_error!(
            InvalidRequest,
            "Metrics must be enabled with an EventThreshold if ReplicationTime is enabled."
        )),
    }
}

/// Rules of both versions do not go together; one priority names one rule.
fn check_together(rules: &[ReplicationRule]) -> S3Result<()> {
    let second = rules.iter().filter(|rule| rule.filter.is_some()).count();
    if second != 0 && second != rules.len() {
        return Err(malformed_xml());
    }
    let mut priorities = HashSet::new();
    for priority in rules.iter().filter_map(|rule| rule.priority) {
        if !priorities.insert(priority) {
            return Err(s3_error!(
                InvalidArgument,
                "Found duplicate priority {priority} in the replication rules"
            ));
        }
    }
    let destinations: HashSet<&str> = rules.iter().map(destination).collect();
    match second == 0 && destinations.len() > 1 {
        true => Err(s3_error!(
            InvalidRequest,
            "Only one destination bucket is allowed for this version of Cross Region Replication configuration \
             schema."
        )),
        false => Ok(()),
    }
}
