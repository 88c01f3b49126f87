//! What the platform has to be told.

use firmhold_core::{Code, FieldErrors, Problem, Timestamp};
use firmhold_iam::lint::find_placeholder;
use serde::{Deserialize, Serialize};

use crate::naming::{self, Use};
use crate::region::region;
use crate::spec::{Encryption, LifecycleProfile, Spec};

/// Longest text of a field that is not bound otherwise.
const MAX_TEXT: usize = 200;

/// The request for a backend, as somebody filled it in; [`Request::check`] says what is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// The organization, as the platform knows it.
    pub organization: String,
    /// Who writes.
    pub name: String,
    /// Whom to ask back: a mail address.
    pub contact: String,
    /// The bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// The role that the platform is to assume.
    pub role_arn: String,
    /// What the platform is to call the backend: ten characters at most.
    pub short_name: String,
    /// Where the replica is, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary_region: Option<String>,
    /// `SSE-S3` or `SSE-KMS`.
    pub encryption: String,
    /// Whether lifecycle rules are on.
    pub lifecycle: bool,
    /// Whether the bucket keeps versions.
    pub versioning: bool,
    /// Whether it is replicated.
    pub replication: bool,
    /// Whether devices are to download through a CDN.
    pub cdn: bool,
    /// Whether more than one region is to serve devices.
    pub multi_region: bool,
    /// How much, e.g. `2 TB a month`.
    pub traffic: String,
    /// From when, `2026-12-01`.
    pub go_live: String,
}

impl Request {
    /// Reads TOML, or JSON if it begins with a brace.
    ///
    /// # Errors
    /// [`Code::Usage`] with the place.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let read = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())
        } else {
            toml::from_str(text).map_err(|error| error.to_string())
        };
        read.map_err(|says| {
            Problem::new(Code::Usage, format!("this is no request for a backend: {says}"))
                .with_hint("docs/account-handoff.md shows a file.")
        })
    }

    /// Fills what is empty with what a `backend.toml` says.
    pub fn fill_from(&mut self, spec: &Spec) {
        let role_arn = if spec.account.is_empty() { String::new() } else { spec.role_arn() };
        let encryption = match &spec.encryption {
            Encryption::SseS3 => "SSE-S3",
            Encryption::SseKms { .. } => "SSE-KMS",
        };
        for (field, says) in [
            (&mut self.bucket, spec.bucket.name.clone()),
            (&mut self.region, spec.bucket.region.clone()),
            (&mut self.short_name, spec.name.clone()),
            (&mut self.role_arn, role_arn),
            (&mut self.encryption, encryption.to_owned()),
        ] {
            if field.is_empty() {
                *field = says;
            }
        }
        self.versioning = true;
        self.lifecycle |= spec.lifecycle.profile != LifecycleProfile::None;
        if let Some(replication) = &spec.replication {
            self.replication = true;
            self.secondary_region.get_or_insert_with(|| replication.region.clone());
        }
    }

    /// Names every field that is missing or wrong, all at once.
    ///
    /// # Errors
    /// [`Code::InvalidFields`].
    pub fn check(&self, now: Timestamp) -> Result<(), Problem> {
        let mut errors = FieldErrors::new();
        for (field, text) in self.texts() {
            check_text(&mut errors, field, text);
        }
        let mut judge = |field: &str, text: &str, says: Option<String>| {
            // What is missing, or a placeholder, was said already.
            if let (Some(says), true) = (says, is_filled(text)) {
                errors.add(field, says);
            }
        };
        judge("contact", &self.contact, check_mail(&self.contact));
        judge("bucket", &self.bucket, check_bucket(&self.bucket));
        judge("region", &self.region, check_region(&self.region));
        judge("role_arn", &self.role_arn, check_role(&self.role_arn, &self.region));
        judge("short_name", &self.short_name, naming::check_short_name(&self.short_name));
        judge("encryption", &self.encryption, check_encryption(&self.encryption));
        judge("traffic", &self.traffic, check_traffic(&self.traffic));
        judge("go_live", &self.go_live, check_date(&self.go_live, now));
        self.check_second_region(&mut errors);
        errors.into_result()
    }

    fn texts(&self) -> [(&'static str, &str); 10] {
        [
            ("organization", &self.organization),
            ("name", &self.name),
            ("contact", &self.contact),
            ("bucket", &self.bucket),
            ("region", &self.region),
            ("role_arn", &self.role_arn),
            ("short_name", &self.short_name),
            ("encryption", &self.encryption),
            ("traffic", &self.traffic),
            ("go_live", &self.go_live),
        ]
    }

    fn check_second_region(&self, errors: &mut FieldErrors) {
        match self.secondary_region.as_deref() {
            Some(second) => {
                check_text(errors, "secondary_region", second);
                if let (Some(says), true) = (check_region(second), is_filled(second)) {
                    errors.add("secondary_region", says);
                }
                if second == self.region {
                    errors.add("secondary_region", "must be another region than the bucket's");
                }
            }
            None if self.multi_region => {
                errors.add("secondary_region", "is missing, and more than one region is to serve devices");
            }
            None if self.replication => {
                errors.add("secondary_region", "is missing, and the bucket is said to be replicated");
            }
            None => {}
        }
        if self.replication && !self.versioning {
            errors
                .add("versioning", "must be on where a bucket is replicated: S3 refuses it otherwise (T13)");
        }
        if self.multi_region && !self.replication {
            errors.add("replication", "must be on where more than one region is to serve devices");
        }
    }
}

