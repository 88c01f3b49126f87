//! DeleteObject and DeleteObjects.

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error,
    ObjectIdentifier,
};
use s3s::{S3Request, S3Response, S3Result};

use super::{S3Ops, condition, name};
use crate::authorize::object_arn;
use crate::caller::Caller;
use crate::storage::object::{Condition, Deleted};

/// Keys in one DeleteObjects.
const MAX_KEYS: usize = 1000;

impl S3Ops {
    pub(super) async fn delete(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        name::check_version(input.version_id.as_deref())?;
        let condition = condition::of_write(input.if_match.as_ref(), None)?;
        let bypass = input.bypass_governance_retention == Some(true);
        if bypass {
            self.allow_bypass(&caller, &input.bucket, &input.key)?;
        }
        let deleted = self.remove(input.bucket, input.key, input.version_id, condition, bypass).await?;
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: deleted.marker.then_some(true),
            version_id: deleted.version_id,
            ..Default::default()
        }))
    }

    /// Every key is decided by itself: some may go while others are refused.
    pub(super) async fn delete_many(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        self.storage.bucket(&input.bucket)?;
        if input.delete.objects.is_empty() || input.delete.objects.len() > MAX_KEYS {
            return Err(super::malformed_xml());
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            let (key, version_id) = (object.key.clone(), object.version_id.clone());
            let bypass = input.bypass_governance_retention == Some(true);
            match self.delete_one(&caller, &input.bucket, object, bypass).await {
                Ok(done) if !quiet => deleted.push(done),
                Ok(_) => {}
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    key: Some(key),
                    version_id,
                }),
            }
        }
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..Default::default()
        }))
    }

    async fn delete_one(
        &self,
        caller: &Caller,
        bucket: &str,
        object: ObjectIdentifier,
        bypass: bool,
    ) -> S3Result<DeletedObject> {
        let ObjectIdentifier { key, version_id, e_tag, .. } = object;
        name::check_key(&key)?;
        name::check_version(version_id.as_deref())?;
        let mut extra: Vec<(&str, firmhold_iam::ContextValue)> = Vec::new();
        let action = match &version_id {
            Some(version) => {
                extra.push(("s3:VersionId", version.as_str().into()));
                "s3:DeleteObjectVersion"
            }
            None => "s3:DeleteObject",
        };
        self.gate.allow(caller, action, &object_arn(bucket, &key), bucket, &extra)?;
        if bypass {
            self.allow_bypass(caller, bucket, &key)?;
        }
        let condition = e_tag.map(|etag| Condition::Etag(Some(etag.value().to_owned())));
        let named = version_id.clone();
        let done = self.remove(bucket.to_owned(), key.clone(), version_id, condition, bypass).await?;
        Ok(DeletedObject {
            delete_marker: done.marker.then_some(true),
            delete_marker_version_id: done.version_id.filter(|_| done.marker),
            key: Some(key),
            version_id: named,
        })
    }

    async fn remove(
        &self,
        bucket: String,
        key: String,
        version: Option<String>,
        condition: Option<Condition>,
        bypass: bool,
    ) -> S3Result<Deleted> {
        let removed = self
            .storage
            .run(move |storage| {
                let (version, condition) = (version.as_deref(), condition.as_ref());
                match bypass {
                    true => storage.delete_past_governance(&bucket, &key, version, condition),
                    false => storage.delete_object(&bucket, &key, version, condition),
                }
            })
            .await?;
        Ok(removed)
    }

    /// `x-amz-bypass-governance-retention` needs leave of its own.
    fn allow_bypass(&self, caller: &Caller, bucket: &str, key: &str) -> S3Result<()> {
        self.gate.allow(caller, "s3:BypassGovernanceRetention", &object_arn(bucket, key), bucket, &[])
    }
}
