//! What Terraform spells in its own way, in the JSON that the AWS API takes.

use serde_json::{Map, Value, json};

use super::list;
use crate::lint::document::KNOWN_AFTER_APPLY;

/// Members under AWS's names, those left out that are null.
fn renamed(from: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    let mut to = Map::new();
    for (own, aws) in names {
        match from.get(own) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) if items.is_empty() => {}
            Some(value) => drop(to.insert((*aws).to_owned(), value.clone())),
        }
    }
    to
}

/// The one block of a list of at most one, or the block itself.
fn block<'v>(values: &'v Value, name: &str) -> Option<&'v Value> {
    match values.get(name)? {
        Value::Array(items) => items.first(),
        Value::Null => None,
        one => Some(one),
    }
}

fn status(value: Option<&Value>) -> Value {
    match value {
        Some(Value::Bool(true)) => json!("Enabled"),
        Some(Value::Bool(false)) => json!("Disabled"),
        Some(other) => other.clone(),
        None => json!("Enabled"),
    }
}

/// `aws_s3_bucket_lifecycle_configuration`, and the `lifecycle_rule` of a bucket as `rule`.
pub fn lifecycle(values: &Value) -> Value {
    let rules = list(values.get("rule")).iter().map(|rule| {
        let mut made = renamed(rule, &[("id", "ID")]);
        made.insert("Status".to_owned(), status(rule.get("status").or_else(|| rule.get("enabled"))));
        made.insert("Filter".to_owned(), filter(rule));
        let moves = [("days", "Days"), ("date", "Date"), ("storage_class", "StorageClass")];
        let old = [
            ("noncurrent_days", "NoncurrentDays"),
            ("days", "NoncurrentDays"),
            ("storage_class", "StorageClass"),
            ("newer_noncurrent_versions", "NewerNoncurrentVersions"),
        ];
        for (own, aws, names) in [
            ("transition", "Transitions", &moves[..]),
            ("noncurrent_version_transition", "NoncurrentVersionTransitions", &old[..]),
        ] {
            let items: Vec<Value> =
                list(rule.get(own)).iter().map(|item| Value::Object(renamed(item, names))).collect();
            if !items.is_empty() {
                made.insert(aws.to_owned(), Value::Array(items));
            }
        }
        for (own, aws, names) in [
            ("expiration", "Expiration", &moves[..]),
            ("noncurrent_version_expiration", "NoncurrentVersionExpiration", &old[..]),
        ] {
            if let Some(item) = block(rule, own) {
                made.insert(aws.to_owned(), Value::Object(renamed(item, names)));
            }
        }
        let abort = block(rule, "abort_incomplete_multipart_upload")
            .and_then(|abort| abort.get("days_after_initiation"))
            .or_else(|| rule.get("abort_incomplete_multipart_upload_days"));
        if let Some(days) = abort.filter(|days| days.as_f64().is_some_and(|days| days > 0.0)) {
            made.insert("AbortIncompleteMultipartUpload".to_owned(), json!({ "DaysAfterInitiation": days }));
        }
        Value::Object(made)
    });
    json!({ "Rules": rules.collect::<Vec<_>>() })
}

/// Terraform sends an empty filter where none is given, so a rule always has one.
fn filter(rule: &Value) -> Value {
    let own = block(rule, "filter").cloned().unwrap_or_else(|| json!({}));
    let and = block(&own, "and").cloned();
    let source = and.as_ref().unwrap_or(&own);
    let prefix =
        [source.get("prefix"), rule.get("prefix")].into_iter().flatten().find(|value| value.is_string());
    let mut made = Map::new();
    if let Some(prefix) = prefix {
        made.insert("Prefix".to_owned(), prefix.clone());
    }
    let tagged = block(source, "tag").is_some()
        || [source.get("tags"), rule.get("tags")]
            .into_iter()
            .flatten()
            .any(|tags| tags.as_object().is_some_and(|tags| !tags.is_empty()));
    if tagged {
        let tag = block(source, "tag")
            .map(|tag| Value::Object(renamed(tag, &[("key", "Key"), ("value", "Value")])));
        made.insert("Tag".to_owned(), tag.unwrap_or_else(|| json!({})));
    }
    Value::Object(made)
}

