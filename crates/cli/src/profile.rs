//! Profiles: which server, with which key, trusting which signing keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firmhold_core::{Code, Problem, Secret};
use serde::Deserialize;

use crate::args::Global;

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    /// Profile to use when none is named.
    default_profile: Option<String>,
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

/// One profile.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The server's address.
    pub url: Option<String>,
    /// The API key.
    pub api_key: Option<Secret>,
    /// PEM file of certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// Signing keys that `pull` and `binary verify` trust: base64, or paths of PEM files.
    #[serde(default)]
    pub trust: Vec<String>,
}

impl Profile {
    /// What the command line, the environment and the configuration file say, in this order.
    ///
    /// # Errors
    /// [`Code::Usage`] if the file cannot be read, or names no such profile.
    pub fn resolve(global: &Global) -> Result<Self, Problem> {
        let mut profile = from_file(global)?;
        if let Some(url) = &global.url {
            profile.url = Some(url.clone());
        }
        if let Some(key) = &global.api_key {
            profile.api_key = Some(key.clone());
        }
        if let Some(file) = &global.ca_file {
            profile.ca_file = Some(file.clone());
        }
        Ok(profile)
    }
}

fn from_file(global: &Global) -> Result<Profile, Problem> {
    let Some(path) = global.config.clone().or_else(default_path) else { return Ok(Profile::default()) };
    let config = match std::fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && global.config.is_none() => {
            ConfigFile::default()
        }
        Err(error) => {
            return Err(Problem::new(Code::Usage, format!("cannot read {}", path.display())).caused_by(error));
        }
    };
    let named = global.profile.as_ref().or(config.default_profile.as_ref());
    match named {
        Some(name) => config.profile.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = config.profile.keys().map(String::as_str).collect();
            Problem::new(Code::Usage, format!("no profile {name:?} in {}", path.display())).with_hint(
                format!(
                    "profiles there: {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                ),
            )
        }),
        None => Ok(config.profile.get("default").cloned().unwrap_or_default()),
    }
}

fn parse(path: &Path, text: &str) -> Result<ConfigFile, Problem> {
    toml::from_str(text).map_err(|error| {
        // The snippet that toml's Display shows could hold an API key.
        let place = error.span().map_or(String::new(), |span| {
            let line = text.get(..span.start).map_or(1, |before| before.lines().count().max(1));
            format!(" line {line}")
        });
        Problem::new(Code::Usage, format!("{}{place}: {}", path.display(), error.message()))
            .with_hint("keys are default_profile, and url, api_key, ca_file, trust below [profile.NAME]")
    })
}

fn default_path() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))?;
    Some(base.join("firmhold").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_line_and_shows_no_key() {
        let text = "[profile.ci]\napi_key = \"fhk_secret\"\napi_kee = \"fhk_secret\"\n";
        let problem = parse(Path::new("config.toml"), text).unwrap_err();
        let shown = format!("{problem} {problem:?}");
        assert!(shown.contains("config.toml line") && !shown.contains("fhk_secret"), "{shown}");
    }
}
