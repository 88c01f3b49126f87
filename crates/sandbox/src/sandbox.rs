//! A running sandbox.

use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firmhold_core::Clock;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access_log::AccessLog;
use crate::account::{Accounts, AccountsError, CUSTOMER_ACCOUNT, PLATFORM_ACCOUNT, SeededUser};
use crate::authenticate::Authenticator;
use crate::authorize::Gate;
use crate::cloudtrail::CloudTrail;
use crate::cloudwatch::CloudWatch;
use crate::control::Control;
use crate::events::Events;
use crate::facts::{Fact, Facts};
use crate::fault::Faults;
use crate::front::Front;
use crate::iam_api::Iam;
use crate::kms::Kms;
use crate::listen;
use crate::observer::{Observer, Settle, Waiting};
use crate::organization::{Organization, Organizations};
use crate::profile::Profiles;
use crate::records::Records;
use crate::replication::{ReplicationFigures, Replicator};
use crate::request_log::RequestLog;
use crate::s3::S3Ops;
use crate::s3_control::S3Control;
use crate::s3_gate::{S3Gate, SecretKeys};
use crate::seed;
use crate::sns::{Notification, Sns};
use crate::state_clock::StateClock;
use crate::storage::listing::Query;
use crate::storage::record::{BucketFacts, Versioning};
use crate::storage::{Storage, StorageError};
use crate::sts::Sts;
use crate::tls::{self, TlsError};
use crate::upkeep::Upkeep;

/// How many entries the request log keeps unless told otherwise.
const REQUEST_LOG_ENTRIES: usize = 4096;
/// Bytes of an XML document that S3 takes: 1,000 keys of 1,024 bytes, escaped, or 10,000 parts with checksums.
const MAX_S3_XML: usize = 8 * 1024 * 1024;

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The folder that holds accounts, buckets, the certificate authority and the AWS profiles. Made if missing.
    pub data: PathBuf,
    /// The port of plain HTTP; HTTPS is on the next one. 0 finds a free pair.
    pub port: u16,
    /// The sandbox's time: for signatures, sessions and all that it stores.
    pub clock: Clock,
    /// Whether a request on plain HTTP counts as secure transport. Yes by default, or a bucket policy that denies
    /// plain HTTP would lock every client of the HTTP port out.
    pub http_is_secure: bool,
    /// How many requests [`Sandbox::request_log`] remembers.
    pub request_log: usize,
}

impl SandboxConfig {
    /// A sandbox in `data` on a free pair of ports, by the machine's clock.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            port: 0,
            clock: Clock::system(),
            http_is_secure: true,
            request_log: REQUEST_LOG_ENTRIES,
        }
    }
}

