//! The bucket's default encryption.

use async_trait::async_trait;
use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use firmhold_core::Problem;

use crate::change::{Change, Kind, Operation, Site, Switch, Verb};
use crate::inventory::{DefaultEncryption, Found, Inventory, bucket_reads};
use crate::plan::Draft;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::{Encryption, Spec};

const SSE_S3: &str = "AES256";
const SSE_KMS: &str = "aws:kms";

fn desired(spec: &Spec) -> DefaultEncryption {
    match &spec.encryption {
        Encryption::SseS3 => DefaultEncryption { algorithm: SSE_S3.to_owned(), key: None, bucket_key: false },
        Encryption::SseKms { bucket_key, .. } => DefaultEncryption {
            algorithm: SSE_KMS.to_owned(),
            key: spec.key_arn().map(str::to_owned),
            bucket_key: *bucket_key,
        },
    }
}

/// Bucket keys mean nothing with SSE-S3: S3 reports either.
fn same(found: &DefaultEncryption, desired: &DefaultEncryption) -> bool {
    found.algorithm == desired.algorithm
        && found.key == desired.key
        && (desired.algorithm == SSE_S3 || found.bucket_key == desired.bucket_key)
}

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Some(found) = draft.see(&inventory.bucket.encryption, &spec.bucket_arn()) else { return };
    let desired = desired(spec);
    if found.is_some_and(|found| same(found, &desired)) {
        draft.keep(Kind::Encryption, spec.bucket_arn(), format!("by default {}", desired.describe()));
        return;
    }
    // Since January 2023 no bucket is without: a new one has this.
    if inventory.bucket.found == Found::Nothing && desired.algorithm == SSE_S3 {
        return;
    }
    let was = found.map_or_else(|| "none".to_owned(), DefaultEncryption::describe);
    let says = format!("set the default to {} (is {was})", desired.describe());
    // Another key, or none, in a bucket that has been used: its owner had a reason for the one that it has.
    let weakens = found.is_some_and(|found| found.algorithm != SSE_S3) && !inventory.bucket.made_by_us;
    draft.add(
        Change::new(Verb::Change, Kind::Encryption, spec.bucket_arn(), says, Encrypt(desired))
            .because("uploads name no encryption: the bucket's default decides")
            .needing(&["s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"])
            .accepted_by(Switch::Encryption, inventory.bucket.is_shared() || weakens),
    );
}

#[derive(Debug)]
struct Encrypt(DefaultEncryption);

#[async_trait]
impl Operation for Encrypt {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let key = self.0.key.as_ref().map(|key| at.fill(key)).transpose()?;
        let wanted = &DefaultEncryption { key, ..self.0.clone() };
        let call = at.owner.clients.s3.put_bucket_encryption().bucket(&at.spec.bucket.name);
        let call = call.expected_bucket_owner(&at.spec.account);
        let answer = call.server_side_encryption_configuration(configuration(wanted)?).send().await;
        answer.map_err(|error| problem("s3:PutEncryptionConfiguration", &arn, error))?;
        read_back("the bucket's default encryption", || async {
            let found = bucket_reads::encryption(at.owner, at.spec).await?;
            Ok(found.seen(&arn)?.is_some_and(|found| same(&found, wanted)))
        })
        .await
    }
}

fn configuration(wanted: &DefaultEncryption) -> Result<ServerSideEncryptionConfiguration, Problem> {
    let by_default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::from(wanted.algorithm.as_str()))
        .set_kms_master_key_id(wanted.key.clone())
        .build()
        .map_err(Problem::internal)?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(by_default)
        .set_bucket_key_enabled(wanted.key.is_some().then_some(wanted.bucket_key))
        .build();
    ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(Problem::internal)
}
