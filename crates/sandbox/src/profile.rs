//! The AWS config and credentials files that point any AWS tool at the sandbox.

use std::io;
use std::path::{Path, PathBuf};

use crate::account::SeededUser;
use crate::durable;
use crate::region::DEFAULT_REGION;

/// Where the two files are.
#[derive(Debug)]
pub(crate) struct Profiles {
    pub(crate) config: PathBuf,
    pub(crate) credentials: PathBuf,
}

impl Profiles {
    /// Writes both files into `dir`. The credentials file is readable by its owner only.
    pub(crate) fn write(
        dir: &Path,
        endpoint: &str,
        customer: &SeededUser,
        platform: &SeededUser,
    ) -> io::Result<Self> {
        let profiles = Self { config: dir.join("aws-config"), credentials: dir.join("aws-credentials") };
        let sections = ["default", "profile customer", "profile platform"];
        let config: String = sections.iter().map(|name| config_section(name, endpoint)).collect();
        let credentials: String = [("default", customer), ("customer", customer), ("platform", platform)]
            .iter()
            .map(|(name, user)| credentials_section(name, user))
            .collect();
        durable::write(&profiles.config, config.as_bytes(), 0o644)?;
        durable::write(&profiles.credentials, credentials.as_bytes(), 0o600)?;
        Ok(profiles)
    }

    /// The two lines for a shell.
    pub(crate) fn export_lines(&self) -> [String; 2] {
        [
            format!("export AWS_CONFIG_FILE={}", shell_quote(&self.config)),
            format!("export AWS_SHARED_CREDENTIALS_FILE={}", shell_quote(&self.credentials)),
        ]
    }
}

fn config_section(name: &str, endpoint: &str) -> String {
    format!(
        "[{name}]\nregion = {DEFAULT_REGION}\noutput = json\nendpoint_url = {endpoint}\ns3 =\n    addressing_style = path\n\n"
    )
}

fn credentials_section(name: &str, user: &SeededUser) -> String {
    format!(
        "[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n\n",
        user.access_key_id, user.secret_access_key
    )
}

fn shell_quote(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
