//! The way that a profile leads.

use std::fmt;

use firmhold_core::{Code, Problem};
use serde::Serialize;

use super::profile_file::{ProfileFiles, Sections, Settings};

/// Nobody chains more roles, and a loop ends here.
const MAX_ROLES: usize = 8;

/// Where credentials come from, before any role is assumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Base {
    /// `AWS_ACCESS_KEY_ID` and what belongs to it.
    Environment,
    /// Keys that were given on their own.
    Given,
    /// Keys in the profile.
    Keys {
        /// They have a session token, and so an end.
        temporary: bool,
    },
    /// IAM Identity Center: the token that `aws sso login` left.
    Sso {
        /// The `sso-session`, if the profile names one.
        session: Option<String>,
        /// Where one signs in.
        start_url: String,
    },
    /// A program that prints them. Only its name is kept: arguments can be secrets.
    Process {
        /// The program.
        program: String,
    },
    /// A token in a file, exchanged for a session of a role.
    WebIdentity {
        /// The file.
        token_file: String,
        /// The role.
        role_arn: String,
    },
    /// `credential_source`: the environment, the container or the instance.
    Source {
        /// What it says.
        source: String,
    },
    /// Nothing in the files: what the SDK finds by itself, in a container or on an instance.
    Ambient,
}

/// A role that is assumed on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleLink {
    /// The profile that says so.
    pub profile: String,
    /// The role.
    pub role_arn: String,
    /// With this external ID; it is no secret to its owner, but is not shown.
    #[serde(skip)]
    pub external_id: Option<String>,
    /// The session's name, if the profile says one.
    pub session_name: Option<String>,
    /// The MFA device whose code is needed.
    pub mfa_serial: Option<String>,
}

/// A way: a base, and the roles that are assumed one from the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The profile that was asked for; `None` without one.
    pub profile: Option<String>,
    /// The profile that has the base.
    pub base_profile: Option<String>,
    /// Where it begins.
    pub base: Base,
    /// The roles, in the order in which they are assumed.
    pub roles: Vec<RoleLink>,
}

impl Chain {
    /// Without any profile.
    pub(super) const fn without_profile(base: Base) -> Self {
        Self { profile: None, base_profile: None, base, roles: Vec::new() }
    }

    /// Whether the profile of the base also names the first role.
    pub(super) fn has_role_at_base(&self) -> bool {
        let first = self.roles.first().map(|role| role.profile.as_str());
        first.is_some() && first == self.base_profile.as_deref()
    }

    /// The links, in words, first to last.
    pub fn links(&self) -> Vec<String> {
        let base = match &self.base_profile {
            Some(profile) => format!("{} (profile {profile})", self.base),
            None => self.base.to_string(),
        };
        std::iter::once(base).chain(self.roles.iter().map(RoleLink::to_string)).collect()
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("keys in the environment"),
            Self::Given => f.write_str("the keys given"),
            Self::Keys { temporary: false } => f.write_str("access keys"),
            Self::Keys { temporary: true } => f.write_str("temporary access keys"),
            Self::Sso { session: Some(session), .. } => write!(f, "the sso-session {session}"),
            Self::Sso { session: None, start_url } => write!(f, "SSO at {start_url}"),
            Self::Process { program } => write!(f, "the credential_process {program}"),
            Self::WebIdentity { token_file, .. } => write!(f, "the web identity token in {token_file}"),
            Self::Source { source } => write!(f, "credential_source {source}"),
            Self::Ambient => f.write_str("what this machine has"),
        }
    }
}

impl fmt::Display for RoleLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mfa = if self.mfa_serial.is_some() { " with MFA" } else { "" };
        write!(f, "{}{mfa} (profile {})", self.role_arn, self.profile)
    }
}

