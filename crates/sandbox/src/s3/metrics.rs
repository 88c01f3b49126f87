//! Configurations of request metrics, by id. Without one CloudWatch has no figures of a bucket's requests (T27).

use s3s::dto::{
    DeleteBucketMetricsConfigurationInput, DeleteBucketMetricsConfigurationOutput,
    GetBucketMetricsConfigurationInput, GetBucketMetricsConfigurationOutput,
    ListBucketMetricsConfigurationsInput, ListBucketMetricsConfigurationsOutput, MetricsConfiguration,
    MetricsFilter, PutBucketMetricsConfigurationInput, PutBucketMetricsConfigurationOutput,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{S3Ops, error};

/// Configurations of one bucket.
const MAX_CONFIGURATIONS: usize = 1000;
const PAGE: usize = 100;
const MAX_ID: usize = 64;

impl S3Ops {
    pub(super) async fn read_metrics(
        &self,
        request: S3Request<GetBucketMetricsConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketMetricsConfigurationOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        let found = facts.metrics.get(&request.input.id).cloned().ok_or_else(no_such_configuration)?;
        Ok(S3Response::new(GetBucketMetricsConfigurationOutput { metrics_configuration: Some(found) }))
    }

    pub(super) async fn write_metrics(
        &self,
        request: S3Request<PutBucketMetricsConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketMetricsConfigurationOutput>> {
        let PutBucketMetricsConfigurationInput { bucket, id, metrics_configuration, .. } = request.input;
        check_id(&id)?;
        check(&id, &metrics_configuration)?;
        let facts = self.storage.bucket(&bucket)?;
        if facts.metrics.len() >= MAX_CONFIGURATIONS && !facts.metrics.contains_key(&id) {
            return Err(too_many());
        }
        self.configure(bucket, move |facts| {
            facts.metrics.insert(id, metrics_configuration);
        })
        .await?;
        Ok(S3Response::new(PutBucketMetricsConfigurationOutput::default()))
    }

    pub(super) async fn remove_metrics(
        &self,
        request: S3Request<DeleteBucketMetricsConfigurationInput>,
    ) -> S3Result<S3Response<DeleteBucketMetricsConfigurationOutput>> {
        let DeleteBucketMetricsConfigurationInput { bucket, id, .. } = request.input;
        if !self.storage.bucket(&bucket)?.metrics.contains_key(&id) {
            return Err(no_such_configuration());
        }
        self.configure(bucket, move |facts| {
            facts.metrics.remove(&id);
        })
        .await?;
        Ok(S3Response::new(DeleteBucketMetricsConfigurationOutput::default()))
    }

    pub(super) async fn list_metrics(
        &self,
        request: S3Request<ListBucketMetricsConfigurationsInput>,
    ) -> S3Result<S3Response<ListBucketMetricsConfigurationsOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        let after = request.input.continuation_token.clone().unwrap_or_default();
        let mut rest = facts.metrics.iter().filter(|(id, _)| **id > after);
        let page: Vec<_> = rest.by_ref().take(PAGE).collect();
        let next = page.last().filter(|_| rest.next().is_some()).map(|(id, _)| (*id).clone());
        Ok(S3Response::new(ListBucketMetricsConfigurationsOutput {
            continuation_token: request.input.continuation_token,
            is_truncated: Some(next.is_some()),
            metrics_configuration_list: Some(page.into_iter().map(|(_, one)| one.clone()).collect()),
            next_continuation_token: next,
        }))
    }
}

/// What several of S3's lists of configurations say of an id that they do not have.
pub(super) fn no_such_configuration() -> S3Error {
    error::custom(
        http::StatusCode::NOT_FOUND,
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    )
}

pub(super) fn too_many() -> S3Error {
    error::custom(
        http::StatusCode::BAD_REQUEST,
        "TooManyConfigurations",
        "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.",
    )
}

/// Up to 64 letters, digits, points, dashes and underscores.
pub(super) fn check_id(id: &str) -> S3Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match (1..=MAX_ID).contains(&id.len()) && id.chars().all(fits) {
        true => Ok(()),
        false => Err(error::custom(
            http::StatusCode::BAD_REQUEST,
            "InvalidConfigurationId",
            "The specified configuration id is invalid.",
        )),
    }
}

fn check(id: &str, configuration: &MetricsConfiguration) -> S3Result<()> {
    if configuration.id != id {
        return Err(s3_error!(InvalidArgument, "The id of the configuration is not that of the request"));
    }
    match &configuration.filter {
        Some(MetricsFilter::And(and)) => {
            let predicates = usize::from(and.prefix.is_some())
                + usize::from(and.access_point_arn.is_some())
                + and.tags.as_ref().map_or(0, Vec::len);
            if predicates < 2 { Err(super::malformed_xml()) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}
