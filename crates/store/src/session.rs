//! Sessions of roles: temporary credentials that say truly when they end.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sts::types::Credentials as StsCredentials;
use firmhold_core::{Clock, Problem, Secret, Timestamp, problem::Code};

use crate::error;
use crate::presign::{DayKey, encode};

/// The longest session that is asked for: AWS grants no more where roles chain (rule L3), and every role grants this.
pub const LONGEST_SESSION: Duration = Duration::from_secs(3600);
/// What AWS's clock and ours may differ by: nothing is signed to end within it of the session's end (rule L2).
pub const SKEW: Duration = Duration::from_secs(60);
/// The longest ticket that the rules know (L1). Sessions are not renewed early for the sake of longer ones.
pub const LONGEST_TICKET: Duration = Duration::from_secs(3300);

/// Which external ID goes along when a role is assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalId {
    /// The role's, by its place in [`crate::RoleAccess::external_ids`].
    Right(usize),
    /// None.
    Missing,
    /// This one.
    Other(String),
}

/// A session of a role. `Debug` shows neither key.
pub struct RoleSession {
    access_key_id: String,
    secret: Secret,
    token: Option<Secret>,
    /// The token as a query holds it: encoding a thousand characters for every ticket costs more than signing.
    encoded_token: Option<Secret>,
    arn: String,
    assumed_at: Timestamp,
    expires_at: Timestamp,
    day_key: RwLock<Option<DayKey>>,
}

impl RoleSession {
    /// From credentials of `arn` that were asked for at `assumed_at`, to be used until `expires_at`.
    pub(crate) fn new(
        credentials: &Credentials,
        arn: String,
        assumed_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let token = credentials.session_token().map(Secret::new);
        Self {
            access_key_id: credentials.access_key_id().to_owned(),
            secret: Secret::new(credentials.secret_access_key()),
            encoded_token: token.as_ref().map(|token| Secret::new(encode(token.expose()).to_string())),
            token,
            arn,
            assumed_at,
            expires_at,
            day_key: RwLock::new(None),
        }
    }

    /// ARN of the session: `arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// When it was asked for.
    pub fn assumed_at(&self) -> Timestamp {
        self.assumed_at
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How long it lives in all.
    pub fn life(&self) -> Duration {
        self.expires_at.since(self.assumed_at)
    }

    /// How long a URL can live that it signs while it is new: its life less [`SKEW`], in whole seconds.
    pub fn ticket_ceiling(&self) -> u32 {
        u32::try_from(self.life().saturating_sub(SKEW).as_secs()).unwrap_or(u32::MAX)
    }

    /// How long it still lives at `now`; zero when it is over.
    pub fn left(&self, now: Timestamp) -> Duration {
        self.expires_at.since(now)
    }

    /// Whether it is good for `need` at `now`. A need that no new session would meet either is met by half a life, so
    /// that the role is not assumed again for every ticket.
    pub(crate) fn suffices(&self, now: Timestamp, need: Duration) -> bool {
        let need = need.min(LONGEST_TICKET + SKEW);
        let reachable = if self.life() >= need { need } else { self.life() / 2 };
        let left = self.left(now);
        !left.is_zero() && left >= reachable
    }

    /// Whether it is time to think of the next one (rule L1).
    pub(crate) fn is_half_over(&self, now: Timestamp) -> bool {
        self.left(now) <= self.life() / 2
    }

    /// The access key's id, which is no secret.
    pub(crate) fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The token, percent-encoded. A secret.
    pub(crate) fn encoded_token(&self) -> Option<&str> {
        self.encoded_token.as_ref().map(Secret::expose)
    }

    /// As the SDK wants them.
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(
            self.access_key_id.clone(),
            self.secret.expose(),
            self.token.as_ref().map(|token| token.expose().to_owned()),
            Some(self.expires_at.to_system_time()),
            "firmhold",
        )
    }

