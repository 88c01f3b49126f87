//! The differences that are known, and who is right. `docs/iam-differences.md` says why, by these names.
//!
//! A class is the simulator's reading of a case, where it differs from ours. A difference belongs to a class if our
//! own engine, given that reading, comes to the simulator's outcome: nothing else can hide behind it.

use firmhold_iam::{Outcome, Principal};
use serde_json::{Value, json};

use super::case::{Case, Context};

/// A sort of difference.
pub struct Class {
    /// As in the page.
    pub name: &'static str,
    reading: Reading,
}

enum Reading {
    /// The case as the simulator reads it.
    Of(fn(&mut Case)),
    /// What the simulator makes of our outcome.
    Outcome(fn(&Case, Outcome) -> Outcome),
}

/// In the order in which they are read.
pub const CLASSES: [Class; 12] = [
    Class { name: "variables-in-old-documents", reading: Reading::Of(variables_everywhere) },
    Class { name: "root-user", reading: Reading::Of(root_is_an_identity) },
    Class { name: "unsigned-request-assumes", reading: Reading::Of(unsigned_is_somebody) },
    Class { name: "unsigned-request-at-kms", reading: Reading::Of(unsigned_reaches_kms) },
    Class { name: "not-principal", reading: Reading::Of(one_name_spares) },
    Class { name: "broken-arn", reading: Reading::Of(broken_arns_fit_nothing) },
    Class { name: "unset-variable-in-not-resource", reading: Reading::Of(unset_variables_void_not_resource) },
    Class {
        name: "unset-variable-in-inverted-operator",
        reading: Reading::Of(unset_variables_void_inverted),
    },
    Class { name: "several-values-without-set-operator", reading: Reading::Of(several_values_fail) },
    Class { name: "one-address-of-the-other-family", reading: Reading::Of(other_family_fails) },
    Class { name: "block-of-all-addresses", reading: Reading::Of(all_addresses_are_none) },
    Class { name: "seconds-since-1970", reading: Reading::Of(seconds_are_milliseconds) },
];

/// Read last: it looks at the outcome of all others.
pub const SESSION: Class =
    Class { name: "session-named-by-the-resource", reading: Reading::Outcome(session_policy_always_limits) };

/// The classes, as few as possible, whose readings together turn our outcome into the simulator's.
pub fn explain(case: &Case, theirs: &str) -> Option<Vec<&'static str>> {
    let all: Vec<&Class> = CLASSES.iter().chain([&SESSION]).collect();
    let relevant: Vec<&Class> = all.into_iter().filter(|class| class.concerns(case)).collect();
    let mut sets: Vec<u32> = (1..1_u32 << relevant.len()).collect();
    sets.sort_by_key(|set| set.count_ones());
    sets.into_iter().find_map(|set| {
        let chosen: Vec<&Class> = relevant
            .iter()
            .enumerate()
            .filter(|(bit, _)| set & (1 << bit) != 0)
            .map(|(_, class)| *class)
            .collect();
        (read(case, &chosen).to_string() == theirs).then(|| chosen.iter().map(|class| class.name).collect())
    })
}

/// The outcome of a case as these classes read it.
fn read(case: &Case, classes: &[&Class]) -> Outcome {
    let mut case = case.clone();
    for class in classes {
        if let Reading::Of(rewrite) = class.reading {
            rewrite(&mut case);
        }
    }
    let mut outcome = case.decide().outcome;
    for class in classes {
        if let Reading::Outcome(change) = class.reading {
            outcome = change(&case, outcome);
        }
    }
    outcome
}

impl Class {
    /// Whether its reading of the case is another than ours.
    fn concerns(&self, case: &Case) -> bool {
        match self.reading {
            Reading::Of(rewrite) => {
                let mut read = case.clone();
                rewrite(&mut read);
                read.for_simulator() != case.for_simulator()
            }
            Reading::Outcome(_) => case.session.is_some(),
        }
    }
}

fn variables_everywhere(case: &mut Case) {
    for document in case.documents_mut() {
        document["Version"] = json!("2012-10-17");
    }
}

/// Without the right to everything in its account, and able to assume roles.
fn root_is_an_identity(case: &mut Case) {
    if let Principal::Root { partition, account } = &case.principal {
        // As a role it has no key besides, as a user it had `aws:username`.
        case.principal = Principal::Role {
            partition: partition.clone(),
            account: account.clone(),
            path: "/".to_owned(),
            name: "root".to_owned(),
        };
    }
}

/// An unsigned request may assume a role that trusts everybody, as it may read a bucket that is open to all: the
/// trust policy becomes the policy of a resource, and the action one of another name in all documents.
fn unsigned_is_somebody(case: &mut Case) {
    if case.principal != Principal::Anonymous || !case.assumes() {
        return;
    }
    rename_actions(case, |text| {
        let lower = text.to_ascii_lowercase();
        let own = ["sts:assumerole", "sts:tagsession"].into_iter().find(|own| *own == lower)?;
        Some(format!("{own}unsigned"))
    });
    case.each_statement(|statement, _| {
        if !statement.contains_key("Resource") && !statement.contains_key("NotResource") {
            statement.insert("Resource".to_owned(), json!("*"));
        }
        true
    });
}

/// KMS answers an unsigned request, if a key's policy allows everybody: as another service that does.
fn unsigned_reaches_kms(case: &mut Case) {
    if case.principal == Principal::Anonymous && case.action.starts_with("kms:") {
        rename_actions(case, |text| text.strip_prefix("kms:").map(|name| format!("sqs:{name}")));
    }
}

