//! The platform's part in setting an account up: it makes the external ID, says who assumes the role, and runs the
//! checks.

use std::time::Duration;

use clap::Args;
use firmhold_core::backend::CreateBackend;
use firmhold_core::check::{RunStatus, Verification};
use firmhold_core::{Backend, BackendState, Code, Problem};
use firmhold_provision::{Encryption, Key, Spec, Trust};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::args::Global;
use crate::client::{self, Client};
use crate::commands::{Outcome, backend};
use crate::printer::Printer;
use crate::profile::Profile;
use crate::progress;

/// How long a new role may take until it can be assumed everywhere: IAM is eventually consistent.
const PATIENCE: Duration = Duration::from_secs(90);

/// The platform, if there is one to ask.
#[derive(Args)]
pub struct PlatformArgs {
    /// Register with the platform of this profile of Firmhold's configuration file, and go on until the backend is
    /// active; without a name, with the profile in force
    #[arg(long, value_name = "PROFILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    platform: Option<String>,
}

impl PlatformArgs {
    /// The platform's client.
    ///
    /// # Errors
    /// [`Code::Usage`] for a profile that is not there.
    pub fn open(&self, global: &Global) -> Result<Option<Platform>, Problem> {
        let Some(name) = &self.platform else { return Ok(None) };
        let mut global = global.clone();
        if !name.is_empty() {
            global.profile = Some(name.clone());
        }
        Ok(Some(Platform { client: Client::new(&Profile::resolve(&global)?)? }))
    }

    /// Whom the platform's backend of this name says to trust, if it is registered. Registers nothing.
    ///
    /// # Errors
    /// The platform's.
    pub async fn known_trust(&self, global: &Global, name: &str) -> Result<Option<Trust>, Problem> {
        let Some(platform) = self.open(global)? else { return Ok(None) };
        platform.find(name).await?.map(|backend| platform.trust(&backend)).transpose()
    }
}

/// A platform, with a key that may register backends.
pub struct Platform {
    client: Client,
}

impl Platform {
    async fn find(&self, name: &str) -> Result<Option<Backend>, Problem> {
        let backends: Vec<Backend> = self.client.list("backends", None).await?;
        Ok(backends.into_iter().find(|backend| backend.name == name))
    }

    /// The backend at the platform: the one of this name, or a new one.
    ///
    /// # Errors
    /// [`Code::Duplicate`] when the name is taken by one of another bucket; the platform's.
    pub async fn register(&self, spec: &Spec, printer: &Printer) -> Result<Backend, Problem> {
        if let Some(found) = self.find(&spec.name).await? {
            must_be_of(&found, spec)?;
            return Ok(found);
        }
        let body = CreateBackend {
            name: Some(spec.name.clone()),
            bucket: Some(spec.bucket.name.clone()),
            region: Some(spec.bucket.region.clone()),
            partition: Some(spec.partition.clone()),
            prefix: Some(spec.bucket.prefix.to_string()),
            import_prefix: spec.bucket.import_prefix.clone(),
            role_arn: Some(spec.role_arn()),
            encryption: encryption(spec, None),
            allow_delete: spec.bucket.allow_delete.then_some(true),
            ..CreateBackend::default()
        };
        let backend: Backend = client::object(self.client.post("/backends", &body).await?, "backend")?;
        printer.note(&format!("registered backend {} with the platform", backend.name));
        Ok(backend)
    }

    /// Whom the role has to trust for this backend.
    ///
    /// # Errors
    /// [`Code::BadAnswer`] when the platform does not say.
    pub fn trust(&self, backend: &Backend) -> Result<Trust, Problem> {
        match (&backend.principal, &backend.external_id) {
            (Some(principal), Some(first)) => Ok(Trust::Platform {
                principal: principal.clone(),
                external_ids: std::iter::once(first).chain(&backend.external_id_next).cloned().collect(),
            }),
            _ => Err(Problem::new(
                Code::BadAnswer,
                format!("the platform does not say whom the role of backend {} has to trust", backend.name),
            )
            .with_hint("A backend with static keys has no role; register this one under another name.")),
        }
    }

    /// Tells the platform what was made, and has it run its checks until they pass or patience ends.
    ///
    /// # Errors
    /// The platform's.
    pub async fn activate(
        &self,
        registered: &Backend,
        spec: &Spec,
        made_key: Option<&str>,
        printer: &Printer,
    ) -> Result<(Backend, Verification), Problem> {
        let mut body = serde_json::Map::new();
        if registered.role_arn.as_deref() != Some(&spec.role_arn()) {
            body.insert("role_arn".to_owned(), json!(spec.role_arn()));
        }
        if let Some(encryption) = encryption(spec, made_key)
            && serde_json::to_value(&registered.encryption).ok().as_ref() != Some(&encryption)
        {
            body.insert("encryption".to_owned(), encryption);
        }
        if !body.is_empty() {
            let _ = self.client.patch(&format!("/backends/{}", registered.meta.prn), &body).await?;
        }
        let spinner = progress::wait(printer, "verifying");
        let until = Instant::now() + PATIENCE;
        let mut pause = Duration::from_secs(1);
        let last = loop {
            let verification = backend::run_checks(&self.client, registered).await;
            match verification {
                Ok(run) if run.status == RunStatus::Pass => break Ok(run),
                _ if Instant::now() + pause < until => sleep(pause).await,
                last => break last,
            }
            pause = (pause * 2).min(Duration::from_secs(15));
        };
        spinner.finish_and_clear();
        let verification = last?;
        let now = backend::find(&self.client, &registered.name).await?;
        Ok((now, verification))
    }

    /// Active or not.
    pub fn outcome(backend: &Backend) -> Outcome {
        if backend.state == BackendState::Active { Outcome::Done } else { Outcome::Findings }
    }
}

/// What the API calls the encryption; a key that is still to be made is told later.
fn encryption(spec: &Spec, made: Option<&str>) -> Option<serde_json::Value> {
    let Encryption::SseKms { key, .. } = &spec.encryption else { return None };
    let arn = match key {
        Key::Given { arn } => Some(arn.as_str()),
        Key::Made { .. } => made,
    };
    arn.map(|arn| json!({ "mode": "sse-kms", "kms_key_arn": arn }))
}

fn must_be_of(backend: &Backend, spec: &Spec) -> Result<(), Problem> {
    let same = backend.bucket == spec.bucket.name
        && backend.region == spec.bucket.region
        && backend.prefix == spec.bucket.prefix;
    if same {
        return Ok(());
    }
    Err(Problem::new(
        Code::Duplicate,
        format!(
            "the platform has a backend {} of another place: s3://{}/{} in {}",
            backend.name, backend.bucket, backend.prefix, backend.region
        ),
    )
    .with_hint("Give this one another `name`, or the other's bucket, region and prefix."))
}