/// Which way the profile `name` leads. Reads the files, asks nobody.
///
/// # Errors
/// [`Code::Usage`] for a profile that is not there or that leads nowhere or in a circle, in one sentence with the
/// place; [`Code::LocalFile`] for files that cannot be read.
pub fn trace(files: &ProfileFiles, name: &str) -> Result<Chain, Problem> {
    let sections = files.read()?;
    let mut roles = Vec::new();
    let mut visited: Vec<&str> = Vec::new();
    let mut at = name;
    loop {
        let settings =
            sections.profile(at).ok_or_else(|| missing(files, &sections, at, visited.last().copied()))?;
        if visited.contains(&at) || roles.len() > MAX_ROLES {
            return Err(wrong(name, format!("leads in a circle: {} comes back to {at}", visited.join(", "))));
        }
        visited.push(at);
        // As the SDKs: a source profile that has keys of its own is used by them.
        let own_keys = visited.len() > 1 && settings.get("aws_access_key_id").is_some();
        let role = settings
            .get("role_arn")
            .filter(|_| !own_keys && settings.get("web_identity_token_file").is_none());
        let Some(role_arn) = role else { break };
        roles.push(RoleLink {
            profile: at.to_owned(),
            role_arn: role_arn.to_owned(),
            external_id: settings.get("external_id").map(str::to_owned),
            session_name: settings.get("role_session_name").map(str::to_owned),
            mfa_serial: settings.get("mfa_serial").map(str::to_owned),
        });
        match (settings.get("source_profile"), settings.get("credential_source")) {
            (Some(source), None) if source == at => break,
            (Some(source), None) => at = source,
            (None, Some(_)) => break,
            (Some(_), Some(_)) => {
                return Err(wrong(
                    at,
                    "has both source_profile and credential_source: only one can be".to_owned(),
                ));
            }
            (None, None) => {
                return Err(wrong(
                    at,
                    format!(
                        "assumes {role_arn} and does not say from what: source_profile or credential_source is missing"
                    ),
                ));
            }
        }
    }
    roles.reverse();
    let settings = sections.profile(at).ok_or_else(|| missing(files, &sections, at, None))?;
    let base = base(&sections, at, settings)?;
    Ok(Chain { profile: Some(name.to_owned()), base_profile: Some(at.to_owned()), base, roles })
}

/// In the order in which the SDK looks.
fn base(sections: &Sections, name: &str, settings: &Settings) -> Result<Base, Problem> {
    if let Some(source) = settings.get("credential_source") {
        return Ok(Base::Source { source: source.to_owned() });
    }
    if let Some(token_file) = settings.get("web_identity_token_file") {
        let role_arn = settings.get("role_arn").ok_or_else(|| {
            wrong(name, "has a web_identity_token_file and no role_arn to exchange it for".to_owned())
        })?;
        return Ok(Base::WebIdentity { token_file: token_file.to_owned(), role_arn: role_arn.to_owned() });
    }
    if let Some(sso) = sso(sections, name, settings)? {
        return Ok(sso);
    }
    if let Some(command) = settings.get("credential_process") {
        let program = command.split_whitespace().next().unwrap_or_default().trim_matches('"');
        return Ok(Base::Process { program: program.to_owned() });
    }
    match (settings.get("aws_access_key_id"), settings.get("aws_secret_access_key")) {
        (Some(_), Some(_)) => Ok(Base::Keys { temporary: settings.get("aws_session_token").is_some() }),
        (Some(_), None) => Err(wrong(name, "has an aws_access_key_id and no aws_secret_access_key".to_owned())),
        (None, Some(_)) => Err(wrong(name, "has an aws_secret_access_key and no aws_access_key_id".to_owned())),
        (None, None) => Err(wrong(name, "has no credentials: neither keys, nor sso_session, credential_process, web_identity_token_file or role_arn".to_owned())),
    }
}

fn sso(sections: &Sections, name: &str, settings: &Settings) -> Result<Option<Base>, Problem> {
    let session = settings.get("sso_session");
    let start_url = match session {
        None => settings.get("sso_start_url"),
        Some(session) => {
            let found = sections.sso_session(session).ok_or_else(|| {
                wrong(
                    name,
                    format!(
                        "uses the sso-session {session}, and there is no section [sso-session {session}]"
                    ),
                )
            })?;
            found.get("sso_start_url")
        }
    };
    let Some(start_url) = start_url else {
        return match session {
            Some(session) => {
                Err(wrong(name, format!("uses the sso-session {session}, which has no sso_start_url")))
            }
            None => Ok(None),
        };
    };
    for needed in ["sso_account_id", "sso_role_name"] {
        if settings.get(needed).is_none() {
            return Err(wrong(name, format!("signs in by SSO and does not say {needed}")));
        }
    }
    Ok(Some(Base::Sso { session: session.map(str::to_owned), start_url: start_url.to_owned() }))
}

