//! What every handler and job shares.

use std::fs::{File, TryLockError};
use std::path::Path;

use firmhold_core::master_key::Purpose;
use firmhold_core::{Clock, Code, DerivedKey, LinkKeys, MasterKey, PrivateKey, Problem, RoleArn, UploadKeys};
use firmhold_store::{StaticKeys, StoreConfig, Stores, Target};
use tokio::sync::{Notify, Semaphore};

use crate::backends::BackendRow;
use crate::backends::settings::Rules;
use crate::binaries::BinaryLocks;
use crate::config::Config;
use crate::db::{Db, DbResult as _};
use crate::master_key;
use crate::oidc::IssuerKeys;
use crate::secrets::Secrets;

/// The first id of a link key; a rotation counts on from it.
const FIRST_LINK_KEY: u8 = 1;
/// Tokens that are verified and exchanged at once.
const EXCHANGES: usize = 256;
/// STS answers at this region's endpoint unless the configuration names another.
const DEFAULT_REGION: &str = "us-east-1";

/// One server's state: `Arc<App>` is the state of every route and job.
#[derive(Debug)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The owners' buckets.
    pub stores: Stores,
    /// The one clock.
    pub clock: Clock,
    /// Settings.
    pub config: Config,
    /// The role that the platform works as.
    pub platform_role: RoleArn,
    /// The organizations' secrets.
    pub secrets: Secrets,
    /// Keys that come from the master key.
    pub keys: ServerKeys,
    /// What links begin with, without a final slash.
    pub public_url: String,
    /// One upload step at a time for each binary.
    pub(crate) binary_locks: BinaryLocks,
    /// Keys of the issuers whose tokens are exchanged.
    pub(crate) issuer_keys: IssuerKeys,
    /// Exchanges of tokens under way: strangers may ask for them.
    pub(crate) exchanges: Semaphore,
    /// Wakes the job runner.
    pub(crate) wake: Notify,
    _lock: File,
}

/// Keys that come from the master key (design D13).
#[derive(Debug)]
pub struct ServerKeys {
    /// Sign and read tokens of links.
    pub links: LinkKeys,
    /// Signs verifications.
    pub report: PrivateKey,
    /// Signs manifests.
    pub catalogue: PrivateKey,
    /// Protects cursors of lists.
    pub cursors: DerivedKey,
    /// Sign and read tokens of parts that go through the server.
    pub uploads: UploadKeys,
}

impl ServerKeys {
    /// Derives all of them.
    pub fn derive(master: &MasterKey) -> Self {
        Self {
            links: LinkKeys::new(FIRST_LINK_KEY, master.derive(Purpose::Links)),
            report: PrivateKey::from_seed(master.derive(Purpose::Report).expose()),
            catalogue: PrivateKey::from_seed(master.derive(Purpose::Catalogue).expose()),
            cursors: master.derive(Purpose::Cursors),
            uploads: UploadKeys::new(FIRST_LINK_KEY, master.derive(Purpose::Uploads)),
        }
    }
}

impl App {
    /// Opens the data folder and sets everything up. Does not fail when AWS cannot be reached.
    ///
    /// # Errors
    /// [`Code::Usage`] for a wrong setting, or when another server uses the folder; [`Code::LocalFile`] if the folder
    /// cannot be used.
    pub async fn open(
        config: Config,
        clock: Clock,
        base_credentials: Option<StaticKeys>,
        public_url: String,
    ) -> Result<Self, Problem> {
        let platform_role = config.platform_role()?;
        let data = config.server.data_dir.clone();
        make_folder(&data)?;
        let lock = lock(&data)?;
        let db = Db::open(&data).await?;
        let master = master_key::load_or_make(&data, !is_used(&db, &config.server.secrets_dir()).await?)?;
        let stores = Stores::connect(StoreConfig {
            region: config.aws.region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            endpoint_url: config.aws.endpoint_url.clone(),
            sts_endpoint_url: config.aws.sts_endpoint_url.clone(),
            ca_bundle: config.aws.ca_bundle.clone(),
            platform_role_arn: platform_role.to_string(),
            clock: clock.clone(),
            allow_private_endpoints: config.server.allow_private_endpoints,
            base_credentials,
            timeouts: config.aws.timeouts,
        })
        .await?;
        let ca_bundle = config.aws.ca_bundle.as_deref();
        let issuer_keys = IssuerKeys::new(clock.clone(), ca_bundle, config.server.allow_private_endpoints)?;
        Ok(Self {
            db,
            stores,
            clock,
            secrets: Secrets::new(config.server.secrets_dir(), &master),
            config,
            platform_role,
            keys: ServerKeys::derive(&master),
            public_url: public_url.trim_end_matches('/').to_owned(),
            binary_locks: BinaryLocks::default(),
            issuer_keys,
            exchanges: Semaphore::new(EXCHANGES),
            wake: Notify::new(),
            _lock: lock,
        })
    }

    /// What `store` needs to reach a backend's bucket.
    ///
    /// # Errors
    /// As [`BackendRow::target`].
    pub fn target(&self, backend: &BackendRow) -> Result<Target, Problem> {
        backend.target(&self.secrets)
    }

    /// What of a backend's settings depends on this server.
    pub(crate) const fn backend_rules(&self) -> Rules<'_> {
        Rules { secrets: &self.secrets, allow_private_endpoints: self.config.server.allow_private_endpoints }
    }

    /// Has due jobs looked for at once. Call it after the commit of a transaction that enqueued some.
    pub fn wake_jobs(&self) {
        self.wake.notify_one();
    }
}

/// Makes the data folder, for its owner's eyes only.
pub(crate) fn make_folder(data: &Path) -> Result<(), Problem> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| {
        Problem::new(Code::LocalFile, format!("cannot make the data folder {}", data.display()))
            .caused_by(error)
    })
}

/// Taken for as long as the server runs; the system frees it however the process ends.
pub(crate) fn lock(data: &Path) -> Result<File, Problem> {
    let path = data.join("server.lock");
    let unusable =
        |error| Problem::new(Code::LocalFile, format!("cannot lock {}", path.display())).caused_by(error);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Problem::new(Code::Usage, format!("another server uses the data folder {}", data.display())))
        }
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Whether anything depends on the master key: backends, whose links and cursors it signs, or secrets that it seals.
pub(crate) async fn is_used(db: &Db, secrets: &Path) -> Result<bool, Problem> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM backends LIMIT 1").fetch_optional(db.reader()).await.db()?;
    Ok(found.is_some() || crate::secrets::has_any(secrets)?)
}
