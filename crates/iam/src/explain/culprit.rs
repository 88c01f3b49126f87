//! Which type of policy refused.

use serde::Serialize;

use super::text::Read;

/// What refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Culprit {
    /// A policy of the user or role.
    Identity,
    /// The policy of the resource, e.g. the bucket policy.
    Resource,
    /// A role's trust policy.
    Trust,
    /// The permissions boundary of the user or role.
    Boundary,
    /// The session policy.
    Session,
    /// A service control policy of the caller's organization.
    ServiceControl,
    /// A resource control policy of the resource's organization.
    ResourceControl,
    /// The policy of a VPC endpoint.
    VpcEndpoint,
    /// The policy of a KMS key, or a grant that is missing.
    Key,
    /// S3 Block Public Access.
    PublicAccessBlock,
    /// No policy: the link's time is over.
    ExpiredLink,
    /// No policy: the credentials' time is over, or they are none.
    Credentials,
    /// A message that AWS has encoded.
    Encoded,
    /// The text does not say.
    Unknown,
}

/// The type and whether a statement denied.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    pub culprit: Culprit,
    pub explicit: Option<bool>,
}

/// The words for each type, the longer ones before those that they contain.
const TYPES: [(&str, Culprit); 12] = [
    ("resource control polic", Culprit::ResourceControl),
    ("service control polic", Culprit::ServiceControl),
    ("vpc endpoint polic", Culprit::VpcEndpoint),
    ("vpc endpoint", Culprit::VpcEndpoint),
    ("permissions boundar", Culprit::Boundary),
    ("permission boundar", Culprit::Boundary),
    ("session polic", Culprit::Session),
    ("trust polic", Culprit::Trust),
    ("assume role polic", Culprit::Trust),
    ("resource-based polic", Culprit::Resource),
    ("resource policy", Culprit::Resource),
    ("identity-based polic", Culprit::Identity),
];

pub fn of(read: &Read) -> Verdict {
    let text = read.lower.as_str();
    let verdict = |culprit, explicit| Verdict { culprit, explicit };
    if text.contains("encoded authorization failure message") {
        return verdict(Culprit::Encoded, None);
    }
    if text.contains("request has expired") {
        return verdict(Culprit::ExpiredLink, None);
    }
    if ["expiredtoken", "invalidaccesskeyid", "security token included in the request is"]
        .iter()
        .any(|it| text.contains(it))
    {
        return verdict(Culprit::Credentials, None);
    }
    if text.contains("block public access")
        || text.contains("blockpublic")
        || text.contains("restrictpublicbuckets")
    {
        return verdict(Culprit::PublicAccessBlock, None);
    }
    let denied = text.find("explicit deny in");
    let missing = text.find("because no ");
    let explicit = denied.is_some().then_some(true).or_else(|| missing.is_some().then_some(false));
    let tail = denied.or(missing).and_then(|at| text.get(at..)).unwrap_or_default();
    // KMS does not tell a missing key from a forbidden one.
    if tail.is_empty()
        && (text.contains("ciphertext refers to") || text.contains("associated with this ciphertext"))
    {
        return verdict(Culprit::Key, None);
    }
    match TYPES.iter().find(|(words, _)| tail.contains(words)) {
        Some((_, Culprit::Resource)) if is_kms(read) => verdict(Culprit::Key, explicit),
        Some((_, culprit)) => verdict(*culprit, explicit),
        None => verdict(Culprit::Unknown, explicit),
    }
}

fn is_kms(read: &Read) -> bool {
    read.action.as_deref().is_some_and(|action| action.starts_with("kms:"))
}

impl Culprit {
    /// How AWS calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::VpcEndpoint => "VPC endpoint policy",
            Self::Key => "key policy",
            Self::PublicAccessBlock => "Block Public Access",
            Self::ExpiredLink => "the link's expiry",
            Self::Credentials => "the credentials",
            Self::Encoded => "an encoded message",
            Self::Unknown => "not said",
        }
    }

    /// Who can change it.
    pub fn who(self) -> &'static str {
        match self {
            Self::Identity => "whoever manages the role in the account that the role is in",
            Self::Resource => "the owner of the resource, e.g. of the bucket",
            Self::Trust => "whoever manages the role that is to be assumed",
            Self::Boundary => "whoever set the boundary: the account's administrator",
            Self::Session => "whoever assumed the role with it: of a backend's role, the platform",
            Self::ServiceControl => {
                "the administrator of the caller's AWS organization, in its management account"
            }
            Self::ResourceControl => {
                "the administrator of the resource's AWS organization, in its management account"
            }
            Self::VpcEndpoint => "whoever runs the network that the request came through",
            Self::Key => "the owner of the KMS key",
            Self::PublicAccessBlock => "the owner of the bucket, who should leave it on",
            Self::ExpiredLink | Self::Credentials => "nobody: ask for a new one",
            Self::Encoded => "whoever may call sts:DecodeAuthorizationMessage in that account",
            Self::Unknown => "not known yet",
        }
    }
}

/// What happened, in a sentence or two.
pub fn meaning(read: &Read, verdict: Verdict) -> String {
    let action = read.action.as_deref().unwrap_or("the request");
    let name = verdict.culprit.name();
    match (verdict.culprit, verdict.explicit) {
        (Culprit::Encoded, _) => "AWS has encoded the reason. `aws sts decode-authorization-message --encoded-message …` \
             shows it to whoever may call it."
            .to_owned(),
        (Culprit::ExpiredLink, _) => {
            "The presigned link's time is over, or the session that signed it has ended: a link dies with its session. \
             No policy is at fault."
                .to_owned()
        }
        (Culprit::Credentials, _) => "The credentials have expired or are not known. No policy is at fault.".to_owned(),
        (Culprit::PublicAccessBlock, _) => "Block Public Access refuses what would make the bucket public. A policy or \
             an ACL that names everybody does; the setting is right."
            .to_owned(),
        (Culprit::Key, None) => "KMS refused, and does not say whether the key is missing, in another region, or \
             forbidden to the caller: by the key's policy, or for want of kms:Decrypt or kms:GenerateDataKey in the \
             caller's own."
            .to_owned(),
        (Culprit::Unknown, Some(true)) => format!("A statement denies {action}; the text ends before it says where."),
        (Culprit::Unknown, Some(false)) => format!("Nothing allows {action}; the text ends before it says where."),
        (Culprit::Unknown, None) => "AWS does not say which policy refused: S3 does so for requests of other accounts \
             and for unsigned ones, and wherever an object may not be there and the caller may not list the bucket."
            .to_owned(),
        (_, Some(true)) => {
            format!("A statement in a {name} denies {action}. No Allow anywhere overrides it: that statement must change.")
        }
        (Culprit::ServiceControl | Culprit::ResourceControl | Culprit::VpcEndpoint, _) => {
            format!("No {name} allows {action}: whatever the account's own policies say, this one must allow it too.")
        }
        (Culprit::Boundary | Culprit::Session, _) => {
            format!("The {name} does not allow {action}. It grants nothing itself, but what it leaves out is denied.")
        }
        (_, _) => format!("No {name} allows {action}."),
    }
}
