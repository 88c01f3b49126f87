//! Who makes a request, and how: what the front has proved about it.

use std::collections::BTreeMap;

use firmhold_core::Timestamp;
use firmhold_iam::{Context, Principal};

use crate::account::Accounts;
use crate::region::DEFAULT_REGION;
use crate::request_log::RequestTrace;
use crate::sigv4::Carrier;

/// The caller of a request. The front puts one into the extensions of every S3 request before s3s sees it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The caller's account, twelve digits; `None` for an unsigned request.
    pub account: Option<String>,
    /// As the policy engine knows it.
    pub principal: Principal,
    /// The key that signed.
    pub access_key_id: Option<String>,
    /// Where the signature is; `None` for an unsigned request.
    pub(crate) carrier: Option<Carrier>,
    /// The region of the credential scope; of an unsigned request, the default region.
    pub region: String,
    /// Whether the request counts as secure transport.
    pub secure: bool,
    /// `AIDA…` of a user, `AROA…:SESSION` of a session; `None` for an unsigned request.
    pub user_id: Option<String>,
    /// Whether the caller is a role's session, whose own assumed sessions last an hour at most.
    pub(crate) is_session: bool,
    /// When that session began.
    pub(crate) session_began: Option<Timestamp>,
    /// Inline policies of the user or role by name, as they are now.
    pub(crate) policies: BTreeMap<String, String>,
    /// The session policy.
    pub(crate) session_policy: Option<String>,
    /// The condition keys that do not depend on the operation.
    pub(crate) context: Context,
    /// What the organization says, and where uses are recorded.
    pub(crate) accounts: Accounts,
    pub(crate) trace: RequestTrace,
}

impl Caller {
    /// The caller's ARN, or `anonymous`.
    pub fn name(&self) -> String {
        self.principal.to_string()
    }

    /// A service of AWS, or a role's session that it has taken on: it comes from no address, and by TLS.
    pub(crate) fn of_service(
        accounts: &Accounts,
        account: Option<String>,
        principal: Principal,
        now: Timestamp,
        trace: RequestTrace,
    ) -> Self {
        let mut context = Context::new();
        context
            .set("aws:SecureTransport", true)
            .set("aws:CurrentTime", now.to_string())
            .set("aws:EpochTime", now.as_secs())
            .set("aws:ViaAWSService", false)
            .set("s3:TlsVersion", "1.3");
        Self {
            account,
            principal,
            access_key_id: None,
            carrier: None,
            region: DEFAULT_REGION.to_owned(),
            secure: true,
            user_id: None,
            is_session: false,
            session_began: None,
            policies: BTreeMap::new(),
            session_policy: None,
            context,
            accounts: accounts.clone(),
            trace,
        }
    }

    /// Whether the request was not signed.
    pub fn is_anonymous(&self) -> bool {
        self.principal == Principal::Anonymous
    }
}
