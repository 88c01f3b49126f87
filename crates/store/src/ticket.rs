//! Tickets: presigned URLs of the store that say when they end (rules L1 and L2).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use firmhold_core::{Digest, LimitedBy, ObjectKey, Problem, Timestamp, problem::Code};

use crate::presign::{Presign, encode, encode_path};
use crate::session::{RoleSession, SKEW};
use crate::target::{Access, KeyAccess, RoleAccess, Target};

/// AWS's limit of `X-Amz-Expires`: 7 days.
pub(crate) const LONGEST_URL: u32 = 604_800;

/// What a ticket shall allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketRequest {
    /// Reading an object version. Only the host is signed.
    Get {
        /// Where it lies.
        key: ObjectKey,
        /// Which version; the newest without it.
        version: Option<String>,
    },
    /// Sending one part; `content-length;host;x-amz-checksum-sha256` are signed.
    PutPart {
        /// Where the object will lie.
        key: ObjectKey,
        /// The upload.
        upload_id: String,
        /// 1 to 10,000.
        number: u32,
        /// Bytes of the part.
        size: u64,
        /// SHA-256 of the part.
        sha256: Digest,
    },
}

/// A presigned URL. `Debug` shows neither signature nor token.
///
/// The expected-owner header is not among what it signs: the client would have to send it (design D2).
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Holds the session's token: whoever has it may do what the ticket allows. Not to be logged.
    pub url: String,
    /// Headers that must be sent with it.
    pub headers: BTreeMap<String, String>,
    /// When it really ends.
    pub expires_at: Timestamp,
    /// What set that end.
    pub limited_by: LimitedBy,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("url", &self.url.split_once('?').map_or("", |(path, _)| path))
            .field("expires_at", &self.expires_at)
            .field("limited_by", &self.limited_by)
            .finish_non_exhaustive()
    }
}

/// How long a session must still live to sign a ticket of `seconds` (rule L1).
pub(crate) fn need(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds)) + SKEW
}

/// How long a ticket lives that is signed at `now`, and what limits it.
///
/// INVARIANT: it ends at least [`SKEW`] before the session does (rule L2). AWS counts `X-Amz-Expires` from
/// `X-Amz-Date`, which has whole seconds: so does this, from the same second.
fn life(session: &RoleSession, now: Timestamp, seconds: u32) -> Result<(u32, LimitedBy), Problem> {
    let signed_at = Timestamp::from_secs(now.as_secs());
    // Not `left(signed_at)` of a session that ended within this very second.
    let left = if session.left(now).is_zero() { Duration::ZERO } else { session.left(signed_at) };
    let of_session = u32::try_from(left.saturating_sub(SKEW).as_secs()).unwrap_or(u32::MAX);
    if of_session == 0 {
        let text = "the session with the bucket's account is about to end, and there is no new one yet";
        return Err(Problem::new(Code::Unavailable, text).retry_after(5));
    }
    let seconds = seconds.max(1);
    Ok(if of_session < seconds && of_session < LONGEST_URL {
        (of_session, LimitedBy::Session)
    } else if seconds > LONGEST_URL {
        (LONGEST_URL, LimitedBy::Policy)
    } else {
        (seconds, LimitedBy::Requested)
    })
}

/// Signs a ticket at `now`.
pub(crate) fn sign(
    address: &Address,
    target: &Target,
    session: &RoleSession,
    request: &TicketRequest,
    seconds: u32,
    now: Timestamp,
) -> Result<Ticket, Problem> {
    let (seconds, limited_by) = life(session, now, seconds)?;
    let (method, key, query) = match request {
        TicketRequest::Get { key, version } => {
            let query = version.as_ref().map(|version| format!("&versionId={}", encode(version)));
            ("GET", key, query.unwrap_or_default())
        }
        TicketRequest::PutPart { key, upload_id, number, .. } => {
            ("PUT", key, format!("&partNumber={number}&uploadId={}", encode(upload_id)))
        }
    };
    let (length, checksum) = match request {
        TicketRequest::Get { .. } => (None, None),
        TicketRequest::PutPart { size, sha256, .. } => (Some(size.to_string()), Some(sha256.to_base64())),
    };
    let length = length.as_deref().map(|length| ("content-length", length));
    let checksum = checksum.as_deref().map(|checksum| (CHECKSUM, checksum));
    let presign = Presign {
        method,
        origin: &address.origin,
        host: &address.host,
        path: &format!("{}/{}", address.path, encode_path(key.as_str())),
        query: &query,
        before_host: length.as_slice(),
        after_host: checksum.as_slice(),
        region: &target.region,
        at: now,
        seconds: u64::from(seconds),
    };
    Ok(Ticket {
        url: presign.sign(session),
        headers: checksum.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        expires_at: Timestamp::from_secs(now.as_secs()).plus(Duration::from_secs(u64::from(seconds))),
        limited_by,
    })
}

