//! Why a request is not who it says it is, in the words of each service: S3 and the query services differ.

use firmhold_core::Timestamp;

use crate::aws_error::AwsError;
use crate::service::{Protocol, Service};
use crate::sigv4::{Carrier, MAX_EXPIRES, Malformed};

/// A failed authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    /// A query service was asked without a signature.
    Unsigned,
    Malformed(Carrier, Malformed),
    /// Both an `Authorization` header and a signature in the query.
    TwoMechanisms,
    UnknownKey,
    BadToken,
    ExpiredToken,
    BadSignature,
    Skewed {
        signed_at: Timestamp,
        now: Timestamp,
    },
    /// A presigned URL from the future.
    NotYetValid,
    /// A presigned URL after its time.
    Expired {
        after: i64,
        at: Timestamp,
        now: Timestamp,
    },
    /// `x-amz-*` headers that the signature does not cover.
    HeadersNotSigned(Vec<String>),
}

impl AuthFailure {
    pub(crate) fn error(&self, service: Service) -> AwsError {
        match service.protocol() {
            Protocol::Rest => self.s3_error(),
            Protocol::Query { .. } | Protocol::Ec2 { .. } | Protocol::Cbor { .. } => self.query_error(),
            Protocol::Json { .. } | Protocol::RestJson => self.json_error(),
        }
    }

    /// The same as for a query service, under the names that services have who speak JSON; always 400.
    fn json_error(&self) -> AwsError {
        let error = self.query_error();
        let code = match error.code.as_str() {
            "InvalidClientTokenId" => "UnrecognizedClientException",
            "MissingAuthenticationToken" => "MissingAuthenticationTokenException",
            "IncompleteSignature" => "IncompleteSignatureException",
            "ExpiredToken" => "ExpiredTokenException",
            _ => "InvalidSignatureException",
        };
        AwsError::new(400, code, error.message)
    }

    fn s3_error(&self) -> AwsError {
        match self {
            Self::Unsigned => AwsError::new(403, "AccessDenied", "Access Denied"),
            Self::Malformed(carrier, malformed) => s3_malformed(*carrier, *malformed),
            Self::TwoMechanisms => AwsError::new(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
                 parameter or the Authorization header should be specified",
            ),
            Self::UnknownKey => AwsError::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Self::BadToken => {
                AwsError::new(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
            }
            Self::ExpiredToken => AwsError::new(400, "ExpiredToken", "The provided token has expired."),
            Self::BadSignature => bad_signature(),
            Self::Skewed { signed_at, now } => AwsError::new(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
            .detail("RequestTime", signed_at.to_string())
            .detail("ServerTime", now.to_string())
            .detail("MaxAllowedSkewMilliseconds", "900000"),
            Self::NotYetValid => AwsError::new(403, "AccessDenied", "Request is not valid yet"),
            Self::Expired { after, at, now } => AwsError::new(403, "AccessDenied", "Request has expired")
                .detail("X-Amz-Expires", after.to_string())
                .detail("Expires", at.to_string())
                .detail("ServerTime", now.to_string()),
            Self::HeadersNotSigned(names) => AwsError::new(
                403,
                "AccessDenied",
                "There were headers present in the request which were not signed",
            )
            .detail("HeadersNotSigned", names.join(", ")),
        }
    }

    fn query_error(&self) -> AwsError {
        match self {
            Self::Unsigned => {
                AwsError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
            }
            Self::Malformed(_, Malformed::Part(part)) => AwsError::new(
                400,
                "IncompleteSignature",
                format!("Authorization header requires a well-formed '{part}' parameter."),
            ),
            Self::Malformed(..) | Self::TwoMechanisms => {
                AwsError::new(400, "IncompleteSignature", "Unsupported or malformed AWS signature.")
            }
            Self::UnknownKey | Self::BadToken => AwsError::new(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            Self::ExpiredToken => {
                AwsError::new(403, "ExpiredToken", "The security token included in the request is expired")
            }
            Self::BadSignature | Self::HeadersNotSigned(_) => bad_signature(),
            Self::Skewed { signed_at, now } => {
                let relation =
                    if signed_at < now { "Signature expired" } else { "Signature not yet current" };
                AwsError::new(
                    403,
                    "SignatureDoesNotMatch",
                    format!("{relation}: {signed_at} is too far from {now} (15 min.)"),
                )
            }
            Self::NotYetValid => AwsError::new(403, "SignatureDoesNotMatch", "Signature not yet current"),
            Self::Expired { at, now, .. } => AwsError::new(
                403,
                "SignatureDoesNotMatch",
                format!("Signature expired: {at} is now earlier than {now}"),
            ),
        }
    }
}

fn bad_signature() -> AwsError {
    AwsError::new(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing \
         method.",
    )
}

fn s3_malformed(carrier: Carrier, malformed: Malformed) -> AwsError {
    let in_query = matches!(carrier, Carrier::Query { .. });
    match malformed {
        Malformed::Mechanism => AwsError::new(
            400,
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
        Malformed::ExpiresTooLong => AwsError::new(
            400,
            "AuthorizationQueryParametersError",
            format!("X-Amz-Expires must be less than a week (in seconds) that is {MAX_EXPIRES}"),
        ),
        Malformed::Expires => AwsError::new(
            400,
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be a number of seconds that is not negative",
        ),
        Malformed::Part(part) if in_query => AwsError::new(
            400,
            "AuthorizationQueryParametersError",
            format!("Error parsing the {part} parameter, or it is missing."),
        ),
        Malformed::Part(part) => AwsError::new(
            400,
            "AuthorizationHeaderMalformed",
            format!("The authorization header is malformed; {part} is missing or cannot be read."),
        ),
    }
}
