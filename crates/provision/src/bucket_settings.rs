//! The settings of the bucket that step 1 answers for. Each is read, changed if it differs, and read back.

use aws_sdk_s3::types::{
    BucketVersioningStatus, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};
use firmhold_core::backend::Encryption;
use firmhold_core::{Code, Problem};

use crate::Spec;
use crate::access::Clients;
use crate::refusal::{absent, not_as_written, problem};

/// Sets all of them; says what was changed. `created`: the bucket is a minute old, so what it came with is not worth
/// reporting, nor is anything lost by replacing it.
pub(crate) async fn apply(clients: &Clients, spec: &Spec, created: bool) -> Result<Vec<String>, Problem> {
    let settings = Settings { s3: &clients.s3, spec };
    // Public access first: the order must never leave a moment that is less safe than before.
    let changes = [
        settings.block_public_access().await?,
        settings.turn_acls_off().await?,
        settings.encrypt(created).await?,
        settings.turn_versioning_on().await?,
    ];
    Ok(changes.into_iter().flatten().collect())
}

struct Settings<'a> {
    s3: &'a aws_sdk_s3::Client,
    spec: &'a Spec,
}

/// One call with bucket and expected owner, and its error as a problem.
macro_rules! ask {
    ($self:ident, $call:ident, $action:literal) => {
        $self
            .s3
            .$call()
            .bucket(&$self.spec.bucket)
            .expected_bucket_owner(&$self.spec.account)
            .send()
            .await
            .map_err(|error| problem($action, &$self.spec.bucket, error))
    };
    ($self:ident, $call:ident, $action:literal, absent: $code:literal) => {{
        let call = $self.s3.$call().bucket(&$self.spec.bucket).expected_bucket_owner(&$self.spec.account);
        absent($code, $action, &$self.spec.bucket, call.send().await)
    }};
    ($self:ident, $call:ident, $action:literal, $field:ident = $value:expr) => {
        $self
            .s3
            .$call()
            .bucket(&$self.spec.bucket)
            .expected_bucket_owner(&$self.spec.account)
            .$field($value)
            .send()
            .await
            .map_err(|error| problem($action, &$self.spec.bucket, error))
    };
}

