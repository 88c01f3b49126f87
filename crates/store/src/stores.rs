//! All buckets that the platform can reach.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use firmhold_core::{Clock, ObjectKey, Problem, problem::Code};
use firmhold_iam::SessionScope;
use futures::stream::BoxStream;
use moka::future::Cache;
use uuid::Uuid;

use crate::aws::Aws;
use crate::backend_role::{BackendRole, Hop};
use crate::bucket::Bucket;
use crate::config::StoreConfig;
use crate::expired_session;
use crate::identity::{Identity, Platform};
use crate::keeper::{Keeper, KeptCredentials};
use crate::key_pair::KeyPair;
use crate::part_put::{self, Door, PartPut, SentPart};
use crate::parts_list::Lister;
use crate::s3::S3Bucket;
use crate::session::{ExternalId, RoleSession, SKEW};
use crate::target::{Access, RoleAccess, Target};
use crate::ticket::{self, Address, Ticket, TicketRequest};

/// How many backends stay open at once, per scope.
const OPEN: u64 = 30_000;
/// How long one stays open that nobody asks for.
const IDLE: Duration = Duration::from_secs(7200);

/// All buckets that the platform can reach; one per server, cheap to clone.
#[derive(Debug, Clone)]
pub struct Stores(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    aws: Aws,
    platform: Arc<Platform>,
    open: Cache<(Uuid, SessionScope, u64), Arc<Open>>,
}

/// One backend in one scope.
#[derive(Debug)]
struct Open {
    target: Arc<Target>,
    keeper: Arc<Keeper>,
    bucket: Arc<S3Bucket>,
    address: Address,
}

impl Stores {
    /// Sets the clients up. Asks nobody anything: AWS may be out of reach, and who the platform is shows later.
    ///
    /// # Errors
    /// [`Code::Usage`] for a CA bundle that cannot be read, or an endpoint that is no URL.
    pub async fn connect(config: StoreConfig) -> Result<Self, Problem> {
        for url in [&config.endpoint_url, &config.sts_endpoint_url].into_iter().flatten() {
            check_endpoint(url)?;
        }
        let aws = Aws::new(config)?;
        let platform = Arc::new(Platform::new(&aws).await);
        let open = Cache::builder().max_capacity(OPEN).time_to_idle(IDLE).build();
        Ok(Self(Arc::new(Inner { aws, platform, open })))
    }

    /// Who the platform is, asked of STS now (check V1). [`Identity::is_platform_role`] says whether that is right.
    ///
    /// # Errors
    /// [`Code::PlatformIdentity`] without credentials, or with such as may not assume the platform's role;
    /// [`Code::StsFailed`] if STS cannot be asked.
    pub async fn identity(&self) -> Result<Identity, Problem> {
        Identity::of(self.0.platform.sts(), &self.0.aws.config.platform_role_arn).await
    }

    /// The target's bucket, for what `scope` allows. It may be kept: its sessions are renewed as it is used.
    ///
    /// # Errors
    /// [`Code::AssumeDenied`] if the role refuses every external ID; [`Code::StsFailed`],
    /// [`Code::PlatformIdentity`].
    pub async fn bucket(&self, target: &Target, scope: SessionScope) -> Result<Arc<dyn Bucket>, Problem> {
        let open = self.open_backend(target, scope).await?;
        open.keeper.session(SKEW).await?;
        Ok(open.bucket.clone())
    }

    /// A ticket that lives `seconds`, or as long as the session that signs it allows (rules L1, L2). Read sessions
    /// sign reads, write sessions parts.
    ///
    /// # Errors
    /// As [`Stores::bucket`]; [`Code::Unavailable`] with `Retry-After` when there is nothing left of the session and
    /// no new one to be had.
    pub async fn ticket(
        &self,
        target: &Target,
        request: TicketRequest,
        seconds: u32,
    ) -> Result<Ticket, Problem> {
        let scope = match request {
            TicketRequest::Get { .. } => SessionScope::Read,
            TicketRequest::PutPart { .. } => SessionScope::Write,
        };
        let open = self.open_backend(target, scope).await?;
        let session = open.keeper.session(ticket::need(seconds)).await.map_err(nothing_left)?;
        ticket::sign(&open.address, target, &session, &request, seconds, self.clock().now())
    }

    /// Assumes the target's role now, past the cache, with the session policy of [`SessionScope::Read`]; for checks
    /// of whom the role lets in.
    ///
    /// # Errors
    /// [`Code::AssumeDenied`] if the role refuses; [`Code::StsFailed`], [`Code::PlatformIdentity`]; [`Code::Usage`]
    /// for an external ID that the target does not have, or a target without a role.
    pub async fn assume(&self, target: &Target, how: ExternalId) -> Result<RoleSession, Problem> {
        let Some(role) = target.access.role() else {
            return Err(Problem::new(Code::Usage, "the backend has a key pair: there is no role to assume"));
        };
        let external_id = match &how {
            ExternalId::Right(index) => Some(role.external_ids.get(*index).ok_or_else(|| {
                Problem::new(Code::Usage, format!("the backend has no external ID number {index}"))
            })?),
            ExternalId::Missing => None,
            ExternalId::Other(id) => Some(id),
        };
        let role = self.role(target, role, SessionScope::Read);
        role.assume_with(external_id.map(String::as_str)).await
    }

    /// The target's bucket as this one session sees it. It is not renewed.
    pub fn open(&self, target: &Target, session: &RoleSession) -> Arc<dyn Bucket> {
        self.fixed(target, session, true)
    }

