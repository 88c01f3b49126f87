//! Who makes a request.

use std::fmt;

use crate::arn::Arn;

/// The caller of a request, as AWS has authenticated it.
///
/// ```
/// use firmhold_iam::Principal;
///
/// let session = Principal::from_arn("arn:aws:sts::111122223333:assumed-role/Firmware/ci")?;
/// assert_eq!(session.account(), Some("111122223333"));
/// // What a policy sees as `aws:PrincipalArn` is the role, and a session's ARN does not tell the role's path.
/// let session = session.with_role_path("/build/");
/// assert_eq!(session.principal_arn().as_deref(), Some("arn:aws:iam::111122223333:role/build/Firmware"));
/// # Ok::<(), firmhold_iam::PrincipalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// An unsigned request.
    Anonymous,
    /// The root user of an account.
    Root {
        /// `aws`, `aws-cn` or `aws-us-gov`.
        partition: String,
        /// Twelve digits.
        account: String,
    },
    /// An IAM user.
    User {
        /// `aws`, `aws-cn` or `aws-us-gov`.
        partition: String,
        /// Twelve digits.
        account: String,
        /// `/` or `/division/team/`.
        path: String,
        /// The name, without its path.
        name: String,
    },
    /// A role itself. AWS never sees one making a request (a session does); a simulation may ask for it.
    Role {
        /// `aws`, `aws-cn` or `aws-us-gov`.
        partition: String,
        /// Twelve digits.
        account: String,
        /// `/` or `/division/team/`.
        path: String,
        /// The name, without its path.
        name: String,
    },
    /// A session of an assumed role.
    RoleSession {
        /// `aws`, `aws-cn` or `aws-us-gov`.
        partition: String,
        /// Twelve digits.
        account: String,
        /// The role's path, which the ARN of a session does not tell: set it where it is known. While it is not, a
        /// Deny of roles below some path applies, and an Allow does not.
        path: Option<String>,
        /// The role's name.
        role: String,
        /// The session's name.
        session: String,
    },
    /// An AWS service, e.g. `cloudfront.amazonaws.com`.
    Service(String),
    /// An identity of an external provider: the provider's ARN or host, as `Principal.Federated` has it.
    Federated(String),
}

/// Text that is not the ARN of a principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{arn:?} is not the ARN of a principal: {reason}")]
pub struct PrincipalError {
    /// What was given.
    pub arn: String,
    /// Why it is none.
    pub reason: &'static str,
}

impl Principal {
    /// Reads `arn:P:iam::A:root`, `…:user/PATH/NAME`, `…:role/PATH/NAME` or
    /// `arn:P:sts::A:assumed-role/ROLE/SESSION`.
    ///
    /// # Errors
    /// Any other text.
    pub fn from_arn(arn: &str) -> Result<Self, PrincipalError> {
        let wrong = |reason| PrincipalError { arn: arn.to_owned(), reason };
        let parsed = Arn::parse(arn).ok_or_else(|| wrong("not an ARN"))?;
        if !is_account(parsed.account) {
            return Err(wrong("the account is not twelve digits"));
        }
        if !parsed.region.is_empty() {
            return Err(wrong("an IAM ARN has no region"));
        }
        if parsed.partition.is_empty() || parsed.partition.contains(['*', '?']) {
            return Err(wrong("no partition"));
        }
        let (partition, account) = (parsed.partition.to_owned(), parsed.account.to_owned());
        match (parsed.service, parsed.resource.split_once('/')) {
            ("iam", None) if parsed.resource == "root" => Ok(Self::Root { partition, account }),
            ("iam", Some(("user", rest))) => {
                let (path, name) = path_and_name(rest).ok_or_else(|| wrong("no user name"))?;
                Ok(Self::User { partition, account, path, name })
            }
            ("iam", Some(("role", rest))) => {
                let (path, name) = path_and_name(rest).ok_or_else(|| wrong("no role name"))?;
                Ok(Self::Role { partition, account, path, name })
            }
            ("sts", Some(("assumed-role", rest))) => match rest.split_once('/') {
                Some((role, session)) if is_name(role) && is_name(session) => Ok(Self::RoleSession {
                    partition,
                    account,
                    path: None,
                    role: role.to_owned(),
                    session: session.to_owned(),
                }),
                _ => Err(wrong("a session is assumed-role/ROLE/SESSION")),
            },
            _ => Err(wrong("neither root, user, role nor assumed-role")),
        }
    }

