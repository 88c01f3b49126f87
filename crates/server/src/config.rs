//! Settings of the server: the environment, then the file, then the defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firmhold_core::{Code, Problem, RoleArn, binary_part};
use firmhold_store::Timeouts;
use serde::Deserialize;

const DEFAULT_FILE: &str = include_str!("config.default.toml");

/// Settings of one server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Section `[server]`.
    pub server: ServerConfig,
    /// Section `[aws]`.
    pub aws: AwsConfig,
}

/// Section `[server]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Folder of the database and the master key.
    #[serde(default = "ServerConfig::default_data_dir")]
    pub data_dir: PathBuf,
    /// Listener of API and links; port 0 takes a free one.
    #[serde(default = "ServerConfig::default_admin_address")]
    pub admin_address: SocketAddr,
    /// Listener of health and readiness; port 0 takes a free one.
    #[serde(default = "ServerConfig::default_ops_address")]
    pub ops_address: SocketAddr,
    /// What links begin with; `http://` and the admin address if absent.
    pub public_url: Option<String>,
    /// In front of every route; empty or `/…` without a final slash.
    #[serde(default)]
    pub path_prefix: String,
    /// Life of store URLs, 300 to 3,300 s.
    #[serde(default = "ServerConfig::default_ticket_seconds")]
    pub ticket_seconds: u32,
    /// Folder of the organizations' secrets; `secrets` in `data_dir` if absent.
    pub secrets_dir: Option<PathBuf>,
    /// Whether a store or a token issuer may be at `http`, or at a private, loopback or link-local address.
    #[serde(default)]
    pub allow_private_endpoints: bool,
    /// How long a verification waits for IAM to know a role, 0 to 60 s.
    #[serde(default = "ServerConfig::default_iam_retry_seconds")]
    pub iam_retry_seconds: u32,
    /// Days without a new part after which an upload is given up, 1 to 365.
    #[serde(default = "ServerConfig::default_abandoned_upload_days")]
    pub abandoned_upload_days: u32,
    /// Imports have the store copy objects larger than this in parts of this size, 5 MiB to 5 GiB in bytes.
    #[serde(default = "ServerConfig::default_copy_part_bytes")]
    pub copy_part_bytes: u64,
    /// Connections at once to each listener, 1 to 1,000,000.
    #[serde(default = "ServerConfig::default_max_connections")]
    pub max_connections: usize,
    /// Of them, from one IPv4 address or IPv6 /64, 1 to 1,000,000.
    #[serde(default = "ServerConfig::default_max_connections_per_address")]
    pub max_connections_per_address: usize,
    /// How long a client may take; no setting, but for tests.
    #[serde(skip)]
    pub patience: Patience,
}

/// How long a client may take for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For its head, or the pause before it.
    pub head: Duration,
    /// For its body, all in all. Parts that go through the server have limits of their own.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(75), body: Duration::from_secs(30) }
    }
}

/// Section `[aws]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsConfig {
    /// Of the platform itself.
    pub region: Option<String>,
    /// The role that the platform works as.
    pub platform_role_arn: Option<String>,
    /// Instead of AWS's own S3 (and STS, unless that has its own).
    pub endpoint_url: Option<String>,
    /// Instead of AWS's own STS.
    pub sts_endpoint_url: Option<String>,
    /// Certificates to trust besides the public ones, PEM.
    pub ca_bundle: Option<PathBuf>,
    /// How long AWS may take; no setting, but for tests.
    #[serde(skip)]
    pub timeouts: Timeouts,
}

impl ServerConfig {
    /// Where the organizations' secrets lie.
    pub fn secrets_dir(&self) -> PathBuf {
        self.secrets_dir.clone().unwrap_or_else(|| self.data_dir.join("secrets"))
    }

    fn default_data_dir() -> PathBuf {
        PathBuf::from("firmhold-data")
    }