    /// The same, with calls that do not state whom we expect to own the bucket: only to tell a changed owner from a
    /// missing permission (check V5).
    pub fn open_without_owner(&self, target: &Target, session: &RoleSession) -> Arc<dyn Bucket> {
        self.fixed(target, session, false)
    }

    /// The clock that all this goes by.
    pub fn clock(&self) -> &Clock {
        &self.0.aws.config.clock
    }

    /// How it was set up.
    pub fn config(&self) -> &StoreConfig {
        &self.0.aws.config
    }

    /// An HTTP client without credentials that trusts the same authorities; for what a device would do.
    pub fn anonymous_http(&self) -> &reqwest::Client {
        &self.0.aws.own().plain
    }

    /// The same for what lies in `target`.
    pub(crate) fn anonymous_http_for(&self, target: &Target) -> &reqwest::Client {
        &self.0.aws.clients(target).plain
    }

    /// Sends a part on whose bytes come in from somebody else, holding one chunk of them at a time.
    ///
    /// INVARIANT: the store gets the whole of a part only if it is what was declared: the last bytes are held back until
    /// length and SHA-256 are found right. The store need not check anything.
    ///
    /// # Errors
    /// [`Code::PartMismatch`] if the bytes are others, too few, or stop coming; [`Code::BodyTooLarge`] if they are too
    /// many; what the store answers.
    pub async fn send_part(
        &self,
        target: &Target,
        part: &PartPut<'_>,
        body: BoxStream<'static, Result<Bytes, Problem>>,
    ) -> Result<SentPart, Problem> {
        let open = self.open_backend(target, SessionScope::Write).await?;
        let session = open.keeper.session(SKEW).await.map_err(nothing_left)?;
        let door = Door {
            http: &self.0.aws.clients(target).sender,
            address: &open.address,
            target,
            session: &session,
            now: self.clock().now(),
            silence: self.config().timeouts.silence,
        };
        let sent = part_put::send(&door, part, body).await;
        if sent.as_ref().is_err_and(expired_session::is_over) {
            open.keeper.forget(session.access_key_id());
        }
        sent
    }

    /// Puts a small object in `aws-chunked`, with its checksum behind it: only to find out if the store can.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn put_chunked(
        &self,
        target: &Target,
        key: &ObjectKey,
        body: &[u8],
    ) -> Result<(), Problem> {
        let open = self.open_backend(target, SessionScope::Admin).await?;
        let session = open.keeper.session(SKEW).await?;
        let door = Door {
            http: self.anonymous_http_for(target),
            address: &open.address,
            target,
            session: &session,
            now: self.clock().now(),
            silence: self.config().timeouts.silence,
        };
        part_put::put_chunked(&door, key, body).await
    }

    fn fixed(&self, target: &Target, session: &RoleSession, state_owner: bool) -> Arc<dyn Bucket> {
        let credentials = SharedCredentialsProvider::new(session.credentials());
        let client = self.0.aws.s3(target, credentials);
        Arc::new(S3Bucket::fixed(client, Arc::new(target.clone()), state_owner, self.config().timeouts))
    }

    fn role(&self, target: &Target, role: &RoleAccess, scope: SessionScope) -> BackendRole {
        let hop = Hop { role: role.clone(), backend: target.id, shape: target.shape(), scope };
        BackendRole::new(self.0.platform.clone(), self.clock().clone(), hop)
    }

    async fn open_backend(&self, target: &Target, scope: SessionScope) -> Result<Arc<Open>, Problem> {
        let key = (target.id, scope, target.fingerprint());
        if let Some(open) = self.0.open.get(&key).await.filter(|open| *open.target == *target) {
            return Ok(open);
        }
        let address = self.0.aws.address(target)?;
        // Two that come at once share one, and so one session.
        let open =
            self.0.open.get_with(key, async { Arc::new(self.make_open(target, scope, address)) }).await;
        if *open.target == *target {
            return Ok(open);
        }
        // Two targets with one fingerprint: the newer one takes the place.
        let address = self.0.aws.address(target)?;
        let open = Arc::new(self.make_open(target, scope, address));
        self.0.open.insert(key, open.clone()).await;
        Ok(open)
    }

    fn make_open(&self, target: &Target, scope: SessionScope, address: Address) -> Open {
        let target = Arc::new(target.clone());
        let clock = self.clock().clone();
        let keeper = match &target.access {
            Access::Role(role) => Keeper::new(self.role(&target, role, scope), clock),
            Access::Keys(access) => Keeper::new(KeyPair::new(access.keys.clone()), clock),
        };
        let client = self.0.aws.s3(&target, KeptCredentials(keeper.clone()));
        let lister = target.access.keys().map(|_| {
            let http = self.anonymous_http_for(&target).clone();
            (Lister { http, address: address.clone() }, self.clock().clone())
        });
        let timeouts = self.config().timeouts;
        let bucket = Arc::new(S3Bucket::kept(&client, target.clone(), keeper.clone(), lister, timeouts));
        Open { target, keeper, bucket, address }
    }
}

/// No session and none to be had, for reasons that may pass: the caller is to come again (rule L1).
fn nothing_left(problem: Problem) -> Problem {
    if problem.code() != Code::StsFailed {
        return problem;
    }
    Problem::new(Code::Unavailable, "there is no session with the bucket's account to be had just now")
        .retry_after(5)
        .caused_by(problem)
}

fn check_endpoint(text: &str) -> Result<(), Problem> {
    let url = url::Url::parse(text).ok();
    match url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        Some(_) => Ok(()),
        None => {
            Err(Problem::new(Code::Usage, format!("{text:?} is no endpoint: expected http(s)://HOST[:PORT]")))
        }
    }
}
