//! Transfer acceleration: the switch. The accelerated endpoint is none of the sandbox's.

use s3s::dto::{
    GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput,
    PutBucketAccelerateConfigurationInput, PutBucketAccelerateConfigurationOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::S3Ops;

impl S3Ops {
    pub(super) async fn read_acceleration(
        &self,
        request: S3Request<GetBucketAccelerateConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketAccelerateConfigurationOutput>> {
        let status = self.storage.bucket(&request.input.bucket)?.acceleration.clone();
        Ok(S3Response::new(GetBucketAccelerateConfigurationOutput {
            status: status.map(Into::into),
            ..Default::default()
        }))
    }

    pub(super) async fn write_acceleration(
        &self,
        request: S3Request<PutBucketAccelerateConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketAccelerateConfigurationOutput>> {
        let PutBucketAccelerateConfigurationInput { bucket, accelerate_configuration, .. } = request.input;
        // The name becomes a part of a host name that AWS's certificate has to fit.
        if bucket.contains('.') {
            return Err(s3_error!(
                InvalidRequest,
                "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
            ));
        }
        let status = accelerate_configuration.status.as_ref().map(|status| status.as_str().to_owned());
        let status = status.filter(|status| matches!(status.as_str(), "Enabled" | "Suspended"));
        let status = status.ok_or_else(super::malformed_xml)?;
        self.configure(bucket, move |facts| facts.acceleration = Some(status)).await?;
        Ok(S3Response::new(PutBucketAccelerateConfigurationOutput::default()))
    }
}