/// The header by which a part is refused that is not what was declared.
const CHECKSUM: &str = "x-amz-checksum-sha256";

/// Where a bucket's objects are, for those who come with a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `https://HOST[:PORT]`
    origin: String,
    /// What the client sends as `Host`.
    host: String,
    /// Empty, or `/BUCKET` in path style.
    path: String,
}

impl Address {
    /// At AWS the bucket is in the host's name (names with dots, whose certificate would not fit, are no backends);
    /// at `endpoint`, which stands in for AWS, it is in the path; at an S3-compatible store, where that was found to
    /// work.
    pub fn of(target: &Target, endpoint: Option<&str>) -> Result<Self, Problem> {
        let role = match &target.access {
            Access::Role(role) => role,
            Access::Keys(keys) => return Ok(Self::at_store(&target.bucket, keys)),
        };
        let Some(endpoint) = endpoint else {
            let host = aws_host(target, role);
            return Ok(Self { origin: format!("https://{host}"), host, path: String::new() });
        };
        let bad = || Problem::new(Code::Usage, "the endpoint must be http(s)://HOST[:PORT]");
        let url = url::Url::parse(endpoint).map_err(|cause| bad().caused_by(cause))?;
        let name = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).ok_or_else(bad)?;
        // `port()` is none for the scheme's own, which clients leave out of `Host` too.
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let path = format!("{}/{}", url.path().trim_end_matches('/'), target.bucket);
        Ok(Self { origin: format!("{}://{host}", url.scheme()), host, path })
    }

    fn at_store(bucket: &str, access: &KeyAccess) -> Self {
        let authority = access.endpoint.authority();
        let (host, path) = match access.uses_path_style() {
            true => (authority, format!("/{bucket}")),
            false => (format!("{bucket}.{authority}"), String::new()),
        };
        Self { origin: format!("{}://{host}", access.endpoint.scheme()), host, path }
    }

    /// `https://HOST[:PORT]`
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path of a key, encoded.
    pub fn path_of(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.path, encode_path(key.as_str()))
    }

    /// The URL of a key, without a query.
    pub fn url_of(&self, key: &ObjectKey) -> String {
        format!("{}{}/{}", self.origin, self.path, encode_path(key.as_str()))
    }
}

