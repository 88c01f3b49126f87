//! A token for a key.

use firmhold_core::{Code, Digest, OidcIssuer, Prn, PrnKind, Problem, Scope, Secret, Timestamp};
use serde_json::json;

use super::Refused;
use super::issuer::{self, fits, product_ids};
use super::keys::NoKeys;
use super::token::{Claims, Token};
use crate::App;
use crate::api_key::{self, NewApiKey};
use crate::catalogue::record::{self, Record as _};
use crate::db::{DbResult as _, Tx};
use crate::events::{self, Origin};

/// Keys that one issuer's tokens may have been exchanged for and that have not ended.
const MOST_KEYS: i64 = 5_000;
/// Characters of a claim that the log tells.
const TOLD: usize = 256;

/// What a CI job asks for.
#[derive(Debug)]
pub struct Request {
    /// Its token.
    pub token: Secret,
    /// How long the key shall live, if not as long as it may.
    pub ttl_seconds: Option<u32>,
    /// The issuer to exchange it at, if not the oldest that fits.
    pub issuer: Option<Prn>,
    /// Of the request.
    pub request_id: Option<String>,
}

/// What it gets.
#[derive(Debug)]
pub struct Exchanged {
    /// The key's secret, shown this once.
    pub secret: Secret,
    /// When the key ends.
    pub expires_at: Timestamp,
    /// What it may do.
    pub scope: Scope,
}

