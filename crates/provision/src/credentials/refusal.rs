//! What broke, in one sentence.

use std::error::Error as StdError;

use firmhold_core::{Code, Problem};
use firmhold_iam::explain::{Culprit, explain};

use super::chain::{Base, Chain};
use crate::region::partition;

/// Where in the chain it broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At its base.
    Base,
    /// At the role with this number.
    Role(usize),
    /// At the end: the credentials are there, and AWS does not take them.
    Identity,
}

/// The error and all that caused it, on one line.
fn whole(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The problem for an error at a place of the chain; `aws_code` and `message` are AWS's, where AWS answered.
pub fn problem(
    chain: &Chain,
    place: Place,
    region: &str,
    aws: Option<(&str, &str)>,
    error: impl StdError + Send + Sync + 'static,
) -> Problem {
    let text = whole(&error);
    let (code, message) = aws.unwrap_or(("", ""));
    let said = if code.is_empty() { text.as_str() } else { code };
    let link = link(chain, place);
    let problem = cause(chain, place, region, said, message, &text, &link);
    let problem = if code.is_empty() { problem } else { problem.with_aws_code(code) };
    problem.caused_by(error)
}

fn link(chain: &Chain, place: Place) -> String {
    match place {
        Place::Base => chain.links().into_iter().next().unwrap_or_default(),
        Place::Role(at) => chain.roles.get(at).map(ToString::to_string).unwrap_or_default(),
        Place::Identity => chain.links().pop().unwrap_or_default(),
    }
}

const EXPIRED: [&str; 3] = ["ExpiredToken", "RequestExpired", "token has expired"];
const UNKNOWN_KEY: [&str; 3] = ["InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId"];
const THROTTLED: [&str; 5] =
    ["Throttling", "TooManyRequests", "RequestLimitExceeded", "SlowDown", "BandwidthLimitExceeded"];

fn cause(
    chain: &Chain,
    place: Place,
    region: &str,
    said: &str,
    message: &str,
    text: &str,
    link: &str,
) -> Problem {
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word) || text.contains(word));
    if any(&THROTTLED) {
        return Problem::new(
            Code::StsFailed,
            format!("AWS throttles this account: {link} was asked too often"),
        )
        .with_hint("Wait a minute, then run it again: nothing was changed.");
    }
    if any(&["RequestTimeTooSkewed", "Signature expired", "Signature not yet current"]) {
        return Problem::new(
            Code::StoreDenied,
            "this machine's clock is wrong by more than five minutes".to_owned(),
        )
        .with_hint("Set it by NTP: `timedatectl set-ntp true`.");
    }
    if place == Place::Base && matches!(chain.base, Base::WebIdentity { .. }) {
        return web_identity(said, text, link);
    }
    if matches!(chain.base, Base::Sso { .. }) && place == Place::Base {
        return sso(chain, said, text, link);
    }
    if any(&EXPIRED) {
        return Problem::new(Code::StoreDenied, format!("{link}: the session has expired"))
            .with_hint(renew(chain));
    }
    if any(&UNKNOWN_KEY) {
        let other = if partition(region) == "aws" {
            String::new()
        } else {
            format!(", at least not in the partition {} that {region} is in", partition(region))
        };
        return Problem::new(Code::StoreDenied, format!("AWS does not know the key of {link}{other}"))
            .with_hint("The key was deleted or deactivated, or is of another partition (China and GovCloud have their own).");
    }
    if any(&["SignatureDoesNotMatch", "InvalidSignature"]) {
        return Problem::new(
            Code::StoreDenied,
            format!("the secret key of {link} does not fit its access key"),
        )
        .with_hint("Copy both again: one of them was cut or changed.");
    }
    if any(&["AccessDenied", "not authorized"]) {
        return denied(place, message, link);
    }
    match place {
        Place::Base => at_base(chain, text, link),
        Place::Role(_) | Place::Identity => {
            Problem::new(Code::StsFailed, format!("STS did not answer for {link} in {region}"))
                .with_hint("Check network, region and endpoint; then run it again: nothing was changed.")
        }
    }
}