/// Why a sandbox cannot start, or cannot do what was asked behind its back.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The data folder cannot be made or written.
    #[error("cannot use {path} as the data folder")]
    Data {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The ports cannot be had.
    #[error("cannot listen on 127.0.0.1, port {port}")]
    Bind {
        /// The port; 0 if no free pair was found.
        port: u16,
        /// What went wrong.
        source: io::Error,
    },
    /// The accounts' file is of no use.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The buckets' storage is of no use, or has not what was asked for.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The certificate authority is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running sandbox. It stops when it is dropped; [`Sandbox::stop`] also waits for it.
pub struct Sandbox {
    http: SocketAddr,
    https: SocketAddr,
    ca_file: PathBuf,
    customer: SeededUser,
    platform: SeededUser,
    platform_role_arn: String,
    profiles: Profiles,
    faults: Arc<Faults>,
    request_log: Arc<RequestLog>,
    clock: Clock,
    storage: Storage,
    upkeep: Arc<Upkeep>,
    accounts: Accounts,
    access_log: Arc<AccessLog>,
    facts: Facts,
    sns: Sns,
    observer: Observer,
    stop: watch::Sender<bool>,
    /// Dropping it ends the listeners and all connections.
    serving: JoinSet<()>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("http", &self.http)
            .field("https", &self.https)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Opens the data folder and serves it.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        let unusable = |source| SandboxError::Data { path: config.data.clone(), source };
        // What is printed about it is used in other folders, too.
        let data = &std::path::absolute(&config.data).map_err(unusable)?;
        DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(unusable)?;
        // First what only one process can have open: the rest of the folder is then ours alone.
        let storage = Storage::open(&data.join("s3"), config.clock.clone())?;
        storage.set_lifecycle_ran(storage.lifecycle_ran()?)?;
        let records = Records::open(&data.join("records.redb"))?;
        let accounts = Accounts::open(data, &config.clock)?;
        let (ca_file, tls) = tls::open(data)?;
        let (http_listener, https_listener) = bind(config.port).await?;
        let address = |listener: &TcpListener| {
            listener.local_addr().map_err(|source| SandboxError::Bind { port: config.port, source })
        };
        let (http, https) = (address(&http_listener)?, address(&https_listener)?);
        let customer = accounts.seeded(CUSTOMER_ACCOUNT, seed::CUSTOMER_USER)?;
        let platform = accounts.seeded(PLATFORM_ACCOUNT, seed::PLATFORM_USER)?;
        let profiles =
            Profiles::write(data, &format!("http://{http}"), &customer, &platform).map_err(unusable)?;
        let faults = Arc::new(Faults::default());
        let request_log = Arc::new(RequestLog::new(config.request_log));
        let gate = Gate::new(storage.clone(), accounts.clone());
        let facts = Facts { records: records.clone() };
        let kms = Kms::new(records.clone(), accounts.clone());
        let all_accounts = accounts.clone();
        let upkeep = Arc::new(Upkeep {
            storage: storage.clone(),
            replicator: Replicator {
                storage: storage.clone(),
                gate: Arc::clone(&gate),
                kms: kms.clone(),
                accounts: accounts.clone(),
                clock: config.clock.clone(),
                log: Arc::clone(&request_log),
                working: Mutex::new(()),
            },
        });
        let access_log = Arc::new(AccessLog {
            storage: storage.clone(),
            gate: Arc::clone(&gate),
            accounts: accounts.clone(),
            waiting: Mutex::default(),
        });
        let waiting = Waiting::new();
        let sns = Sns::new(records.clone(), accounts.clone(), storage.clock().clone());
        let trails = CloudTrail::new(records.clone(), storage.clone(), accounts.clone(), waiting.settle());
        let control = Control {
            kms,
            cloudwatch: CloudWatch::new(records.clone(), storage.clone(), sns.clone(), waiting.settle())?,
            events: Events::new(records, sns.clone()),
            cloudtrail: trails,
            organizations: Organizations { accounts: accounts.clone() },
            facts: facts.clone(),
        };
        let observer = waiting.start(control.parts()).map_err(unusable)?;
        let front = front(
            &config,
            Pieces {
                accounts,
                gate,
                storage: storage.clone(),
                sns: sns.clone(),
                control,
                observer: observer.handle(),
                access_log: Arc::clone(&access_log),
                faults: Arc::clone(&faults),
                log: Arc::clone(&request_log),
            },
        );
        let (stop, stopped) = watch::channel(false);
        let mut serving = JoinSet::new();
        serving.spawn(Arc::clone(&upkeep).serve(stopped.clone()));
        serving.spawn(listen::serve(Arc::new(front), http_listener, https_listener, tls, stopped));
        Ok(Self {
            http,
            https,
            ca_file,
            customer,
            platform,
            platform_role_arn: seed::platform_role_arn(),
            profiles,
            faults,
            request_log,
            clock: config.clock,
            storage,
            upkeep,
            accounts: all_accounts,
            access_log,
            facts,
            sns,
            observer,
            stop,
            serving,
        })
    }

    /// `http://127.0.0.1:PORT`
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// `https://127.0.0.1:PORT`, with a certificate of [`Sandbox::ca_file`]'s authority.
    pub fn https_url(&self) -> String {
        format!("https://{}", self.https)
    }

    /// The certificate authority to trust, in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The administrator of the customer's account 111122223333.
    pub fn customer(&self) -> &SeededUser {
        &self.customer
    }

    /// The user of the platform's account 999999999999, which may only assume [`Sandbox::platform_role_arn`].
    pub fn platform(&self) -> &SeededUser {
        &self.platform
    }

    /// The role that the platform works as.
    pub fn platform_role_arn(&self) -> &str {
        &self.platform_role_arn
    }

    /// An AWS config file with the profiles `customer` (also the default) and `platform`.
    pub fn config_file(&self) -> &Path {
        &self.profiles.config
    }

    /// The credentials of those profiles.
    pub fn credentials_file(&self) -> &Path {
        &self.profiles.credentials
    }

    /// The two lines that point a shell's AWS tools at this sandbox.
    pub fn export_lines(&self) -> [String; 2] {
        self.profiles.export_lines()
    }

    /// The faults that are armed.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The sandbox's clock: turning it ages sessions and links.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The clock by which what is stored ages. It goes with [`Sandbox::clock`], and ahead of it.
    pub fn state_clock(&self) -> &StateClock {
        self.storage.clock()
    }

    /// Turns the state's clock forward, and no session's or link's. When this returns, what was due by then has
    /// happened: lifecycle, day by day, and copies to other buckets.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn age(&self, by: Duration) -> Result<(), SandboxError> {
        self.storage.run(move |storage| storage.advance(by)).await?;
        self.catch_up().await
    }

    /// Waits for what is due by now: copies to other buckets, records of what was called, alarms and rules.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn catch_up(&self) -> Result<(), SandboxError> {
        let upkeep = Arc::clone(&self.upkeep);
        let observer = self.observer.handle();
        Ok(self
            .storage
            .run(move |_| {
                upkeep.work()?;
                observer.settle();
                Ok(())
            })
            .await?)
    }

    /// All messages that topics took so far, by account, region and time: what callers, alarms and rules published.
    ///
    /// # Errors
    /// If the records fail.
    pub async fn notifications(&self) -> Result<Vec<Notification>, SandboxError> {
        self.catch_up().await?;
        let sns = self.sns.clone();
        Ok(self.storage.run(move |_| sns.messages()).await?)
    }

    /// As if whoever reads at `endpoint` had followed the link in the mail that a new subscription sends; answers
    /// whether there was such a subscription.
    ///
    /// # Errors
    /// If the records fail.
    pub async fn confirm_subscription(&self, topic_arn: &str, endpoint: &str) -> Result<bool, SandboxError> {
        let (sns, topic, endpoint) = (self.sns.clone(), topic_arn.to_owned(), endpoint.to_owned());
        Ok(self.storage.run(move |_| sns.confirm(&topic, &endpoint)).await?)
    }

    /// The organization over the accounts, to make and change it.
    pub fn organization(&self) -> Organization<'_> {
        Organization { accounts: &self.accounts }
    }

    /// Delivers the server access logs that wait, one object for each bucket; answers how many lines arrived. What the
    /// target's bucket policy does not let in is lost, and so is what waits when the sandbox stops.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn deliver_access_logs(&self) -> Result<usize, SandboxError> {
        let log = Arc::clone(&self.access_log);
        Ok(self.storage.run(move |_| log.deliver()).await?)
    }

    /// Says what a service that the sandbox does not work answers to an auditor; an empty list is "nothing".
    ///
    /// # Errors
    /// If the records cannot be written.
    pub fn set_fact(
        &self,
        account: &str,
        region: &str,
        fact: Fact,
        documents: Vec<serde_json::Value>,
    ) -> Result<(), SandboxError> {
        Ok(self.facts.set(account, region, fact, documents)?)
    }

    /// Sets how long it takes until a change to roles and policies has effect, by the sandbox's clock. At first it
    /// takes no time; on AWS it takes seconds.
    pub fn set_iam_delay(&self, delay: Duration) {
        self.accounts.set_delay(delay);
    }

    /// Gives a user of an account MFA devices, by their serial numbers; none takes them away.
    ///
    /// # Errors
    /// If there is no such user, or the accounts cannot be written.
    pub fn set_mfa_devices(&self, account: &str, user: &str, serials: &[&str]) -> Result<(), SandboxError> {
        let changed = self.accounts.change(|state| {
            let account = state.accounts.get_mut(account);
            let user = account.and_then(|account| account.users.get_mut(user));
            let user = user.ok_or(AccountsError::NoSuchUser)?;
            user.mfa_devices = serials.iter().map(|serial| (*serial).to_owned()).collect();
            Ok::<(), AccountsError>(())
        });
        Ok(changed?)
    }

    /// Says whether the root user of an account has an MFA device.
    ///
    /// # Errors
    /// If there is no such account, or the accounts cannot be written.
    pub fn set_root_mfa(&self, account: &str, has_mfa: bool) -> Result<(), SandboxError> {
        let changed = self.accounts.change(|state| {
            let account = state.accounts.get_mut(account).ok_or(AccountsError::NoSuchUser)?;
            account.root_has_mfa = has_mfa;
            Ok::<(), AccountsError>(())
        });
        Ok(changed?)
    }

    /// Sets how long copies to other buckets take from now on, by the state's clock. At first they take no time.
    pub fn set_replication_lag(&self, lag: Duration) {
        self.storage.set_replication_lag(lag);
    }

    /// How far the destinations of a bucket's replication rules lag behind.
    ///
    /// # Errors
    /// If there is no such bucket, or the storage fails.
    pub fn replication_figures(&self, bucket: &str) -> Result<Vec<ReplicationFigures>, SandboxError> {
        Ok(self.upkeep.replicator.figures(bucket)?)
    }

    /// What was asked, and which statement decided.
    pub fn request_log(&self) -> &RequestLog {
        &self.request_log
    }

    /// Changes one byte of a stored object behind everybody's back: the byte at `offset` is XORed with `xor`, and the
    /// checksums that the store keeps are made to agree. `version` is a version id; without it the newest is changed.
    ///
    /// # Errors
    /// If there is no such object, or it has no such byte.
    pub fn tamper(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        offset: u64,
        xor: u8,
    ) -> Result<(), SandboxError> {
        Ok(self.storage.tamper(bucket, key, version, offset, xor)?)
    }

    /// Puts an object into a bucket without a request, as if it had been there before; answers its version id.
    ///
    /// # Errors
    /// If there is no such bucket, or the file system fails.
    pub fn place(&self, bucket: &str, key: &str, body: &[u8]) -> Result<String, SandboxError> {
        Ok(self.storage.place(bucket, key, body)?)
    }

    /// Makes a versioned bucket of any account without a request: another company's, for instance.
    ///
    /// # Errors
    /// If there is a bucket of that name, or the storage fails.
    pub fn make_bucket(&self, bucket: &str, account: &str, region: &str) -> Result<(), SandboxError> {
        let versioned = |facts: &mut BucketFacts| facts.versioning = Versioning::Enabled;
        Ok(self.storage.create_bucket_as(bucket, account, region, versioned)?)
    }

    /// Sets or removes a bucket's policy without a request, as its owner would, and unchecked.
    ///
    /// # Errors
    /// If there is no such bucket, or the storage fails.
    pub fn set_bucket_policy(&self, bucket: &str, policy: Option<&str>) -> Result<(), SandboxError> {
        let policy = policy.map(str::to_owned);
        Ok(self.storage.update_bucket(bucket, |facts| facts.policy = policy)?)
    }

    /// Key and size of every version of every object below a prefix, without a request; delete markers have no size.
    ///
    /// # Errors
    /// If there is no such bucket.
    pub fn versions(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, Option<u64>)>, SandboxError> {
        Ok(self.storage.versions_below(bucket, prefix)?)
    }

    /// The keys of the uploads that are open in a bucket, once for each; at most a thousand.
    ///
    /// # Errors
    /// If there is no such bucket.
    pub fn open_uploads(&self, bucket: &str) -> Result<Vec<String>, SandboxError> {
        let page = self.storage.list_uploads(bucket, &Query { limit: 1000, ..Query::default() })?;
        Ok(page.entries.into_iter().map(|(key, _)| key).collect())
    }

    /// Lets the requests under way finish, for a short while, and stops. The data folder is free when this returns.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.serving.join_next().await.is_some() {}
        let observer = self.observer;
        if tokio::task::spawn_blocking(move || observer.stop()).await.is_err() {
            tracing::error!("the observer cannot be waited for");
        }
    }
}

