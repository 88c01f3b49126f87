//! `firmhold backend`: the platform's record of the organization's buckets.

use clap::{Args, Subcommand, ValueEnum};
use firmhold_core::backend::{Capabilities, CreateBackend, UploadMode};
use firmhold_core::check::RunStatus;
use firmhold_core::{Backend, BackendState, Check, CheckStatus, Code, Problem, Verification};
use serde_json::{Value, json};

use super::{Outcome, Session};
use crate::client::{self, Client};
use crate::printer::{self, Tone, toned};
use crate::progress;

/// Buckets registered with the platform
#[derive(Subcommand)]
pub enum BackendCommand {
    /// Register a bucket and the role that leads to it
    Add(Box<Add>),
    /// List backends
    List,
    /// Show one backend, or a policy to attach
    Show(Show),
    /// Change the way in, the delivery mode or the life of links
    Set(Set),
    /// Run the checks; exit code 3 if one fails
    Verify(Verify),
}

/// Register a bucket and the role that leads to it
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold backend add prod --bucket acme-firmware-7f3a --region us-west-2\n  \
    firmhold backend add prod --bucket acme-firmware-7f3a --region us-west-2 \\\n      \
    --role-arn arn:aws:iam::123456789012:role/FirmholdBackend\n  \
    firmhold backend add own --bucket firmware --region us-east-1 --endpoint-url https://s3.example.com \\\n      \
    --credentials minio --no-encryption\n\n\
    At AWS the answer holds the external ID and the policies to attach: see `firmhold backend show NAME --policy trust`.")]
pub struct Add {
    /// Short name: 1 to 10 of a-z, 0-9 and '-'
    name: String,
    /// The bucket
    #[arg(long)]
    bucket: String,
    /// Its region
    #[arg(long)]
    region: String,
    /// The role in the bucket owner's account; may come later
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// An S3-compatible store instead of AWS
    #[arg(long, value_name = "URL", conflicts_with = "role_arn")]
    endpoint_url: Option<String>,
    /// The store's key pair, by its name among the organization's secrets (`firmhold secret put` on the server's host)
    #[arg(long, value_name = "NAME", requires = "endpoint_url")]
    credentials: Option<String>,
    /// Never put the bucket's name into the store's host
    #[arg(long, requires = "endpoint_url")]
    path_style: bool,
    /// Ask for no encryption: for stores that encrypt by other means
    #[arg(long, requires = "endpoint_url", conflicts_with = "kms_key_arn")]
    no_encryption: bool,
    /// What of the bucket may be used [default: firmhold/]
    #[arg(long)]
    prefix: Option<String>,
    /// What of the bucket `firmhold import` may read
    #[arg(long, value_name = "PREFIX")]
    import_prefix: Option<String>,
    /// Encrypt with this KMS key instead of SSE-S3
    #[arg(long, value_name = "ARN")]
    kms_key_arn: Option<String>,
    /// How links are answered [default: redirect]
    #[arg(long, value_name = "MODE")]
    delivery: Option<Mode>,
    /// Life of a link in seconds [default: 86400]
    #[arg(long, value_name = "SECONDS")]
    link_ttl: Option<u32>,
    /// Let the role delete firmware objects
    #[arg(long)]
    allow_delete: bool,
    /// Try all that can be tried and store nothing; exit code 3 if a check fails
    #[arg(long)]
    dry_run: bool,
}

/// How links are answered.
#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// By a redirect to a store URL.
    Redirect,
    /// By the server itself.
    Proxy,
}

/// Show one backend, or a policy to attach
#[derive(Args)]
#[command(after_help = "Example: firmhold backend show prod --policy trust > trust.json")]
pub struct Show {
    /// Its name or PRN
    backend: String,
    /// Print this policy only, as JSON
    #[arg(long, value_name = "WHICH")]
    policy: Option<Policy>,
}

/// A policy that somebody has to attach.
#[derive(Clone, Copy, ValueEnum)]
enum Policy {
    /// The role's trust policy.
    Trust,
    /// The role's permissions.
    Permissions,
    /// The bucket policy.
    Bucket,
}

