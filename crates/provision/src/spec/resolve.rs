//! From what a person wrote to what is to be there: defaults are filled in and fields judged, all of them at once.

use std::collections::BTreeMap;
use std::ops::Range;

use firmhold_core::Prefix;
use toml::Spanned;

use super::error::{SpecError, SpecErrors};
use super::file::{self, EncryptionMode, SpecFile};
use super::{
    AccessLogs, Bucket, Encryption, Key, Lifecycle, MARK, MAX_SESSION_SECONDS, Monitoring, ObjectLock,
    POLICY_NAME, Replica, Replication, Role, Spec, Trust, description,
};
use crate::naming::{self, Use};

/// The role's name unless the file has one.
const ROLE_NAME: &str = "FirmholdBackend";
/// Days between rotations of a key that we make
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html>).
const ROTATION_DAYS: i32 = 365;

/// Where the file is to come true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The account that the credentials are of.
    pub account: String,
}

impl SpecFile {
    /// What is to be there, as far as the file says without credentials: its account is empty if the file names none.
    ///
    /// # Errors
    /// Everything that is wrong with the file in whichever account.
    pub fn check(&self) -> Result<Spec, SpecErrors> {
        let account = self.fields.account.as_ref().map_or("", |account| account.get_ref());
        let place = Place {
            partition: crate::region::partition(self.region()).to_owned(),
            account: account.to_owned(),
        };
        self.resolve(&place, None)
    }

    /// What is to be there. `trust`: what the platform said, which comes before what the file says.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn resolve(&self, place: &Place, trust: Option<Trust>) -> Result<Spec, SpecErrors> {
        let mut judge = Judge::default();
        let fields = &self.fields;
        judge.account(fields.account.as_ref(), place);
        let name = judge.backend_name(&fields.name);
        let bucket = judge.bucket(&fields.bucket, &place.partition);
        let encryption = judge.encryption(&fields.encryption, &bucket, &place.partition);
        let lifecycle = judge.lifecycle(&fields.lifecycle);
        let role = judge.role(&fields.role, &bucket);
        let replication = fields.replication.as_ref();
        let replication = replication.map(|it| judge.replication(it, &bucket, &encryption, &place.partition));
        let access_logs = fields.access_logs.as_ref().map(|logs| judge.access_logs(logs, &bucket));
        let trust = trust.unwrap_or_else(|| judge.trust(fields.platform.as_ref()));
        judge.end(self, || Spec {
            partition: place.partition.clone(),
            account: place.account.clone(),
            name,
            bucket,
            encryption,
            lifecycle,
            role,
            trust,
            replicas: replication.iter().map(readable).collect(),
            replication,
            access_logs,
            monitoring: Monitoring { request_metrics: fields.monitoring.request_metrics },
        })
    }
}

/// Collects what is wrong.
#[derive(Debug, Default)]
struct Judge {
    errors: Vec<SpecError>,
}

impl Judge {
    fn wrong(&mut self, field: &str, span: Range<usize>, says: impl Into<String>, hint: &str) {
        let hint = Some(hint).filter(|hint| !hint.is_empty()).map(str::to_owned);
        self.errors.push(SpecError { field: field.to_owned(), span, says: says.into(), hint });
    }

    fn end(mut self, file: &SpecFile, spec: impl FnOnce() -> Spec) -> Result<Spec, SpecErrors> {
        if self.errors.is_empty() {
            return Ok(spec());
        }
        self.errors.sort_by_key(|error| error.span.start);
        Err(SpecErrors { file: file.path.clone(), text: file.text.clone(), errors: self.errors })
    }

