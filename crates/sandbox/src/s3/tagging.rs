//! Object tags.

use firmhold_iam::ContextValue;
use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput,
};
use s3s::{S3Request, S3Response, S3Result};

use super::{S3Ops, name, tags};
use crate::authorize::object_arn;
use crate::caller::Caller;

impl S3Ops {
    pub(super) async fn read_tags(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        name::check_version(input.version_id.as_deref())?;
        let found = self.storage.find(&input.bucket, &input.key, input.version_id.as_deref());
        let (version, object) =
            found.map_err(|error| self.unfound(&caller, &input.bucket, &input.key, error))?;
        Ok(S3Response::new(GetObjectTaggingOutput {
            tag_set: tags::to_xml(&object.description.tags),
            version_id: self.answered_version(&input.bucket, &version.version_id)?,
        }))
    }

    pub(super) async fn write_tags(
        &self,
        request: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        let tags = tags::from_xml(input.tagging.tag_set, tags::OBJECT_LIMIT)?;
        self.may_tag(&caller, &input.bucket, &input.key, input.version_id.as_deref(), &tags)?;
        let version_id = self.set_tags(&caller, input.bucket, input.key, input.version_id, tags).await?;
        Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
    }

    pub(super) async fn remove_tags(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        let version_id =
            self.set_tags(&caller, input.bucket, input.key, input.version_id, Vec::new()).await?;
        Ok(S3Response::new(DeleteObjectTaggingOutput { version_id }))
    }

    /// Decides on writing these tags: they are condition keys, and so are the object's own.
    fn may_tag(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        tags: &[(String, String)],
    ) -> S3Result<()> {
        let asked = tags.iter().map(|(name, value)| (format!("s3:RequestObjectTag/{name}"), value.into()));
        let pairs: Vec<_> = asked.chain(self.existing_tags(bucket, key, version)).collect();
        let mut extra: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let names: Vec<String> = tags.iter().map(|(name, _)| name.clone()).collect();
        extra.push(("s3:RequestObjectTagKeys", names.into()));
        let action = match version {
            Some(version) => {
                extra.push(("s3:VersionId", version.into()));
                "s3:PutObjectVersionTagging"
            }
            None => "s3:PutObjectTagging",
        };
        self.gate.allow(caller, action, &object_arn(bucket, key), bucket, &extra)
    }

    /// The tags of an object as condition keys; none when there is no such object.
    pub(super) fn existing_tags(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Vec<(String, ContextValue)> {
        let tags = self.storage.object_tags(bucket, key, version);
        tags.into_iter().map(|(name, value)| (format!("s3:ExistingObjectTag/{name}"), value.into())).collect()
    }

    async fn set_tags(
        &self,
        caller: &Caller,
        bucket: String,
        key: String,
        version: Option<String>,
        tags: Vec<(String, String)>,
    ) -> S3Result<Option<String>> {
        name::check_version(version.as_deref())?;
        let (name, sought) = (bucket.clone(), key.clone());
        let changed = self
            .storage
            .run(move |storage| storage.set_object_tags(&bucket, &key, version.as_deref(), tags))
            .await;
        let changed = changed.map_err(|error| self.unfound(caller, &name, &sought, error))?;
        self.answered_version(&name, &changed.version_id)
    }
}
