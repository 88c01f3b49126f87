//! What to ask for.

use serde::Serialize;
use serde_json::{Value, json};

use super::culprit::{Culprit, Verdict};
use super::text::Read;
use crate::Arn;
use crate::lint::set;

/// One thing to ask for, or to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ask {
    /// In words.
    pub text: String,
    /// The statement, or the members of a statement's `Condition`, to be put in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
}

fn ask(text: impl Into<String>, json: Option<Value>) -> Ask {
    Ask { text: text.into(), json }
}

/// The ARN that `aws:PrincipalArn` has: of a session its role's (whose path the text does not say).
fn principal_arn(caller: &str) -> String {
    let role = Arn::parse(caller).filter(|arn| arn.service == "sts").and_then(|arn| {
        let (role, _) = arn.resource.strip_prefix("assumed-role/")?.split_once('/')?;
        Some(format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account))
    });
    role.unwrap_or_else(|| caller.to_owned())
}

/// What is asked for, the likeliest first.
pub fn of(read: &Read, verdict: Verdict) -> Vec<Ask> {
    let role = read.caller.as_deref().map(principal_arn).unwrap_or_else(|| "ARN_OF_THE_ROLE".to_owned());
    match (verdict.culprit, verdict.explicit) {
        (Culprit::Identity | Culprit::Boundary | Culprit::Session, Some(true)) => vec![ask(
            format!(
                "Take {} out of the statement that denies it, or limit that statement by a condition.",
                action(read)
            ),
            None,
        )],
        (Culprit::Trust, Some(true)) => vec![ask(
            "Spare the platform's role in the statement of the trust policy that denies.",
            Some(exempt(&role)),
        )],
        (Culprit::ResourceControl, Some(true)) if assumes(read) => by_account(read, &role),
        (
            Culprit::Resource
            | Culprit::ServiceControl
            | Culprit::ResourceControl
            | Culprit::VpcEndpoint
            | Culprit::Key,
            Some(true),
        ) => vec![ask(
            format!(
                "Add this to the Condition of the statement that denies {}: it spares this one role.",
                action(read)
            ),
            Some(exempt(&role)),
        )],
        (Culprit::Identity | Culprit::Boundary | Culprit::Session | Culprit::ServiceControl, Some(false)) => {
            vec![ask(format!("Add this statement to the {}.", verdict.culprit.name()), Some(allow(read)))]
        }
        (Culprit::Resource | Culprit::ResourceControl | Culprit::VpcEndpoint, Some(false)) => {
            let mut statement = allow(read);
            set(
                &mut statement,
                &["Principal"],
                match verdict.culprit {
                    Culprit::Resource => json!({ "AWS": role }),
                    _ => json!("*"),
                },
            );
            if verdict.culprit != Culprit::Resource {
                set(&mut statement, &["Condition"], json!({ "ArnEquals": { "aws:PrincipalArn": role } }));
            }
            vec![ask(format!("Add this statement to the {}.", verdict.culprit.name()), Some(statement))]
        }
        (Culprit::Trust, _) => trust(&role),
        (Culprit::Key, _) => key(read, &role),
        (Culprit::PublicAccessBlock, _) => vec![ask(
            "Name principals instead of `*`; for a CDN use origin access control, for devices presigned links.",
            None,
        )],
        (Culprit::ExpiredLink | Culprit::Credentials, _) => {
            vec![ask("Ask for a new link, or assume the role again.", None)]
        }
        (Culprit::Encoded, _) => vec![ask(
            "Decode it and explain the text that comes out.",
            Some(json!({ "Effect": "Allow", "Action": "sts:DecodeAuthorizationMessage", "Resource": "*" })),
        )],
        (_, _) => unknown(read),
    }
}

fn action(read: &Read) -> &str {
    read.action.as_deref().unwrap_or("the action")
}

fn assumes(read: &Read) -> bool {
    read.action.as_deref().is_some_and(|action| action.to_ascii_lowercase().starts_with("sts:assumerole"))
}

fn exempt(role: &str) -> Value {
    json!({ "ArnNotEquals": { "aws:PrincipalArn": role } })
}

/// Organizations that keep outsiders from assuming their roles do it by account.
fn by_account(read: &Read, role: &str) -> Vec<Ask> {
    let account = read.caller.as_deref().and_then(Arn::parse).map(|arn| arn.account.to_owned());
    let account = account.unwrap_or_else(|| "ACCOUNT_OF_THE_PLATFORM".to_owned());
    vec![
        ask(
            "Add this to the Condition of the statement that denies sts:AssumeRole from outside the organization: it \
             spares the platform's account.",
            Some(json!({ "StringNotEquals": { "aws:PrincipalAccount": account } })),
        ),
        ask("Or, narrower, spare the platform's role alone.", Some(exempt(role))),
    ]
}

fn allow(read: &Read) -> Value {
    json!({
        "Effect": "Allow",
        "Action": read.action.as_deref().unwrap_or("ACTION"),
        "Resource": read.resource.as_deref().unwrap_or("ARN_OF_THE_RESOURCE"),
    })
}

fn trust(role: &str) -> Vec<Ask> {
    let account = Arn::parse(role).map(|arn| format!("arn:{}:iam::{}:root", arn.partition, arn.account));
    let statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": account.as_deref().unwrap_or("ARN_OF_THE_PLATFORM") },
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": { "sts:ExternalId": "THE_EXTERNAL_ID" },
            "ArnEquals": { "aws:PrincipalArn": role },
        },
    });
    vec![
        ask(
            "If it is the platform that asked: put this statement into the role's trust policy, with the external ID \
             that the platform gave you.",
            Some(statement),
        ),
        ask(
            "If it is you, testing the role from your own account: this is the right answer. The role trusts the \
             platform, and only with the external ID (T21).",
            None,
        ),
    ]
}

fn key(read: &Read, role: &str) -> Vec<Ask> {
    let own = json!({
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": read.resource.as_deref().filter(|arn| arn.contains(":kms:")).unwrap_or("ARN_OF_THE_KEY"),
    });
    let mut policy = own.clone();
    set(&mut policy, &["Resource"], json!("*"));
    set(&mut policy, &["Principal"], json!({ "AWS": role }));
    vec![
        ask("Add this statement to the role's own policy.", Some(own)),
        ask(
            "And, unless the key's policy leaves it to the account, this one to the key's policy.",
            Some(policy),
        ),
    ]
}

fn unknown(read: &Read) -> Vec<Ask> {
    let mut ways = vec![
        ask(
            "Look the request up in CloudTrail: its event names the policy's type in errorMessage (data events must be \
             on for objects).",
            None,
        ),
        ask(
            "Give the policies of role and bucket: `firmhold policy simulate` says which statement decides.",
            None,
        ),
    ];
    let reads = read.action.as_deref().is_none_or(|action| action.starts_with("s3:Get"));
    if reads {
        ways.push(ask(
            "Check that the object is there: S3 answers Access Denied instead of 404 to who may not list the bucket.",
            None,
        ));
    }
    ways
}
