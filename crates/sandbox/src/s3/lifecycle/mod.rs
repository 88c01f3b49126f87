//! The lifecycle configuration on the wire. What its rules do is in [`crate::lifecycle`].

mod validate;

use s3s::dto::{
    DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput, GetBucketLifecycleConfigurationInput,
    GetBucketLifecycleConfigurationOutput, PutBucketLifecycleConfigurationInput,
    PutBucketLifecycleConfigurationOutput, TransitionDefaultMinimumObjectSize,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::S3Ops;

const MINIMUM_SIZES: [&str; 2] = [
    TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K,
    TransitionDefaultMinimumObjectSize::VARIES_BY_STORAGE_CLASS,
];

impl S3Ops {
    pub(super) async fn read_lifecycle(
        &self,
        request: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        let lifecycle = facts.lifecycle.clone().ok_or_else(|| {
            s3_error!(NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist")
        })?;
        let minimum = facts.lifecycle_minimum_size.clone().unwrap_or_else(|| MINIMUM_SIZES[0].to_owned());
        Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
            rules: Some(lifecycle.rules),
            transition_default_minimum_object_size: Some(minimum.into()),
        }))
    }

    pub(super) async fn write_lifecycle(
        &self,
        request: S3Request<PutBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
        let input = request.input;
        let mut lifecycle = input.lifecycle_configuration.ok_or_else(super::malformed_xml)?;
        validate::validate(&mut lifecycle)?;
        let minimum = input.transition_default_minimum_object_size;
        let minimum = minimum.map_or_else(|| MINIMUM_SIZES[0].to_owned(), |size| size.as_str().to_owned());
        if !MINIMUM_SIZES.contains(&minimum.as_str()) {
            return Err(s3_error!(
                InvalidRequest,
                "Invalid TransitionDefaultMinimumObjectSize found in the request"
            ));
        }
        let answered = minimum.clone();
        self.configure(input.bucket, move |facts| {
            facts.lifecycle = Some(lifecycle);
            facts.lifecycle_minimum_size = Some(minimum);
        })
        .await?;
        Ok(S3Response::new(PutBucketLifecycleConfigurationOutput {
            transition_default_minimum_object_size: Some(answered.into()),
        }))
    }

    pub(super) async fn remove_lifecycle(
        &self,
        request: S3Request<DeleteBucketLifecycleInput>,
    ) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
        self.configure(request.input.bucket, |facts| {
            facts.lifecycle = None;
            facts.lifecycle_minimum_size = None;
        })
        .await?;
        Ok(S3Response::new(DeleteBucketLifecycleOutput::default()))
    }
}