fn at_base(chain: &Chain, text: &str, link: &str) -> Problem {
    match &chain.base {
        Base::Process { program } => {
            let why = if text.contains("exit") {
                "ended with an error"
            } else {
                "printed no credentials that make sense"
            };
            Problem::new(Code::StoreDenied, format!("{link} {why}")).with_hint(format!(
                "Run {program} by hand, with the arguments of the profile: it must print JSON with Version 1."
            ))
        }
        Base::Ambient => Problem::new(
            Code::Usage,
            "there are no AWS credentials: neither in the environment, nor in a profile, nor on this machine"
                .to_owned(),
        )
        .with_hint("`--aws-profile NAME` uses one of your profiles; `aws configure sso` makes one."),
        Base::Source { source } => {
            Problem::new(Code::StoreDenied, format!("{link} gives none: there is no {source} here"))
                .with_hint("Run it where that source is, or use another profile.")
        }
        _ => Problem::new(Code::StoreDenied, format!("{link} gave no credentials")),
    }
}

fn web_identity(said: &str, text: &str, link: &str) -> Problem {
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word) || text.contains(word));
    if any(&["ExpiredToken", "expired"]) {
        return Problem::new(Code::StoreDenied, format!("{link} has expired"))
            .with_hint("Have your CI or cluster write a new one: it is good for minutes.");
    }
    if any(&["InvalidIdentityToken", "IDPRejectedClaim", "No OpenIDConnect provider"]) {
        return Problem::new(Code::StoreDenied, format!("AWS does not take {link}")).with_hint(
            "The role's account needs an OIDC provider for the token's issuer, with its audience.",
        );
    }
    if any(&["AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"]) {
        return Problem::new(Code::StoreDenied, format!("the role does not trust {link}")).with_hint(
            "Compare `sub` and `aud` of the token with the conditions of the role's trust policy.",
        );
    }
    Problem::new(Code::StoreDenied, format!("{link} could not be used"))
        .with_hint("Is the file there, and a token in it?")
}

fn sso(chain: &Chain, said: &str, text: &str, link: &str) -> Problem {
    let profile = chain.profile.as_deref().unwrap_or("default");
    let login = match &chain.base {
        Base::Sso { session: Some(session), .. } => {
            format!("Sign in: `aws sso login --sso-session {session}`.")
        }
        _ => format!("Sign in: `aws sso login --profile {profile}`."),
    };
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word) || text.contains(word));
    if any(&["ForbiddenException", "No access"]) {
        return Problem::new(
            Code::StoreDenied,
            format!("{link}: you are signed in, and have no such role in that account"),
        )
        .with_hint(
            "`sso_account_id` and `sso_role_name` of the profile must be a pair that was assigned to you.",
        );
    }
    if any(&["Unauthorized", "expired", "Expired"]) {
        return Problem::new(Code::StoreDenied, format!("{link}: you are signed out, the token has expired"))
            .with_hint(login);
    }
    if any(&[
        "No such file",
        "not found",
        "failed to read",
        "FailedToReadToken",
        "IoError",
        "could not be loaded",
        "failed to load",
    ]) {
        return Problem::new(Code::StoreDenied, format!("{link}: you have not signed in on this machine"))
            .with_hint(login);
    }
    Problem::new(Code::StsFailed, format!("{link} did not answer")).with_hint(login)
}

fn denied(place: Place, message: &str, link: &str) -> Problem {
    let told = explain(message, &[]);
    let by = match told.culprit {
        Culprit::Unknown => String::new(),
        culprit => format!(", by a {}", culprit.name()),
    };
    match place {
        Place::Role(_) => Problem::new(Code::StoreDenied, format!("AWS does not let you assume {link}{by}")).with_hint(
            if told.culprit == Culprit::Unknown {
                "Its trust policy must name whoever comes before it in the chain, who must be allowed sts:AssumeRole; an external ID or MFA may be asked for.".to_owned()
            } else {
                format!("{} Who can change it: {}.", told.meaning, told.who)
            },
        ),
        Place::Base | Place::Identity => {
            Problem::new(Code::StoreDenied, format!("AWS denies {link}{by}")).with_hint(format!(
                "{} Who can change it: {}.",
                told.meaning, told.who
            ))
        }
    }
}

fn renew(chain: &Chain) -> String {
    match &chain.base {
        Base::Sso { .. } => {
            let profile = chain.profile.as_deref().unwrap_or("default");
            format!("Sign in again: `aws sso login --profile {profile}`.")
        }
        Base::Process { program } => {
            format!("{program} hands out credentials that have ended: renew what it reads.")
        }
        Base::Environment => {
            "Export new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, all three.".to_owned()
        }
        _ => "Get new temporary credentials, and put all three values in their place.".to_owned(),
    }
}
