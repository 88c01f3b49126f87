//! The bucket policy on the wire.

use firmhold_iam::{Policy, PolicyKind};
use s3s::dto::{
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus, PutBucketPolicyInput,
    PutBucketPolicyOutput,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use serde_json::Value;

use super::S3Ops;
use super::public::is_public;
use crate::authorize::bucket_arn;

/// A bucket policy has at most so many bytes (20 KiB).
const MAX_POLICY: usize = 20 * 1024;

impl S3Ops {
    pub(super) async fn write_policy(
        &self,
        request: S3Request<PutBucketPolicyInput>,
    ) -> S3Result<S3Response<PutBucketPolicyOutput>> {
        let caller = super::caller(&request)?;
        let PutBucketPolicyInput { bucket, policy, .. } = request.input;
        let facts = self.storage.bucket(&bucket)?;
        check(&bucket, &policy)?;
        if self.gate.block_of(&facts).block_public_policy && is_public(&policy) {
            return Err(s3_error!(
                AccessDenied,
                "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"{}\" because public \
                 policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
                caller.name(),
                bucket_arn(&bucket)
            ));
        }
        self.configure(bucket, |facts| facts.policy = Some(policy)).await?;
        Ok(S3Response::new(PutBucketPolicyOutput::default()))
    }

    pub(super) async fn read_policy(
        &self,
        request: S3Request<GetBucketPolicyInput>,
    ) -> S3Result<S3Response<GetBucketPolicyOutput>> {
        let policy = self.storage.bucket(&request.input.bucket)?.policy.clone();
        let policy = policy.ok_or_else(no_policy)?;
        Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(policy) }))
    }

    pub(super) async fn read_policy_status(
        &self,
        request: S3Request<GetBucketPolicyStatusInput>,
    ) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
        let policy = self.storage.bucket(&request.input.bucket)?.policy.clone();
        let is_public = is_public(&policy.ok_or_else(no_policy)?);
        Ok(S3Response::new(GetBucketPolicyStatusOutput {
            policy_status: Some(PolicyStatus { is_public: Some(is_public) }),
        }))
    }

    pub(super) async fn remove_policy(
        &self,
        request: S3Request<DeleteBucketPolicyInput>,
    ) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
        self.configure(request.input.bucket, |facts| facts.policy = None).await?;
        Ok(S3Response::new(DeleteBucketPolicyOutput::default()))
    }
}

fn no_policy() -> S3Error {
    s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist")
}

/// A document that AWS would take for this bucket.
fn check(bucket: &str, policy: &str) -> S3Result<()> {
    if policy.len() > MAX_POLICY {
        return Err(s3_error!(MalformedPolicy, "Policy exceeds the maximum allowed document size."));
    }
    Policy::parse("bucket-policy", policy, PolicyKind::Resource)
        .map_err(|error| s3_error!(MalformedPolicy, "{}", error.message))?;
    let document: Value = serde_json::from_str(policy).map_err(|_| {
        s3_error!(MalformedPolicy, "Policies must be valid JSON and the first byte must be '{{'")
    })?;
    let statements = document.get("Statement").map(many).unwrap_or_default();
    for statement in statements {
        let resources = statement.get("Resource").or_else(|| statement.get("NotResource"));
        let own = |resource: &Value| resource.as_str().is_some_and(|arn| names(bucket, arn));
        if !resources.map(many).unwrap_or_default().into_iter().all(own) {
            return Err(s3_error!(MalformedPolicy, "Policy has invalid resource"));
        }
        let actions = statement.get("Action").or_else(|| statement.get("NotAction"));
        let of_s3 = |action: &Value| {
            action.as_str().is_some_and(|name| name == "*" || name.to_ascii_lowercase().starts_with("s3:"))
        };
        if !actions.map(many).unwrap_or_default().into_iter().all(of_s3) {
            return Err(s3_error!(MalformedPolicy, "Policy has invalid action"));
        }
    }
    Ok(())
}

/// Whether a resource of the policy is this bucket or something in it.
fn names(bucket: &str, arn: &str) -> bool {
    let own = bucket_arn(bucket);
    arn == own || arn.strip_prefix(&own).is_some_and(|rest| rest.starts_with('/') || rest == "*")
}

fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        single => vec![single],
    }
}
