//! Organizations, as far as an account looks at what binds it
//! (<https://docs.aws.amazon.com/organizations/latest/APIReference/>).

use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{ControlKind, ControlPolicy, OrganizationState};
use crate::account::Accounts;
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};

/// The service.
pub(crate) struct Organizations {
    pub(crate) accounts: Accounts,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    filter: String,
    target_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    policy_id: String,
}

impl Organizations {
    /// Answers one call.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        let state = self.accounts.read();
        let own = state.organization.as_ref().filter(|own| own.accounts.contains_key(call.home.account));
        let own = own.ok_or_else(|| {
            AwsError::new(
                400,
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            )
        })?;
        match call.action {
            "DescribeOrganization" => describe(call, own),
            "ListPolicies" => list(call, own),
            "ListPoliciesForTarget" => list_for_target(call, own),
            "DescribePolicy" => describe_policy(call, own),
            _ => Err(call.unknown()),
        }
    }
}

fn describe(call: &Call<'_>, own: &OrganizationState) -> Answer {
    let management = &own.management_account;
    let arn = format!("arn:aws:organizations::{management}:organization/{}", own.id);
    call.authorize("*", None, &[])?;
    Ok(json!({"Organization": {
        "Id": own.id,
        "Arn": arn,
        "FeatureSet": "ALL",
        "MasterAccountArn": format!("arn:aws:organizations::{management}:account/{}/{management}", own.id),
        "MasterAccountId": management,
    }}))
}

fn list(call: &Call<'_>, own: &OrganizationState) -> Answer {
    let kind = kind(&call.input::<Filter>()?.filter)?;
    call.authorize("*", None, &[])?;
    only_management(call, own)?;
    let policies: Vec<Value> = own
        .policies
        .values()
        .filter(|policy| policy.kind == kind)
        .map(|policy| summary(own, policy))
        .collect();
    Ok(json!({"Policies": policies}))
}

fn list_for_target(call: &Call<'_>, own: &OrganizationState) -> Answer {
    let input: Filter = call.input()?;
    let kind = kind(&input.filter)?;
    let target = input.target_id.unwrap_or_default();
    let management = &own.management_account;
    let resource = match target.split('-').next() {
        Some("r") => format!("root/{}/{target}", own.id),
        Some("ou") => format!("ou/{}/{target}", own.id),
        _ => format!("account/{}/{target}", own.id),
    };
    call.authorize(&format!("arn:aws:organizations::{management}:{resource}"), None, &[])?;
    only_management(call, own)?;
    if !own.has_target(&target) {
        return Err(AwsError::new(
            400,
            "TargetNotFoundException",
            "You specified a target that doesn't exist.",
        ));
    }
    let policies: Vec<Value> = own.attached(kind, &target).map(|policy| summary(own, policy)).collect();
    Ok(json!({"Policies": policies}))
}

fn describe_policy(call: &Call<'_>, own: &OrganizationState) -> Answer {
    let id = call.input::<Named>()?.policy_id;
    let found = own.policies.get(&id);
    let arn = found.map_or_else(|| "*".to_owned(), |policy| own.policy_arn(policy));
    call.authorize(&arn, None, &[])?;
    only_management(call, own)?;
    let policy = found.ok_or_else(|| {
        AwsError::new(400, "PolicyNotFoundException", "You specified a policy that doesn't exist.")
    })?;
    Ok(json!({"Policy": {"PolicySummary": summary(own, policy), "Content": policy.document}}))
}

/// A member may not look at the organization's policies, whatever its own say.
fn only_management(call: &Call<'_>, own: &OrganizationState) -> Result<(), AwsError> {
    match call.home.account == own.management_account {
        true => Ok(()),
        false => Err(AwsError::new(
            400,
            "AccessDeniedException",
            "You don't have permissions to access this resource.",
        )),
    }
}

fn kind(filter: &str) -> Result<ControlKind, AwsError> {
    [ControlKind::Service, ControlKind::Resource]
        .into_iter()
        .find(|kind| kind.api_name() == filter)
        .ok_or_else(|| AwsError::new(400, "InvalidInputException", "You specified an invalid value."))
}

fn summary(own: &OrganizationState, policy: &ControlPolicy) -> Value {
    json!({
        "Id": policy.id,
        "Arn": own.policy_arn(policy),
        "Name": policy.name,
        "Description": "",
        "Type": policy.kind.api_name(),
        "AwsManaged": policy.aws_managed,
    })
}
