//! Reading a source once, to learn its hash.

use firmhold_core::{Code, Digest, Problem};
use firmhold_store::{Bucket, CopySource};

use crate::jobs::hash::digest_of;

/// SHA-256 of the very bytes that `source` names. They stream by; nothing is kept.
///
/// # Errors
/// [`Code::PreconditionFailed`] if the object is no longer what it was; what the store answers.
pub async fn digest(bucket: &dyn Bucket, source: &CopySource) -> Result<Digest, Problem> {
    let body = bucket.get(&source.key, source.version_id.as_deref(), None).await?;
    let is_other = source.etag.is_some() && body.info.etag != source.etag;
    if is_other || body.content_length != source.size {
        return Err(changed());
    }
    let (digest, length) = digest_of(body.stream).await?;
    match length == source.size {
        true => Ok(digest),
        false => Err(Problem::new(Code::StoreFailed, "the store sent another number of bytes than it said")),
    }
}

fn changed() -> Problem {
    Problem::new(Code::PreconditionFailed, "the object has changed since the import first looked at it")
}