fn missing(files: &ProfileFiles, sections: &Sections, name: &str, from: Option<&str>) -> Problem {
    let asked =
        from.map_or_else(String::new, |from| format!(", which the profile {from} names as its source"));
    let problem =
        Problem::new(Code::Usage, format!("there is no profile {name}{asked} in {}", files.shown()));
    let names = sections.names();
    if names.is_empty() {
        problem.with_hint("`aws configure sso` makes one.")
    } else {
        let shown = names.len().min(12);
        problem.with_hint(format!("There are {}.", names[..shown].join(", ")))
    }
}

fn wrong(profile: &str, says: String) -> Problem {
    Problem::new(Code::Usage, format!("the profile {profile} {says}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(config: &str, name: &str) -> Result<Chain, Problem> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, config).unwrap();
        trace(&ProfileFiles { config: Some(path), credentials: None }, name)
    }

    #[test]
    fn ways_of_all_kinds() {
        for (config, name, links) in [
            ("[profile a]\naws_access_key_id=A\naws_secret_access_key=S", "a", "access keys (profile a)"),
            (
                "[profile a]\naws_access_key_id=A\naws_secret_access_key=S\naws_session_token=T",
                "a",
                "temporary access keys (profile a)",
            ),
            (
                "[profile a]\nsso_session=acme\nsso_account_id=1\nsso_role_name=r\n[sso-session acme]\nsso_start_url=https://x\nsso_region=eu-west-1",
                "a",
                "the sso-session acme (profile a)",
            ),
            (
                "[profile a]\ncredential_process = \"/opt/my tool\" --secret x",
                "a",
                "the credential_process /opt/my (profile a)",
            ),
            (
                "[profile a]\nrole_arn=arn:aws:iam::1:role/w\nweb_identity_token_file=/run/token",
                "a",
                "the web identity token in /run/token (profile a)",
            ),
            (
                "[profile a]\nrole_arn=arn:aws:iam::1:role/a\nsource_profile=b\nmfa_serial=arn:aws:iam::2:mfa/ada\n\
                 [profile b]\nrole_arn=arn:aws:iam::2:role/b\nsource_profile=c\n[profile c]\ncredential_process=keys",
                "a",
                "the credential_process keys (profile c) > arn:aws:iam::2:role/b (profile b) > arn:aws:iam::1:role/a with MFA (profile a)",
            ),
            (
                "[profile a]\nrole_arn=arn:aws:iam::1:role/a\nsource_profile=a\naws_access_key_id=A\naws_secret_access_key=S",
                "a",
                "access keys (profile a) > arn:aws:iam::1:role/a (profile a)",
            ),
            (
                "[profile a]\nrole_arn=arn:aws:iam::1:role/a\ncredential_source=Ec2InstanceMetadata",
                "a",
                "credential_source Ec2InstanceMetadata (profile a) > arn:aws:iam::1:role/a (profile a)",
            ),
        ] {
            assert_eq!(traced(config, name).unwrap().links().join(" > "), links);
        }
    }

    #[test]
    fn what_leads_nowhere_is_one_clear_sentence() {
        for (config, says) in [
            ("", "there is no profile a in "),
            ("[profile a]\nregion=x", "the profile a has no credentials"),
            ("[profile a]\naws_access_key_id=A", "no aws_secret_access_key"),
            ("[profile a]\nrole_arn=r", "source_profile or credential_source is missing"),
            (
                "[profile a]\nrole_arn=r\nsource_profile=b",
                "no profile b, which the profile a names as its source",
            ),
            (
                "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=a",
                "leads in a circle: a, b comes back to a",
            ),
            ("[profile a]\nrole_arn=r\nsource_profile=b\ncredential_source=Environment", "only one can be"),
            ("[profile a]\nsso_session=x\nsso_account_id=1\nsso_role_name=r", "no section [sso-session x]"),
            ("[profile a]\nsso_start_url=https://x\nsso_role_name=r", "does not say sso_account_id"),
            ("[profile a]\nweb_identity_token_file=/t", "no role_arn to exchange it for"),
        ] {
            let refused = traced(config, "a").unwrap_err();
            assert!(refused.to_string().contains(says), "{config}: {refused}");
            assert_eq!(refused.to_string().lines().count(), 1);
        }
    }
}
