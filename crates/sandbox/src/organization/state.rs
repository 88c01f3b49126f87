//! What an organization is: a tree of units and accounts with policies attached to it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The policy that lets everything through, attached to everything until somebody detaches it.
pub(crate) const FULL_ACCESS: &str = "p-FullAWSAccess";
const FULL_ACCESS_DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// A kind of control policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlKind {
    /// A service control policy: limits what the identities of an account can do.
    Service,
    /// A resource control policy: limits what anybody can do with the resources of an account.
    Resource,
}

impl ControlKind {
    /// As the API of Organizations names it.
    pub(crate) fn api_name(self) -> &'static str {
        match self {
            Self::Service => "SERVICE_CONTROL_POLICY",
            Self::Resource => "RESOURCE_CONTROL_POLICY",
        }
    }
}

/// A control policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ControlPolicy {
    /// `p-…`
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: ControlKind,
    pub(crate) document: String,
    #[serde(default)]
    pub(crate) aws_managed: bool,
    /// Roots, units and accounts.
    pub(crate) targets: BTreeSet<String>,
}

/// An organizational unit below the root.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Unit {
    /// `ou-…`
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OrganizationState {
    /// `o-…`
    pub(crate) id: String,
    /// `r-…`
    pub(crate) root: String,
    pub(crate) management_account: String,
    #[serde(default)]
    pub(crate) units: BTreeMap<String, Unit>,
    /// Each account and its unit; `None` for one at the root.
    pub(crate) accounts: BTreeMap<String, Option<String>>,
    pub(crate) policies: BTreeMap<String, ControlPolicy>,
}

impl OrganizationState {
    /// A new one, with everything allowed everywhere.
    pub(crate) fn new(id: String, root: String, management_account: &str, members: &[&str]) -> Self {
        let accounts: BTreeMap<String, Option<String>> = members
            .iter()
            .chain([&management_account])
            .map(|account| ((*account).to_owned(), None))
            .collect();
        let targets = accounts.keys().cloned().chain([root.clone()]).collect();
        let full = ControlPolicy {
            id: FULL_ACCESS.to_owned(),
            name: "FullAWSAccess".to_owned(),
            kind: ControlKind::Service,
            document: FULL_ACCESS_DOCUMENT.to_owned(),
            aws_managed: true,
            targets,
        };
        Self {
            id,
            root,
            management_account: management_account.to_owned(),
            units: BTreeMap::new(),
            accounts,
            policies: BTreeMap::from([(full.id.clone(), full)]),
        }
    }

    /// Root, unit and account: what is attached to any of them has a say in the account. `None` for one that is not in
    /// the organization.
    pub(crate) fn path(&self, account: &str) -> Option<Vec<&str>> {
        let (account, unit) = self.accounts.get_key_value(account)?;
        Some(
            [Some(self.root.as_str()), unit.as_deref(), Some(account.as_str())]
                .into_iter()
                .flatten()
                .collect(),
        )
    }

    /// `aws:PrincipalOrgPaths`: `o-…/r-…/ou-…/`.
    pub(crate) fn org_path(&self, account: &str) -> Option<String> {
        let unit = self.accounts.get(account)?;
        let unit = unit.as_ref().map(|unit| format!("{unit}/")).unwrap_or_default();
        Some(format!("{}/{}/{unit}", self.id, self.root))
    }

    /// The policies of a kind that are attached to a target, by id.
    pub(crate) fn attached<'a>(
        &'a self,
        kind: ControlKind,
        target: &'a str,
    ) -> impl Iterator<Item = &'a ControlPolicy> {
        self.policies.values().filter(move |policy| policy.kind == kind && policy.targets.contains(target))
    }

    /// Whether something can have policies attached.
    pub(crate) fn has_target(&self, target: &str) -> bool {
        target == self.root || self.units.contains_key(target) || self.accounts.contains_key(target)
    }

    /// `arn:aws:organizations::MANAGEMENT:policy/o-…/service_control_policy/p-…`
    pub(crate) fn policy_arn(&self, policy: &ControlPolicy) -> String {
        let kind = policy.kind.api_name().to_ascii_lowercase();
        match policy.aws_managed {
            true => format!("arn:aws:organizations::aws:policy/{kind}/{}", policy.id),
            false => format!(
                "arn:aws:organizations::{}:policy/{}/{kind}/{}",
                self.management_account, self.id, policy.id
            ),
        }
    }
}