/// `aws_s3_bucket_replication_configuration`.
pub fn replication(values: &Value) -> Value {
    let rules = list(values.get("rule")).iter().map(|rule| {
        let mut made = renamed(rule, &[("id", "ID"), ("priority", "Priority"), ("prefix", "Prefix")]);
        made.insert("Status".to_owned(), status(rule.get("status")));
        if block(rule, "filter").is_some() {
            made.insert("Filter".to_owned(), filter(rule));
            made.shift_remove("Prefix");
        }
        if let Some(markers) = block(rule, "delete_marker_replication") {
            made.insert(
                "DeleteMarkerReplication".to_owned(),
                json!({ "Status": status(markers.get("status")) }),
            );
        }
        if let Some(criteria) = block(rule, "source_selection_criteria") {
            let kms = block(criteria, "sse_kms_encrypted_objects").and_then(|kms| kms.get("status"));
            let criteria = match kms {
                Some(kms) => json!({ "SseKmsEncryptedObjects": { "Status": kms } }),
                None => json!({}),
            };
            made.insert("SourceSelectionCriteria".to_owned(), criteria);
        }
        if let Some(destination) = block(rule, "destination") {
            let mut to = renamed(destination, &[("bucket", "Bucket"), ("storage_class", "StorageClass")]);
            if let Some(encryption) = block(destination, "encryption_configuration") {
                let key = renamed(encryption, &[("replica_kms_key_id", "ReplicaKmsKeyID")]);
                to.insert("EncryptionConfiguration".to_owned(), Value::Object(key));
            }
            made.insert("Destination".to_owned(), Value::Object(to));
        }
        Value::Object(made)
    });
    let rules: Vec<Value> = rules.collect();
    // Of a role that is made by the same plan the ARN is not known yet.
    let role = values.get("role").filter(|role| role.is_string()).cloned();
    json!({ "Role": role.unwrap_or_else(|| json!(KNOWN_AFTER_APPLY)), "Rules": rules })
}

/// `aws_s3_bucket_server_side_encryption_configuration`.
pub fn encryption(values: &Value) -> Value {
    let rules = list(values.get("rule")).iter().map(|rule| {
        let default = block(rule, "apply_server_side_encryption_by_default").cloned().unwrap_or_default();
        let names = [("sse_algorithm", "SSEAlgorithm"), ("kms_master_key_id", "KMSMasterKeyID")];
        json!({ "ApplyServerSideEncryptionByDefault": renamed(&default, &names) })
    });
    json!({ "Rules": rules.collect::<Vec<_>>() })
}

/// `aws_cloudwatch_metric_alarm`; `unknown` is its `after_unknown`: a dimension whose value is made by the same plan, as
/// a bucket's name is, is there all the same.
pub fn alarm(values: &Value, unknown: &Value) -> Value {
    let mut made = renamed(
        values,
        &[
            ("alarm_name", "AlarmName"),
            ("namespace", "Namespace"),
            ("metric_name", "MetricName"),
            ("statistic", "Statistic"),
            ("extended_statistic", "ExtendedStatistic"),
            ("period", "Period"),
            ("evaluation_periods", "EvaluationPeriods"),
            ("threshold", "Threshold"),
            ("comparison_operator", "ComparisonOperator"),
            ("treat_missing_data", "TreatMissingData"),
            ("metric_query", "Metrics"),
        ],
    );
    let members = |of: &Value| of.get("dimensions").and_then(Value::as_object).cloned().unwrap_or_default();
    let later = members(unknown).into_iter().filter(|(_, unknown)| *unknown == Value::Bool(true));
    let later = later.map(|(name, _)| (name, json!(KNOWN_AFTER_APPLY)));
    let all: Map<String, Value> = members(values).into_iter().chain(later).collect();
    let dimensions: Vec<Value> =
        all.into_iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    if !dimensions.is_empty() {
        made.insert("Dimensions".to_owned(), Value::Array(dimensions));
    }
    Value::Object(made)
}
