//! The control policies as decisions need them: read once, and sorted by account.

use std::collections::BTreeMap;
use std::sync::Arc;

use firmhold_iam::{Context, Policy, PolicyError, PolicyKind};

use super::state::{ControlKind, OrganizationState};

/// What has a say in one account.
#[derive(Debug, Default)]
struct Account {
    /// From the root to the account; every level has to allow.
    service: Vec<Vec<Arc<Policy>>>,
    resource: Vec<Arc<Policy>>,
    org_path: String,
}

/// What the organization has to say to decisions.
#[derive(Debug)]
pub(crate) struct ControlPolicies {
    organization: String,
    management_account: String,
    accounts: BTreeMap<String, Account>,
}

impl ControlPolicies {
    /// Reads all documents.
    pub(crate) fn read(state: &OrganizationState) -> Result<Self, PolicyError> {
        let mut parsed: BTreeMap<&str, Arc<Policy>> = BTreeMap::new();
        for policy in state.policies.values() {
            let kind = policy_kind(policy.kind);
            parsed.insert(&policy.id, Arc::new(Policy::parse(&policy.name, &policy.document, kind)?));
        }
        let of = |kind, target: &str| -> Vec<Arc<Policy>> {
            state
                .attached(kind, target)
                .filter_map(|policy| parsed.get(policy.id.as_str()).cloned())
                .collect()
        };
        let mut accounts = BTreeMap::new();
        for account in state.accounts.keys() {
            let path = state.path(account).unwrap_or_default();
            let own = Account {
                service: path.iter().map(|target| of(ControlKind::Service, target)).collect(),
                resource: path.iter().flat_map(|target| of(ControlKind::Resource, target)).collect(),
                org_path: state.org_path(account).unwrap_or_default(),
            };
            accounts.insert(account.clone(), own);
        }
        Ok(Self {
            organization: state.id.clone(),
            management_account: state.management_account.clone(),
            accounts,
        })
    }

    pub(crate) fn management_account(&self) -> &str {
        &self.management_account
    }

    /// The levels of service control policies over a caller's account; none if it is not a member.
    pub(crate) fn service_control(&self, account: &str) -> Vec<Vec<&Policy>> {
        let own = self.accounts.get(account);
        own.into_iter()
            .flat_map(|own| &own.service)
            .map(|level| level.iter().map(Arc::as_ref).collect())
            .collect()
    }

    /// The resource control policies over the account of a resource.
    pub(crate) fn resource_control(&self, account: &str) -> Vec<&Policy> {
        self.accounts.get(account).into_iter().flat_map(|own| &own.resource).map(Arc::as_ref).collect()
    }

    /// The condition keys that tell of membership.
    pub(crate) fn set_keys(&self, context: &mut Context, caller: Option<&str>, resource: Option<&str>) {
        if let Some(own) = caller.and_then(|account| self.accounts.get(account)) {
            context
                .set("aws:PrincipalOrgID", self.organization.as_str())
                .set("aws:PrincipalOrgPaths", vec![own.org_path.clone()]);
        }
        if let Some(own) = resource.and_then(|account| self.accounts.get(account)) {
            context
                .set("aws:ResourceOrgID", self.organization.as_str())
                .set("aws:ResourceOrgPaths", vec![own.org_path.clone()]);
        }
    }
}

/// The kind as the engine knows it.
pub(super) fn policy_kind(kind: ControlKind) -> PolicyKind {
    match kind {
        ControlKind::Service => PolicyKind::ServiceControl,
        ControlKind::Resource => PolicyKind::ResourceControl,
    }
}
