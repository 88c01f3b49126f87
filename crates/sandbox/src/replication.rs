//! Replication, carried out as S3 carries it out: as the role that the bucket's configuration names, which trusts S3 and
//! may read here and write there
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use firmhold_core::Clock;
use firmhold_iam::{Arn, ContextValue, Principal};
use s3s::S3Error;
use s3s::dto::ReplicationRule;

use crate::account::Accounts;
use crate::authorize::{Ask, Gate, ask, bucket_arn, object_arn};
use crate::aws_error::AwsError;
use crate::caller::Caller;
use crate::kms::{Kms, S3Use, Use};
use crate::request_log::{RequestLog, RequestTrace};
use crate::role::Role;
use crate::storage::listing::Query;
use crate::storage::record::{BucketFacts, CopyStatus, Encryption, Replication, VersionRecord, Versioning};
use crate::storage::replication::{CopyForm, CopyTask, destination};
use crate::storage::{Storage, StorageError};

/// What S3 calls its sessions of replication roles.
const SESSION: &str = "s3-replication";
/// Rows that are looked at in one step.
const PAGE: usize = 1000;

/// How far one rule's destination lags behind its source: what CloudWatch has as `ReplicationLatency`,
/// `BytesPendingReplication`, `OperationsPendingReplication` and `OperationsFailedReplication`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationFigures {
    /// The rule's id.
    pub rule: String,
    /// The destination bucket.
    pub destination: String,
    /// Whether the rule asks for metrics.
    pub measured: bool,
    /// The age of the oldest version that has not arrived.
    pub latency: Duration,
    /// Bytes that have not arrived.
    pub bytes_pending: u64,
    /// Versions, delete markers and changes of tags that have not arrived.
    pub operations_pending: u64,
    /// Versions whose copy was given up.
    pub failed: u64,
}

/// Makes the copies that are due.
pub(crate) struct Replicator {
    pub(crate) storage: Storage,
    pub(crate) gate: Arc<Gate>,
    pub(crate) kms: Kms,
    pub(crate) accounts: Accounts,
    pub(crate) clock: Clock,
    pub(crate) log: Arc<RequestLog>,
    /// One copy at a time.
    pub(crate) working: Mutex<()>,
}

/// Why a copy is given up. The trace says more.
struct GivenUp;

impl From<S3Error> for GivenUp {
    fn from(_: S3Error) -> Self {
        Self
    }
}

impl From<AwsError> for GivenUp {
    fn from(_: AwsError) -> Self {
        Self
    }
}

impl From<StorageError> for GivenUp {
    fn from(error: StorageError) -> Self {
        tracing::debug!(%error, "a copy cannot be made");
        Self
    }
}

impl Replicator {
    /// Makes the copies that are due; answers how long it is until the next, if there is one.
    pub(crate) fn work(&self) -> Result<Option<Duration>, StorageError> {
        let _one = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.storage.clock().now();
        for queued in self.storage.replication_queue()? {
            if queued.due > now {
                return Ok(Some(queued.due.since(now)));
            }
            let status = self.attempt(&queued.task);
            self.storage.end_replication(&queued, status)?;
        }
        Ok(None)
    }

    /// Tries once: what a policy refuses stays refused until somebody copies the object again.
    fn attempt(&self, task: &CopyTask) -> CopyStatus {
        let trace = RequestTrace::default();
        trace.operation("ReplicateObject", &object_arn(&task.destination, &task.key));
        let mut caller = S3_SERVICE.to_owned();
        let done = self.copy(task, &trace, &mut caller);
        let (status, answer) = match done {
            Ok(()) => (CopyStatus::Completed, 200),
            Err(GivenUp) => (CopyStatus::Failed, 403),
        };
        self.log.push(trace.entry(self.clock.now(), "s3", caller, &task.key, answer));
        status
    }

    fn copy(&self, task: &CopyTask, trace: &RequestTrace, name: &mut String) -> Result<(), GivenUp> {
        let source = self.storage.bucket(&task.bucket)?;
        let version = self.storage.version(&task.bucket, &task.key, &task.version_id)?;
        let replication = source.replication.as_ref().ok_or(GivenUp)?;
        let rule =
            replication.rules.iter().find(|rule| rule.id.as_ref() == Some(&task.rule)).ok_or(GivenUp)?;
        let target = self.storage.bucket(&task.destination)?;
        if target.versioning != Versioning::Enabled {
            return Err(GivenUp);
        }
        let (account, role) = self.assume(&replication.role, &source, trace)?;
        let caller = self.session(&account, role, &source, trace);
        *name = caller.name();
        let form = match &version.object {
            None => {
                let arn = object_arn(&task.destination, &task.key);
                self.gate.allow(&caller, "s3:ReplicateDelete", &arn, &task.destination, &[])?;
                CopyForm::default()
            }
            Some(_) => self.form(&caller, task, rule, &version, &target)?,
        };
        Ok(self.storage.make_copy(task, &form)?)
    }