/// Change the way in, the delivery mode or the life of links
#[derive(Args)]
#[command(after_help = "Example: firmhold backend set prod --delivery proxy")]
#[group(required = true, multiple = true, id = "change")]
pub struct Set {
    /// Its name or PRN
    #[arg(group = "which")]
    backend: String,
    /// The role in the bucket owner's account
    #[arg(long, value_name = "ARN", group = "change")]
    role_arn: Option<String>,
    /// Where the S3-compatible store listens
    #[arg(long, value_name = "URL", group = "change")]
    endpoint_url: Option<String>,
    /// The store's key pair, by its name among the organization's secrets
    #[arg(long, value_name = "NAME", group = "change")]
    credentials: Option<String>,
    /// Whether the bucket's name must not be in the store's host
    #[arg(long, value_name = "BOOL", group = "change")]
    path_style: Option<bool>,
    /// Ask for no encryption: for S3-compatible stores that encrypt by other means
    #[arg(long, group = "change")]
    no_encryption: bool,
    /// How links are answered
    #[arg(long, value_name = "MODE", group = "change")]
    delivery: Option<Mode>,
    /// Life of a link in seconds
    #[arg(long, value_name = "SECONDS", group = "change")]
    link_ttl: Option<u32>,
    /// What of the bucket `firmhold import` may read; empty for nothing
    #[arg(long, value_name = "PREFIX", group = "change")]
    import_prefix: Option<String>,
}

/// Run the checks; exit code 3 if one fails
#[derive(Args)]
pub struct Verify {
    /// Its name or PRN
    backend: String,
}

impl BackendCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        match self {
            Self::Add(add) => add.run(session).await,
            Self::List => list(session).await,
            Self::Show(show) => show.run(session).await,
            Self::Set(set) => set.run(session).await,
            Self::Verify(verify) => verify.run(session).await,
        }
    }
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Proxy => "proxy",
        }
    }
}

impl Add {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let body = self.body();
        if self.dry_run {
            return dry_run(session, &body).await;
        }
        let backend: Backend = client::object(session.client.post("/backends", &body).await?, "backend")?;
        session.printer.result(&backend, describe);
        session.printer.note(&next_step(&backend));
        Ok(Outcome::Done)
    }

    fn body(&self) -> CreateBackend {
        let mut delivery = serde_json::Map::new();
        if let Some(mode) = self.delivery {
            delivery.insert("mode".to_owned(), json!(mode.as_str()));
        }
        if let Some(seconds) = self.link_ttl {
            delivery.insert("link_ttl_seconds".to_owned(), json!(seconds));
        }
        CreateBackend {
            name: Some(self.name.clone()),
            bucket: Some(self.bucket.clone()),
            region: Some(self.region.clone()),
            prefix: self.prefix.clone(),
            import_prefix: self.import_prefix.clone(),
            role_arn: self.role_arn.clone(),
            endpoint_url: self.endpoint_url.clone(),
            credentials_ref: self.credentials.clone(),
            path_style: self.path_style.then_some(true),
            encryption: match &self.kms_key_arn {
                Some(arn) => Some(json!({ "mode": "sse-kms", "kms_key_arn": arn })),
                None => self.no_encryption.then(|| json!({ "mode": "none" })),
            },
            delivery: (!delivery.is_empty()).then_some(Value::Object(delivery)),
            allow_delete: self.allow_delete.then_some(true),
            ..CreateBackend::default()
        }
    }
}

async fn dry_run(session: &Session<'_>, body: &CreateBackend) -> Result<Outcome, Problem> {
    let answer = session.client.post("/backends/validate", body).await?;
    let checks: Vec<Check> = client::parse(answer.get("checks").cloned().unwrap_or_default())?;
    session.printer.result(&answer, |_| check_table(&checks));
    Ok(outcome(&checks))
}

fn outcome(checks: &[Check]) -> Outcome {
    if checks.iter().any(|check| check.status == CheckStatus::Fail) {
        Outcome::Findings
    } else {
        Outcome::Done
    }
}

