//! The least policy of whoever sets an account up (T42), found out by planning: what the plan for an empty account
//! needs, what looking needs, and what mending needs besides.

use std::collections::{BTreeMap, BTreeSet};

use firmhold_core::Problem;
use firmhold_iam::generate::Generated;
use serde_json::{Value, json};

use crate::inventory::Inventory;
use crate::plan::Plan;
use crate::resource;
use crate::spec::Spec;

/// What `account plan` and `account apply` call for this spec, and nothing else; it deletes nothing. With `teardown`
/// also what `account teardown` calls. `sts:GetCallerIdentity` needs no permission.
///
/// # Errors
/// As [`Plan::of`] of an empty account.
pub fn installer_policy(spec: &Spec, teardown: bool) -> Result<Value, Problem> {
    let mut grants: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut grant = |target: &str, actions: &mut dyn Iterator<Item = String>| {
        grants.entry(target.to_owned()).or_default().extend(actions);
    };
    for (target, actions) in resource::looks(spec) {
        grant(&target, &mut actions.iter().map(|action| (*action).to_owned()));
    }
    for (target, actions) in resource::mends(spec) {
        grant(&target, &mut actions.iter().map(|action| (*action).to_owned()));
    }
    for change in Plan::of(spec, &Inventory::empty_for(spec))?.changes {
        grant(&change.target, &mut change.needs.into_iter());
    }
    if teardown {
        for (target, actions) in resource::undoes(spec) {
            grant(&target, &mut actions.iter().map(|action| (*action).to_owned()));
        }
    }
    let statements: Vec<Value> = grants
        .into_iter()
        .map(|(target, actions)| {
            json!({
                "Sid": sid(spec, &target),
                "Effect": "Allow",
                "Action": actions,
                "Resource": target,
            })
        })
        .collect();
    Ok(json!({ "Version": "2012-10-17", "Id": Generated::Installer.mark(), "Statement": statements }))
}

/// Names may hold letters and digits only.
fn sid(spec: &Spec, target: &str) -> String {
    let what = match target {
        _ if target == spec.bucket_arn() => "Bucket".to_owned(),
        _ if target == spec.role_arn() => "Role".to_owned(),
        "*" => "Anywhere".to_owned(),
        _ => target.split(':').skip(2).flat_map(str::chars).filter(char::is_ascii_alphanumeric).collect(),
    };
    format!("FirmholdInstall{what}")
}