/// What the front is put together from.
struct Pieces {
    accounts: Accounts,
    gate: Arc<Gate>,
    storage: Storage,
    sns: Sns,
    control: Control,
    access_log: Arc<AccessLog>,
    observer: Settle,
    faults: Arc<Faults>,
    log: Arc<RequestLog>,
}

fn front(config: &SandboxConfig, pieces: Pieces) -> Front {
    let Pieces { accounts, gate, storage, sns, control, observer, access_log, faults, log } = pieces;
    let clock = config.clock.clone();
    let authenticator =
        Arc::new(Authenticator { accounts: accounts.clone(), http_is_secure: config.http_is_secure });
    Front {
        s3: s3_service(&accounts, gate, &storage, &control.kms, &faults),
        sts: Sts { authenticator: Arc::clone(&authenticator), clock: clock.clone() },
        sns,
        control,
        observer,
        access_log,
        s3_control: S3Control { accounts: accounts.clone() },
        iam: Iam::new(accounts, clock.clone()),
        clock,
        authenticator,
        storage,
        faults,
        log,
    }
}

fn s3_service(
    accounts: &Accounts,
    gate: Arc<Gate>,
    storage: &Storage,
    kms: &Kms,
    faults: &Arc<Faults>,
) -> S3Service {
    let mut config = S3Config::default();
    config.xml_max_body_size = MAX_S3_XML;
    // The front checks times, by the sandbox's clock; s3s would check them by the machine's.
    config.presigned_url_max_skew_time_secs = u32::MAX;
    let mut builder = S3ServiceBuilder::new(S3Ops::new(storage.clone(), Arc::clone(&gate), kms.clone()));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(SecretKeys { accounts: accounts.clone() });
    builder.set_access(S3Gate { gate, faults: Arc::clone(faults) });
    builder.build()
}

/// A free port for HTTP with a free one after it for HTTPS, on loopback.
// INVARIANT: the sandbox never listens on anything but loopback.
async fn bind(port: u16) -> Result<(TcpListener, TcpListener), SandboxError> {
    const ATTEMPTS: usize = 64;
    let refused = |source| SandboxError::Bind { port, source };
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(refused)?;
        let next = http.local_addr().map_err(refused)?.port().checked_add(1);
        let https = match next {
            Some(next) => TcpListener::bind((Ipv4Addr::LOCALHOST, next)).await,
            None => Err(io::Error::from(io::ErrorKind::AddrNotAvailable)),
        };
        match https {
            Ok(https) => return Ok((http, https)),
            Err(source) if port != 0 => return Err(refused(source)),
            Err(source) => last = source,
        }
    }
    Err(refused(last))
}