    /// The key that signs on that day (`YYYYMMDD`) in that region; made once a day.
    pub(crate) fn day_key(&self, day: &str, region: &str) -> [u8; 32] {
        let known = self.day_key.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.as_ref().and_then(|key| key.of(day, region)) {
            return key;
        }
        drop(known);
        let made = DayKey::derive(self.secret.expose(), day, region);
        let key = made.key();
        *self.day_key.write().unwrap_or_else(PoisonError::into_inner) = Some(made);
        key
    }
}

impl fmt::Debug for RoleSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleSession")
            .field("access_key_id", &self.access_key_id)
            .field("arn", &self.arn)
            .field("assumed_at", &self.assumed_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// One AssumeRole.
pub(crate) struct AssumeRole<'a> {
    pub sts: &'a aws_sdk_sts::Client,
    pub clock: &'a Clock,
    pub role_arn: &'a str,
    pub session_name: String,
    pub external_id: Option<&'a str>,
    pub policy: Option<String>,
    /// What a refusal is.
    pub denied: Code,
}

impl AssumeRole<'_> {
    /// Sends it.
    pub async fn send(self) -> Result<RoleSession, Problem> {
        // Before the call: the session never seems to live longer than it does, even by our own clock when that is
        // behind AWS's, for it lives no longer than was asked.
        let assumed_at = self.clock.now();
        let answer = self
            .sts
            .assume_role()
            .role_arn(self.role_arn)
            .role_session_name(self.session_name)
            .set_external_id(self.external_id.map(str::to_owned))
            .set_policy(self.policy)
            .duration_seconds(LONGEST_SESSION.as_secs().try_into().unwrap_or(3600))
            .send()
            .await
            .map_err(|error| error::sts(&format!("let us assume {}", self.role_arn), self.denied, error))?;
        let arn = answer.assumed_role_user().map(|user| user.arn().to_owned()).unwrap_or_default();
        let credentials = answer
            .credentials()
            .ok_or_else(|| Problem::new(Code::StsFailed, "STS answered without credentials"))?;
        let expires_at = expiration(credentials)?.min(assumed_at.plus(LONGEST_SESSION));
        Ok(RoleSession::new(&sdk_credentials(credentials), arn, assumed_at, expires_at))
    }
}

fn expiration(credentials: &StsCredentials) -> Result<Timestamp, Problem> {
    let millis = credentials.expiration().to_millis();
    millis.map(Timestamp::from_millis).map_err(|cause| {
        Problem::new(Code::StsFailed, "STS answered with an end of the session that is no time")
            .caused_by(cause)
    })
}

fn sdk_credentials(credentials: &StsCredentials) -> Credentials {
    Credentials::new(
        credentials.access_key_id(),
        credentials.secret_access_key(),
        Some(credentials.session_token().to_owned()),
        None,
        "firmhold",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(life: u64) -> (RoleSession, Timestamp) {
        let at = Timestamp::from_secs(1_800_000_000);
        let keys = Credentials::new("AKID", "hunter2", Some("to/ken".to_owned()), None, "test");
        (RoleSession::new(&keys, "arn".to_owned(), at, at.plus(Duration::from_secs(life))), at)
    }

    #[test]
    fn shows_no_key() {
        let shown = format!("{:?}", session(3600).0);
        assert!(!shown.contains("hunter2") && !shown.contains("ken") && shown.contains("AKID"), "{shown}");
    }

    #[test]
    fn suffices_to_the_millisecond() {
        let (session, at) = session(3600);
        let need = Duration::from_secs(960);
        let last = at.plus(Duration::from_secs(2640));
        assert!(session.suffices(last, need));
        assert!(!session.suffices(last.plus(Duration::from_millis(1)), need));
        assert!(!session.suffices(at.plus(Duration::from_secs(3600)), Duration::ZERO));
    }

    #[test]
    fn a_need_that_nothing_meets_does_not_assume_again_and_again() {
        let (session, at) = session(3600);
        let week = Duration::from_secs(604_800);
        assert!(session.suffices(at.plus(Duration::from_secs(240)), week));
        assert!(!session.suffices(at.plus(Duration::from_secs(241)), week));
        let (short, at) = self::session(900);
        assert!(short.suffices(at.plus(Duration::from_secs(450)), week));
        assert!(!short.suffices(at.plus(Duration::from_secs(451)), week));
    }
}