    /// S3 assumes the role, if the role trusts it.
    fn assume(
        &self,
        role_arn: &str,
        source: &BucketFacts,
        trace: &RequestTrace,
    ) -> Result<(String, Role), GivenUp> {
        let found = Arn::parse(role_arn).and_then(|arn| {
            let name = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
            let role = self.accounts.role(arn.account, name)?;
            (role.arn(arn.account) == role_arn).then(|| (arn.account.to_owned(), role))
        });
        let Some((account, role)) = found else {
            trace.decision(format!("there is no role {role_arn}"));
            return Err(GivenUp);
        };
        let service = self.service(trace);
        let question = Ask {
            action: "sts:AssumeRole",
            resource: role_arn,
            resource_account: Some(&account),
            resource_policy: None,
            trust: Some(&role.trust),
            context: &[
                ("aws:SourceArn", ContextValue::from(bucket_arn(&source.name))),
                ("aws:SourceAccount", ContextValue::from(&source.owner_account)),
            ],
        };
        match ask(&service, &question) {
            Ok(decision) if decision.is_allowed() => Ok((account, role)),
            _ => Err(GivenUp),
        }
    }

    /// What the role may do decides how the copy is written.
    fn form(
        &self,
        caller: &Caller,
        task: &CopyTask,
        rule: &ReplicationRule,
        version: &VersionRecord,
        target: &BucketFacts,
    ) -> Result<CopyForm, GivenUp> {
        let object = version.object.as_ref().ok_or(GivenUp)?;
        let of_source = bucket_arn(&task.bucket);
        for action in ["s3:GetReplicationConfiguration", "s3:ListBucket"] {
            self.gate.allow(caller, action, &of_source, &task.bucket, &[])?;
        }
        let (from, to) = (object_arn(&task.bucket, &task.key), object_arn(&task.destination, &task.key));
        let tags = &object.description.tags;
        let tag_keys: Vec<_> =
            tags.iter().map(|(key, value)| (format!("s3:ExistingObjectTag/{key}"), value.into())).collect();
        let read: Vec<(&str, ContextValue)> = tag_keys
            .iter()
            .map(|(key, value): &(String, _)| (key.as_str(), ContextValue::clone(value)))
            .collect();
        for action in ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl"] {
            self.gate.allow(caller, action, &from, &task.bucket, &read)?;
        }
        let encryption = self.encryption(caller, rule, &object.encryption, task, target)?;
        let mut write = Vec::new();
        if let Some(encryption) = encryption.as_ref().filter(|encryption| encryption.is_kms()) {
            write.push(("s3:x-amz-server-side-encryption", ContextValue::from(&encryption.algorithm)));
            if let Some(key) = &encryption.kms_key_id {
                write.push(("s3:x-amz-server-side-encryption-aws-kms-key-id", key.into()));
            }
        }
        self.gate.allow(caller, "s3:ReplicateObject", &to, &task.destination, &write)?;
        if rule.destination.access_control_translation.is_some() {
            self.gate.allow(caller, "s3:ObjectOwnerOverrideToBucketOwner", &to, &task.destination, &[])?;
        }
        // "Without these permissions S3 replicates the objects, but not their tags."
        let may = |action, arn: &str, bucket: &str| self.gate.allow(caller, action, arn, bucket, &[]).is_ok();
        let with_tags = tags.is_empty()
            || (may("s3:GetObjectVersionTagging", &from, &task.bucket)
                && may("s3:ReplicateTags", &to, &task.destination));
        let storage_class = rule.destination.storage_class.as_ref().map(|class| class.as_str().to_owned());
        Ok(CopyForm { storage_class, encryption, with_tags })
    }

    /// What KMS encrypts here is decrypted with the key here and encrypted with the rule's key there.
    fn encryption(
        &self,
        caller: &Caller,
        rule: &ReplicationRule,
        own: &Encryption,
        task: &CopyTask,
        target: &BucketFacts,
    ) -> Result<Option<Encryption>, GivenUp> {
        if !own.is_kms() {
            return Ok(None);
        }
        let replica = rule.destination.encryption_configuration.as_ref();
        let replica = replica.and_then(|encryption| encryption.replica_kms_key_id.clone()).ok_or(GivenUp)?;
        let source = self.storage.bucket(&task.bucket)?;
        let now = self.storage.clock().now();
        let from = object_arn(&task.bucket, &task.key);
        self.kms.use_for_s3(&S3Use {
            caller,
            what: Use::Decrypt,
            key: own.kms_key_id.as_deref(),
            region: &source.region,
            arn: &from,
            now,
        })?;
        let to = object_arn(&task.destination, &task.key);
        let replica = self.kms.use_for_s3(&S3Use {
            caller,
            what: Use::Encrypt,
            key: Some(&replica),
            region: &target.region,
            arn: &to,
            now,
        })?;
        Ok(Some(Encryption {
            algorithm: own.algorithm.clone(),
            kms_key_id: Some(replica),
            bucket_key: target.default_encryption.bucket_key,
        }))
    }

    fn service(&self, trace: &RequestTrace) -> Caller {
        self.caller(None, Principal::Service(S3_SERVICE.to_owned()), trace)
    }

    fn session(&self, account: &str, role: Role, source: &BucketFacts, trace: &RequestTrace) -> Caller {
        let principal = Principal::RoleSession {
            partition: "aws".to_owned(),
            account: account.to_owned(),
            path: Some(role.path.clone()),
            role: role.name.clone(),
            session: SESSION.to_owned(),
        };
        let mut caller = self.caller(Some(account.to_owned()), principal, trace);
        for (key, value) in &role.tags {
            caller.context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        caller.context.set("aws:userid", format!("{}:{SESSION}", role.id));
        caller.context.set("aws:RequestedRegion", source.region.as_str());
        Caller {
            region: source.region.clone(),
            user_id: Some(format!("{}:{SESSION}", role.id)),
            is_session: true,
            policies: self.accounts.effective().policies_of(&role),
            ..caller
        }
    }

    /// What every request of a service has: no address, and TLS.
    fn caller(&self, account: Option<String>, principal: Principal, trace: &RequestTrace) -> Caller {
        Caller::of_service(&self.accounts, account, principal, self.clock.now(), trace.clone())
    }

    /// How far the destinations of a bucket's rules lag behind.
    pub(crate) fn figures(&self, bucket: &str) -> Result<Vec<ReplicationFigures>, StorageError> {
        let facts = self.storage.bucket(bucket)?;
        let rules =
            facts.replication.as_ref().map(|replication| replication.rules.as_slice()).unwrap_or_default();
        let mut figures: BTreeMap<(String, String), ReplicationFigures> = BTreeMap::new();
        for rule in rules {
            let (id, to) = (rule.id.clone().unwrap_or_default(), destination(rule).to_owned());
            let metrics = rule.destination.metrics.as_ref();
            let measured = metrics.is_some_and(|metrics| metrics.status.as_str() == "Enabled");
            let empty = ReplicationFigures {
                rule: id.clone(),
                destination: to.clone(),
                measured,
                latency: Duration::ZERO,
                bytes_pending: 0,
                operations_pending: 0,
                failed: 0,
            };
            figures.insert((id, to), empty);
        }
        let now = self.storage.clock().now();
        for queued in self.storage.replication_queue()? {
            let task = queued.task;
            let Some(own) = figures.get_mut(&(task.rule, task.destination)).filter(|_| task.bucket == bucket)
            else {
                continue;
            };
            own.latency = own.latency.max(now.since(task.since));
            own.bytes_pending += task.size;
            own.operations_pending += 1;
        }
        self.count_failures(bucket, &mut figures)?;
        Ok(figures.into_values().collect())
    }

    fn count_failures(
        &self,
        bucket: &str,
        figures: &mut BTreeMap<(String, String), ReplicationFigures>,
    ) -> Result<(), StorageError> {
        let mut query = Query { limit: PAGE, ..Query::default() };
        loop {
            let page = self.storage.list_versions(bucket, &query)?;
            for (_, listed) in page.entries {
                let Some(Replication::Source(copies)) = listed.version.replication else { continue };
                for copy in copies.into_iter().filter(|copy| copy.status == CopyStatus::Failed) {
                    if let Some(own) = figures.get_mut(&(copy.rule, copy.bucket)) {
                        own.failed += 1;
                    }
                }
            }
            let Some((after, after_id)) = page.next else { return Ok(()) };
            query.after = Some(after);
            query.after_id = after_id;
        }
    }
}

/// S3 as a principal.
const S3_SERVICE: &str = "s3.amazonaws.com";