/// Why there is no key.
#[derive(Debug)]
pub enum Failure {
    /// The token is refused. The caller is not told why.
    Refused(Refused),
    /// Something else is wrong.
    Problem(Problem),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Judges the token, and makes a key for it.
///
/// INVARIANT: a token with a `jti` is exchanged at most once: that is noted in the transaction that makes the key.
///
/// # Errors
/// [`Failure`].
pub async fn exchange(app: &App, request: &Request) -> Result<Exchanged, Failure> {
    let token = Token::parse(request.token.expose())?;
    let claims = &token.claims;
    // What costs nothing first: nobody is asked for keys because of a token that fits no registered issuer.
    claims.check_time(app.clock.now())?;
    let issuer = find_issuer(app, claims, request.issuer).await?;
    let keys = app.issuer_keys.of(&issuer.issuer, &token).await.map_err(|none| match none {
        NoKeys::Refused(refused) => Failure::Refused(refused),
        NoKeys::Busy => Failure::Problem(too_many()),
    })?;
    // Taken only now: nobody's slow issuer may keep the others' tokens waiting.
    let _permit = app.exchanges.try_acquire().map_err(|_| too_many())?;
    if !keys.verify(&token) {
        return Err(Refused::because("the token is not signed by a key of its issuer").into());
    }

    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    // It may have been changed, and the token may have ended, while the issuer was asked.
    let issuer: Option<OidcIssuer> = record::find(&mut tx, issuer.meta.prn.organization, issuer.id()).await?;
    let issuer = issuer.filter(|issuer| fits(issuer, claims)).ok_or_else(|| fits_none(claims))?;
    claims.check_time(now)?;
    let ttl = ttl(&issuer, request.ttl_seconds)?;
    prune(&mut tx, now).await?;
    use_once(&mut tx, claims).await?;
    must_have_room(&mut tx, &issuer, now).await?;
    let key = NewApiKey {
        name: issuer.name.clone(),
        scope: issuer.scope,
        products: product_ids(&issuer),
        oidc_issuer: Some(issuer.id()),
        expires_at: Some(now.plus(ttl)),
    };
    let secret = make_key(&mut tx, &issuer, &key, claims, request.request_id.clone(), now).await?;
    issuer::note_use(&mut tx, &issuer, now).await?;
    tx.commit().await.db()?;
    Ok(Exchanged { secret, expires_at: now.plus(ttl), scope: issuer.scope })
}

fn too_many() -> Problem {
    Problem::new(Code::RateLimited, "too many tokens are being exchanged").retry_after(1)
}

/// The oldest issuer that the claims fit, or the one that is asked for.
async fn find_issuer(app: &App, claims: &Claims, wanted: Option<Prn>) -> Result<OidcIssuer, Failure> {
    let mut conn = app.db.reader().acquire().await.db()?;
    let named = issuer::named_by(&mut conn, claims).await?;
    let found = named
        .into_iter()
        .find(|issuer| wanted.is_none_or(|wanted| issuer.prn() == wanted) && fits(issuer, claims));
    found.ok_or_else(|| fits_none(claims).into())
}

fn fits_none(claims: &Claims) -> Refused {
    let told = |text: &str| text.chars().take(TOLD).collect::<String>();
    let audiences: Vec<String> = claims.aud.as_slice().iter().map(|text| told(text)).collect();
    Refused::because(format!(
        "no registered issuer fits the token's claims iss {:?}, aud {audiences:?}, sub {:?}",
        told(&claims.iss),
        told(&claims.sub)
    ))
}

fn ttl(issuer: &OidcIssuer, wanted: Option<u32>) -> Result<std::time::Duration, Problem> {
    let longest = issuer.max_ttl_seconds;
    let ttl = wanted.unwrap_or(longest);
    if ttl > longest {
        return Err(Problem::field("ttl_seconds", format!("must be at most {longest}")));
    }
    Ok(std::time::Duration::from_secs(u64::from(ttl)))
}

/// Forgets what has ended: keys that were exchanged, and tokens that nobody could use any longer.
async fn prune(tx: &mut Tx, now: Timestamp) -> Result<(), Problem> {
    for statement in [
        "DELETE FROM api_keys WHERE oidc_issuer_id IS NOT NULL AND expires_at <= $1",
        "DELETE FROM oidc_used_tokens WHERE expires_at <= $1",
    ] {
        sqlx::query(statement).bind(now.as_millis()).execute(&mut **tx).await.db()?;
    }
    Ok(())
}

/// Notes the token's `jti`, by a hash that has the same length whatever the issuer writes. A `jti` is unique among an
/// issuer's tokens, in whichever organization they are used.
async fn use_once(tx: &mut Tx, claims: &Claims) -> Result<(), Failure> {
    let Some(jti) = &claims.jti else { return Ok(()) };
    // As JSON, in which no two pairs of texts are the same.
    let hash = Digest::of(json!([claims.iss, jti]).to_string());
    let done = sqlx::query(
        "INSERT INTO oidc_used_tokens (token_hash, expires_at) VALUES ($1, $2) ON CONFLICT (token_hash) DO NOTHING",
    )
    .bind(hash.to_hex())
    .bind(claims.end().as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(Refused::because("the token was exchanged before").into())
}

/// No more keys than a busy CI system has at once: whoever can have tokens signed without end fills no database with them.
async fn must_have_room(tx: &mut Tx, issuer: &OidcIssuer, now: Timestamp) -> Result<(), Problem> {
    let living: i64 =
        sqlx::query_scalar("SELECT count(*) FROM api_keys WHERE oidc_issuer_id = $1 AND expires_at > $2")
            .bind(issuer.id().to_string())
            .bind(now.as_millis())
            .fetch_one(&mut **tx)
            .await
            .db()?;
    if living < MOST_KEYS {
        return Ok(());
    }
    let detail = format!("the issuer has {MOST_KEYS} keys that live: wait until some of them end");
    Err(Problem::new(Code::RateLimited, detail).retry_after(60))
}

async fn make_key(
    tx: &mut Tx,
    issuer: &OidcIssuer,
    key: &NewApiKey,
    claims: &Claims,
    request_id: Option<String>,
    now: Timestamp,
) -> Result<Secret, Problem> {
    let organization = issuer.meta.prn.organization;
    let (id, secret) = api_key::insert(tx, organization, key, now).await?;
    let prn = Prn::new(organization, PrnKind::ApiKey, id);
    let origin = Origin { request_id, ..Origin::server(organization, now) };
    let data = json!({
        "name": key.name,
        "scope": key.scope,
        "product_prns": issuer.product_prns,
        "expires_at": key.expires_at,
        "oidc_issuer_prn": issuer.prn(),
        "issuer": issuer.issuer,
        "subject": claims.sub,
    });
    events::record(tx, &origin, prn, "created", data).await?;
    Ok(secret)
}
