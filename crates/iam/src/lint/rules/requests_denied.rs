//! Requests of ours that a role's policies can never let through.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::probe;
use crate::lint::subject::{Report, Scene, Subject};
use crate::lint::view::s3_resource;
use crate::{Context, Policy};

pub static RULE: Rule = Rule {
    id: "requests-denied",
    severity: Severity::Error,
    title: "Requests that the platform sends can never succeed",
    aws: "What no statement allows is denied. These are the requests of uploads, links, verification and the import \
          of a backend, each decided by these documents as AWS would.",
    mend: "Attach what `firmhold policy generate permissions` prints: it allows these requests, and no others.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"],
    check,
};

/// A request of ours: what for, its action, whether it is about the bucket, and whether a backend is useless
/// without it. Those of uploads in parts are T06's.
struct Ask {
    what: &'static str,
    action: &'static str,
    on: On,
    core: bool,
}

enum On {
    Bucket,
    /// A listing below the prefix.
    Listing,
    Firmware,
    /// With tags of ours in the request.
    Tags,
    /// What the checks write and delete.
    Probe,
}

const fn ask(what: &'static str, action: &'static str, on: On, core: bool) -> Ask {
    Ask { what, action, on, core }
}

static OURS: [Ask; 12] = [
    ask("upload", "s3:PutObject", On::Firmware, true),
    ask("download", "s3:GetObject", On::Firmware, true),
    ask("download of a version", "s3:GetObjectVersion", On::Firmware, true),
    ask("listing", "s3:ListBucket", On::Listing, true),
    ask("listing of versions", "s3:ListBucketVersions", On::Listing, false),
    ask("region check", "s3:GetBucketLocation", On::Bucket, false),
    ask("tagging", "s3:PutObjectTagging", On::Tags, false),
    ask("reading of tags", "s3:GetObjectTagging", On::Firmware, false),
    ask("restore", "s3:RestoreObject", On::Firmware, false),
    ask("clean-up of a check", "s3:DeleteObject", On::Probe, false),
    ask("clean-up of a check's version", "s3:DeleteObjectVersion", On::Probe, false),
    ask("clean-up of uploads", "s3:ListBucketMultipartUploads", On::Bucket, false),
];

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.is_said_backend() || scene.own.uploads().is_empty() {
        return;
    }
    // One that is not known yet may allow what the role's own policies do not.
    if scene.of(DocumentKind::Bucket).any(|subject| subject.document.missing.is_some()) {
        return;
    }
    // The policies of one role count together; the reader of a guide has them one after the other.
    let mut roles: Vec<Vec<&Subject<'_>>> = match scene.setting.complete {
        true => vec![vec![scene.own]],
        // Each role once: beside the first of its policies that lets objects be written.
        false => {
            let due = scene.roles().filter(|role| role.is_known() && role.is_first_upload(scene.own));
            due.filter_map(|role| role.policies()).collect()
        }
    };
    roles.retain(|policies| policies.iter().any(|subject| subject.valid().is_some()));
    let Some(denied) =
        place(scene).and_then(|place| roles.iter().find_map(|role| denied(scene, &place, role)))
    else {
        return;
    };
    let Some(root) = &scene.own.root else { return };
    let list: Vec<String> = denied.iter().map(|ask| format!("{} ({})", ask.what, ask.action)).collect();
    let severity = if denied.iter().any(|ask| ask.core) { Severity::Error } else { Severity::Warning };
    report
        .find(root, format!("Never allowed: {}.", list.join(", ")))
        .severity(severity)
        .refuses("AccessDenied", denied.iter().map(|ask| ask.action));
}

/// Which of them a role's policies do not allow; `None` if they allow all.
fn denied(scene: &Scene<'_>, place: &Place, role: &[&Subject<'_>]) -> Option<Vec<&'static Ask>> {
    let policies: Vec<&Policy> = role.iter().filter_map(|subject| subject.valid()).collect();
    let bucket_policy = scene.of(DocumentKind::Bucket).find_map(|subject| subject.valid());
    let refused = |ask: &&Ask| {
        let (resource, context) = place.request(ask);
        !probe::as_role(ask.action, &resource, context, policies.clone(), bucket_policy).is_allowed()
    };
    let denied: Vec<&Ask> = OURS.iter().filter(refused).collect();
    (!denied.is_empty()).then_some(denied)
}

/// Where the role's firmware lies.
struct Place {
    bucket_arn: String,
    prefix: String,
}

fn place(scene: &Scene<'_>) -> Option<Place> {
    let uploads = scene.own.uploads();
    let mut arns = uploads.iter().flat_map(|statement| &statement.resources).filter_map(|at| at.as_text());
    let arn = arns.find(|arn| arn.contains('/'))?;
    let (bucket, key) = s3_resource(arn)?;
    let partition = arn.split(':').nth(1)?;
    let bucket = scene.setting.bucket.clone().or_else(|| probe::sample(bucket))?;
    let own = key.unwrap_or_default().split(['*', '?']).next().unwrap_or_default();
    let prefix = match (&scene.setting.prefix, own) {
        (Some(prefix), _) => prefix.clone(),
        (None, "") => "firmhold/".to_owned(),
        (None, own) => own.to_owned(),
    };
    Some(Place { bucket_arn: format!("arn:{partition}:s3:::{bucket}"), prefix })
}

impl Place {
    fn request(&self, ask: &Ask) -> (String, Context) {
        let mut context = probe::over_tls();
        let object = |key: &str| format!("{}/{}{key}", self.bucket_arn, self.prefix);
        let resource = match ask.on {
            On::Bucket => self.bucket_arn.clone(),
            On::Listing => {
                context.set("s3:prefix", self.prefix.as_str());
                self.bucket_arn.clone()
            }
            On::Firmware => object("binaries/sha256/ab/abcd/1"),
            On::Tags => {
                context.set("s3:RequestObjectTagKeys", vec!["firmhold"]);
                object("binaries/sha256/ab/abcd/1")
            }
            On::Probe => object(".probe/x"),
        };
        (resource, context)
    }
}
