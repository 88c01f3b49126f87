//! The `Principal` element of a statement
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>).

use crate::facts::Facts;
use crate::principal::is_account;
use crate::{Arn, Principal};

/// How closely a statement names the caller; what a grant is worth depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// By its account: the account's own policies decide who in it may.
    Account,
    /// By the role of the session: the role's boundary and the session's policy still limit it.
    Role,
    /// By its own ARN, or as anybody.
    Itself,
}

/// Whom a statement speaks of.
#[derive(Debug, Clone, Default)]
pub struct Principals {
    /// `*`: anybody, unsigned requests included.
    pub anybody: bool,
    pub named: Vec<Named>,
    /// Whether one is a name that we cannot tell a caller by, though AWS might.
    pub unclear: bool,
}

/// One principal of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// An account, as `arn:…:root` or as its bare number (then in any partition).
    Account {
        partition: Option<String>,
        account: String,
    },
    /// A user, role or role session.
    Identity(Principal),
    /// `AIDA…`, `AROA…`: what AWS makes of the ARN of an identity that was deleted.
    UniqueId(String),
    Service(String),
    Federated(String),
    /// Nobody whom [`Principal`] can be: a canonical user, a federated user, CloudFront's old origin identity, or
    /// an ARN with a wildcard, which AWS takes for plain text.
    Nobody,
}

impl Named {
    /// Reads a value of `Principal.AWS` other than `*`.
    pub fn aws(text: &str) -> Result<Self, String> {
        if is_account(text) {
            return Ok(Self::Account { partition: None, account: text.to_owned() });
        }
        if is_unique_id(text) {
            return Ok(Self::UniqueId(text.to_owned()));
        }
        match Principal::from_arn(text) {
            Ok(Principal::Root { partition, account }) => {
                Ok(Self::Account { partition: Some(partition), account })
            }
            Ok(identity) => Ok(Self::Identity(identity)),
            Err(_) if is_other_identity(text) => Ok(Self::Nobody),
            Err(error) => Err(error.to_string()),
        }
    }

    fn closeness(&self, facts: &Facts<'_>) -> Option<Closeness> {
        let principal = facts.principal;
        match (self, principal) {
            (Self::Account { partition, account }, _) => {
                let same_partition = match partition {
                    Some(partition) => principal.partition() == Some(partition),
                    None => true,
                };
                let same = principal.account() == Some(account) && same_partition;
                let closeness = match principal {
                    Principal::Root { .. } => Closeness::Itself,
                    _ => Closeness::Account,
                };
                same.then_some(closeness)
            }
            (Self::Identity(Principal::Role { .. }), Principal::Role { .. }) => {
                self.is(principal).then_some(Closeness::Role)
            }
            (
                Self::Identity(Principal::Role { partition, account, path, name }),
                Principal::RoleSession { partition: p, account: a, path: own, role, .. },
            ) => {
                // Where nobody said the path of the session's role, a name is unique in its account without it.
                let same_path = own.as_ref().is_none_or(|own| own == path);
                ((partition, account, name) == (p, a, role) && same_path).then_some(Closeness::Role)
            }
            (
                Self::Identity(Principal::RoleSession { partition, account, role, session, .. }),
                Principal::RoleSession { partition: p, account: a, role: r, session: s, .. },
            ) => ((partition, account, role, session) == (p, a, r, s)).then_some(Closeness::Itself),
            (Self::Identity(_), _) => self.is(principal).then_some(Closeness::Itself),
            (Self::UniqueId(id), _) => unique_id_closeness(id, facts),
            (Self::Service(name), Principal::Service(own)) => (name == own).then_some(Closeness::Itself),
            (Self::Federated(name), Principal::Federated(own)) => (name == own).then_some(Closeness::Itself),
            (Self::Service(_) | Self::Federated(_) | Self::Nobody, _) => None,
        }
    }

    fn is(&self, principal: &Principal) -> bool {
        matches!(self, Self::Identity(own) if own == principal)
    }
}

fn unique_id_closeness(id: &str, facts: &Facts<'_>) -> Option<Closeness> {
    let own = facts.user_id()?;
    match facts.principal {
        Principal::User { .. } => (own == id).then_some(Closeness::Itself),
        Principal::Role { .. } | Principal::RoleSession { .. } => {
            (own.split(':').next() == Some(id)).then_some(Closeness::Role)
        }
        _ => None,
    }
}

/// Whether a caller can have a unique id that begins so: `AIDA…` is a user's, `AROA…` a role's
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>).
fn can_have(principal: &Principal, id: &str) -> bool {
    match principal {
        Principal::User { .. } => !id.starts_with("AROA"),
        Principal::Role { .. } | Principal::RoleSession { .. } => !id.starts_with("AIDA"),
        _ => false,
    }
}

/// A federated user, CloudFront's old origin identity, or an IAM ARN with a wildcard in it.
fn is_other_identity(text: &str) -> bool {
    let Some(arn) = Arn::parse(text) else { return false };
    match arn.service {
        "sts" if arn.resource.starts_with("federated-user/") => is_account(arn.account),
        "iam" if arn.account == "cloudfront" => arn.resource.starts_with("user/"),
        "iam" | "sts" => text.contains(['*', '?']),
        _ => false,
    }
}

fn is_unique_id(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text.starts_with('A')
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

impl Principals {
    /// How closely the caller is named, if it is for certain.
    pub fn closeness(&self, facts: &Facts<'_>) -> Option<Closeness> {
        if self.anybody {
            return Some(Closeness::Itself);
        }
        self.named.iter().filter_map(|named| named.closeness(facts)).max()
    }

    /// Whether the caller may be one that is named by a unique id, where nobody said the caller's.
    pub fn may_name(&self, facts: &Facts<'_>) -> bool {
        let unknown = |named: &Named| match named {
            Named::UniqueId(id) => can_have(facts.principal, id) && facts.user_id().is_none(),
            _ => false,
        };
        self.named.iter().any(unknown)
    }

    /// Whether a `NotPrincipal` spares the caller.
    ///
    /// AWS wants every ARN of the caller listed there, its account's included, "otherwise, the policy might deny
    /// access to the entire account": a caller is spared only if all of them are
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>).
    pub fn spares(&self, facts: &Facts<'_>) -> bool {
        if self.anybody {
            return true;
        }
        let lists = |wanted| self.named.iter().any(|named| named.closeness(facts) == Some(wanted));
        match facts.principal {
            Principal::User { .. } => lists(Closeness::Itself) && lists(Closeness::Account),
            Principal::Role { .. } => lists(Closeness::Role) && lists(Closeness::Account),
            Principal::RoleSession { .. } => {
                lists(Closeness::Itself) && lists(Closeness::Role) && lists(Closeness::Account)
            }
            Principal::Root { .. } | Principal::Service(_) | Principal::Federated(_) => {
                lists(Closeness::Itself)
            }
            Principal::Anonymous => false,
        }
    }
}
