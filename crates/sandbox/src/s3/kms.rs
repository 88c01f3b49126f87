//! SSE-KMS: S3 asks KMS with the rights of whoever puts or gets, and a refusal of KMS is a refusal of S3
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>).

use http::StatusCode;
use s3s::{S3Error, S3Result, s3_error};

use super::{S3Ops, error};
use crate::authorize::{bucket_arn, object_arn};
use crate::aws_error::AwsError;
use crate::caller::Caller;
use crate::kms::{S3Use, Use};
use crate::storage::record::Encryption;

/// The object that is written or read.
pub(super) struct Sealed<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

impl S3Ops {
    /// The encryption of something new, with the ARN of its key, if the caller may have a data key of it.
    pub(super) fn seal(
        &self,
        caller: &Caller,
        object: &Sealed<'_>,
        encryption: Encryption,
    ) -> S3Result<Encryption> {
        match self.ask_kms(caller, object, &encryption, Use::GenerateDataKey)? {
            Some(arn) => Ok(Encryption { kms_key_id: Some(arn), ..encryption }),
            None => Ok(encryption),
        }
    }

    /// Whether the caller may have what is encrypted already.
    pub(super) fn unseal(
        &self,
        caller: &Caller,
        object: &Sealed<'_>,
        encryption: &Encryption,
    ) -> S3Result<()> {
        self.ask_kms(caller, object, encryption, Use::Decrypt).map(|_| ())
    }

    fn ask_kms(
        &self,
        caller: &Caller,
        object: &Sealed<'_>,
        encryption: &Encryption,
        what: Use,
    ) -> S3Result<Option<String>> {
        if !encryption.is_kms() {
            return Ok(None);
        }
        if caller.is_anonymous() {
            return Err(s3_error!(
                InvalidArgument,
                "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4."
            ));
        }
        let facts = self.storage.bucket(object.bucket)?;
        let arn = match encryption.bucket_key {
            Some(true) => bucket_arn(object.bucket),
            _ => object_arn(object.bucket, object.key),
        };
        let call = S3Use {
            caller,
            what,
            key: encryption.kms_key_id.as_deref(),
            region: &facts.region,
            arn: &arn,
            now: self.storage.clock().now(),
        };
        self.kms.use_for_s3(&call).map(Some).map_err(|refused| {
            caller.trace.error(&refused.code);
            refusal(refused)
        })
    }
}

/// KMS's errors under S3's names: "access denied" is S3's own, the others are called `KMS.` and their name.
fn refusal(refused: AwsError) -> S3Error {
    let code = match refused.code.as_str() {
        "AccessDeniedException" => return s3_error!(AccessDenied, "{}", refused.message),
        "NotFoundException" => "KMS.NotFoundException",
        "DisabledException" => "KMS.DisabledException",
        "KMSInvalidStateException" => "KMS.KMSInvalidStateException",
        _ => return s3_error!(InternalError, "We encountered an internal error. Please try again."),
    };
    error::custom(StatusCode::BAD_REQUEST, code, refused.message)
}
