//! Server access logs into a bucket that is there: the setting, and our statement in that bucket's policy. A bucket that
//! logs to somewhere already keeps doing so: S3 knows one target only.

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLoggingStatus, LoggingEnabled};
use firmhold_core::{Code, Problem};
use serde_json::{Value, json};

use super::{bucket_policy, elsewhere};
use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Fact, Found, Inventory, LogTarget, settings_reads};
use crate::plan::Draft;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::{AccessLogs, Spec};

const NEEDS: &[&str] = &["s3:GetBucketLogging", "s3:PutBucketLogging"];

fn target(logs: &AccessLogs) -> LogTarget {
    LogTarget { bucket: logs.bucket.clone(), prefix: logs.prefix.clone() }
}

/// One for each bucket that logs here.
fn sid(spec: &Spec) -> String {
    let name: String = spec.bucket.name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("FirmholdAccessLogs{name}")
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html>
fn statement(spec: &Spec, logs: &AccessLogs) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": sid(spec),
        "Effect": "Allow",
        "Principal": { "Service": "logging.s3.amazonaws.com" },
        "Action": "s3:PutObject",
        "Resource": format!("arn:{}:s3:::{}/{}*", spec.partition, logs.bucket, logs.prefix),
        "Condition": {
            "ArnLike": { "aws:SourceArn": spec.bucket_arn() },
            "StringEquals": { "aws:SourceAccount": spec.account },
        },
    }] })
}

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let Some(logs) = &spec.access_logs else { return Ok(()) };
    let Some(found) = draft.see(&inventory.settings.access_logs, &spec.bucket_arn()) else { return Ok(()) };
    let wanted = target(logs);
    if let Some(other) = found.filter(|found| **found != wanted) {
        let says =
            format!("it logs to s3://{}/{} already, and S3 knows one target", other.bucket, other.prefix);
        draft.leave(Kind::AccessLogs, spec.bucket_arn(), says);
        return Ok(());
    }
    let home = spec.of_bucket(&logs.bucket, &spec.bucket.region);
    let Some(takes) = &inventory.log_bucket else { return Ok(()) };
    match &takes.found {
        Found::Ours => {}
        Found::Nothing | Found::Elsewhere(_) | Found::Foreign => return Err(no_such_target(spec, logs)),
    }
    elsewhere::plan_for(&home.bucket.name, &home, draft, |draft| {
        let change = bucket_policy::merged(&home, &takes.policy, &statement(spec, logs), &[], draft)?;
        let why = "S3's log delivery may write the logs of this bucket, and nothing else";
        change.into_iter().for_each(|change| draft.add(change.because(why)));
        Ok(())
    })?;
    if found == Some(&wanted) {
        draft.keep(
            Kind::AccessLogs,
            spec.bucket_arn(),
            format!("go to s3://{}/{}", wanted.bucket, wanted.prefix),
        );
        return Ok(());
    }
    let says = format!("send them to s3://{}/{}", wanted.bucket, wanted.prefix);
    draft.add(
        Change::new(Verb::Create, Kind::AccessLogs, spec.bucket_arn(), says, Set(Some(wanted)))
            .because("who read what, request by request, hours later and without promise of being complete")
            .needing(NEEDS),
    );
    Ok(())
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let Some(logs) = &spec.access_logs else { return Ok(()) };
    let Some(found) = draft.see(&inventory.settings.access_logs, &spec.bucket_arn()) else { return Ok(()) };
    if found == Some(&target(logs)) {
        draft.add(
            Change::new(Verb::Remove, Kind::AccessLogs, spec.bucket_arn(), "stop to send them", Set(None))
                .because("the spec set them up")
                .needing(NEEDS),
        );
    }
    let home = spec.of_bucket(&logs.bucket, &spec.bucket.region);
    let Some(takes) = inventory.log_bucket.as_ref().filter(|takes| takes.found == Found::Ours) else {
        return Ok(());
    };
    elsewhere::plan_for(&home.bucket.name, &home, draft, |draft| {
        let change = bucket_policy::merged(&home, &takes.policy, &Value::Null, &[&sid(spec)], draft)?;
        change
            .into_iter()
            .for_each(|change| draft.add(change.because("other statements stay byte for byte")));
        Ok(())
    })
}

#[derive(Debug)]
struct Set(Option<LogTarget>);

#[async_trait]
impl Operation for Set {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let enabled = |target: &LogTarget| {
            LoggingEnabled::builder().target_bucket(&target.bucket).target_prefix(&target.prefix).build()
        };
        let enabled = self.0.as_ref().map(enabled).transpose().map_err(Problem::internal)?;
        let status = BucketLoggingStatus::builder().set_logging_enabled(enabled).build();
        let call = at.owner.clients.s3.put_bucket_logging().bucket(&at.spec.bucket.name);
        let answer = call.expected_bucket_owner(&at.spec.account).bucket_logging_status(status).send().await;
        answer.map_err(|error| problem("s3:PutBucketLogging", &arn, error))?;
        read_back("the bucket's access logs", || async {
            Ok(match settings_reads::access_logs(at.owner, at.spec).await? {
                Fact::Absent => self.0.is_none(),
                found => found.seen(&arn)? == self.0,
            })
        })
        .await
    }
}

fn no_such_target(spec: &Spec, logs: &AccessLogs) -> Problem {
    let says = format!(
        "the bucket for access logs, {}, is not one of account {} in {}",
        logs.bucket, spec.account, spec.bucket.region
    );
    Problem::new(Code::Usage, says)
        .with_hint("Logs go to a bucket of the same account and region, and not to the bucket itself. Make one, or leave `[access_logs]` out.")
}
