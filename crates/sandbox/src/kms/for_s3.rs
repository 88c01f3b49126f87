//! How S3 uses keys: on behalf of whoever puts or gets, by that caller's rights
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>).

use firmhold_core::Timestamp;
use firmhold_iam::ContextValue;

use super::Kms;
use super::alias::S3_ALIAS;
use crate::aws_error::AwsError;
use crate::caller::Caller;
use crate::records::Home;

/// What S3 does with the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A new object, or a new upload.
    GenerateDataKey,
    /// What is encrypted already: an object that is read, an upload that gets a part or is completed.
    Decrypt,
    /// A copy that replication makes.
    Encrypt,
}

/// One use of a key by S3.
pub(crate) struct S3Use<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) what: Use,
    /// As the request or the bucket names it; without one it is `aws/s3`. What is no ARN is of the caller's account.
    pub(crate) key: Option<&'a str>,
    /// The bucket's region.
    pub(crate) region: &'a str,
    /// The encryption context `aws:s3:arn`: the object, or the bucket where it has a bucket key.
    pub(crate) arn: &'a str,
    pub(crate) now: Timestamp,
}

impl Kms {
    /// Uses a key for S3, if the caller may; answers the key's ARN.
    pub(crate) fn use_for_s3(&self, call: &S3Use<'_>) -> Result<String, AwsError> {
        let action = match call.what {
            Use::GenerateDataKey => "GenerateDataKey",
            Use::Decrypt => "Decrypt",
            Use::Encrypt => "Encrypt",
        };
        let account = call.caller.account.as_deref().unwrap_or_default();
        let home = Home { account, region: call.region };
        let found = self.find(home, call.key.unwrap_or(S3_ALIAS), call.caller, action, call.now)?;
        let context: [(&str, ContextValue); 4] = [
            ("kms:ViaService", format!("s3.{}.amazonaws.com", call.region).into()),
            ("kms:EncryptionContext:aws:s3:arn", call.arn.into()),
            ("kms:EncryptionContextKeys", vec!["aws:s3:arn".to_owned()].into()),
            ("aws:ViaAWSService", true.into()),
        ];
        self.allow(call.caller, action, &found.key, found.alias.as_deref(), &context)?;
        found.key.check_enabled()?;
        Ok(found.key.arn())
    }
}