    fn default_admin_address() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 8470))
    }

    fn default_ops_address() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 8471))
    }

    const fn default_ticket_seconds() -> u32 {
        900
    }

    const fn default_iam_retry_seconds() -> u32 {
        60
    }

    const fn default_abandoned_upload_days() -> u32 {
        7
    }

    /// How long an upload may lie without a new part.
    pub fn abandoned_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.abandoned_upload_days) * 24 * 3600)
    }

    const fn default_copy_part_bytes() -> u64 {
        128 * 1024 * 1024
    }

    const fn default_max_connections() -> usize {
        4096
    }

    const fn default_max_connections_per_address() -> usize {
        1024
    }
}

impl Config {
    /// The commented default file, for `firmhold serve --print-config` and the documentation.
    pub const fn default_file() -> &'static str {
        DEFAULT_FILE
    }

    /// The defaults, with the data in `data_dir` and on free ports of loopback: for tests and the demo, whose IAM knows
    /// every change at once.
    pub fn ephemeral(data_dir: impl Into<PathBuf>) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            server: ServerConfig {
                data_dir: data_dir.into(),
                admin_address: free,
                ops_address: free,
                public_url: None,
                path_prefix: String::new(),
                ticket_seconds: ServerConfig::default_ticket_seconds(),
                secrets_dir: None,
                allow_private_endpoints: false,
                iam_retry_seconds: 0,
                abandoned_upload_days: ServerConfig::default_abandoned_upload_days(),
                copy_part_bytes: ServerConfig::default_copy_part_bytes(),
                max_connections: ServerConfig::default_max_connections(),
                max_connections_per_address: ServerConfig::default_max_connections_per_address(),
                patience: Patience::default(),
            },
            aws: AwsConfig::default(),
        }
    }

    /// Reads `file` (without one, the defaults) and the process's environment.
    ///
    /// # Errors
    /// [`Code::Usage`] naming the setting that is wrong; [`Code::LocalFile`] if the file cannot be read.
    pub fn load(file: Option<&Path>) -> Result<Self, Problem> {
        Self::load_with(file, |name| std::env::var(name).ok())
    }

    /// As [`Config::load`], with an environment of the caller's choice.
    ///
    /// # Errors
    /// See there.
    pub fn load_with(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                Problem::new(Code::LocalFile, format!("cannot read {}", path.display())).caused_by(error)
            })?,
            None => DEFAULT_FILE.to_owned(),
        };
        let mut config: Self = toml::from_str(&text).map_err(|error| usage(error.message().to_owned()))?;
        config.override_by(&environment)?;
        config.check()?;
        Ok(config)
    }

    fn override_by(&mut self, environment: &impl Fn(&str) -> Option<String>) -> Result<(), Problem> {
        let get = |name: &str| environment(name).filter(|value| !value.is_empty());
        let server = &mut self.server;
        if let Some(value) = get("FIRMHOLD_DATA_DIR") {
            server.data_dir = value.into();
        }
        if let Some(value) = get("FIRMHOLD_ADMIN_ADDRESS") {
            server.admin_address = address("FIRMHOLD_ADMIN_ADDRESS", &value)?;
        }
        if let Some(value) = get("FIRMHOLD_OPS_ADDRESS") {
            server.ops_address = address("FIRMHOLD_OPS_ADDRESS", &value)?;
        }
        if let Some(value) = get("FIRMHOLD_PATH_PREFIX") {
            server.path_prefix = value;
        }
        if let Some(value) = get("FIRMHOLD_TICKET_SECONDS") {
            server.ticket_seconds = seconds("FIRMHOLD_TICKET_SECONDS", &value)?;
        }
        if let Some(value) = get("FIRMHOLD_SECRETS_DIR") {
            server.secrets_dir = Some(value.into());
        }
        if let Some(value) = get("FIRMHOLD_ALLOW_PRIVATE_ENDPOINTS") {
            server.allow_private_endpoints = flag("FIRMHOLD_ALLOW_PRIVATE_ENDPOINTS", &value)?;
        }
        if let Some(value) = get("FIRMHOLD_IAM_RETRY_SECONDS") {
            server.iam_retry_seconds = seconds("FIRMHOLD_IAM_RETRY_SECONDS", &value)?;
        }
        if let Some(value) = get("FIRMHOLD_ABANDONED_UPLOAD_DAYS") {
            server.abandoned_upload_days = value
                .parse()
                .map_err(|_| usage("FIRMHOLD_ABANDONED_UPLOAD_DAYS must be a number of days"))?;
        }
        if let Some(value) = get("FIRMHOLD_COPY_PART_BYTES") {
            server.copy_part_bytes =
                value.parse().map_err(|_| usage("FIRMHOLD_COPY_PART_BYTES must be a number of bytes"))?;
        }
        if let Some(value) = get("FIRMHOLD_MAX_CONNECTIONS") {
            server.max_connections = connections("FIRMHOLD_MAX_CONNECTIONS", &value)?;
        }
        if let Some(value) = get("FIRMHOLD_MAX_CONNECTIONS_PER_ADDRESS") {
            server.max_connections_per_address = connections("FIRMHOLD_MAX_CONNECTIONS_PER_ADDRESS", &value)?;
        }
        server.public_url = get("FIRMHOLD_PUBLIC_URL").or(server.public_url.take());
        let aws = &mut self.aws;
        let either = |ours: &str, from_file: &mut Option<String>, aws: &[&str]| {
            get(ours).or(from_file.take()).or_else(|| aws.iter().find_map(|name| get(name)))
        };
        aws.region = either("FIRMHOLD_AWS_REGION", &mut aws.region, &["AWS_REGION", "AWS_DEFAULT_REGION"]);
        aws.platform_role_arn = either("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", &mut aws.platform_role_arn, &[]);
        aws.endpoint_url = either("FIRMHOLD_AWS_ENDPOINT_URL", &mut aws.endpoint_url, &["AWS_ENDPOINT_URL"]);
        aws.sts_endpoint_url =
            either("FIRMHOLD_AWS_STS_ENDPOINT_URL", &mut aws.sts_endpoint_url, &["AWS_ENDPOINT_URL_STS"]);
        let mut bundle = aws.ca_bundle.take().map(|path| path.display().to_string());
        aws.ca_bundle = either("FIRMHOLD_AWS_CA_BUNDLE", &mut bundle, &["AWS_CA_BUNDLE"]).map(PathBuf::from);
        Ok(())
    }

    fn check(&self) -> Result<(), Problem> {
        let prefix = &self.server.path_prefix;
        if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.ends_with('/')) {
            return Err(usage("server.path_prefix must begin with / and not end with one"));
        }
        if !(300..=3300).contains(&self.server.ticket_seconds) {
            return Err(usage("server.ticket_seconds must be 300 to 3300"));
        }
        if self.server.iam_retry_seconds > 60 {
            return Err(usage("server.iam_retry_seconds must be 0 to 60"));
        }
        if !(1..=365).contains(&self.server.abandoned_upload_days) {
            return Err(usage("server.abandoned_upload_days must be 1 to 365"));
        }
        if !(binary_part::MIN_SIZE..=binary_part::MAX_SIZE).contains(&self.server.copy_part_bytes) {
            return Err(usage("server.copy_part_bytes must be 5242880 to 5368709120"));
        }
        for (name, number) in [
            ("server.max_connections", self.server.max_connections),
            ("server.max_connections_per_address", self.server.max_connections_per_address),
        ] {
            if !(1..=1_000_000).contains(&number) {
                return Err(usage(format!("{name} must be 1 to 1000000")));
            }
        }
        if let Some(url) = &self.server.public_url {
            check_url("server.public_url", url)?;
        }
        for (name, url) in [
            ("aws.endpoint_url", &self.aws.endpoint_url),
            ("aws.sts_endpoint_url", &self.aws.sts_endpoint_url),
        ] {
            if let Some(url) = url {
                check_url(name, url)?;
            }
        }
        self.platform_role().map(drop)
    }

    /// The role that the platform works as.
    ///
    /// # Errors
    /// [`Code::Usage`] if it is missing or no role's ARN.
    pub fn platform_role(&self) -> Result<RoleArn, Problem> {
        let arn = self.aws.platform_role_arn.as_deref().ok_or_else(|| {
            usage("aws.platform_role_arn is missing: the role that customers' roles are to trust")
                .with_hint("Set it in the configuration file or as FIRMHOLD_AWS_PLATFORM_ROLE_ARN.")
        })?;
        arn.parse().map_err(|error| usage(format!("aws.platform_role_arn: {error}")))
    }
}

