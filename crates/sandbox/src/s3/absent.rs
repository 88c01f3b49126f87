//! Reads of what a bucket here never has, so that a client that looks gets AWS's answer for "not configured".

use s3s::dto::{
    GetBucketAclInput, GetBucketAclOutput, GetBucketCorsInput, GetBucketCorsOutput,
    GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput, GetBucketWebsiteInput,
    GetBucketWebsiteOutput, GetObjectAclInput, GetObjectAclOutput, Grant, Grantee, Owner, Payer, Permission,
    Type,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{S3Ops, listing, name};

impl S3Ops {
    pub(super) async fn no_cors(
        &self,
        request: S3Request<GetBucketCorsInput>,
    ) -> S3Result<S3Response<GetBucketCorsOutput>> {
        self.storage.bucket(&request.input.bucket)?;
        Err(s3_error!(NoSuchCORSConfiguration, "The CORS configuration does not exist"))
    }

    pub(super) async fn no_website(
        &self,
        request: S3Request<GetBucketWebsiteInput>,
    ) -> S3Result<S3Response<GetBucketWebsiteOutput>> {
        self.storage.bucket(&request.input.bucket)?;
        Err(s3_error!(
            NoSuchWebsiteConfiguration,
            "The specified bucket does not have a website configuration"
        ))
    }

    pub(super) async fn owner_pays(
        &self,
        request: S3Request<GetBucketRequestPaymentInput>,
    ) -> S3Result<S3Response<GetBucketRequestPaymentOutput>> {
        self.storage.bucket(&request.input.bucket)?;
        Ok(S3Response::new(GetBucketRequestPaymentOutput {
            payer: Some(Payer::from_static(Payer::BUCKET_OWNER)),
        }))
    }

    pub(super) async fn owners_bucket_acl(
        &self,
        request: S3Request<GetBucketAclInput>,
    ) -> S3Result<S3Response<GetBucketAclOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        Ok(S3Response::new(GetBucketAclOutput {
            grants: Some(vec![full_control(&facts.owner_account)]),
            owner: Some(listing::owner(&facts)),
        }))
    }

    pub(super) async fn owners_object_acl(
        &self,
        request: S3Request<GetObjectAclInput>,
    ) -> S3Result<S3Response<GetObjectAclOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        let facts = self.storage.bucket(&input.bucket)?;
        let found = self.storage.find(&input.bucket, &input.key, input.version_id.as_deref());
        found.map_err(|error| self.unfound(&caller, &input.bucket, &input.key, error))?;
        let owner: Owner = listing::owner(&facts);
        Ok(S3Response::new(GetObjectAclOutput {
            grants: Some(vec![full_control(&facts.owner_account)]),
            owner: Some(owner),
            ..Default::default()
        }))
    }
}

fn full_control(account: &str) -> Grant {
    Grant {
        grantee: Some(Grantee {
            display_name: None,
            email_address: None,
            id: Some(name::canonical_id(account)),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }
}
