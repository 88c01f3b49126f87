//! What a new sandbox holds (design D12): a customer's account with an administrator, and the platform's account with
//! one user that may do nothing but assume the platform's role.

use std::collections::{BTreeMap, BTreeSet};

use firmhold_core::Timestamp;
use serde_json::json;

use crate::account::{Account, AccountsState, CUSTOMER_ACCOUNT, PLATFORM_ACCOUNT, User};
use crate::ids;
use crate::role::Role;

pub(crate) const CUSTOMER_USER: &str = "admin";
pub(crate) const PLATFORM_USER: &str = "firmhold";
pub(crate) const PLATFORM_ROLE: &str = "firmhold-platform";

/// The accounts at the first start, with new keys.
pub(crate) fn accounts(now: Timestamp) -> Result<AccountsState, getrandom::Error> {
    let admin = user(CUSTOMER_USER, "AdministratorAccess", administrator_policy(), now)?;
    let firmhold = user(PLATFORM_USER, "assume-platform-role", assume_platform_role_policy(), now)?;
    let role = platform_role(now)?;
    let customer = Account { users: BTreeMap::from([(admin.name.clone(), admin)]), ..Account::default() };
    let platform = Account {
        users: BTreeMap::from([(firmhold.name.clone(), firmhold)]),
        roles: BTreeMap::from([(role.name.clone(), role)]),
        ..Account::default()
    };
    Ok(AccountsState {
        seal: ids::random_key()?,
        accounts: BTreeMap::from([
            (CUSTOMER_ACCOUNT.to_owned(), customer),
            (PLATFORM_ACCOUNT.to_owned(), platform),
        ]),
        organization: None,
    })
}

/// The ARN of the role that the platform works as.
pub(crate) fn platform_role_arn() -> String {
    format!("arn:aws:iam::{PLATFORM_ACCOUNT}:role/{PLATFORM_ROLE}")
}

fn user(name: &str, policy_name: &str, policy: String, now: Timestamp) -> Result<User, getrandom::Error> {
    Ok(User {
        name: name.to_owned(),
        id: ids::unique_id("AIDA")?,
        created: now,
        access_key_id: ids::unique_id("AKIA")?,
        secret_access_key: ids::secret_access_key()?,
        policies: BTreeMap::from([(policy_name.to_owned(), policy)]),
        mfa_devices: Vec::new(),
    })
}

fn platform_role(now: Timestamp) -> Result<Role, getrandom::Error> {
    Ok(Role {
        name: PLATFORM_ROLE.to_owned(),
        path: "/".to_owned(),
        id: ids::unique_id("AROA")?,
        description: Some("The identity that the platform assumes customers' roles with".to_owned()),
        max_session_duration: 3600,
        created: now,
        trust: platform_trust(),
        policies: BTreeMap::from([(
            "assume-backend-roles".to_owned(),
            firmhold_iam::platform_policy("aws", &[]).to_string(),
        )]),
        attached: BTreeSet::new(),
        tags: BTreeMap::new(),
    })
}

fn administrator_policy() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}]
    })
    .to_string()
}

fn assume_platform_role_policy() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "AssumePlatformRole",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": platform_role_arn()
        }]
    })
    .to_string()
}

fn platform_trust() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "PlatformUser",
            "Effect": "Allow",
            "Principal": {"AWS": ids::user_arn(PLATFORM_ACCOUNT, PLATFORM_USER)},
            "Action": "sts:AssumeRole"
        }]
    })
    .to_string()
}
