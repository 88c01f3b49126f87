//! The documents in a Terraform plan or state, as `terraform show -json` prints it
//! (<https://developer.hashicorp.com/terraform/internals/json-format>).
//!
//! What Terraform spells in its own way (lifecycle and replication rules, alarms) is turned into the JSON that the
//! AWS API takes, so that the same rules read it (`configurations`). A document that Terraform does not know before it
//! applies the plan is there as one that is missing (`unknown`), and a permission policy says which roles hold it
//! (`roles`). The name of a document is the resource's address (and the argument
//! that holds it), and its places are those of the document as it is printed here: a plan is one line.

mod address;
mod configurations;
mod references;
mod resource;
mod roles;
mod unknown;

use serde_json::{Value, json};

use self::configurations::{alarm, encryption, lifecycle, replication};
use self::references::Configuration;
use self::resource::{Resource, resources};
use self::roles::Holders;
use self::unknown::{Unknown, is_unknown};
use super::document::{Document, DocumentKind, Missing};

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
    let configuration = Configuration::of(&plan);
    let resources = resources(root, &Unknown::of(&plan), &configuration);
    let mut holders = Holders::of(&resources, &configuration);
    let mut all = Vec::new();
    for resource in &resources {
        for document in documents(resource) {
            all.push(match document.kind {
                DocumentKind::Identity => document.held_by(holders.holder(resource)),
                _ => document,
            });
        }
        all.extend(holders.elsewhere(resource));
    }
    Ok(all)
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What one resource holds.
fn documents(resource: &Resource<'_>) -> Vec<Document> {
    let values = resource.values;
    let policy = |argument: &str, kind: DocumentKind| match resource.is_unknown(argument) {
        true => Some(after_apply(resource, argument, kind)),
        false => {
            let written = resource.text(argument)?;
            Some(Document::new(format!("{}.{argument}", resource.address), kind, read(written)))
        }
    };
    let made = |kind: DocumentKind, argument: &str, value: &dyn Fn() -> Value| {
        Some(match resource.is_unknown(argument) {
            true => after_apply(resource, argument, kind),
            false => Document::new(resource.address, kind, pretty(&value())),
        })
    };
    let one = match resource.kind {
        "aws_s3_bucket" => return bucket(resource),
        "aws_s3_bucket_policy" => policy("policy", DocumentKind::Bucket),
        "aws_iam_policy" | "aws_iam_role_policy" | "aws_iam_user_policy" | "aws_iam_group_policy" => {
            policy("policy", DocumentKind::Identity)
        }
        "aws_iam_role" => {
            let trust = policy("assume_role_policy", DocumentKind::Trust);
            return trust.into_iter().chain(inline(resource)).collect();
        }
        "aws_kms_key" | "aws_kms_key_policy" => policy("policy", DocumentKind::Key),
        "aws_s3_bucket_lifecycle_configuration" => {
            made(DocumentKind::Lifecycle, "rule", &|| lifecycle(values))
        }
        "aws_s3_bucket_replication_configuration" => {
            made(DocumentKind::Replication, "rule", &|| replication(values))
        }
        "aws_s3_bucket_server_side_encryption_configuration" => {
            made(DocumentKind::Encryption, "rule", &|| encryption(values))
        }
        "aws_cloudwatch_metric_alarm" => {
            made(DocumentKind::Alarm, "dimensions", &|| alarm(values, resource.unknown))
        }
        _ => None,
    };
    one.into_iter().collect()
}

/// A document that the plan says nothing of yet.
fn after_apply(resource: &Resource<'_>, argument: &str, kind: DocumentKind) -> Document {
    Document::missing(format!("{}.{argument}", resource.address), kind, Missing::AfterApply)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A policy in lines. Not JSON is a finding of the linter, not a reason to skip it.
fn read(written: &str) -> String {
    serde_json::from_str::<Value>(written).map_or_else(|_| written.to_owned(), |value| pretty(&value))
}

fn bucket(resource: &Resource<'_>) -> Vec<Document> {
    let mut documents = Vec::new();
    let address = resource.address;
    // A name that Terraform makes up (`bucket_prefix`) is not known before, and is random.
    if let Some(name) = resource.values.get("bucket").and_then(Value::as_str) {
        documents.push(Document::new(address, DocumentKind::NewBucket, pretty(&json!({ "Bucket": name }))));
    }
    let rules = resource.values.get("lifecycle_rule");
    if resource.is_unknown("lifecycle_rule") {
        documents.push(after_apply(resource, "lifecycle_rule", DocumentKind::Lifecycle));
    } else if !list(rules).is_empty() {
        let name = format!("{address}.lifecycle_rule");
        let rules = lifecycle(&json!({ "rule": rules }));
        documents.push(Document::new(name, DocumentKind::Lifecycle, pretty(&rules)));
    }
    documents
}

/// The inline policies of a role.
fn inline(resource: &Resource<'_>) -> Vec<Document> {
    const ARGUMENT: &str = "inline_policy";
    if resource.is_unknown(ARGUMENT) {
        return vec![after_apply(resource, ARGUMENT, DocumentKind::Identity)];
    }
    let items = list(resource.values.get(ARGUMENT));
    // An item that is unknown as a whole is among the marks alone.
    let marks = list(resource.unknown.get(ARGUMENT));
    let known = marks.iter().filter(|mark| !is_unknown(Some(mark)));
    let mut marks = known.chain(std::iter::repeat(&Value::Null));
    let mut documents = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let argument = format!("{ARGUMENT}[{index}]");
        let written = item.get("policy").and_then(Value::as_str).filter(|text| !text.is_empty());
        if is_unknown(marks.next().and_then(|mark| mark.get("policy"))) {
            documents.push(after_apply(resource, &argument, DocumentKind::Identity));
        } else if let Some(written) = written {
            let name = format!("{}.{argument}", resource.address);
            documents.push(Document::new(name, DocumentKind::Identity, read(written)));
        }
    }
    if resource.is_partly_unknown(ARGUMENT) {
        documents.push(after_apply(resource, ARGUMENT, DocumentKind::Identity));
    }
    documents
}
