//! `firmhold sandbox` as a child process.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::child::{Running, firmhold};

/// The customer's account.
pub const CUSTOMER: &str = "111122223333";
/// The platform's account.
pub const PLATFORM: &str = "999999999999";

/// A running sandbox in a folder of its own.
pub struct SandboxProcess {
    running: Running,
    folder: TempDir,
}

impl SandboxProcess {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let mut command = firmhold(folder.path());
        command.arg("sandbox").arg("--data").arg(data).args(["--port", "0", "--json"]);
        Self { running: Running::start(&mut command), folder }
    }

    /// A folder that goes with the sandbox.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `http://127.0.0.1:PORT`
    pub fn http_url(&self) -> &str {
        self.running.said("http_url")
    }

    /// `https://127.0.0.1:PORT`
    pub fn https_url(&self) -> &str {
        self.running.said("https_url")
    }

    /// The AWS config file with the profiles `customer` and `platform`.
    pub fn config_file(&self) -> PathBuf {
        self.running.said("config_file").into()
    }

    /// The credentials of those profiles.
    pub fn credentials_file(&self) -> PathBuf {
        self.running.said("credentials_file").into()
    }

    /// The certificate authority of [`SandboxProcess::https_url`].
    pub fn ca_file(&self) -> PathBuf {
        self.running.said("ca_file").into()
    }

    /// The role that the platform works as.
    pub fn platform_role_arn(&self) -> &str {
        self.running.said("platform_role_arn")
    }
}
