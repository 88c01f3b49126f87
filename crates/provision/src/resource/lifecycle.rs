//! Our lifecycle rules, merged in by ID: S3 replaces the whole document, and everybody else's rules stay byte for byte.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firmhold_core::{Code, Problem};
use reqwest::Method;
use sha2::{Digest as _, Sha256};

use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Inventory, LifecycleDocument, MINIMUM_SIZE, read_lifecycle};
use crate::plan::Draft;
use crate::refusal::moved;
use crate::rules_text::{Merge, Rule, merge, same_rules};
use crate::settle::read_back;
use crate::spec::{Lifecycle, LifecycleProfile, Spec};

const NEEDS: &[&str] = &["s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration"];
/// The tag that the platform sets only on what no release, override or pin needs (design D4).
const RETIRED: &str = "<Tag><Key>firmhold</Key><Value>retired</Value></Tag>";

const OLD_VERSIONS: &str = "firmhold-old-versions";
const ABANDONED_UPLOADS: &str = "firmhold-abandoned-uploads";
const RETIRED_RULE: &str = "firmhold-retired";
const TIERING: &str = "firmhold-tiering";
/// Every rule that any profile has.
const ALL: [&str; 4] = [OLD_VERSIONS, ABANDONED_UPLOADS, RETIRED_RULE, TIERING];

/// INVARIANT (design D4): what moves or removes objects by age matches the tag as well, so that nothing in use is
/// archived. Tiering has no tag: its tiers are all read at once.
fn desired(spec: &Spec) -> Vec<Rule> {
    let ages = &spec.lifecycle;
    let prefix = format!("<Prefix>{}</Prefix>", escaped(spec.bucket.prefix.as_str()));
    let retired = format!("<Filter><And>{prefix}{RETIRED}</And></Filter>");
    let all = format!("<Filter>{prefix}</Filter>");
    let old_versions = || rule(OLD_VERSIONS, &retired, &old_versions(ages));
    let abandoned = || {
        let days = ages.abort_uploads;
        let does = format!(
            "<AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
        );
        rule(ABANDONED_UPLOADS, &all, &does)
    };
    match ages.profile {
        LifecycleProfile::None => Vec::new(),
        LifecycleProfile::OldVersions => vec![old_versions(), abandoned()],
        LifecycleProfile::Retired => {
            let to_glacier = transition(ages.retired_to_glacier_ir, "GLACIER_IR");
            let to_deep = transition(ages.retired_to_deep_archive, "DEEP_ARCHIVE");
            vec![old_versions(), abandoned(), rule(RETIRED_RULE, &retired, &format!("{to_glacier}{to_deep}"))]
        }
        LifecycleProfile::Tiering => {
            vec![old_versions(), abandoned(), rule(TIERING, &all, &transition(0, "INTELLIGENT_TIERING"))]
        }
    }
}

fn old_versions(ages: &Lifecycle) -> String {
    format!(
        "<NoncurrentVersionTransition><NoncurrentDays>{}</NoncurrentDays><StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>\
         <NoncurrentVersionExpiration><NoncurrentDays>{}</NoncurrentDays></NoncurrentVersionExpiration>",
        ages.noncurrent_to_ia, ages.noncurrent_expire
    )
}

fn transition(days: u32, class: &str) -> String {
    format!("<Transition><Days>{days}</Days><StorageClass>{class}</StorageClass></Transition>")
}

