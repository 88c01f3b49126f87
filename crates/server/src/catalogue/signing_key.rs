//! A signing key's row: the public half.

use firmhold_core::{Meta, OrganizationPrn, Prn, PrnKind, Problem, PublicKey, SigningKey, Timestamp};
use uuid::Uuid;

use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};

/// A signing key, as kept in the database.
#[derive(Debug, Clone)]
pub struct SigningKeyRow {
    /// The last part of its PRN.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// 1–128 characters.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was registered.
    pub inserted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows with each change.
    pub revision: u64,
}

impl SigningKeyRow {
    /// Reads a row of `signing_keys`.
    ///
    /// # Errors
    /// If a column is not what it should be.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            name: row.text("name")?,
            key: PublicKey::parse(&row.text("value")?).map_err(Problem::internal)?,
            revoked_at: row.maybe_time("revoked_at")?,
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
        })
    }

    /// The organization's key with this id, if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Option<Self>, Problem> {
        let row = sqlx::query("SELECT * FROM signing_keys WHERE organization_id = $1 AND id = $2")
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(conn)
            .await
            .db()?;
        row.as_ref().map(Self::from_row).transpose()
    }

    /// The organization's key with this keyid, if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn by_keyid(conn: &mut Conn, organization: Uuid, keyid: &str) -> Result<Option<Self>, Problem> {
        let row = sqlx::query("SELECT * FROM signing_keys WHERE organization_id = $1 AND keyid = $2")
            .bind(organization.to_string())
            .bind(keyid)
            .fetch_optional(conn)
            .await
            .db()?;
        row.as_ref().map(Self::from_row).transpose()
    }

    /// Whether the key was ever revoked in the organization, be it registered or not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn was_revoked(conn: &mut Conn, organization: Uuid, keyid: &str) -> Result<bool, Problem> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM revoked_keyids WHERE organization_id = $1 AND keyid = $2")
                .bind(organization.to_string())
                .bind(keyid)
                .fetch_optional(conn)
                .await
                .db()?;
        Ok(found.is_some())
    }

    /// Stores a new one.
    ///
    /// # Errors
    /// `sqlx`'s own, so that the caller can tell a duplicate.
    pub async fn insert(&self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO signing_keys (id, organization_id, name, value, keyid, inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)",
        )
        .bind(self.id.to_string())
        .bind(self.organization.to_string())
        .bind(&self.name)
        .bind(self.key.to_base64())
        .bind(self.key.keyid())
        .bind(self.inserted_at.as_millis())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Stores what may change of it, as the next revision.
    ///
    /// # Errors
    /// `sqlx`'s own, so that the caller can tell a duplicate.
    pub async fn save(&mut self, tx: &mut Tx, now: Timestamp) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE signing_keys SET name = $2, value = $3, keyid = $4, revoked_at = $5, updated_at = $6,
                                     revision = revision + 1 WHERE id = $1",
        )
        .bind(self.id.to_string())
        .bind(&self.name)
        .bind(self.key.to_base64())
        .bind(self.key.keyid())
        .bind(self.revoked_at.map(Timestamp::as_millis))
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
        self.revision += 1;
        self.updated_at = now;
        Ok(())
    }

    /// Revokes it, for good: its keyid is remembered beyond the row.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoke(&mut self, tx: &mut Tx, now: Timestamp) -> Result<(), Problem> {
        self.revoked_at = Some(now);
        self.save(tx, now).await.db()?;
        sqlx::query(
            "INSERT INTO revoked_keyids (organization_id, keyid, revoked_at) VALUES ($1, $2, $3)
             ON CONFLICT (organization_id, keyid) DO NOTHING",
        )
        .bind(self.organization.to_string())
        .bind(self.key.keyid())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
        Ok(())
    }

    /// Whether a signature uses it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn is_used(&self, conn: &mut Conn) -> Result<bool, Problem> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM binary_signatures WHERE signing_key_id = $1 LIMIT 1")
                .bind(self.id.to_string())
                .fetch_optional(conn)
                .await
                .db()?;
        Ok(found.is_some())
    }

    /// Removes it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete(&self, tx: &mut Tx) -> Result<(), Problem> {
        sqlx::query("DELETE FROM signing_keys WHERE id = $1")
            .bind(self.id.to_string())
            .execute(&mut **tx)
            .await
            .db()?;
        Ok(())
    }

    /// Its name.
    pub const fn prn(&self) -> Prn {
        Prn::new(self.organization, PrnKind::SigningKey, self.id)
    }

    /// As the API writes it.
    pub fn to_wire(&self) -> SigningKey {
        SigningKey {
            meta: Meta {
                prn: self.prn(),
                organization_prn: OrganizationPrn(self.organization),
                inserted_at: self.inserted_at,
                updated_at: self.updated_at,
                revision: self.revision,
            },
            name: self.name.clone(),
            value: self.key.to_base64(),
            keyid: self.key.keyid(),
            public_value: self.key.to_pem(),
            revoked_at: self.revoked_at,
        }
    }
}
