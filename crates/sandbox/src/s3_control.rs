//! S3 Control, as far as it speaks of a whole account: its public-access block
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_GetPublicAccessBlock.html>). It is signed for `s3` and
//! told apart by its path.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Deserialize;

use crate::account::Accounts;
use crate::authorize::{Ask, ask, refusal};
use crate::aws_error::AwsError;
use crate::caller::Caller;
use crate::query::internal_failure;
use crate::storage::record::PublicAccessBlock;
use crate::xml::Xml;

const PATH: &str = "/v20180820/configuration/publicAccessBlock";
pub(crate) const NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";

/// Whether a request is for S3 Control: no bucket has such a name.
pub(crate) fn is_for(parts: &Parts) -> bool {
    parts.uri.path().starts_with("/v20180820/")
}

/// The service.
pub(crate) struct S3Control {
    pub(crate) accounts: Accounts,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    #[serde(default)]
    block_public_acls: bool,
    #[serde(default)]
    ignore_public_acls: bool,
    #[serde(default)]
    block_public_policy: bool,
    #[serde(default)]
    restrict_public_buckets: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Get,
    Put,
    Delete,
}

impl Operation {
    /// Its name as CloudTrail has it: the API's own is that of the operation on a bucket, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GetAccountPublicAccessBlock",
            Self::Put => "PutAccountPublicAccessBlock",
            Self::Delete => "DeleteAccountPublicAccessBlock",
        }
    }

    /// To delete the block is to put none.
    fn action(self) -> &'static str {
        match self {
            Self::Get => "s3:GetAccountPublicAccessBlock",
            Self::Put | Self::Delete => "s3:PutAccountPublicAccessBlock",
        }
    }
}

/// The operation of a request: it is in its method and path.
pub(crate) fn operation(parts: &Parts) -> Result<Operation, AwsError> {
    if parts.uri.path() != PATH {
        return Err(AwsError::new(404, "NoSuchResource", "The specified resource does not exist."));
    }
    match parts.method {
        Method::GET => Ok(Operation::Get),
        Method::PUT => Ok(Operation::Put),
        Method::DELETE => Ok(Operation::Delete),
        _ => Err(AwsError::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )),
    }
}

impl S3Control {
    /// Answers one call whose signature has been checked.
    pub(crate) fn call(
        &self,
        operation: Operation,
        caller: &Caller,
        parts: &Parts,
        body: &[u8],
    ) -> Result<Response<Bytes>, AwsError> {
        let account = caller.account.as_deref().unwrap_or_default();
        let named = parts.headers.get("x-amz-account-id").and_then(|value| value.to_str().ok());
        if named != Some(account) || account.is_empty() {
            return Err(AwsError::new(403, "AccessDenied", "Access Denied"));
        }
        authorize(caller, account, operation.action())?;
        match operation {
            Operation::Get => self.read(account),
            Operation::Put => self.write(account, Some(parse(body)?), StatusCode::CREATED),
            Operation::Delete => self.write(account, None, StatusCode::NO_CONTENT),
        }
    }

    fn read(&self, account: &str) -> Result<Response<Bytes>, AwsError> {
        let block = self.accounts.public_access_block(account).ok_or_else(|| {
            AwsError::new(
                404,
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
            )
        })?;
        let switches = [
            ("BlockPublicAcls", block.block_public_acls),
            ("IgnorePublicAcls", block.ignore_public_acls),
            ("BlockPublicPolicy", block.block_public_policy),
            ("RestrictPublicBuckets", block.restrict_public_buckets),
        ];
        let mut xml = Xml::document();
        xml.open_in("PublicAccessBlockConfiguration", NAMESPACE);
        for (name, on) in switches {
            xml.text(name, if on { "true" } else { "false" });
        }
        xml.close("PublicAccessBlockConfiguration");
        let mut response = Response::new(xml.into_bytes());
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        Ok(response)
    }

    fn write(
        &self,
        account: &str,
        block: Option<PublicAccessBlock>,
        status: StatusCode,
    ) -> Result<Response<Bytes>, AwsError> {
        self.accounts.change(|state| {
            let account = state.accounts.get_mut(account).ok_or_else(internal_failure)?;
            account.public_access_block = block;
            Ok::<(), AwsError>(())
        })?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        Ok(response)
    }
}

fn parse(body: &[u8]) -> Result<PublicAccessBlock, AwsError> {
    let text = std::str::from_utf8(body).ok();
    let read = text.and_then(|text| quick_xml::de::from_str::<Configuration>(text).ok());
    let read = read.ok_or_else(|| {
        AwsError::new(
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    })?;
    Ok(PublicAccessBlock {
        block_public_acls: read.block_public_acls,
        ignore_public_acls: read.ignore_public_acls,
        block_public_policy: read.block_public_policy,
        restrict_public_buckets: read.restrict_public_buckets,
    })
}

fn authorize(caller: &Caller, account: &str, action: &str) -> Result<(), AwsError> {
    let question = Ask {
        action,
        resource: "*",
        resource_account: Some(account),
        resource_policy: None,
        trust: None,
        context: &[],
    };
    let decision = ask(caller, &question).map_err(|error| {
        tracing::error!(%error, "a stored policy cannot be read");
        internal_failure()
    })?;
    match decision.is_allowed() {
        true => Ok(()),
        false => Err(AwsError::new(403, "AccessDenied", refusal(caller, action, "*", &decision))),
    }
}
