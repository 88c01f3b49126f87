//! The services that the sandbox has. The one of a request is in its credential scope.

use http::request::Parts;

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Sts,
    Iam,
    Kms,
    CloudWatch,
    Sns,
    Events,
    CloudTrail,
    Organizations,
    GuardDuty,
    Config,
    Ec2,
    Budgets,
}

/// What CloudWatch calls itself in its protocols.
const CLOUDWATCH: &str = "GraniteServiceVersion20100801";

/// How a service is spoken to (<https://smithy.io/2.0/aws/protocols/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// S3's own.
    Rest,
    /// A form in, XML out. The namespace is that of the XML.
    Query { namespace: &'static str },
    /// A form in, and EC2's XML out.
    Ec2 { namespace: &'static str },
    /// JSON; the action is in the method and the path.
    RestJson,
    /// JSON 1.1; the action is in `X-Amz-Target`, behind this name and a dot.
    Json { target: &'static str },
    /// Smithy's RPC v2 with CBOR; the action is in the path, behind this name.
    Cbor { target: &'static str },
}

impl Service {
    const ALL: [Self; 13] = [
        Self::S3,
        Self::Sts,
        Self::Iam,
        Self::Kms,
        Self::CloudWatch,
        Self::Sns,
        Self::Events,
        Self::CloudTrail,
        Self::Organizations,
        Self::GuardDuty,
        Self::Config,
        Self::Ec2,
        Self::Budgets,
    ];

    /// By its name in a credential scope.
    pub(crate) fn of_scope(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// Its name in a credential scope, which is that of its event source, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::CloudWatch => "monitoring",
            Self::Sns => "sns",
            Self::Events => "events",
            Self::CloudTrail => "cloudtrail",
            Self::Organizations => "organizations",
            Self::GuardDuty => "guardduty",
            Self::Config => "config",
            Self::Ec2 => "ec2",
            Self::Budgets => "budgets",
        }
    }

    /// What its actions start with in policies.
    pub(crate) fn action_prefix(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch",
            other => other.name(),
        }
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::S3 => Protocol::Rest,
            Self::Sts => Protocol::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
            Self::Iam => Protocol::Query { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
            Self::Sns => Protocol::Query { namespace: "http://sns.amazonaws.com/doc/2010-03-31/" },
            Self::Kms => Protocol::Json { target: "TrentService" },
            Self::Events => Protocol::Json { target: "AWSEvents" },
            Self::CloudTrail => Protocol::Json { target: "CloudTrail_20131101" },
            Self::Organizations => Protocol::Json { target: "AWSOrganizationsV20161128" },
            Self::Config => Protocol::Json { target: "StarlingDoveService" },
            Self::Budgets => Protocol::Json { target: "AWSBudgetServiceGateway" },
            Self::GuardDuty => Protocol::RestJson,
            Self::Ec2 => Protocol::Ec2 { namespace: "http://ec2.amazonaws.com/doc/2016-11-15/" },
            Self::CloudWatch => Protocol::Cbor { target: CLOUDWATCH },
        }
    }

    /// The protocol that a request speaks: SDKs speak CBOR to CloudWatch, and the AWS CLI speaks JSON.
    pub(crate) fn protocol_of(self, parts: &Parts) -> Protocol {
        match self {
            Self::CloudWatch if parts.headers.contains_key("x-amz-target") => {
                Protocol::Json { target: CLOUDWATCH }
            }
            _ => self.protocol(),
        }
    }

    /// The namespace of its XML; empty where it has none.
    pub(crate) fn namespace(self) -> &'static str {
        match self.protocol() {
            Protocol::Query { namespace } => namespace,
            _ => "",
        }
    }
}