    fn account(&mut self, account: Option<&Spanned<String>>, place: &Place) {
        let Some(account) = account else { return };
        let text = account.get_ref();
        if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
            self.wrong("account", account.span(), "must be the twelve digits of an AWS account, as text", "");
        } else if *text != place.account {
            let says = format!("the credentials are of account {}", place.account);
            self.wrong("account", account.span(), says, "use a profile of this account: --aws-profile NAME");
        }
    }

    fn backend_name(&mut self, name: &Spanned<String>) -> String {
        let text = name.get_ref();
        if let Some(says) = naming::check_short_name(text) {
            let hint = "a short name for the platform, such as prod (not the role's)";
            self.wrong("name", name.span(), says, hint);
        }
        text.clone()
    }

    fn bucket(&mut self, bucket: &file::Bucket, partition: &str) -> Bucket {
        self.bucket_name("bucket.name", &bucket.name);
        self.region("bucket.region", &bucket.region, partition);
        let prefix = match &bucket.prefix {
            None => Prefix::default(),
            Some(text) => text.get_ref().parse().unwrap_or_else(|error| {
                self.wrong("bucket.prefix", text.span(), format!("{error}"), "");
                Prefix::default()
            }),
        };
        let import_prefix = bucket.import_prefix.as_ref().map(|text| text.get_ref().clone());
        Bucket {
            name: bucket.name.get_ref().clone(),
            region: bucket.region.get_ref().clone(),
            prefix,
            import_prefix,
            allow_delete: bucket.allow_delete,
            tags: self.tags("bucket.tags", bucket.tags.as_ref()),
            acceleration: bucket.acceleration,
            object_lock: bucket.object_lock.as_ref().map(|lock| self.object_lock(lock)),
        }
    }

    /// AWS's rules, and no dots: S3's certificate does not cover such names.
    fn bucket_name(&mut self, field: &str, name: &Spanned<String>) {
        for broken in naming::check(name.get_ref(), Use::default()) {
            self.wrong(field, name.span(), broken.says, broken.page);
        }
        if name.get_ref().contains('.') {
            let says = "must hold no dots: S3's certificate does not cover such names";
            self.wrong(field, name.span(), says, "");
        }
    }

    /// At most a hundred years (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_DefaultRetention.html>).
    fn object_lock(&mut self, lock: &file::ObjectLock) -> ObjectLock {
        let days = *lock.days.get_ref();
        if !(1..=36_500).contains(&days) {
            self.wrong("bucket.object_lock.days", lock.days.span(), "must be 1 to 36500", "");
        }
        ObjectLock { mode: lock.mode, days }
    }

    fn replication(
        &mut self,
        replication: &file::Replication,
        bucket: &Bucket,
        encryption: &Encryption,
        partition: &str,
    ) -> Replication {
        let name = replication.bucket.get_ref();
        self.bucket_name("replication.bucket", &replication.bucket);
        if *name == bucket.name {
            self.wrong("replication.bucket", replication.bucket.span(), "is the bucket itself", "");
        }
        self.region("replication.region", &replication.region, partition);
        if let Some(class) = &replication.storage_class {
            // Archived copies cannot take over: nothing in them is read at once (T07).
            let classes = ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"];
            if !classes.contains(&class.get_ref().as_str()) {
                let says = format!("must be one of {}", classes.join(", "));
                self.wrong("replication.storage_class", class.span(), says, "");
            }
        }
        let kms = matches!(encryption, Encryption::SseKms { .. });
        match (&replication.kms_key, kms) {
            (Some(key), true) => {
                if let Err(says) = key_arn(key.get_ref(), replication.region.get_ref(), partition) {
                    self.wrong("replication.kms_key", key.span(), says, "a key of the replica's region");
                }
            }
            (Some(key), false) => {
                self.wrong(
                    "replication.kms_key",
                    key.span(),
                    "is for SSE-KMS",
                    "[encryption] mode = \"sse-kms\"",
                );
            }
            (None, true) => {
                let says = "with SSE-KMS the replica needs a key of its own region: kms_key";
                self.wrong("replication.bucket", replication.bucket.span(), says, "kms_key = \"ARN\"");
            }
            (None, false) => {}
        }
        Replication {
            bucket: name.clone(),
            region: replication.region.get_ref().clone(),
            storage_class: replication.storage_class.as_ref().map(|class| class.get_ref().clone()),
            time_control: replication.time_control,
            delete_markers: replication.delete_markers,
            kms_key_arn: replication.kms_key.as_ref().map(|key| key.get_ref().clone()),
        }
    }

    fn access_logs(&mut self, logs: &file::AccessLogs, bucket: &Bucket) -> AccessLogs {
        let name = logs.bucket.get_ref();
        self.bucket_name("access_logs.bucket", &logs.bucket);
        if *name == bucket.name {
            let says = "a bucket that logs into itself logs its own logs";
            self.wrong("access_logs.bucket", logs.bucket.span(), says, "another bucket of the same region");
        }
        let own = format!("{}/", bucket.name);
        let prefix = logs.prefix.as_ref().map_or(own, |prefix| prefix.get_ref().clone());
        if let Some(prefix) = logs.prefix.as_ref().filter(|prefix| !is_plain_prefix(prefix.get_ref())) {
            let says = "must be at most 128 letters, digits and /_.-";
            self.wrong("access_logs.prefix", prefix.span(), says, "");
        }
        AccessLogs { bucket: name.clone(), prefix }
    }

    fn region(&mut self, field: &str, region: &Spanned<String>, partition: &str) {
        let text = region.get_ref().as_str();
        let of = crate::region::partition(text);
        let words: Vec<&str> = text.split('-').collect();
        let plain = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        let shaped = match words.as_slice() {
            [names @ .., number] if names.len() >= 2 => {
                names.iter().all(plain) && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
            }
            _ => false,
        };
        if !shaped {
            self.wrong(field, region.span(), format!("`{text}` is no region"), "such as us-west-2");
        } else if of != partition {
            let says = format!("lies in partition {of}, and the credentials are of {partition}");
            self.wrong(
                field,
                region.span(),
                says,
                "partitions do not share accounts: use credentials of the right one",
            );
        }
    }

    /// AWS's limits (<https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html>).
    fn tags(
        &mut self,
        field: &str,
        tags: Option<&Spanned<BTreeMap<String, String>>>,
    ) -> BTreeMap<String, String> {
        let Some(tags) = tags else { return BTreeMap::new() };
        for (key, value) in tags.get_ref() {
            if key == MARK {
                self.wrong(field, tags.span(), format!("the tag {MARK:?} is ours"), "choose another key");
            } else if let Some(says) = naming::check_tag(key, value) {
                self.wrong(field, tags.span(), says, "");
            }
        }
        if tags.get_ref().len() > 40 {
            self.wrong(field, tags.span(), "more than 40 tags", "AWS takes 50 in all");
        }
        tags.get_ref().clone()
    }

    fn encryption(&mut self, encryption: &file::Encryption, bucket: &Bucket, partition: &str) -> Encryption {
        let mode = encryption.mode.as_ref().map_or(EncryptionMode::SseS3, |mode| *mode.get_ref());
        if mode == EncryptionMode::SseS3 {
            let only_kms = [
                ("encryption.key", encryption.key.as_ref().map(Spanned::span)),
                ("encryption.bucket_key", encryption.bucket_key.as_ref().map(Spanned::span)),
                ("encryption.rotation_days", encryption.rotation_days.as_ref().map(Spanned::span)),
            ];
            for (field, span) in only_kms {
                if let Some(span) = span {
                    self.wrong(field, span, "is for SSE-KMS", "mode = \"sse-kms\"");
                }
            }
            return Encryption::SseS3;
        }
        let bucket_key = encryption.bucket_key.as_ref().is_none_or(|on| *on.get_ref());
        let key = match &encryption.key {
            Some(given) if given.get_ref() != "make" => {
                self.given_key(given, encryption, &bucket.region, partition)
            }
            Some(_) => self.made_key(encryption, &bucket.name),
            None => {
                let span = encryption.mode.as_ref().map_or(0..0, Spanned::span);
                let says = "SSE-KMS needs a key";
                self.wrong(
                    "encryption.key",
                    span,
                    says,
                    "key = \"make\", or the ARN of one in the bucket's region",
                );
                self.made_key(encryption, &bucket.name)
            }
        };
        Encryption::SseKms { key, bucket_key }
    }

    fn given_key(
        &mut self,
        given: &Spanned<String>,
        encryption: &file::Encryption,
        region: &str,
        partition: &str,
    ) -> Key {
        if let Err(says) = key_arn(given.get_ref(), region, partition) {
            let hint = "the ARN of a key in the bucket's region, or \"make\"";
            self.wrong("encryption.key", given.span(), says, hint);
        }
        if let Some(days) = &encryption.rotation_days {
            let says = "the rotation of a given key is its owner's to decide";
            self.wrong("encryption.rotation_days", days.span(), says, "leave it out");
        }
        Key::Given { arn: given.get_ref().clone() }
    }

    fn made_key(&mut self, encryption: &file::Encryption, bucket: &str) -> Key {
        let days = encryption.rotation_days.as_ref();
        if let Some(days) = days.filter(|days| !(90..=2560).contains(days.get_ref())) {
            self.wrong("encryption.rotation_days", days.span(), "must be 90 to 2560", "");
        }
        let rotation_days = days.map_or(ROTATION_DAYS, |days| *days.get_ref());
        Key::Made { alias: format!("alias/firmhold-{bucket}"), rotation_days, arn: None }
    }

    fn lifecycle(&mut self, fields: &file::Lifecycle) -> Lifecycle {
        let mut lifecycle = Lifecycle::of(fields.profile.unwrap_or_default());
        let ages = [
            ("noncurrent_to_ia_days", &fields.noncurrent_to_ia_days, &mut lifecycle.noncurrent_to_ia, 30),
            ("noncurrent_expire_days", &fields.noncurrent_expire_days, &mut lifecycle.noncurrent_expire, 1),
            ("abort_uploads_days", &fields.abort_uploads_days, &mut lifecycle.abort_uploads, 1),
            (
                "retired_to_glacier_ir_days",
                &fields.retired_to_glacier_ir_days,
                &mut lifecycle.retired_to_glacier_ir,
                0,
            ),
            (
                "retired_to_deep_archive_days",
                &fields.retired_to_deep_archive_days,
                &mut lifecycle.retired_to_deep_archive,
                0,
            ),
        ];
        for (name, given, age, least) in ages {
            let Some(days) = given else { continue };
            if *days.get_ref() < least {
                self.wrong(
                    &format!("lifecycle.{name}"),
                    days.span(),
                    format!("S3 takes {least} days or more"),
                    "",
                );
            }
            *age = *days.get_ref();
        }
        self.order(fields, &lifecycle);
        lifecycle
    }

    /// S3 refuses a rule that would remove or move what it has not moved yet, with a message that names no field.
    fn order(&mut self, fields: &file::Lifecycle, ages: &Lifecycle) {
        let span = |one: &Option<Spanned<u32>>, other: &Option<Spanned<u32>>| {
            one.as_ref().or(other.as_ref()).map_or(0..0, Spanned::span)
        };
        if ages.noncurrent_expire <= ages.noncurrent_to_ia {
            let span = span(&fields.noncurrent_expire_days, &fields.noncurrent_to_ia_days);
            let says = format!("must be after noncurrent_to_ia_days ({})", ages.noncurrent_to_ia);
            self.wrong("lifecycle.noncurrent_expire_days", span, says, "");
        }
        if ages.retired_to_deep_archive <= ages.retired_to_glacier_ir {
            let span = span(&fields.retired_to_deep_archive_days, &fields.retired_to_glacier_ir_days);
            let says = format!("must be after retired_to_glacier_ir_days ({})", ages.retired_to_glacier_ir);
            self.wrong("lifecycle.retired_to_deep_archive_days", span, says, "");
        }
    }

    fn role(&mut self, role: &file::Role, bucket: &Bucket) -> Role {
        let name = role.name.as_ref().map_or(ROLE_NAME, |name| name.get_ref());
        if let Some(name) = &role.name
            && let Some(says) = naming::check_role_name(name.get_ref())
        {
            self.wrong("role.name", name.span(), says, "");
        }
        let own = description(&bucket.name, bucket.prefix.as_str());
        if let Some(text) = &role.description
            && let Some(says) = naming::check_description(text.get_ref())
        {
            self.wrong("role.description", text.span(), says, "");
        }
        let seconds = role.max_session_seconds.as_ref();
        if let Some(seconds) = seconds.filter(|seconds| !(3600..=43_200).contains(seconds.get_ref())) {
            let hint = "sessions of a role that was assumed by a role end after 3600 s whatever this says";
            self.wrong("role.max_session_seconds", seconds.span(), "must be 3600 to 43200", hint);
        }
        Role {
            name: name.to_owned(),
            description: role.description.as_ref().map_or(own, |text| text.get_ref().clone()),
            tags: self.tags("role.tags", role.tags.as_ref()),
            max_session_seconds: seconds.map_or(MAX_SESSION_SECONDS, |seconds| *seconds.get_ref()),
            policy_name: POLICY_NAME.to_owned(),
        }
    }

    fn trust(&mut self, platform: Option<&file::Platform>) -> Trust {
        let Some(platform) = platform else { return Trust::Nobody };
        let (principal, id) = (platform.principal.get_ref(), platform.external_id.get_ref());
        if principal.parse::<firmhold_core::RoleArn>().is_err() {
            let says = "must be the ARN of the platform's role";
            self.wrong(
                "platform.principal",
                platform.principal.span(),
                says,
                "as the platform's operator sent it",
            );
        }
        // AWS's limits (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
        let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@:/_-".contains(c);
        if !(2..=1224).contains(&id.len()) || !id.chars().all(plain) {
            let says = "must be 2 to 1224 letters, digits and +=,.@:/_-";
            self.wrong(
                "platform.external_id",
                platform.external_id.span(),
                says,
                "as the platform's operator sent it",
            );
        }
        Trust::Platform { principal: principal.clone(), external_ids: vec![id.clone()] }
    }
}

/// A replica that is made here may be read, too.
fn readable(replication: &Replication) -> Replica {
    Replica {
        bucket: replication.bucket.clone(),
        region: replication.region.clone(),
        kms_key_arn: replication.kms_key_arn.clone(),
    }
}

fn is_plain_prefix(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b))
}

fn key_arn(arn: &str, region: &str, partition: &str) -> Result<(), String> {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", of_partition, "kms", of_region, account, resource] = fields.as_slice() else {
        return Err("must be the ARN of a KMS key, arn:PARTITION:kms:REGION:ACCOUNT:key/ID".to_owned());
    };
    let id = resource.strip_prefix("key/").unwrap_or_default();
    let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !plain || account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err("must end with ACCOUNT:key/ID; an alias can be moved to another key".to_owned());
    }
    if of_partition != partition {
        return Err(format!("lies in partition {of_partition}, not {partition}"));
    }
    if of_region != region {
        return Err(format!("lies in {of_region}; the key must be in the bucket's region {region}"));
    }
    Ok(())
}
