//! Replication into a second bucket: that bucket, the role that S3 does it as, and our rule, merged in by ID.
//!
//! What lies in the bucket already is not copied by a rule, nor are lifecycle's deletions (T15); delete markers are
//! copied only if the spec says so (T14).

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firmhold_core::{Code, Problem};
use firmhold_iam::generate::replication_permissions;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    bucket, bucket_policy, bucket_tags, elsewhere, encryption, ownership, public_access, role, role_policy,
    versioning,
};
use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Fact, Inventory, read_replication};
use crate::plan::Draft;
use crate::refusal::moved;
use crate::rules_text::{self, Merge, Rule, same_rules};
use crate::settle::read_back;
use crate::spec::{Replication, Spec};

const NEEDS: &[&str] = &["s3:GetReplicationConfiguration", "s3:PutReplicationConfiguration"];
const ID: &str = "firmhold-replica";

fn permissions(spec: &Spec, replication: &Replication) -> Value {
    let mut shape = spec.shape();
    shape.replicas.retain(|replica| replica.bucket == replication.bucket);
    let mut document = replication_permissions(&shape);
    if replication.delete_markers {
        let statements = document.get_mut("Statement").and_then(Value::as_array_mut).into_iter().flatten();
        for statement in statements.filter(|it| it["Sid"] == "FirmholdReplicationWrite") {
            if let Some(actions) = statement["Action"].as_array_mut() {
                actions.push(json!("s3:ReplicateDelete"));
            }
        }
    }
    document
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html>, of the second version (T14).
fn rule(spec: &Spec, replication: &Replication, priority: u32) -> Rule {
    let on = |on: bool| if on { "Enabled" } else { "Disabled" };
    let mut destination = format!("<Bucket>arn:{}:s3:::{}</Bucket>", spec.partition, replication.bucket);
    if let Some(class) = &replication.storage_class {
        destination.push_str(&format!("<StorageClass>{class}</StorageClass>"));
    }
    let mut selection = String::new();
    if let Some(key) = &replication.kms_key_arn {
        destination.push_str(&format!(
            "<EncryptionConfiguration><ReplicaKmsKeyID>{key}</ReplicaKmsKeyID></EncryptionConfiguration>"
        ));
        selection.push_str(
            "<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects></SourceSelectionCriteria>",
        );
    }
    if replication.time_control {
        destination.push_str(
            "<Metrics><EventThreshold><Minutes>15</Minutes></EventThreshold><Status>Enabled</Status></Metrics>\
             <ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime>",
        );
    }
    let prefix = quick_xml::escape::escape(spec.bucket.prefix.as_str());
    let markers = on(replication.delete_markers);
    let xml = format!(
        "<Rule><ID>{ID}</ID><Priority>{priority}</Priority><Filter><Prefix>{prefix}</Prefix></Filter><Status>Enabled</Status>\
         {selection}<DeleteMarkerReplication><Status>{markers}</Status></DeleteMarkerReplication>\
         <Destination>{destination}</Destination></Rule>"
    );
    Rule { id: ID.to_owned(), xml }
}

fn document(role: &str, rule: &Rule) -> String {
    format!(
        "<ReplicationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Role>{role}</Role>{}</ReplicationConfiguration>",
        rule.xml
    )
}

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let facts = &inventory.replication;
    let Some(found) = draft.see(&facts.document, &spec.bucket_arn()) else { return Ok(()) };
    let Some(replication) = &spec.replication else {
        if let Some(there) = found {
            remove_rule(spec, there, "the spec has no replication", draft)?;
        }
        return Ok(());
    };
    let (Some(replica), Some(role_facts)) = (&facts.replica, &facts.role) else { return Ok(()) };
    let home = spec.of_replica(replication);
    let there = Inventory { bucket: replica.clone(), ..Inventory::empty() };
    elsewhere::plan_for(&home.bucket.name, &home, draft, |draft| {
        bucket::diff(&home, &there, draft)?;
        bucket_tags::diff(&home, &there, draft);
        public_access::diff(&home, &there, draft);
        ownership::diff(&home, &there, draft);
        encryption::diff(&home, &there, draft);
        versioning::diff(&home, &there, draft);
        bucket_policy::diff(&home, &there, draft)
    })?;
    let as_role = spec.of_replication_role();
    let there = Inventory { role: role_facts.clone(), ..Inventory::empty() };
    elsewhere::plan_for(&as_role.role.name, &as_role, draft, |draft| {
        role::diff(&as_role, &there, draft)?;
        role_policy::diff_with(&as_role, &there, &permissions(spec, replication), draft);
        Ok(())
    })?;
    add_rule(spec, replication, &as_role.role_arn(), found, draft)
}

