//! Manifests: signed documents beside the content, so that the bucket alone tells what is in it (API contract 4.5).

use firmhold_core::canonical::to_canonical_json;
use firmhold_core::{Digest, OrganizationPrn, PrivateKey, Prn, PrnKind, Problem, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{BinaryRow, signatures};
use crate::content;
use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};
use crate::jobs;

/// Asks for a new manifest of a binary whose content is proved, or was. Its job builds it from what is true then.
///
/// # Errors
/// Those of the database.
pub async fn due(tx: &mut Tx, organization: Uuid, binary: Uuid, now: Timestamp) -> Result<(), Problem> {
    let done = sqlx::query(
        "UPDATE binaries SET manifest_wanted = manifest_wanted + 1, manifest_at = NULL
         WHERE organization_id = $1 AND id = $2 AND state IN ('signable', 'signed', 'destroyed')",
    )
    .bind(organization.to_string())
    .bind(binary.to_string())
    .execute(&mut **tx)
    .await
    .db()?;
    if done.rows_affected() == 1 {
        jobs::enqueue(tx, jobs::manifest::NAME, organization, binary, Value::Null, now).await?;
    }
    Ok(())
}

/// What changed that manifests tell.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// A product.
    Product(Uuid),
    /// An artifact.
    Artifact(Uuid),
    /// An artifact version.
    ArtifactVersion(Uuid),
    /// A signing key.
    SigningKey(Uuid),
}

/// Asks for new manifests of all binaries whose manifests tell of it.
///
/// # Errors
/// Those of the database.
pub async fn due_for(tx: &mut Tx, organization: Uuid, told: Told, now: Timestamp) -> Result<(), Problem> {
    let (sql, id) = match told {
        Told::Product(id) => (
            "SELECT b.id FROM binaries b
             JOIN artifact_versions v ON v.organization_id = b.organization_id AND v.id = b.artifact_version_id
             JOIN artifacts a ON a.organization_id = v.organization_id AND a.id = v.artifact_id
             WHERE a.organization_id = $1 AND a.product_id = $2",
            id,
        ),
        Told::Artifact(id) => (
            "SELECT b.id FROM binaries b
             JOIN artifact_versions v ON v.organization_id = b.organization_id AND v.id = b.artifact_version_id
             WHERE v.organization_id = $1 AND v.artifact_id = $2",
            id,
        ),
        Told::ArtifactVersion(id) => {
            ("SELECT id FROM binaries WHERE organization_id = $1 AND artifact_version_id = $2", id)
        }
        Told::SigningKey(id) => (
            "SELECT binary_id AS id FROM binary_signatures WHERE organization_id = $1 AND signing_key_id = $2",
            id,
        ),
    };
    let rows = sqlx::query(sql)
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_all(&mut **tx)
        .await
        .db()?;
    for row in rows {
        due(tx, organization, row.uuid("id")?, now).await?;
    }
    Ok(())
}

/// Writes a last manifest of a binary as it is now, but for its state: it is about to leave its content.
///
/// # Errors
/// Those of the database.
pub async fn last(tx: &mut Tx, row: &BinaryRow, state: &str, now: Timestamp) -> Result<(), Problem> {
    let Some(content) = row.content else { return Ok(()) };
    let document = document(tx, row, content, state).await?;
    let revision = next_revision(tx, row.organization, row.id).await?;
    let payload = json!({
        "backend": row.backend,
        "hash": row.hash,
        "revision": revision,
        "written_at": now,
        "document": document,
    });
    jobs::enqueue(tx, jobs::manifest::NAME, row.organization, row.id, payload, now).await
}

/// Takes the next manifest revision of a binary.
///
/// INVARIANT: a revision is taken, and committed, before its object is written, so no key is written twice.
///
/// # Errors
/// Those of the database.
pub async fn next_revision(tx: &mut Tx, organization: Uuid, binary: Uuid) -> Result<u64, Problem> {
    sqlx::query(
        "UPDATE binaries SET manifest_revision = manifest_revision + 1 WHERE organization_id = $1 AND id = $2
         RETURNING manifest_revision",
    )
    .bind(organization.to_string())
    .bind(binary.to_string())
    .fetch_one(&mut **tx)
    .await
    .db()?
    .count("manifest_revision")
}