fn aws_host(target: &Target, role: &RoleAccess) -> String {
    let service = if role.use_fips { "s3-fips" } else { "s3" };
    let stack = if role.use_dualstack { ".dualstack" } else { "" };
    let suffix = if target.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("{}.{service}{stack}.{}.{suffix}", target.bucket, target.region)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;
    use crate::target::tests::{keyed, target, with_role};

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn session(life: Duration) -> RoleSession {
        let keys = Credentials::new("AKID", "secret", Some("token".to_owned()), None, "test");
        RoleSession::new(&keys, String::new(), START, START.plus(life))
    }

    fn at(after: Duration, seconds: u32) -> Result<(u32, LimitedBy), Code> {
        life(&session(Duration::from_secs(3600)), START.plus(after), seconds)
            .map_err(|problem| problem.code())
    }

    #[test]
    fn lives_as_asked_or_as_the_session_allows() {
        let secs = Duration::from_secs;
        assert_eq!(at(secs(0), 900), Ok((900, LimitedBy::Requested)));
        assert_eq!(at(secs(2640), 900), Ok((900, LimitedBy::Requested)));
        assert_eq!(at(secs(2641), 900), Ok((899, LimitedBy::Session)));
        assert_eq!(at(secs(0), 604_800), Ok((3540, LimitedBy::Session)));
        assert_eq!(at(secs(3539), 900), Ok((1, LimitedBy::Session)));
        assert_eq!(at(secs(3540), 900), Err(Code::Unavailable));
        assert_eq!(at(secs(4000), 900), Err(Code::Unavailable));
        assert_eq!(at(secs(0), 0), Ok((1, LimitedBy::Requested)));
        let month = session(secs(30 * 86_400));
        assert_eq!(life(&month, START, u32::MAX).unwrap(), (604_800, LimitedBy::Policy));
    }

    #[test]
    fn no_millisecond_outlives_the_session() {
        let session = session(Duration::from_millis(3_600_500));
        for millis in 0..3_600_500 / 7 {
            let now = START.plus(Duration::from_millis(millis * 7));
            for seconds in [1, 300, 900, 3300, 604_800] {
                let Ok((seconds, _)) = life(&session, now, seconds) else { continue };
                let end = Timestamp::from_secs(now.as_secs()).plus(Duration::from_secs(seconds.into()));
                assert!(end.plus(SKEW) <= session.expires_at(), "{now} {seconds}");
            }
        }
    }

    #[test]
    fn addresses_are_aws_own() {
        let mut target = target();
        let host = |target: &Target| Address::of(target, None).unwrap().host;
        assert_eq!(host(&target), "acme-firmware.s3.us-west-2.amazonaws.com");
        target = with_role(|role| (role.use_fips, role.use_dualstack) = (true, true));
        assert_eq!(host(&target), "acme-firmware.s3-fips.dualstack.us-west-2.amazonaws.com");
        target = Target { region: "cn-north-1".to_owned(), partition: "aws-cn".to_owned(), ..self::target() };
        assert_eq!(host(&target), "acme-firmware.s3.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn an_endpoint_has_the_bucket_in_its_path() {
        let address = Address::of(&target(), Some("http://127.0.0.1:9000/")).unwrap();
        assert_eq!(
            address,
            Address {
                origin: "http://127.0.0.1:9000".to_owned(),
                host: "127.0.0.1:9000".to_owned(),
                path: "/acme-firmware".to_owned(),
            }
        );
        assert_eq!(Address::of(&target(), Some("https://s3.example:443")).unwrap().host, "s3.example");
        for bad in ["", "ftp://x", "127.0.0.1:9000", "data:x"] {
            assert!(Address::of(&target(), Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_store_has_the_bucket_in_its_host_where_that_works() {
        use firmhold_core::backend::Capabilities;
        let target = keyed("https://s3.example.com:8443");
        let url = |target: &Target| {
            Address::of(target, Some("http://ignored")).unwrap().url_of(&ObjectKey::from_stored("fw/a b"))
        };
        assert_eq!(url(&target), "https://s3.example.com:8443/acme-firmware/fw/a%20b");
        let found = Capabilities { virtual_hosts: Some(true), ..Capabilities::default() };
        assert_eq!(
            url(&target.with_capabilities(found)),
            "https://acme-firmware.s3.example.com:8443/fw/a%20b"
        );
    }

    #[test]
    fn a_key_pair_signs_for_a_week() {
        let session = crate::key_pair::KeyPair::new(crate::StaticKeys::new("AKID", "secret")).session();
        let ends = |seconds| life(&session, START, seconds).unwrap();
        assert_eq!(ends(900), (900, LimitedBy::Requested));
        assert_eq!(ends(604_800), (604_800, LimitedBy::Requested));
        assert_eq!(ends(604_801), (604_800, LimitedBy::Policy));
    }

    #[test]
    fn debug_shows_no_signature() {
        let request =
            TicketRequest::Get { key: ObjectKey::from_stored("fw/a b"), version: Some("v+1".to_owned()) };
        let address = Address::of(&target(), None).unwrap();
        let ticket =
            sign(&address, &target(), &session(Duration::from_secs(3600)), &request, 900, START).unwrap();
        assert!(
            ticket.url.contains("&X-Amz-SignedHeaders=host&versionId=v%2B1&X-Amz-Signature="),
            "{}",
            ticket.url
        );
        insta::assert_snapshot!(format!("{ticket:?}"), @r#"Ticket { url: "https://acme-firmware.s3.us-west-2.amazonaws.com/fw/a%20b", expires_at: 2027-01-15T08:15:00Z, limited_by: Requested, .. }"#);
    }
}
