//! What a process that did not live to note it has left at a content's key, which is that attempt's own.

use firmhold_core::Problem;
use firmhold_store::{Bucket, Stored};

use crate::content::Content;

/// The object that a completion or a copy has made. That its bytes are right is for the hash job to prove, as ever.
///
/// # Errors
/// What the store answers.
pub async fn object(bucket: &dyn Bucket, content: &Content) -> Result<Option<Stored>, Problem> {
    // Listed first: to a role that may list only below a prefix S3 says 403 of what is not there.
    let listing = bucket.list(content.key.as_str(), None, 1).await?;
    if !listing.objects.iter().any(|object| object.key == content.key && object.size == content.size) {
        return Ok(None);
    }
    let info = bucket.head(&content.key, None).await?;
    Ok(Some(Stored { version_id: info.version_id, etag: info.etag, encryption: info.encryption }))
}

/// The upload that was opened.
///
/// # Errors
/// What the store answers.
pub async fn upload(bucket: &dyn Bucket, content: &Content) -> Result<Option<String>, Problem> {
    let uploads = bucket.list_uploads(content.key.as_str()).await?;
    Ok(uploads.into_iter().find(|upload| upload.key == content.key).map(|upload| upload.upload_id))
}