fn add_rule(
    spec: &Spec,
    replication: &Replication,
    role: &str,
    found: Option<&String>,
    draft: &mut Draft,
) -> Result<(), Problem> {
    let (verb, text, says) = match found {
        None => {
            let text = document(role, &rule(spec, replication, 1));
            (Verb::Create, text, format!("copy to {} ({})", replication.bucket, replication.region))
        }
        Some(there) => {
            let rules = rules_text::outline(there).ok_or_else(|| unreadable(spec))?;
            let theirs = rules.rules.iter().filter(|rule| rule.id.as_deref() != Some(ID));
            if theirs.clone().next().is_some() && rules.role.as_deref() != Some(role) {
                return Err(other_role(spec, rules.role.as_deref().unwrap_or_default(), role));
            }
            if theirs.clone().any(|rule| !rule.has_filter) {
                return Err(first_version(spec));
            }
            let ours = rules.rules.iter().find(|rule| rule.id.as_deref() == Some(ID));
            let highest = theirs.filter_map(|rule| rule.priority).max().unwrap_or(0);
            let priority = ours.and_then(|rule| rule.priority).unwrap_or(highest + 1);
            let wanted = rule(spec, replication, priority);
            if rules.role.as_deref() != Some(role) {
                (Verb::Change, document(role, &wanted), format!("replace {ID}, with its role"))
            } else {
                match rules_text::merge(there, &[wanted], &[]) {
                    Merge::Nothing => {
                        let says = format!("our rule copies to {}", replication.bucket);
                        draft.keep(Kind::Replication, spec.bucket_arn(), says);
                        return Ok(());
                    }
                    Merge::Text { text, changes } => (Verb::Change, text, changes.join(", ")),
                    Merge::Emptied { .. } | Merge::Unreadable => return Err(unreadable(spec)),
                }
            }
        }
    };
    let operation = Put { base: found.cloned(), text: Some(text) };
    draft.add(
        Change::new(verb, Kind::Replication, spec.bucket_arn(), says, operation)
            .because("a region may go away; what is written from now on is there twice. What is there already needs a batch job")
            .needing(NEEDS),
    );
    Ok(())
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let facts = &inventory.replication;
    if let Some(Some(there)) = draft.see(&facts.document, &spec.bucket_arn()) {
        remove_rule(spec, there, "other rules stay byte for byte", draft)?;
    }
    let (Some(replication), Some(replica), Some(role_facts)) =
        (&spec.replication, &facts.replica, &facts.role)
    else {
        return Ok(());
    };
    let as_role = spec.of_replication_role();
    let there = Inventory { role: role_facts.clone(), ..Inventory::empty() };
    elsewhere::plan_for(&as_role.role.name, &as_role, draft, |draft| {
        role_policy::remove(&as_role, &there, draft);
        role::remove(&as_role, &there, draft);
        Ok(())
    })?;
    let home = spec.of_replica(replication);
    let there = Inventory { bucket: replica.clone(), ..Inventory::empty() };
    elsewhere::plan_for(&home.bucket.name, &home, draft, |draft| {
        bucket_policy::remove(&home, &there, draft)?;
        bucket::remove(&home, &there, draft);
        Ok(())
    })
}

fn remove_rule(spec: &Spec, there: &str, why: &str, draft: &mut Draft) -> Result<(), Problem> {
    let (verb, text, changes) = match rules_text::merge(there, &[], &[ID]) {
        Merge::Nothing => return Ok(()),
        Merge::Text { text, changes } => (Verb::Change, Some(text), changes),
        Merge::Emptied { changes } => (Verb::Remove, None, changes),
        Merge::Unreadable => return Err(unreadable(spec)),
    };
    let operation = Put { base: Some(there.to_owned()), text };
    draft.add(
        Change::new(verb, Kind::Replication, spec.bucket_arn(), changes.join(", "), operation)
            .because(why)
            .needing(NEEDS),
    );
    Ok(())
}

/// Writes the merged document, or removes one without rules.
#[derive(Debug)]
struct Put {
    base: Option<String>,
    text: Option<String>,
}

#[async_trait]
impl Operation for Put {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let (signed, arn) = (&at.owner.clients.signed, at.spec.bucket_arn());
        // INVARIANT: the document that is replaced is the one that was merged into.
        if read_replication(at.owner, at.spec).await?.seen(&arn)? != self.base {
            return Err(moved("the bucket's replication configuration"));
        }
        let mut call =
            signed.bucket(&at.spec.bucket.name, "replication", "s3:PutReplicationConfiguration", &arn);
        call.headers.push(("x-amz-expected-bucket-owner", at.spec.account.clone()));
        match &self.text {
            Some(text) => {
                call.method = Method::PUT;
                call.headers.push(("content-type", "application/xml".to_owned()));
                call.headers.push(("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()));
                call.headers
                    .push(("x-amz-checksum-sha256", STANDARD.encode(Sha256::digest(text.as_bytes()))));
                call.body.clone_from(text);
            }
            None => call.method = Method::DELETE,
        }
        // A role that was made a second ago is not known everywhere: S3 then says that it does not exist.
        signed.write(call).await?;
        read_back("the replication configuration", || async {
            Ok(match (&self.text, read_replication(at.owner, at.spec).await?) {
                (Some(text), Fact::Known(now)) => same_rules(text, &now),
                (None, Fact::Absent) => true,
                (_, now) => {
                    now.seen(&arn)?;
                    false
                }
            })
        })
        .await
    }
}

fn other_role(spec: &Spec, there: &str, ours: &str) -> Problem {
    let says = format!(
        "the replication of {} is done as {there}, and S3 takes one role for all rules; {ours} would have to take its place",
        spec.bucket.name
    );
    Problem::new(Code::StateForbids, says).with_hint(
        "Nothing was changed. Leave `[replication]` out, and add the rule by hand with the role that is there.",
    )
}

fn first_version(spec: &Spec) -> Problem {
    let says = format!(
        "the replication rules of {} are of the first version, with which ours cannot be mixed",
        spec.bucket.name
    );
    Problem::new(Code::StateForbids, says)
        .with_hint("Nothing was changed. Give those rules a Filter, or leave `[replication]` out.")
}

fn unreadable(spec: &Spec) -> Problem {
    let says = format!(
        "the replication configuration of {} cannot be merged into; it was left as it is",
        spec.bucket.name
    );
    Problem::new(Code::StateForbids, says).with_hint("Look at it with `aws s3api get-bucket-replication`.")
}
