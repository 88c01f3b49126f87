//! The organization as a test makes and changes it.

use firmhold_iam::{Policy, PolicyError};

use super::control::policy_kind;
use super::state::{ControlKind, ControlPolicy, FULL_ACCESS, OrganizationState, Unit};
use crate::account::{Accounts, AccountsError};
use crate::ids;

/// Why the organization cannot be changed so.
#[derive(Debug, thiserror::Error)]
pub enum OrganizationError {
    /// There is none.
    #[error("the accounts are in no organization: create one first")]
    NotInUse,
    /// There is one.
    #[error("there is an organization already")]
    InUse,
    /// No such root, unit or account in it.
    #[error("the organization has no {0}")]
    NoSuchTarget(String),
    /// No such policy in it.
    #[error("the organization has no policy {0}")]
    NoSuchPolicy(String),
    /// The document is not one of its kind.
    #[error("not a control policy: {0}")]
    Policy(#[from] PolicyError),
    /// The accounts cannot be written.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}

/// The organization over a sandbox's accounts. What is changed here has a say from the next request on.
#[derive(Debug)]
pub struct Organization<'a> {
    pub(crate) accounts: &'a Accounts,
}

type Result<T> = std::result::Result<T, OrganizationError>;

impl Organization<'_> {
    /// Makes one of these accounts, which need not be the sandbox's; answers its id, `o-…`. Everything is allowed
    /// everywhere at first.
    ///
    /// # Errors
    /// [`OrganizationError::InUse`].
    pub fn create(&self, management_account: &str, members: &[&str]) -> Result<String> {
        let id = new_id("o-")?;
        let state = OrganizationState::new(id.clone(), new_id("r-")?, management_account, members);
        self.accounts.change(|accounts| match accounts.organization {
            Some(_) => Err(OrganizationError::InUse),
            None => {
                accounts.organization = Some(state);
                Ok(())
            }
        })?;
        Ok(id)
    }

    /// Ends it, if there is one.
    ///
    /// # Errors
    /// If the accounts cannot be written.
    pub fn dissolve(&self) -> Result<()> {
        self.accounts.change(|accounts| {
            accounts.organization = None;
            Ok(())
        })
    }

    /// The root's id, `r-…`.
    ///
    /// # Errors
    /// [`OrganizationError::NotInUse`].
    pub fn root(&self) -> Result<String> {
        self.accounts
            .read()
            .organization
            .as_ref()
            .map(|state| state.root.clone())
            .ok_or(OrganizationError::NotInUse)
    }

    /// Makes a unit below the root and moves accounts into it; answers its id, `ou-…`.
    ///
    /// # Errors
    /// [`OrganizationError::NoSuchTarget`] for an account that is no member.
    pub fn add_unit(&self, name: &str, accounts: &[&str]) -> Result<String> {
        let id = new_id("ou-")?;
        let unit = Unit { id: id.clone(), name: name.to_owned() };
        self.change(|state| {
            for account in accounts {
                let place = state.accounts.get_mut(*account);
                *place.ok_or_else(|| OrganizationError::NoSuchTarget((*account).to_owned()))? =
                    Some(unit.id.clone());
            }
            if let Some(full) = state.policies.get_mut(FULL_ACCESS) {
                full.targets.insert(unit.id.clone());
            }
            state.units.insert(unit.id.clone(), unit);
            Ok(())
        })?;
        Ok(id)
    }

    /// Makes a policy and attaches it to a root, unit or account; answers its id, `p-…`. One of the same kind and name
    /// is replaced.
    ///
    /// # Errors
    /// [`OrganizationError::Policy`], [`OrganizationError::NoSuchTarget`], [`OrganizationError::NotInUse`].
    pub fn attach(&self, kind: ControlKind, name: &str, document: &str, target: &str) -> Result<String> {
        Policy::parse(name, document, policy_kind(kind))?;
        let fresh = new_id("p-")?;
        self.change(|state| {
            if !state.has_target(target) {
                return Err(OrganizationError::NoSuchTarget(target.to_owned()));
            }
            let same = state.policies.values().find(|policy| policy.kind == kind && policy.name == name);
            let id = same.map_or(fresh, |policy| policy.id.clone());
            let policy = state.policies.entry(id.clone()).or_insert_with(|| ControlPolicy {
                id: id.clone(),
                name: name.to_owned(),
                kind,
                document: String::new(),
                aws_managed: false,
                targets: std::collections::BTreeSet::new(),
            });
            document.clone_into(&mut policy.document);
            policy.targets.insert(target.to_owned());
            Ok(id)
        })
    }

    /// Detaches a policy, by its id or name; also `FullAWSAccess`.
    ///
    /// # Errors
    /// [`OrganizationError::NoSuchPolicy`], [`OrganizationError::NoSuchTarget`] for one that it is not attached to,
    /// [`OrganizationError::NotInUse`].
    pub fn detach(&self, policy: &str, target: &str) -> Result<()> {
        self.change(|state| {
            let found = state.policies.values_mut().find(|own| own.id == policy || own.name == policy);
            let found = found.ok_or_else(|| OrganizationError::NoSuchPolicy(policy.to_owned()))?;
            match found.targets.remove(target) {
                true => Ok(()),
                false => Err(OrganizationError::NoSuchTarget(target.to_owned())),
            }
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut OrganizationState) -> Result<T>) -> Result<T> {
        self.accounts
            .change(|accounts| change(accounts.organization.as_mut().ok_or(OrganizationError::NotInUse)?))
    }
}

/// Of AWS's shape: ten characters behind the prefix.
fn new_id(prefix: &str) -> Result<String> {
    let id = ids::unique_id("").map_err(|error| OrganizationError::Accounts(AccountsError::Random(error)))?;
    Ok(format!("{prefix}{}", id.to_ascii_lowercase().chars().take(10).collect::<String>()))
}