fn seconds(name: &str, value: &str) -> Result<u32, Problem> {
    value.parse().map_err(|_| usage(format!("{name} must be a number of seconds")))
}

fn connections(name: &str, value: &str) -> Result<usize, Problem> {
    value.parse().map_err(|_| usage(format!("{name} must be a number of connections")))
}

fn flag(name: &str, value: &str) -> Result<bool, Problem> {
    value.parse().map_err(|_| usage(format!("{name} must be true or false")))
}

fn address(name: &str, value: &str) -> Result<SocketAddr, Problem> {
    value.parse().map_err(|_| usage(format!("{name} must be ADDRESS:PORT, such as 127.0.0.1:8470")))
}

/// Checks that `url` is an absolute `http` or `https` URL without query or fragment.
fn check_url(name: &str, url: &str) -> Result<(), Problem> {
    let fits = url::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
    });
    if fits { Ok(()) } else { Err(usage(format!("{name} must be an http or https URL"))) }
}

fn usage(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Usage, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::999999999999:role/firmhold-platform";

    fn load(environment: &[(&str, &str)]) -> Result<Config, Problem> {
        Config::load_with(None, |name| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_default_file_states_the_defaults() {
        let file: Config = toml::from_str(Config::default_file()).unwrap();
        let bare: Config = toml::from_str("[server]\n[aws]").unwrap();
        assert_eq!(file, bare);
    }

    #[test]
    fn every_commented_setting_is_one() {
        let uncommented: String = Config::default_file()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => {
                    setting
                }
                _ => line,
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let config: Config = toml::from_str(&uncommented).unwrap();
        config.check().unwrap();
        assert!(config.aws.ca_bundle.is_some() && config.server.public_url.is_some());
    }

    #[test]
    fn the_environment_wins_and_aws_variables_come_last() {
        let config = load(&[
            ("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", ROLE),
            ("FIRMHOLD_ADMIN_ADDRESS", "0.0.0.0:1"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("FIRMHOLD_AWS_ENDPOINT_URL", "http://127.0.0.1:10"),
        ])
        .unwrap();
        assert_eq!(config.server.admin_address.to_string(), "0.0.0.0:1");
        assert_eq!(config.aws.region.as_deref(), Some("eu-central-1"));
        assert_eq!(config.aws.endpoint_url.as_deref(), Some("http://127.0.0.1:10"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |environment: &[(&str, &str)]| load(environment).unwrap_err().to_string();
        assert!(wrong(&[]).contains("aws.platform_role_arn is missing"));
        let role = ("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", ROLE);
        assert!(wrong(&[role, ("FIRMHOLD_TICKET_SECONDS", "60")]).contains("ticket_seconds"));
        assert!(wrong(&[role, ("FIRMHOLD_ABANDONED_UPLOAD_DAYS", "0")]).contains("abandoned_upload_days"));
        assert!(wrong(&[role, ("FIRMHOLD_MAX_CONNECTIONS", "0")]).contains("max_connections"));
        assert!(wrong(&[role, ("FIRMHOLD_PUBLIC_URL", "firmware.example.com")]).contains("public_url"));
        assert!(wrong(&[("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", "firmhold-platform")]).contains("role"));
    }
}
