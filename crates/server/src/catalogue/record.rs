//! What records of the catalogue have in common: a table with `id`, `organization_id`, `inserted_at`, `updated_at` and
//! `revision`, and columns of their own. The type on the wire is the record itself.

use firmhold_core::{Meta, OrganizationPrn, Prn, PrnKind, Problem, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::db::{Conn, DbResult as _, Query, Row, RowExt as _, Tx};

/// A kind of record.
pub trait Record: Serialize + Sized + Send + Sync {
    /// Its table.
    const TABLE: &'static str;
    /// What its PRNs name; also its noun on the wire.
    const KIND: PrnKind;

    /// Reads a row of the table.
    ///
    /// # Errors
    /// If a column is not what it should be.
    fn from_row(row: &Row) -> Result<Self, Problem>;

    /// The fields that every record has.
    fn meta(&self) -> &Meta;

    /// The same, to be changed by [`save`].
    fn meta_mut(&mut self) -> &mut Meta;

    /// The columns of its own, each with its value.
    fn columns(&self) -> Vec<(&'static str, Column)>;

    /// The last part of its PRN.
    fn id(&self) -> Uuid {
        self.meta().prn.id
    }

    /// Its name.
    fn prn(&self) -> Prn {
        self.meta().prn
    }
}

/// A value for the database.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// TEXT.
    Text(Option<String>),
    /// BIGINT.
    Number(Option<i64>),
}

impl Column {
    /// A text.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(Some(value.into()))
    }

    /// A text in lower case, for searches in any case.
    pub fn folded(value: &str) -> Self {
        Self::Text(Some(value.to_lowercase()))
    }

    /// JSON, or null.
    pub fn json(value: Option<&serde_json::Value>) -> Self {
        Self::Text(value.map(serde_json::Value::to_string))
    }

    /// The id in a PRN, or null.
    pub fn id(value: Option<Prn>) -> Self {
        Self::Text(value.map(|prn| prn.id.to_string()))
    }

    /// 0 or 1.
    pub fn flag(value: bool) -> Self {
        Self::Number(Some(i64::from(value)))
    }

    fn bind(self, query: &mut Query) {
        match self {
            Self::Text(value) => query.push_bind(value),
            Self::Number(value) => query.push_bind(value),
        };
    }
}

/// The fields of a row that every record has.
///
/// # Errors
/// If a column is not what it should be.
pub fn meta(row: &Row, kind: PrnKind) -> Result<Meta, Problem> {
    let organization = row.uuid("organization_id")?;
    Ok(Meta {
        prn: Prn::new(organization, kind, row.uuid("id")?),
        organization_prn: OrganizationPrn(organization),
        inserted_at: row.time("inserted_at")?,
        updated_at: row.time("updated_at")?,
        revision: row.count("revision")?,
    })
}

/// The PRN of the `kind` whose id a column of the row holds, or nothing if that is null.
///
/// # Errors
/// If the column holds no id.
pub fn reference(row: &Row, column: &str, kind: PrnKind) -> Result<Option<Prn>, Problem> {
    let organization = row.uuid("organization_id")?;
    Ok(row.maybe_uuid(column)?.map(|id| Prn::new(organization, kind, id)))
}

/// The organization's record with this id, if there is one.
///
/// # Errors
/// Those of the database.
pub async fn find<R: Record>(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Option<R>, Problem> {
    let sql = format!("SELECT * FROM {} WHERE organization_id = $1 AND id = $2", R::TABLE);
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_optional(conn)
        .await
        .db()?;
    row.as_ref().map(R::from_row).transpose()
}

/// The organization's record with this id.
///
/// # Errors
/// [`firmhold_core::Code::NotFound`], or those of the database.
pub async fn get<R: Record>(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<R, Problem> {
    find(conn, organization, id).await?.ok_or_else(Problem::not_found)
}

/// Stores a new one.
///
/// # Errors
/// `sqlx`'s own, so that the caller can tell a duplicate.
pub async fn insert<R: Record>(tx: &mut Tx, record: &R) -> Result<(), sqlx::Error> {
    let (names, values): (Vec<_>, Vec<_>) = record.columns().into_iter().unzip();
    let mut sql =
        Query::new(format!("INSERT INTO {} (id, organization_id, inserted_at, updated_at", R::TABLE));
    for name in names {
        sql.push(", ").push(name);
    }
    let meta = record.meta();
    sql.push(") VALUES (").push_bind(meta.prn.id.to_string());
    sql.push(", ").push_bind(meta.prn.organization.to_string());
    sql.push(", ").push_bind(meta.inserted_at.as_millis());
    sql.push(", ").push_bind(meta.updated_at.as_millis());
    for value in values {
        sql.push(", ");
        value.bind(&mut sql);
    }
    sql.push(")").build().execute(&mut **tx).await.map(drop)
}

/// Stores what changed of it as the next revision. The row was read in the same transaction.
///
/// # Errors
/// `sqlx`'s own, so that the caller can tell a duplicate.
pub async fn save<R: Record>(tx: &mut Tx, record: &mut R, now: Timestamp) -> Result<(), sqlx::Error> {
    let meta = record.meta_mut();
    meta.revision += 1;
    meta.updated_at = now;
    let (prn, revision) = (meta.prn, meta.revision.cast_signed());
    let mut sql = Query::new(format!("UPDATE {} SET updated_at = ", R::TABLE));
    sql.push_bind(now.as_millis()).push(", revision = ").push_bind(revision);
    for (name, value) in record.columns() {
        sql.push(format!(", {name} = "));
        value.bind(&mut sql);
    }
    sql.push(" WHERE organization_id = ").push_bind(prn.organization.to_string());
    sql.push(" AND id = ").push_bind(prn.id.to_string());
    sql.build().execute(&mut **tx).await.map(drop)
}
