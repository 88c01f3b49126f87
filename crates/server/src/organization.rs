//! Organizations and their first keys: made on the server's host, never over the API (API contract 13.1).

use std::path::Path;

use firmhold_core::{
    Clock, Code, FieldErrors, OrganizationPrn, Prn, PrnKind, Problem, Scope, Secret, Timestamp, text,
};
use serde_json::json;
use uuid::Uuid;

use crate::api_key::{self, NewApiKey};
use crate::app::make_folder;
use crate::db::{Db, DbResult as _};
use crate::events::{self, Origin};

/// Makes an organization and its first key, with scope `admin`, in the database of the data folder. A server may be
/// running on it. The secret is shown this once.
///
/// # Errors
/// [`Code::Usage`] for a name that is none, [`Code::LocalFile`] if the folder cannot be used.
pub async fn create_organization(
    data: &Path,
    clock: &Clock,
    name: &str,
) -> Result<(OrganizationPrn, Secret), Problem> {
    check_name(name)?;
    make_folder(data)?;
    let db = Db::open(data).await?;
    let made = insert_organization(&db, clock.now(), name).await;
    db.close().await;
    made
}

/// Makes a further key of an organization in the database of the data folder. A server may be running on it. The
/// secret is shown this once.
///
/// # Errors
/// As [`create_organization`]; [`Code::NotFound`] if there is no such organization.
pub async fn create_api_key(
    data: &Path,
    clock: &Clock,
    organization: OrganizationPrn,
    name: &str,
    scope: Scope,
) -> Result<(Prn, Secret), Problem> {
    check_name(name)?;
    make_folder(data)?;
    let db = Db::open(data).await?;
    let made = insert_key(&db, clock.now(), organization, name, scope).await;
    db.close().await;
    made
}

async fn insert_organization(
    db: &Db,
    now: Timestamp,
    name: &str,
) -> Result<(OrganizationPrn, Secret), Problem> {
    let organization = Uuid::new_v4();
    let mut tx = db.begin().await?;
    sqlx::query("INSERT INTO organizations (id, name, inserted_at, updated_at) VALUES ($1, $2, $3, $3)")
        .bind(organization.to_string())
        .bind(name)
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await
        .db()?;
    let key = NewApiKey {
        name: "first key".to_owned(),
        scope: Scope::Admin,
        products: Vec::new(),
        oidc_issuer: None,
        expires_at: None,
    };
    let (id, secret) = api_key::insert(&mut tx, organization, &key, now).await?;
    record(&mut tx, organization, id, &key, now).await?;
    tx.commit().await.db()?;
    Ok((OrganizationPrn(organization), secret))
}

async fn insert_key(
    db: &Db,
    now: Timestamp,
    organization: OrganizationPrn,
    name: &str,
    scope: Scope,
) -> Result<(Prn, Secret), Problem> {
    let mut tx = db.begin().await?;
    let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM organizations WHERE id = $1")
        .bind(organization.0.to_string())
        .fetch_optional(&mut *tx)
        .await
        .db()?;
    if known.is_none() {
        return Err(Problem::new(Code::NotFound, format!("there is no organization {organization} here")));
    }
    let key =
        NewApiKey { name: name.to_owned(), scope, products: Vec::new(), oidc_issuer: None, expires_at: None };
    let (id, secret) = api_key::insert(&mut tx, organization.0, &key, now).await?;
    record(&mut tx, organization.0, id, &key, now).await?;
    tx.commit().await.db()?;
    Ok((Prn::new(organization.0, PrnKind::ApiKey, id), secret))
}

async fn record(
    tx: &mut crate::db::Tx,
    organization: Uuid,
    id: Uuid,
    key: &NewApiKey,
    now: Timestamp,
) -> Result<(), Problem> {
    let origin = Origin::server(organization, now);
    let prn = Prn::new(organization, PrnKind::ApiKey, id);
    events::record(tx, &origin, prn, "created", json!({"name": key.name, "scope": key.scope})).await
}

fn check_name(name: &str) -> Result<(), Problem> {
    let mut errors = FieldErrors::new();
    text::check(&mut errors, "name", name, text::NAME);
    errors
        .0
        .into_values()
        .next()
        .map_or(Ok(()), |texts| Err(Problem::new(Code::Usage, format!("the name {}", texts.join(", ")))))
}