/// Neither empty nor a placeholder.
fn is_filled(text: &str) -> bool {
    !text.trim().is_empty() && find_placeholder(text).is_none()
}

/// What holds for all of them.
fn check_text(errors: &mut FieldErrors, field: &str, text: &str) {
    if text.trim().is_empty() {
        errors.add(field, "is missing");
    } else if let Some(found) = find_placeholder(text) {
        errors.add(field, format!("holds the placeholder `{found}`: put the real value in its place"));
    } else if text.chars().count() > MAX_TEXT {
        errors.add(field, format!("must have at most {MAX_TEXT} characters"));
    }
    if text.chars().any(char::is_control) {
        errors.add(field, "must be one line, without control characters");
    }
    let lower = text.to_lowercase();
    if lower.contains("external") && lower.contains("id") && lower.contains(':') && field != "role_arn" {
        errors.add(field, "must not hold an external ID: it would go out by mail (T18)");
    }
}

fn check_mail(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    let good = !local.is_empty()
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !text.contains(char::is_whitespace);
    (!good).then(|| "must be a mail address".to_owned())
}

fn check_bucket(name: &str) -> Option<String> {
    let broken = naming::check(name, Use::default());
    let says: Vec<String> = broken.into_iter().map(|rule| rule.says).collect();
    (!says.is_empty()).then(|| says.join("; "))
}

fn check_region(code: &str) -> Option<String> {
    region(code).is_none().then(|| format!("`{code}` is no region of AWS's standard partition"))
}

fn check_role(arn: &str, region: &str) -> Option<String> {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, "iam", "", account, resource] = fields.as_slice() else {
        return Some("must be the ARN of an IAM role: arn:aws:iam::ACCOUNT:role/NAME".to_owned());
    };
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Some(format!("must name an account of twelve digits, not `{account}`"));
    }
    if partition != "aws" {
        return Some(format!("is of the partition {partition}, and {region} is not"));
    }
    let name = resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
    match name {
        Some(name) => naming::check_role_name(name).map(|says| format!("names a role whose name {says}")),
        None => Some("must be the ARN of a role, not of a user or a session".to_owned()),
    }
}

fn check_encryption(text: &str) -> Option<String> {
    (!matches!(text, "SSE-S3" | "SSE-KMS")).then(|| format!("must be SSE-S3 or SSE-KMS, not `{text}`"))
}

fn check_traffic(text: &str) -> Option<String> {
    let numbered = text.chars().any(|c| c.is_ascii_digit());
    (!numbered).then(|| "must say how much, e.g. 2 TB a month to 5,000 devices".to_owned())
}

fn check_date(text: &str, now: Timestamp) -> Option<String> {
    let Ok(midnight) = Timestamp::parse(&format!("{text}T23:59:59Z")) else {
        return Some("must be a date such as 2026-12-01".to_owned());
    };
    (midnight < now).then(|| "lies in the past".to_owned())
}
