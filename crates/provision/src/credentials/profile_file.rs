//! The AWS config and credentials files, read to see which way a profile leads.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firmhold_core::{Code, Problem};

/// Larger than any that people write.
const MAX_BYTES: u64 = 1024 * 1024;

/// Where the two files are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileFiles {
    /// `~/.aws/config`, or what `AWS_CONFIG_FILE` says.
    pub config: Option<PathBuf>,
    /// `~/.aws/credentials`, or what `AWS_SHARED_CREDENTIALS_FILE` says.
    pub credentials: Option<PathBuf>,
}

impl ProfileFiles {
    /// Where the environment says they are.
    pub fn from_env() -> Self {
        let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
        let file = |variable: &str, name: &str| {
            let own = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
            own.or_else(|| home.as_ref().map(|home| home.join(".aws").join(name)))
        };
        Self {
            config: file("AWS_CONFIG_FILE", "config"),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }

    /// Reads both; a file that is not there is an empty one.
    ///
    /// # Errors
    /// [`Code::LocalFile`].
    pub(super) fn read(&self) -> Result<Sections, Problem> {
        let mut sections = Sections::default();
        if let Some(path) = &self.config {
            sections.take(&text(path)?, Kind::Config);
        }
        if let Some(path) = &self.credentials {
            sections.take(&text(path)?, Kind::Credentials);
        }
        Ok(sections)
    }

    /// The access keys that stand in a profile.
    pub(super) fn keys(&self, profile: &str) -> Result<Option<Keys>, Problem> {
        let sections = self.read()?;
        let Some(settings) = sections.profile(profile) else { return Ok(None) };
        let text = |name: &str| settings.get(name).map(str::to_owned);
        let pair = text("aws_access_key_id").zip(text("aws_secret_access_key"));
        Ok(pair.map(|(id, secret)| Keys { id, secret, token: text("aws_session_token") }))
    }

    /// Both, for a sentence.
    pub(super) fn shown(&self) -> String {
        let paths = [&self.config, &self.credentials].into_iter().flatten();
        paths.map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
    }
}

/// Access keys; no `Debug`.
pub(super) struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

fn text(path: &Path) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| {
        Problem::new(Code::LocalFile, format!("cannot read {}", path.display())).caused_by(error)
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(unreadable(error)),
        Ok(metadata) if metadata.len() > MAX_BYTES => {
            return Err(Problem::new(
                Code::LocalFile,
                format!("{} is too long for an AWS file", path.display()),
            ));
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Config,
    Credentials,
}

/// What the files hold: settings by profile and by SSO session.
#[derive(Debug, Clone, Default)]
pub(super) struct Sections {
    profiles: BTreeMap<String, Settings>,
    sso_sessions: BTreeMap<String, Settings>,
}

/// Settings of one section. Values may be secrets: there is no `Debug` of them.
#[derive(Clone, Default)]
pub(super) struct Settings(BTreeMap<String, String>);

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Settings {
    /// A setting that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Settings of which each says where credentials come from.
const CREDENTIALS: [&str; 7] = [
    "role_arn",
    "aws_access_key_id",
    "sso_session",
    "sso_start_url",
    "credential_process",
    "credential_source",
    "web_identity_token_file",
];

impl Settings {
    /// Whether anything in it leads to credentials.
    pub(super) fn has_credentials(&self) -> bool {
        CREDENTIALS.iter().any(|name| self.get(name).is_some())
    }
}

impl Sections {
    pub(super) fn profile(&self, name: &str) -> Option<&Settings> {
        self.profiles.get(name)
    }

    pub(super) fn sso_session(&self, name: &str) -> Option<&Settings> {
        self.sso_sessions.get(name)
    }

    /// Names of profiles, for a hint.
    pub(super) fn names(&self) -> Vec<&str> {
        self.profiles.keys().map(String::as_str).collect()
    }

    /// The credentials file comes second and wins, as in the SDKs.
    fn take(&mut self, text: &str, kind: Kind) {
        let mut section: Option<&mut Settings> = None;
        for line in text.lines() {
            // An indented line continues the setting above (nested settings of `s3 =`): of none that we read.
            let continues = line.starts_with([' ', '\t']);
            let plain = line.trim();
            if plain.is_empty() || plain.starts_with(['#', ';']) || continues {
                continue;
            }
            if let Some(head) =
                plain.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(head, _)| head)
            {
                section = self.section(head.trim(), kind);
            } else if let (Some(section), Some((name, value))) =
                (section.as_deref_mut(), plain.split_once('='))
            {
                section.0.insert(name.trim().to_ascii_lowercase(), without_comment(value).to_owned());
            }
        }
    }

    fn section(&mut self, head: &str, kind: Kind) -> Option<&mut Settings> {
        let words: Vec<&str> = head.split_whitespace().collect();
        match (kind, words.as_slice()) {
            (Kind::Config, ["profile", name]) => Some(self.profiles.entry((*name).to_owned()).or_default()),
            (Kind::Config, ["sso-session", name]) => {
                Some(self.sso_sessions.entry((*name).to_owned()).or_default())
            }
            (Kind::Config, ["default"]) => Some(self.profiles.entry("default".to_owned()).or_default()),
            (Kind::Credentials, [name]) => Some(self.profiles.entry((*name).to_owned()).or_default()),
            _ => None,
        }
    }
}

/// ` #` and ` ;` begin a comment; a mark inside of a value does not.
fn without_comment(value: &str) -> &str {
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
    value.get(..end.unwrap_or(value.len())).unwrap_or(value).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_make_one() {
        let mut sections = Sections::default();
        sections.take(
            "[default]\nregion = us-west-2 # home\n\n[profile deploy]\nrole_arn=arn:aws:iam::1:role/x\n\
             s3 =\n  max_concurrent_requests = 20\n[sso-session acme]\nsso_region = eu-west-1\n[services x]\na = b\n",
            Kind::Config,
        );
        sections.take("[deploy]\nAWS_ACCESS_KEY_ID = AKIA#1\n; a comment\n[broken\nx\n", Kind::Credentials);
        assert_eq!(sections.names(), ["default", "deploy"]);
        let deploy = sections.profile("deploy").unwrap();
        assert_eq!(deploy.get("aws_access_key_id"), Some("AKIA#1"));
        assert_eq!(deploy.get("role_arn"), Some("arn:aws:iam::1:role/x"));
        assert_eq!(sections.profile("default").unwrap().get("region"), Some("us-west-2"));
        assert_eq!(sections.sso_session("acme").unwrap().get("sso_region"), Some("eu-west-1"));
        assert!(!format!("{sections:?}").contains("AKIA"), "{sections:?}");
    }
}