async fn list(session: &Session<'_>) -> Result<Outcome, Problem> {
    let backends: Vec<Backend> = session.client.list("backends", None).await?;
    session.printer.result(&backends, |backends| {
        let mut rows =
            vec![["name", "state", "bucket", "region", "binaries", "stored"].map(str::to_owned).to_vec()];
        rows.extend(backends.iter().map(|backend| {
            let name =
                if backend.default { format!("{} (default)", backend.name) } else { backend.name.clone() };
            vec![
                name,
                state(backend.state),
                backend.bucket.clone(),
                backend.region.clone(),
                backend.binary_count.to_string(),
                printer::bytes(backend.stored_bytes),
            ]
        }));
        printer::table(&rows)
    });
    Ok(Outcome::Done)
}

fn state(state: BackendState) -> String {
    let tone = match state {
        BackendState::Active => Tone::Good,
        BackendState::PendingTrust | BackendState::Verifying | BackendState::Degraded => Tone::Warn,
        BackendState::Restricted | BackendState::Suspended => Tone::Bad,
    };
    toned(tone, state.as_str())
}

impl Show {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let backend = find(&session.client, &self.backend).await?;
        match self.policy {
            None => session.printer.result(&backend, describe),
            Some(Policy::Trust) => match &backend.trust_policy {
                Some(policy) => session.printer.json_document(policy),
                None => return Err(Problem::new(Code::StateForbids, "this backend has no trust policy")),
            },
            Some(Policy::Permissions) => session.printer.json_document(&backend.permission_policy),
            Some(Policy::Bucket) => session.printer.json_document(&backend.bucket_policy),
        }
        Ok(Outcome::Done)
    }
}

fn describe(backend: &Backend) -> String {
    let none = || "none yet".to_owned();
    let mut rows = vec![
        ("backend", backend.name.clone()),
        ("prn", backend.meta.prn.to_string()),
        ("state", state(backend.state)),
        ("bucket", format!("{} in {}, below {}", backend.bucket, backend.region, backend.prefix)),
    ];
    if let Some(url) = &backend.endpoint_url {
        rows.push(("endpoint", url.clone()));
        rows.push(("key pair", backend.credentials_ref.clone().unwrap_or_else(none)));
    } else {
        rows.push(("role", backend.role_arn.clone().unwrap_or_else(none)));
        rows.push(("external ID", backend.external_id.clone().unwrap_or_else(none)));
        if let Some(next) = &backend.external_id_next {
            rows.push(("next ID", next.clone()));
        }
        rows.push(("principal", backend.principal.clone().unwrap_or_else(none)));
    }
    rows.extend([
        (
            "delivery",
            format!("{}, links live {} s", backend.delivery.mode, backend.delivery.link_ttl_seconds),
        ),
        ("uploads", uploads(backend)),
        ("binaries", format!("{} ({})", backend.binary_count, printer::bytes(backend.stored_bytes))),
    ]);
    if let Some(lacks) = lacks(&backend.capabilities) {
        rows.push(("it lacks", lacks));
    }
    if let Some(reason) = &backend.state_reason {
        rows.insert(3, ("reason", reason.clone()));
    }
    rows.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
}

/// How parts are sent.
fn uploads(backend: &Backend) -> String {
    match backend.upload_mode {
        UploadMode::Direct => "straight to the store".to_owned(),
        UploadMode::Proxy => "through the server, which checks what the store does not".to_owned(),
    }
}

