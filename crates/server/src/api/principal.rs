//! Who asks: API keys (API contract 1.2 and 13.1).

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use firmhold_core::{Code, Digest, OrganizationPrn, Prn, PrnKind, Problem, Scope, Timestamp};
use uuid::Uuid;

use super::error::ApiError;
use super::request_id::RequestId;
use crate::App;
use crate::db::{DbResult as _, RowExt as _};
use crate::events::Origin;

/// `last_used_at` is as accurate as this, so that reading does not write each time.
const LAST_USED_ACCURACY: Duration = Duration::from_secs(60);

/// The API key of a request. As an extractor it authenticates.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The organization; no path, query or body names it.
    pub organization: Uuid,
    /// The key.
    pub key_id: Uuid,
    /// What it may do.
    pub scope: Scope,
    /// The products that it is limited to; empty for all.
    pub products: Vec<Uuid>,
    /// Of this request.
    pub request_id: Option<String>,
    /// When the request came.
    pub at: Timestamp,
}

impl Caller {
    /// Goes on only if the key covers `scope`.
    ///
    /// # Errors
    /// [`Code::ScopeDenied`].
    pub fn need(&self, scope: Scope) -> Result<(), Problem> {
        if self.scope.covers(scope) {
            Ok(())
        } else {
            Err(Problem::new(Code::ScopeDenied, format!("this needs a key with scope {scope}")))
        }
    }

    /// The PRN of an object of the caller's organization.
    pub const fn prn(&self, kind: PrnKind, id: Uuid) -> Prn {
        Prn::new(self.organization, kind, id)
    }

    /// The organization's PRN.
    pub const fn organization_prn(&self) -> OrganizationPrn {
        OrganizationPrn(self.organization)
    }

    /// For the events of changes that this request makes.
    pub fn origin(&self) -> Origin {
        Origin {
            organization: self.organization,
            actor: Some(self.prn(PrnKind::ApiKey, self.key_id)),
            request_id: self.request_id.clone(),
            at: self.at,
        }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let secret = bearer(parts).ok_or_else(unauthenticated)?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let caller = authenticate(app, secret, request_id).await?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

/// A caller whose key has scope `admin`: named first in a handler, it refuses others before their body is read.
#[derive(Debug, Clone)]
pub struct AdminCaller(pub Caller);

impl Deref for AdminCaller {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequestParts<Arc<App>> for AdminCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.need(Scope::Admin)?;
        Ok(Self(caller))
    }
}

/// A caller whose key has scope `upload` or `admin`: named first in a handler, it refuses others before their body is
/// read.
#[derive(Debug, Clone)]
pub struct UploadCaller(pub Caller);

impl FromRequestParts<Arc<App>> for UploadCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.need(Scope::Upload)?;
        Ok(Self(caller))
    }
}

/// The key in `Authorization: Bearer KEY` or `Token KEY`.
fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.trim().split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    known.then(|| key.trim())
}

/// One answer, whether the key is missing, unknown, expired or deleted.
fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "an API key is needed")
}

async fn authenticate(app: &Arc<App>, secret: &str, request_id: Option<String>) -> Result<Caller, Problem> {
    let now = app.clock.now();
    let row = sqlx::query(
        "SELECT id, organization_id, scope, product_ids, expires_at, last_used_at FROM api_keys WHERE secret_sha256 = $1",
    )
    .bind(Digest::of(secret).to_hex())
    .fetch_optional(app.db.reader())
    .await
    .db()?
    .ok_or_else(unauthenticated)?;
    if row.maybe_time("expires_at")?.is_some_and(|end| end <= now) {
        return Err(unauthenticated());
    }
    let caller = Caller {
        organization: row.uuid("organization_id")?,
        key_id: row.uuid("id")?,
        scope: row.parsed("scope")?,
        products: row.json("product_ids")?,
        request_id,
        at: now,
    };
    let used = row.maybe_time("last_used_at")?;
    if used.is_none_or(|used| now.since(used) >= LAST_USED_ACCURACY) {
        note_use(app, caller.key_id, now);
    }
    Ok(caller)
}

/// Beside the request: nobody waits for it, and if it fails the next request tries again.
fn note_use(app: &Arc<App>, key: Uuid, now: Timestamp) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let noted = async {
            let mut tx = app.db.begin().await?;
            sqlx::query("UPDATE api_keys SET last_used_at = $1 WHERE id = $2")
                .bind(now.as_millis())
                .bind(key.to_string())
                .execute(&mut *tx)
                .await
                .db()?;
            tx.commit().await.db()
        };
        if let Err(problem) = noted.await {
            super::error::log(&problem);
        }
    });
}
