//! Signatures of binaries, as kept in the database.

use firmhold_core::binary::HandedSignature;
use firmhold_core::signature::MessageForm;
use firmhold_core::{
    BinarySignature, Meta, OrganizationPrn, Prn, PrnKind, Problem, PublicKey, Signature, Timestamp,
};
use uuid::Uuid;

use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};

/// Selects what [`SignatureRow::from_row`] reads; the signature's own table is `s`, its key's `k`.
pub const SELECT: &str = "SELECT s.*, k.name AS key_name, k.keyid, k.value AS key_value, k.revoked_at
    FROM binary_signatures s JOIN signing_keys k ON k.id = s.signing_key_id";

/// A signature with what is needed of its key.
#[derive(Debug, Clone)]
pub struct SignatureRow {
    /// The last part of its PRN.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// Of which binary.
    pub binary: Uuid,
    /// By which key.
    pub signing_key: Uuid,
    /// The signature.
    pub signature: Signature,
    /// The form that verified.
    pub message_form: MessageForm,
    /// The key's name.
    pub key_name: String,
    /// The key's id.
    pub keyid: String,
    /// The key.
    pub key: PublicKey,
    /// Since when the key is revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// The same: it never changes.
    pub updated_at: Timestamp,
    /// Grows with each change.
    pub revision: u64,
}

impl SignatureRow {
    /// Reads a row of [`SELECT`].
    ///
    /// # Errors
    /// If a column is not what it should be.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            binary: row.uuid("binary_id")?,
            signing_key: row.uuid("signing_key_id")?,
            signature: row.parsed("signature")?,
            message_form: row.parsed("message_form")?,
            key_name: row.text("key_name")?,
            keyid: row.text("keyid")?,
            key: PublicKey::parse(&row.text("key_value")?).map_err(Problem::internal)?,
            revoked_at: row.maybe_time("revoked_at")?,
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
        })
    }

    /// The organization's signature with this id.
    ///
    /// # Errors
    /// [`firmhold_core::Code::NotFound`], or those of the database.
    pub async fn find(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Self, Problem> {
        let sql = format!("{SELECT} WHERE s.organization_id = $1 AND s.id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(conn)
            .await
            .db()?;
        row.as_ref().map(Self::from_row).transpose()?.ok_or_else(Problem::not_found)
    }

    /// Its name.
    pub const fn prn(&self) -> Prn {
        Prn::new(self.organization, PrnKind::BinarySignature, self.id)
    }

    /// As the API writes it.
    pub fn to_wire(&self) -> BinarySignature {
        BinarySignature {
            meta: Meta {
                prn: self.prn(),
                organization_prn: OrganizationPrn(self.organization),
                inserted_at: self.inserted_at,
                updated_at: self.updated_at,
                revision: self.revision,
            },
            binary_prn: Prn::new(self.organization, PrnKind::Binary, self.binary),
            signature: self.signature,
            signing_key_prn: self.signing_key_prn(),
            keyid: self.keyid.clone(),
            message_form: self.message_form,
            revoked_at: self.revoked_at,
        }
    }

    /// As handed to devices; nothing if its key is revoked.
    pub fn handed(&self) -> Option<HandedSignature> {
        self.revoked_at.is_none().then(|| HandedSignature {
            signature: self.signature,
            signing_key_prn: self.signing_key_prn(),
            keyid: self.keyid.clone(),
            public_value: self.key.to_pem(),
        })
    }

    /// Its key's name.
    pub const fn signing_key_prn(&self) -> Prn {
        Prn::new(self.organization, PrnKind::SigningKey, self.signing_key)
    }
}

/// All signatures of a binary, those by revoked keys too, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn of_binary(
    conn: &mut Conn,
    organization: Uuid,
    binary: Uuid,
) -> Result<Vec<SignatureRow>, Problem> {
    let sql =
        format!("{SELECT} WHERE s.organization_id = $1 AND s.binary_id = $2 ORDER BY s.inserted_at, s.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(binary.to_string())
        .fetch_all(conn)
        .await
        .db()?;
    rows.iter().map(SignatureRow::from_row).collect()
}

/// Whether a key that is not revoked has signed the binary.
///
/// # Errors
/// Those of the database.
pub async fn is_signed(conn: &mut Conn, organization: Uuid, binary: Uuid) -> Result<bool, Problem> {
    let live: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM binary_signatures s JOIN signing_keys k ON k.id = s.signing_key_id
         WHERE s.organization_id = $1 AND s.binary_id = $2 AND k.revoked_at IS NULL",
    )
    .bind(organization.to_string())
    .bind(binary.to_string())
    .fetch_one(conn)
    .await
    .db()?;
    Ok(live > 0)
}

/// The ids of the binaries that a key has signed; they are of its own organization.
///
/// # Errors
/// Those of the database.
pub async fn signed_by(conn: &mut Conn, signing_key: Uuid) -> Result<Vec<Uuid>, Problem> {
    let rows = sqlx::query("SELECT binary_id FROM binary_signatures WHERE signing_key_id = $1")
        .bind(signing_key.to_string())
        .fetch_all(conn)
        .await
        .db()?;
    rows.iter().map(|row| row.uuid("binary_id")).collect()
}

/// Forgets all signatures of a binary: they are over a hash that it no longer has.
///
/// # Errors
/// Those of the database.
pub async fn forget(tx: &mut Tx, organization: Uuid, binary: Uuid) -> Result<(), Problem> {
    sqlx::query("DELETE FROM binary_signatures WHERE organization_id = $1 AND binary_id = $2")
        .bind(organization.to_string())
        .bind(binary.to_string())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}