/// The document of a binary, without the time of writing and the catalogue's signature.
///
/// # Errors
/// Those of the database.
pub async fn document(
    conn: &mut Conn,
    row: &BinaryRow,
    content: Uuid,
    state: &str,
) -> Result<Value, Problem> {
    let content = content::find(conn, content).await?;
    let backend_name: String = sqlx::query_scalar("SELECT name FROM backends WHERE id = $1")
        .bind(row.backend.to_string())
        .fetch_one(&mut *conn)
        .await
        .db()?;
    let names = sqlx::query(
        "SELECT v.id AS version_id, v.version, v.description AS version_description,
                v.custom_metadata AS version_metadata, a.id AS artifact_id, a.name, a.description, a.custom_metadata,
                p.id AS product_id, p.name AS product_name
         FROM artifact_versions v JOIN artifacts a ON a.organization_id = v.organization_id AND a.id = v.artifact_id
         LEFT JOIN products p ON p.id = a.product_id
         WHERE v.organization_id = $1 AND v.id = $2",
    )
    .bind(row.organization.to_string())
    .bind(row.artifact_version.to_string())
    .fetch_one(&mut *conn)
    .await
    .db()?;
    let signatures = signatures::of_binary(conn, row.organization, row.id).await?;
    Ok(json!({
        "format": 1,
        "organization_prn": OrganizationPrn(row.organization),
        "backend_name": backend_name,
        "object": {
            "key": content.key,
            "version_id": content.version_id,
            "size": content.size,
            "hash": content.hash,
        },
        "binary": {
            "prn": row.prn(),
            "revision": row.revision,
            "product": product(row, &names)?,
            "artifact": artifact(row, &names)?,
            "artifact_version": artifact_version(row, &names)?,
            "target": row.target,
            "description": row.description,
            "custom_metadata": row.custom_metadata,
            "state": state,
            "pinned": row.pinned,
            "retired_at": null,
            "inserted_at": row.inserted_at,
            "updated_at": row.updated_at,
            "signatures": signatures.iter().map(signature).collect::<Vec<_>>(),
        },
    }))
}

fn product(row: &BinaryRow, names: &Row) -> Result<Value, Problem> {
    Ok(match names.maybe_uuid("product_id")? {
        Some(id) => json!({
            "prn": Prn::new(row.organization, PrnKind::Product, id),
            "name": names.text("product_name")?,
        }),
        None => Value::Null,
    })
}

fn artifact(row: &BinaryRow, names: &Row) -> Result<Value, Problem> {
    Ok(json!({
        "prn": Prn::new(row.organization, PrnKind::Artifact, names.uuid("artifact_id")?),
        "name": names.text("name")?,
        "description": names.maybe_text("description")?,
        "custom_metadata": names.maybe_json::<Value>("custom_metadata")?,
    }))
}

fn artifact_version(row: &BinaryRow, names: &Row) -> Result<Value, Problem> {
    Ok(json!({
        "prn": Prn::new(row.organization, PrnKind::ArtifactVersion, names.uuid("version_id")?),
        "version": names.text("version")?,
        "description": names.maybe_text("version_description")?,
        "custom_metadata": names.maybe_json::<Value>("version_metadata")?,
    }))
}

fn signature(row: &signatures::SignatureRow) -> Value {
    json!({
        "signature": row.signature,
        "signing_key_prn": row.signing_key_prn(),
        "key_name": row.key_name,
        "keyid": row.keyid,
        "public_value": row.key.to_pem(),
        "message_form": row.message_form,
        "inserted_at": row.inserted_at,
        "revoked_at": row.revoked_at,
    })
}

/// The bytes of a manifest: the document with its time of writing, canonical, signed by the catalogue key over the
/// document without that signature.
///
/// # Errors
/// If the document cannot be canonical JSON.
pub fn seal(key: &PrivateKey, mut document: Value, written_at: Timestamp) -> Result<Vec<u8>, Problem> {
    let members = document.as_object_mut().ok_or_else(|| Problem::internal("a manifest is an object"))?;
    members.insert("written_at".to_owned(), json!(written_at));
    let message = to_canonical_json(&document).map_err(Problem::internal)?;
    let signature = json!({ "keyid": key.public().keyid(), "signature": key.sign_message(&message) });
    if let Some(members) = document.as_object_mut() {
        members.insert("catalogue_signature".to_owned(), signature);
    }
    to_canonical_json(&document).map_err(Problem::internal)
}

/// A manifest that [`last`] put into a job: the binary's row may be gone by the time it is written.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct LastManifest {
    /// Where.
    pub backend: Uuid,
    /// Beside which content.
    pub hash: Digest,
    /// Its revision, already taken.
    pub revision: u64,
    /// The time that it states.
    pub written_at: Timestamp,
    /// See [`document`].
    pub document: Value,
}

#[cfg(test)]
mod tests {
    use firmhold_core::Signature;

    use super::*;

    #[test]
    fn a_seal_verifies_over_the_document_without_it() {
        let key = PrivateKey::from_seed(&[7; 32]);
        let bytes = seal(&key, json!({"b": 1, "a": "é"}), Timestamp::from_secs(0)).unwrap();
        let mut document: Value = serde_json::from_slice(&bytes).unwrap();
        let seal = document.as_object_mut().unwrap().remove("catalogue_signature").unwrap();
        let message = to_canonical_json(&document).unwrap();
        assert_eq!(
            String::from_utf8(message.clone()).unwrap(),
            r#"{"a":"é","b":1,"written_at":"1970-01-01T00:00:00Z"}"#
        );
        let signature: Signature = seal["signature"].as_str().unwrap().parse().unwrap();
        assert!(key.public().verify_message(&message, &signature));
        assert_eq!(seal["keyid"], key.public().keyid());
    }
}