    /// The same session with its role's path, e.g. `/service/`. Other principals are left as they are.
    #[must_use]
    pub fn with_role_path(mut self, role_path: &str) -> Self {
        if let Self::RoleSession { path, .. } = &mut self {
            *path = Some(role_path.to_owned());
        }
        self
    }

    /// The account of the caller, if it has one.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root { account, .. }
            | Self::User { account, .. }
            | Self::Role { account, .. }
            | Self::RoleSession { account, .. } => Some(account),
            Self::Anonymous | Self::Service(_) | Self::Federated(_) => None,
        }
    }

    /// The partition of the caller, if it has one.
    pub fn partition(&self) -> Option<&str> {
        match self {
            Self::Root { partition, .. }
            | Self::User { partition, .. }
            | Self::Role { partition, .. }
            | Self::RoleSession { partition, .. } => Some(partition),
            Self::Anonymous | Self::Service(_) | Self::Federated(_) => None,
        }
    }

    /// The caller's own ARN: of a session the session's, `arn:P:sts::A:assumed-role/ROLE/SESSION`.
    pub fn arn(&self) -> Option<String> {
        match self {
            Self::Root { partition, account } => Some(format!("arn:{partition}:iam::{account}:root")),
            Self::User { partition, account, path, name } => {
                Some(format!("arn:{partition}:iam::{account}:user{path}{name}"))
            }
            Self::Role { partition, account, path, name } => {
                Some(format!("arn:{partition}:iam::{account}:role{path}{name}"))
            }
            Self::RoleSession { partition, account, role, session, .. } => {
                Some(format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}"))
            }
            Self::Anonymous | Self::Service(_) | Self::Federated(_) => None,
        }
    }

    /// What AWS puts into `aws:PrincipalArn`: of a session the ARN of its *role*
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn>).
    pub fn principal_arn(&self) -> Option<String> {
        self.role_arn().or_else(|| self.arn())
    }

    /// The ARN of the role, for a role or a session of one; of a session whose role's path is not known, as if it had
    /// none.
    pub fn role_arn(&self) -> Option<String> {
        match self {
            Self::Role { partition, account, path, name } => {
                Some(format!("arn:{partition}:iam::{account}:role{path}{name}"))
            }
            Self::RoleSession { partition, account, path, role, .. } => {
                let path = path.as_deref().unwrap_or("/");
                Some(format!("arn:{partition}:iam::{account}:role{path}{role}"))
            }
            _ => None,
        }
    }

    /// Whether it is a role that an AWS service made for itself, or a session of one; only the role's path tells.
    pub fn is_service_linked_role(&self) -> bool {
        match self {
            Self::Role { path, .. } | Self::RoleSession { path: Some(path), .. } => {
                path.starts_with("/aws-service-role/")
            }
            _ => false,
        }
    }

    /// What AWS puts into `aws:PrincipalType`.
    pub fn principal_type(&self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::Root { .. } => "Account",
            Self::User { .. } => "User",
            Self::Role { .. } | Self::RoleSession { .. } => "AssumedRole",
            Self::Service(_) => "Service",
            Self::Federated(_) => "FederatedUser",
        }
    }
}

/// The ARN, or what stands in its place in AWS's messages.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Service(name) | Self::Federated(name) => f.write_str(name),
            _ => f.write_str(&self.arn().unwrap_or_default()),
        }
    }
}

/// Twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name of a user, role or session: what IAM takes, so no wildcard, colon or slash.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
}

/// `division/team/name` as (`/division/team/`, `name`).
fn path_and_name(rest: &str) -> Option<(String, String)> {
    let (path, name) = match rest.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), rest),
    };
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'?' | b':'));
    (is_name(name) && plain).then(|| (path, name.to_owned()))
}