impl Settings<'_> {
    async fn block_public_access(&self) -> Result<Option<String>, Problem> {
        let found = self.public_access_block().await?;
        if found == [true; 4] {
            return Ok(None);
        }
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        ask!(
            self,
            put_public_access_block,
            "s3:PutBucketPublicAccessBlock",
            public_access_block_configuration = all
        )?;
        if self.public_access_block().await? != [true; 4] {
            return Err(not_as_written("the public-access block"));
        }
        let names = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
        let off: Vec<&str> = names.iter().zip(found).filter(|(_, on)| !on).map(|(name, _)| *name).collect();
        Ok(Some(format!("blocked public access (off were: {})", off.join(", "))))
    }

    /// The four switches, in the order of the API.
    async fn public_access_block(&self) -> Result<[bool; 4], Problem> {
        let found = ask!(
            self,
            get_public_access_block,
            "s3:GetBucketPublicAccessBlock",
            absent: "NoSuchPublicAccessBlockConfiguration"
        )?;
        Ok(found.and_then(|answer| answer.public_access_block_configuration).map_or([false; 4], |block| {
            let on = |switch: Option<bool>| switch.unwrap_or(false);
            [
                on(block.block_public_acls),
                on(block.ignore_public_acls),
                on(block.block_public_policy),
                on(block.restrict_public_buckets),
            ]
        }))
    }

    async fn turn_acls_off(&self) -> Result<Option<String>, Problem> {
        let found = self.ownership().await?;
        if found == Some(ObjectOwnership::BucketOwnerEnforced) {
            return Ok(None);
        }
        let enforced = OwnershipControlsRule::builder()
            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
            .build()
            .map_err(Problem::internal)?;
        let controls = OwnershipControls::builder().rules(enforced).build().map_err(Problem::internal)?;
        ask!(
            self,
            put_bucket_ownership_controls,
            "s3:PutBucketOwnershipControls",
            ownership_controls = controls
        )?;
        if self.ownership().await? != Some(ObjectOwnership::BucketOwnerEnforced) {
            return Err(not_as_written("the bucket's object ownership"));
        }
        let was = found.map_or_else(|| "not set".to_owned(), |was| was.as_str().to_owned());
        Ok(Some(format!("turned ACLs off (object ownership was {was})")))
    }

    async fn ownership(&self) -> Result<Option<ObjectOwnership>, Problem> {
        let found = ask!(
            self,
            get_bucket_ownership_controls,
            "s3:GetBucketOwnershipControls",
            absent: "OwnershipControlsNotFoundError"
        )?;
        let rule =
            found.and_then(|answer| answer.ownership_controls).and_then(|c| c.rules.into_iter().next());
        Ok(rule.map(|rule| rule.object_ownership))
    }

    async fn encrypt(&self, created: bool) -> Result<Option<String>, Problem> {
        let wanted = match &self.spec.encryption {
            Encryption::SseS3 => (ServerSideEncryption::Aes256, None),
            Encryption::SseKms { kms_key_arn } => (ServerSideEncryption::AwsKms, Some(kms_key_arn.clone())),
            Encryption::None => {
                return Err(Problem::new(
                    Code::Usage,
                    "encryption `none` is for S3-compatible stores, not for AWS",
                ));
            }
        };
        let found = self.encryption().await?;
        if found.as_ref() == Some(&wanted) {
            return Ok(None);
        }
        if let Some(found) =
            found.as_ref().filter(|found| !created && found.0 != ServerSideEncryption::Aes256)
        {
            return Err(self.would_weaken(&describe(found), &describe(&wanted)));
        }
        ask!(
            self,
            put_bucket_encryption,
            "s3:PutEncryptionConfiguration",
            server_side_encryption_configuration = configuration(&wanted)?
        )?;
        if self.encryption().await?.as_ref() != Some(&wanted) {
            return Err(not_as_written("the bucket's default encryption"));
        }
        let was = found.as_ref().map_or_else(|| "none".to_owned(), describe);
        Ok(Some(format!("set default encryption to {} (was {was})", describe(&wanted))))
    }

    /// Another key, or none, in a bucket that has been used: its owner had a reason for it.
    fn would_weaken(&self, found: &str, wanted: &str) -> Problem {
        Problem::new(
            Code::StateForbids,
            format!(
                "the bucket {} is encrypted with {found} by default; this would make it {wanted}",
                self.spec.bucket
            ),
        )
        .with_hint(
            "Register the backend with the encryption that the bucket has, or change the bucket yourself.",
        )
    }

    async fn encryption(&self) -> Result<Option<(ServerSideEncryption, Option<String>)>, Problem> {
        let found = ask!(
            self,
            get_bucket_encryption,
            "s3:GetEncryptionConfiguration",
            absent: "ServerSideEncryptionConfigurationNotFoundError"
        )?;
        let rule = found
            .and_then(|answer| answer.server_side_encryption_configuration)
            .and_then(|configuration| configuration.rules.into_iter().next())
            .and_then(|rule| rule.apply_server_side_encryption_by_default);
        Ok(rule.map(|rule| (rule.sse_algorithm, rule.kms_master_key_id)))
    }

    async fn turn_versioning_on(&self) -> Result<Option<String>, Problem> {
        let found = ask!(self, get_bucket_versioning, "s3:GetBucketVersioning")?.status;
        if found == Some(BucketVersioningStatus::Enabled) {
            return Ok(None);
        }
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        ask!(self, put_bucket_versioning, "s3:PutBucketVersioning", versioning_configuration = on)?;
        let now = ask!(self, get_bucket_versioning, "s3:GetBucketVersioning")?.status;
        if now != Some(BucketVersioningStatus::Enabled) {
            return Err(not_as_written("the bucket's versioning"));
        }
        let was = found.map_or("off", |_| "suspended");
        Ok(Some(format!("turned versioning on (was {was})")))
    }
}

fn configuration(
    (algorithm, key): &(ServerSideEncryption, Option<String>),
) -> Result<ServerSideEncryptionConfiguration, Problem> {
    let by_default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(algorithm.clone())
        .set_kms_master_key_id(key.clone())
        .build()
        .map_err(Problem::internal)?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(by_default)
        // One data key per bucket instead of per object: fewer and cheaper calls to KMS.
        .set_bucket_key_enabled(key.is_some().then_some(true))
        .build();
    ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(Problem::internal)
}

fn describe((algorithm, key): &(ServerSideEncryption, Option<String>)) -> String {
    match key {
        Some(key) => format!("{} with {key}", algorithm.as_str()),
        None => algorithm.as_str().to_owned(),
    }
}
