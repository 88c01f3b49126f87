//! The bucket's lifecycle configuration, byte for byte.

use firmhold_core::Problem;
use serde::Serialize;

use super::Fact;
use crate::owner::Owner;
use crate::spec::Spec;

/// What the read needs.
pub(crate) const LOOKS: &[&str] = &["s3:GetLifecycleConfiguration"];

/// The header that says from which size on objects are moved; it belongs to the document, and a write without it resets
/// it (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html>).
pub(crate) const MINIMUM_SIZE: &str = "x-amz-transition-default-minimum-object-size";

/// A lifecycle configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecycleDocument {
    /// The XML, as AWS gave it.
    pub text: String,
    /// `all_storage_classes_128K` or `varies_by_storage_class`, if AWS says.
    pub minimum_size: Option<String>,
}

pub(crate) async fn read(owner: &Owner, spec: &Spec) -> Result<Fact<LifecycleDocument>, Problem> {
    let (signed, arn) = (&owner.clients.signed, spec.bucket_arn());
    let mut call = signed.bucket(&spec.bucket.name, "lifecycle", "s3:GetLifecycleConfiguration", &arn);
    call.headers.push(("x-amz-expected-bucket-owner", spec.account.clone()));
    let found = signed.read(call, &["NoSuchLifecycleConfiguration"]).await?;
    Ok(found.map(|answer| LifecycleDocument { minimum_size: answer.header(MINIMUM_SIZE), text: answer.text }))
}