fn rule(id: &str, filter: &str, does: &str) -> Rule {
    let xml = format!("<Rule><ID>{id}</ID>{filter}<Status>Enabled</Status>{does}</Rule>");
    Rule { id: id.to_owned(), xml }
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

fn document(rules: &[Rule]) -> String {
    let rules: String = rules.iter().map(|rule| rule.xml.as_str()).collect();
    format!(
        "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{rules}</LifecycleConfiguration>"
    )
}

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let Some(found) = draft.see(&inventory.lifecycle, &spec.bucket_arn()) else { return Ok(()) };
    let ours = desired(spec);
    let gone: Vec<&str> = ALL.into_iter().filter(|id| ours.iter().all(|rule| rule.id != *id)).collect();
    let why = "what no release needs any more is moved to a cheaper class, then removed; what is in use stays where it is";
    merged(spec, found, ours, &gone, why, draft)
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let Some(Some(found)) = draft.see(&inventory.lifecycle, &spec.bucket_arn()) else { return Ok(()) };
    merged(spec, Some(found), Vec::new(), &ALL, "other rules stay byte for byte", draft)
}

fn merged(
    spec: &Spec,
    found: Option<&LifecycleDocument>,
    ours: Vec<Rule>,
    gone: &[&str],
    why: &str,
    draft: &mut Draft,
) -> Result<(), Problem> {
    let (verb, text, changes) = match found {
        None if ours.is_empty() => return Ok(()),
        None => {
            let added = ours.iter().map(|rule| format!("add {}", rule.id)).collect();
            (Verb::Create, Some(document(&ours)), added)
        }
        Some(there) => match merge(&there.text, &ours, gone) {
            Merge::Nothing => {
                if !ours.is_empty() {
                    draft.keep(Kind::Lifecycle, spec.bucket_arn(), "our rules are there");
                }
                return Ok(());
            }
            Merge::Text { text, changes } => (Verb::Change, Some(text), changes),
            Merge::Emptied { changes } => (Verb::Remove, None, changes),
            Merge::Unreadable => return Err(unreadable(spec)),
        },
    };
    let operation = Put { base: found.cloned(), text };
    draft.add(
        Change::new(verb, Kind::Lifecycle, spec.bucket_arn(), changes.join(", "), operation)
            .because(why)
            .needing(NEEDS),
    );
    Ok(())
}

/// Writes the merged document, or removes one without rules.
#[derive(Debug)]
struct Put {
    base: Option<LifecycleDocument>,
    text: Option<String>,
}

#[async_trait]
impl Operation for Put {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let (signed, arn) = (&at.owner.clients.signed, at.spec.bucket_arn());
        // INVARIANT: the document that is replaced is the one that was merged into.
        if read_lifecycle(at.owner, at.spec).await?.seen(&arn)? != self.base {
            return Err(moved("the bucket's lifecycle configuration"));
        }
        let mut call = signed.bucket(&at.spec.bucket.name, "lifecycle", "s3:PutLifecycleConfiguration", &arn);
        call.headers.push(("x-amz-expected-bucket-owner", at.spec.account.clone()));
        match &self.text {
            Some(text) => {
                call.method = Method::PUT;
                call.headers.push(("content-type", "application/xml".to_owned()));
                // S3 wants a digest with documents that replace others.
                call.headers.push(("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()));
                call.headers
                    .push(("x-amz-checksum-sha256", STANDARD.encode(Sha256::digest(text.as_bytes()))));
                if let Some(size) = self.base.as_ref().and_then(|base| base.minimum_size.clone()) {
                    call.headers.push((MINIMUM_SIZE, size));
                }
                call.body.clone_from(text);
            }
            None => call.method = Method::DELETE,
        }
        signed.write(call).await?;
        read_back("the lifecycle configuration", || async {
            let now = read_lifecycle(at.owner, at.spec).await?.seen(&arn)?;
            Ok(match (&self.text, now) {
                (Some(text), Some(now)) => same_rules(text, &now.text),
                (None, now) => now.is_none(),
                (Some(_), None) => false,
            })
        })
        .await
    }
}

fn unreadable(spec: &Spec) -> Problem {
    Problem::new(
        Code::StateForbids,
        format!(
            "the lifecycle configuration of bucket {} cannot be merged into; it was left as it is",
            spec.bucket.name
        ),
    )
    .with_hint("Look at it with `aws s3api get-bucket-lifecycle-configuration`.")
}
