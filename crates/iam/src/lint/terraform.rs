//! The documents in a Terraform plan or state, as `terraform show -json` prints it
//! (<https://developer.hashicorp.com/terraform/internals/json-format>).
//!
//! What Terraform spells in its own way (lifecycle and replication rules, alarms) is turned into the JSON that the
//! AWS API takes, so that the same rules read it. The name of a document is the resource's address (and the argument
//! that holds it), and its places are those of the document as it is printed here: a plan is one line.

use serde_json::{Map, Value, json};

use super::document::{Document, DocumentKind};

/// A plan of an estate is large; more than this is no plan.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Modules within modules.
const MAX_DEPTH: usize = 32;

/// Text that is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TerraformError {
    /// Larger than we read.
    #[error("the plan has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// Not JSON.
    #[error("the plan is not JSON: {0}")]
    NotJson(String),
    /// JSON, and not what `terraform show -json` prints.
    #[error(
        "this is not a plan or a state: it has no planned_values and no values; `terraform show -json FILE` prints one"
    )]
    NotAPlan,
}

/// Every document in a plan that a rule reads, in the order of the plan.
///
/// # Errors
/// [`TerraformError`] where the text is not a plan.
pub fn documents_of_plan(text: &str) -> Result<Vec<Document>, TerraformError> {
    if text.len() > MAX_BYTES {
        return Err(TerraformError::TooLarge);
    }
    let plan: Value =
        serde_json::from_str(text).map_err(|error| TerraformError::NotJson(error.to_string()))?;
    let values = plan.get("planned_values").or_else(|| plan.get("values"));
    let root = values.and_then(|values| values.get("root_module")).ok_or(TerraformError::NotAPlan)?;
    let mut documents = Vec::new();
    module(root, 0, &mut documents);
    Ok(documents)
}

fn module(module_: &Value, depth: usize, into: &mut Vec<Document>) {
    if depth > MAX_DEPTH {
        return;
    }
    for resource in list(module_.get("resources")) {
        if resource.get("mode").and_then(Value::as_str) != Some("data") {
            into.extend(documents(resource));
        }
    }
    for child in list(module_.get("child_modules")) {
        module(child, depth + 1, into);
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What one resource holds.
fn documents(resource: &Value) -> Vec<Document> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    let (Some(address), Some(kind), Some(values)) = (text("address"), text("type"), resource.get("values"))
    else {
        return Vec::new();
    };
    let policy = |name: &str, kind: DocumentKind| {
        let written = values.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())?;
        // Not JSON is a finding of the linter, not a reason to skip it.
        let pretty = match serde_json::from_str::<Value>(written) {
            Ok(value) => pretty(&value),
            Err(_) => written.to_owned(),
        };
        Some(Document::new(format!("{address}.{name}"), kind, pretty))
    };
    let made = |kind: DocumentKind, value: &Value| Some(Document::new(address, kind, pretty(value)));
    let one = match kind {
        "aws_s3_bucket" => return bucket(address, values),
        "aws_s3_bucket_policy" => policy("policy", DocumentKind::Bucket),
        "aws_iam_policy" | "aws_iam_role_policy" | "aws_iam_user_policy" | "aws_iam_group_policy" => {
            policy("policy", DocumentKind::Identity)
        }
        "aws_iam_role" => return role(address, values),
        "aws_kms_key" | "aws_kms_key_policy" => policy("policy", DocumentKind::Key),
        "aws_s3_bucket_lifecycle_configuration" => made(DocumentKind::Lifecycle, &lifecycle(values)),
        "aws_s3_bucket_replication_configuration" => made(DocumentKind::Replication, &replication(values)),
        "aws_s3_bucket_server_side_encryption_configuration" => {
            made(DocumentKind::Encryption, &encryption(values))
        }
        "aws_cloudwatch_metric_alarm" => made(DocumentKind::Alarm, &alarm(values)),
        _ => None,
    };
    one.into_iter().collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn bucket(address: &str, values: &Value) -> Vec<Document> {
    let mut documents = Vec::new();
    // A name that Terraform makes up (`bucket_prefix`) is not known before, and is random.
    if let Some(name) = values.get("bucket").and_then(Value::as_str) {
        documents.push(Document::new(address, DocumentKind::NewBucket, pretty(&json!({ "Bucket": name }))));
    }
    if !list(values.get("lifecycle_rule")).is_empty() {
        let rules = json!({ "rule": values.get("lifecycle_rule") });
        let name = format!("{address}.lifecycle_rule");
        documents.push(Document::new(name, DocumentKind::Lifecycle, pretty(&lifecycle(&rules))));
    }
    documents
}

fn role(address: &str, values: &Value) -> Vec<Document> {
    let mut documents = Vec::new();
    let read =
        |text: &str| serde_json::from_str::<Value>(text).map_or(text.to_owned(), |value| pretty(&value));
    if let Some(trust) = values.get("assume_role_policy").and_then(Value::as_str) {
        documents.push(Document::new(
            format!("{address}.assume_role_policy"),
            DocumentKind::Trust,
            read(trust),
        ));
    }
    for (index, inline) in list(values.get("inline_policy")).iter().enumerate() {
        if let Some(policy) = inline.get("policy").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            let name = format!("{address}.inline_policy[{index}]");
            documents.push(Document::new(name, DocumentKind::Identity, read(policy)));
        }
    }
    documents
}

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

fn lifecycle(values: &Value) -> Value {
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

fn replication(values: &Value) -> Value {
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
    json!({ "Role": role.unwrap_or_else(|| json!("known after apply")), "Rules": rules })
}

fn encryption(values: &Value) -> Value {
    let rules = list(values.get("rule")).iter().map(|rule| {
        let default = block(rule, "apply_server_side_encryption_by_default").cloned().unwrap_or_default();
        let names = [("sse_algorithm", "SSEAlgorithm"), ("kms_master_key_id", "KMSMasterKeyID")];
        json!({ "ApplyServerSideEncryptionByDefault": renamed(&default, &names) })
    });
    json!({ "Rules": rules.collect::<Vec<_>>() })
}

fn alarm(values: &Value) -> Value {
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
    let dimensions = values.get("dimensions").and_then(Value::as_object);
    let dimensions: Vec<Value> = dimensions
        .into_iter()
        .flatten()
        .map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect();
    if !dimensions.is_empty() {
        made.insert("Dimensions".to_owned(), Value::Array(dimensions));
    }
    Value::Object(made)
}