/// What verification found the store unable to do.
fn lacks(found: &Capabilities) -> Option<String> {
    let names: Vec<&str> =
        found.entries().iter().filter(|(_, has)| *has == Some(false)).map(|(name, _)| *name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn next_step(backend: &Backend) -> String {
    let name = &backend.name;
    match (backend.state, &backend.role_arn) {
        (BackendState::Active, _) => "It is active.".to_owned(),
        _ if backend.endpoint_url.is_some() && backend.credentials_ref.is_none() => format!(
            "Next: firmhold secret put KEYS (on the server's host), firmhold backend set {name} --credentials KEYS"
        ),
        _ if backend.endpoint_url.is_some() => format!("Next: firmhold backend verify {name}"),
        (_, None) => format!(
            "Next: make a role in the bucket's account with these policies, then tell the platform its ARN:\n  \
             firmhold backend show {name} --policy trust\n  firmhold backend show {name} --policy permissions\n  \
             firmhold backend show {name} --policy bucket"
        ),
        (_, Some(_)) => format!(
            "Next: attach the policies (`firmhold backend show {name} --policy trust`, `permissions`, `bucket`),\nthen: firmhold backend verify {name}"
        ),
    }
}

impl Set {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let before = find(&session.client, &self.backend).await?;
        let mut body = serde_json::Map::new();
        if let Some(arn) = &self.role_arn {
            body.insert("role_arn".to_owned(), json!(arn));
        }
        if let Some(url) = &self.endpoint_url {
            body.insert("endpoint_url".to_owned(), json!(url));
        }
        if let Some(name) = &self.credentials {
            body.insert("credentials_ref".to_owned(), json!(name));
        }
        if let Some(path_style) = self.path_style {
            body.insert("path_style".to_owned(), json!(path_style));
        }
        if self.no_encryption {
            body.insert("encryption".to_owned(), json!({ "mode": "none" }));
        }
        if self.delivery.is_some() || self.link_ttl.is_some() {
            let mode = self.delivery.map_or(before.delivery.mode.as_str(), Mode::as_str);
            let seconds = self.link_ttl.unwrap_or(before.delivery.link_ttl_seconds);
            body.insert("delivery".to_owned(), json!({ "mode": mode, "link_ttl_seconds": seconds }));
        }
        if let Some(prefix) = &self.import_prefix {
            let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
            body.insert("import_prefix".to_owned(), json!(prefix));
        }
        let answer = session.client.patch(&format!("/backends/{}", before.meta.prn), &body).await?;
        let backend: Backend = client::object(answer, "backend")?;
        session.printer.result(&backend, describe);
        if before.import_prefix != backend.import_prefix {
            session.printer.note(&format!(
                "The role's permissions are others now; attach them: firmhold backend show {} --policy permissions",
                backend.name
            ));
        }
        Ok(Outcome::Done)
    }
}

impl Verify {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let backend = find(&session.client, &self.backend).await?;
        let spinner = progress::wait(session.printer, "verifying");
        let verification = run_checks(&session.client, &backend).await;
        spinner.finish_and_clear();
        let verification = verification?;
        session.printer.result(&verification, |verification| check_table(&verification.checks));
        Ok(if verification.status == RunStatus::Pass { Outcome::Done } else { Outcome::Findings })
    }
}

/// Runs the checks of a backend.
///
/// # Errors
/// As the API's.
pub async fn run_checks(client: &Client, backend: &Backend) -> Result<Verification, Problem> {
    let path = format!("/backends/{}/verify", backend.meta.prn);
    client::object(client.post_empty(&path).await?, "verification")
}

/// The checks as a table; what to change comes below it.
pub fn check_table(checks: &[Check]) -> String {
    let mut rows = vec![["check", "", "status", "reason"].map(str::to_owned).to_vec()];
    rows.extend(checks.iter().map(|check| {
        let id = match &check.subject {
            Some(subject) => format!("{} {subject}", check.id),
            None => check.id.to_string(),
        };
        let tone = match check.status {
            CheckStatus::Pass => Tone::Good,
            CheckStatus::Fail => Tone::Bad,
            CheckStatus::Skipped => Tone::Dim,
        };
        let error = check.aws_error_code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
        vec![id, check.title.clone(), toned(tone, check.status.as_str()), format!("{}{error}", check.reason)]
    }));
    let mut text = printer::table(&rows);
    for check in checks.iter().filter(|check| check.status == CheckStatus::Fail) {
        if let Some(fix) = &check.fix {
            text.push_str(&format!(
                "\n{} {}\n",
                toned(Tone::Strong, &format!("{}: to mend it:", check.id)),
                fix
            ));
        }
    }
    text
}

/// The backend with this name or PRN.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn find(client: &Client, text: &str) -> Result<Backend, Problem> {
    let backends: Vec<Backend> = client.list("backends", None).await?;
    backends
        .into_iter()
        .find(|backend| backend.name == text || backend.meta.prn.to_string() == text)
        .ok_or_else(|| {
            Problem::new(Code::NotFound, format!("no backend {text:?}"))
                .with_hint("`firmhold backend list` shows those that there are")
        })
}
