//! Keys that are limited to products (API contract 13.1): they read like any other, but write, and ask for links, only
//! where every product concerned is theirs.

use firmhold_core::{Code, PrnKind, Problem, Scope};
use uuid::Uuid;

use super::Caller;
use super::fields::{self, Fields};
use crate::catalogue::product;
use crate::db::{Conn, DbResult as _, RowExt as _};

/// What a request writes to, by which its product is found. All ids are of the caller's organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerned {
    /// The product itself, or that there is none.
    Product(Option<Uuid>),
    /// An artifact.
    Artifact(Uuid),
    /// An artifact version: its artifact.
    ArtifactVersion(Uuid),
    /// A binary: its artifact.
    Binary(Uuid),
}

impl Caller {
    /// Whether the key is limited to products at all.
    pub const fn is_limited(&self) -> bool {
        !self.products.is_empty()
    }

    /// Goes on only if the key may write where `concerned` belongs. Call it once for each product concerned: for a
    /// change that moves something, before and after.
    ///
    /// # Errors
    /// [`Code::ScopeDenied`]; those of the database.
    pub async fn may_write(&self, conn: &mut Conn, concerned: Concerned) -> Result<(), Problem> {
        if !self.is_limited() {
            return Ok(());
        }
        let product = match concerned {
            Concerned::Product(product) => product,
            Concerned::Artifact(id) => product::of_artifact(conn, self.organization, id).await?,
            Concerned::ArtifactVersion(id) => product_of(conn, self.organization, "v.id = $2", id).await?,
            Concerned::Binary(id) => product_of(conn, self.organization, "b.id = $2", id).await?,
        };
        if product::is_within(&self.products, product) {
            return Ok(());
        }
        Err(Problem::new(Code::ScopeDenied, "this key is limited to other products"))
    }
}

async fn product_of(
    conn: &mut Conn,
    organization: Uuid,
    which: &'static str,
    id: Uuid,
) -> Result<Option<Uuid>, Problem> {
    let sql = format!(
        "SELECT a.product_id FROM artifacts a
         JOIN artifact_versions v ON v.organization_id = a.organization_id AND v.artifact_id = a.id
         LEFT JOIN binaries b ON b.organization_id = v.organization_id AND b.artifact_version_id = v.id
         WHERE a.organization_id = $1 AND {which} LIMIT 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_optional(conn)
        .await
        .db()?;
    row.map_or(Ok(None), |row| row.maybe_uuid("product_id"))
}

/// The products that a body limits a key to, if it says.
///
/// # Errors
/// Those of the database; what is wrong with the field is among the fields' errors.
pub async fn read(
    conn: &mut Conn,
    organization: Uuid,
    fields: &mut Fields,
) -> Result<Option<Vec<Uuid>>, Problem> {
    let products = fields.defaulted("product_prns", fields::prns(PrnKind::Product, organization));
    if let Some(products) = &products
        && !product::all_exist(conn, organization, products).await?
    {
        fields.errors.add("product_prns", fields::unknown(PrnKind::Product));
    }
    Ok(products)
}

/// Only what an `upload` or `release` key writes belongs to products.
pub fn check_scope(fields: &mut Fields, scope: Option<Scope>, products: &[Uuid]) {
    let other = scope.filter(|scope| !matches!(scope, Scope::Upload | Scope::Release));
    if let Some(scope) = other.filter(|_| !products.is_empty()) {
        fields.errors.add("product_prns", format!("a key with scope {scope} cannot be limited to products"));
    }
}