/// In the request and in all documents.
fn rename_actions(case: &mut Case, new_name: impl Fn(&str) -> Option<String>) {
    case.each_statement(|statement, _| {
        for element in ["Action", "NotAction"] {
            let Some(listed) = statement.get_mut(element) else { continue };
            let renamed = |value: &Value| match value.as_str().and_then(&new_name) {
                Some(name) => json!(name),
                None => value.clone(),
            };
            *listed = match listed.as_array() {
                Some(many) => many.iter().map(renamed).collect(),
                None => renamed(listed),
            };
        }
        true
    });
    case.action = new_name(&case.action).unwrap_or_else(|| case.action.clone());
}

/// Any one of the caller's names in a `NotPrincipal` spares it.
fn one_name_spares(case: &mut Case) {
    let principal = case.principal.clone();
    let mut own = vec![principal.to_string()];
    own.extend(principal.role_arn());
    if let (Some(partition), Some(account)) = (principal.partition(), principal.account()) {
        own.extend([account.to_owned(), format!("arn:{partition}:iam::{account}:root")]);
    }
    let bounded = case.boundary.is_some();
    case.each_statement(|statement, _| {
        let Some(listed) = statement.remove("NotPrincipal") else { return true };
        statement.insert("Principal".to_owned(), json!("*"));
        let spared = values(&listed["AWS"]).any(|name| own.iter().any(|own| own == name));
        bounded || !spared
    });
}

/// An ARN with too few colons is compared like any other, and never fits; ours counts as unknown.
fn broken_arns_fit_nothing(case: &mut Case) {
    case.each_value(|operator, _, value| {
        if operator.contains("Arn") && value.starts_with("arn:") && value.matches(':').count() < 5 {
            *value = "arn:none:none:::none".to_owned();
        }
    });
}

fn unset_variables_void_not_resource(case: &mut Case) {
    case.each_statement(|statement, context| {
        !statement.get("NotResource").is_some_and(|all| values(all).any(|text| has_unset(text, context)))
    });
}

fn unset_variables_void_inverted(case: &mut Case) {
    case.each_condition(|operator, key, all, context| {
        let inverted = operator.contains("StringNot") || operator.contains("ArnNot");
        let present = lookup(context, key).is_some();
        !(inverted && present && values(all).any(|text| has_unset(text, context)))
    });
}

fn several_values_fail(case: &mut Case) {
    case.each_condition(|operator, key, _, context| {
        let plain = !operator.contains(':') && operator != "Null";
        !(plain && matches!(lookup(context, key), Some(Value::Array(_))))
    });
}

/// `NotIpAddress` with a single address never holds for a request from an address of the other family.
fn other_family_fails(case: &mut Case) {
    case.each_condition(|operator, key, all, context| {
        let Some(Value::String(given)) = lookup(context, key) else { return true };
        let other = |text: &str| !text.contains('/') && text.contains(':') != given.contains(':');
        !(operator.contains("NotIpAddress") && values(all).any(other))
    });
}

/// `0.0.0.0/0` holds `0.0.0.0` only.
fn all_addresses_are_none(case: &mut Case) {
    case.each_value(|_, _, value| {
        if value == "0.0.0.0/0" {
            *value = "0.0.0.0/32".to_owned();
        }
    });
}

/// Seconds since 1970 are taken for milliseconds, and so lie before every date that is written out.
fn seconds_are_milliseconds(case: &mut Case) {
    let early = |text: &str| -> Option<String> {
        let millis: u64 = text.parse().ok()?;
        let (day, rest) = (1 + millis / 86_400_000, millis % 86_400_000);
        let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
        Some(format!("1970-01-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000))
    };
    case.each_value(|operator, _, value| {
        if let (true, Some(text)) = (operator.contains("Date"), early(value)) {
            *value = text;
        }
    });
    if let Some(Value::String(epoch)) = case.context.get_mut("aws:EpochTime")
        && let Some(text) = early(epoch)
    {
        *epoch = text;
    }
}

/// Also where the resource's policy names the very session.
fn session_policy_always_limits(case: &Case, outcome: Outcome) -> Outcome {
    let (Some(session), Some(account)) = (&case.session, case.principal.account()) else { return outcome };
    // A session policy alone: as if it were all that the role has, before a resource that leaves the choice to it.
    let mut everything =
        json!({ "Effect": "Allow", "Principal": { "AWS": account }, "Action": "*", "Resource": "*" });
    if case.assumes() {
        everything.as_object_mut().expect("an object").remove("Resource");
    }
    let alone = Case {
        identity: vec![session.clone()],
        resource_policy: Some(json!({ "Version": "2012-10-17", "Statement": [everything] })),
        session: None,
        boundary: None,
        service_control: Vec::new(),
        resource_control: Vec::new(),
        ..case.clone()
    };
    match outcome {
        Outcome::Allow if !alone.decide().is_allowed() => Outcome::ImplicitDeny,
        other => other,
    }
}

/// One string or the strings of a list.
fn values(all: &Value) -> impl Iterator<Item = &str> {
    let list = all.as_array().into_iter().flatten().chain(all.is_string().then_some(all));
    list.filter_map(Value::as_str)
}

fn lookup<'a>(context: &'a Context, key: &str) -> Option<&'a Value> {
    context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// Whether there is a variable in a text that has neither a value nor a default.
fn has_unset(text: &str, context: &Context) -> bool {
    let variables = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    variables
        .map(|(name, _)| name)
        .filter(|name| !matches!(*name, "*" | "?" | "$") && !name.contains(", '"))
        .any(|name| !matches!(lookup(context, name), Some(Value::String(_))))
}
