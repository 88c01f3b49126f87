//! Configurations of INTELLIGENT_TIERING's archive tiers, by id. They are kept and answered; nothing here moves between
//! tiers.

use s3s::dto::{
    DeleteBucketIntelligentTieringConfigurationInput, DeleteBucketIntelligentTieringConfigurationOutput,
    GetBucketIntelligentTieringConfigurationInput, GetBucketIntelligentTieringConfigurationOutput,
    IntelligentTieringConfiguration, ListBucketIntelligentTieringConfigurationsInput,
    ListBucketIntelligentTieringConfigurationsOutput, PutBucketIntelligentTieringConfigurationInput,
    PutBucketIntelligentTieringConfigurationOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::S3Ops;
use super::metrics::{check_id, no_such_configuration, too_many};

const MAX_CONFIGURATIONS: usize = 1000;
const PAGE: usize = 100;
/// Days until a tier, at least and at most.
const TIERS: [(&str, i32, i32); 2] = [("ARCHIVE_ACCESS", 90, 730), ("DEEP_ARCHIVE_ACCESS", 180, 730)];

impl S3Ops {
    pub(super) async fn read_tiering(
        &self,
        request: S3Request<GetBucketIntelligentTieringConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketIntelligentTieringConfigurationOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        let found = facts.tiering.get(&request.input.id).cloned().ok_or_else(no_such_configuration)?;
        Ok(S3Response::new(GetBucketIntelligentTieringConfigurationOutput {
            intelligent_tiering_configuration: Some(found),
        }))
    }

    pub(super) async fn write_tiering(
        &self,
        request: S3Request<PutBucketIntelligentTieringConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketIntelligentTieringConfigurationOutput>> {
        let PutBucketIntelligentTieringConfigurationInput {
            bucket,
            id,
            intelligent_tiering_configuration,
            ..
        } = request.input;
        check_id(&id)?;
        check(&id, &intelligent_tiering_configuration)?;
        let facts = self.storage.bucket(&bucket)?;
        if facts.tiering.len() >= MAX_CONFIGURATIONS && !facts.tiering.contains_key(&id) {
            return Err(too_many());
        }
        self.configure(bucket, move |facts| {
            facts.tiering.insert(id, intelligent_tiering_configuration);
        })
        .await?;
        Ok(S3Response::new(PutBucketIntelligentTieringConfigurationOutput::default()))
    }

    pub(super) async fn remove_tiering(
        &self,
        request: S3Request<DeleteBucketIntelligentTieringConfigurationInput>,
    ) -> S3Result<S3Response<DeleteBucketIntelligentTieringConfigurationOutput>> {
        let DeleteBucketIntelligentTieringConfigurationInput { bucket, id, .. } = request.input;
        if !self.storage.bucket(&bucket)?.tiering.contains_key(&id) {
            return Err(no_such_configuration());
        }
        self.configure(bucket, move |facts| {
            facts.tiering.remove(&id);
        })
        .await?;
        Ok(S3Response::new(DeleteBucketIntelligentTieringConfigurationOutput::default()))
    }

    pub(super) async fn list_tiering(
        &self,
        request: S3Request<ListBucketIntelligentTieringConfigurationsInput>,
    ) -> S3Result<S3Response<ListBucketIntelligentTieringConfigurationsOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        let after = request.input.continuation_token.clone().unwrap_or_default();
        let mut rest = facts.tiering.iter().filter(|(id, _)| **id > after);
        let page: Vec<_> = rest.by_ref().take(PAGE).collect();
        let next = page.last().filter(|_| rest.next().is_some()).map(|(id, _)| (*id).clone());
        Ok(S3Response::new(ListBucketIntelligentTieringConfigurationsOutput {
            continuation_token: request.input.continuation_token,
            intelligent_tiering_configuration_list: Some(
                page.into_iter().map(|(_, one)| one.clone()).collect(),
            ),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next,
        }))
    }
}

fn check(id: &str, configuration: &IntelligentTieringConfiguration) -> S3Result<()> {
    if configuration.id != id {
        return Err(s3_error!(InvalidArgument, "The id of the configuration is not that of the request"));
    }
    if !matches!(configuration.status.as_str(), "Enabled" | "Disabled") || configuration.tierings.is_empty() {
        return Err(super::malformed_xml());
    }
    for tiering in &configuration.tierings {
        let tier = TIERS.iter().find(|(name, ..)| *name == tiering.access_tier.as_str());
        let (name, least, most) = tier.ok_or_else(super::malformed_xml)?;
        if !(*least..=*most).contains(&tiering.days) {
            return Err(s3_error!(
                InvalidArgument,
                "'Days' for AccessTier {name} must be between {least} and {most}"
            ));
        }
    }
    Ok(())
}
