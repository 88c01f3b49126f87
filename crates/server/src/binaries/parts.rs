//! Declared parts of an upload, and what the store has of them.

use std::collections::BTreeMap;

use firmhold_core::backend::UploadMode;
use firmhold_core::binary_part::{MIN_SIZE, PartState, PartUpload};
use firmhold_core::{
    BinaryPart, Digest, Meta, OrganizationPrn, Prn, PrnKind, Problem, Timestamp, UploadToken,
};
use firmhold_store::StoredPart;
use uuid::Uuid;

use super::BinaryRow;
use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};

/// A declared part.
#[derive(Debug, Clone)]
pub struct PartRow {
    /// The last part of its PRN.
    pub id: Uuid,
    /// 1 to 10,000.
    pub index: u32,
    /// SHA-256 of its bytes.
    pub hash: Digest,
    /// How many they are.
    pub size: u64,
    /// Whether the hash job has refused the whole that it was a part of.
    pub refused: bool,
    /// The upload attempt for which its bytes went through the server, which found them right, and the entity tag that
    /// the store gave them.
    pub verified: Option<(Uuid, String)>,
    inserted_at: Timestamp,
    updated_at: Timestamp,
    revision: u64,
}

impl PartRow {
    fn from_row(row: &Row) -> Result<Self, Problem> {
        let verified = row.maybe_uuid("verified_content_id")?.zip(row.maybe_text("verified_etag")?);
        Ok(Self {
            verified,
            id: row.uuid("id")?,
            index: u32::try_from(row.count("part_index")?).map_err(Problem::internal)?,
            hash: row.parsed("hash")?,
            size: row.count("size")?,
            refused: row.flag("refused")?,
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
        })
    }

    /// As the API writes it.
    pub fn to_wire(&self, binary: &BinaryRow, state: PartState, upload: Option<PartUpload>) -> BinaryPart {
        BinaryPart {
            meta: Meta {
                prn: Prn::new(binary.organization, PrnKind::BinaryPart, self.id),
                organization_prn: OrganizationPrn(binary.organization),
                inserted_at: self.inserted_at,
                updated_at: self.updated_at,
                revision: self.revision,
            },
            binary_prn: binary.prn(),
            index: self.index,
            hash: self.hash,
            size: self.size,
            state,
            upload,
        }
    }

    /// What the store's word on this part makes of it.
    pub fn state(&self, stored: Option<&StoredPart>) -> PartState {
        match stored {
            _ if self.refused => PartState::InvalidHash,
            None => PartState::Uploadable,
            Some(stored) if stored.size != self.size => PartState::InvalidSize,
            Some(stored) if stored.sha256 != Some(self.hash) => PartState::InvalidHash,
            Some(_) => PartState::Valid,
        }
    }
}

/// The declared parts of a binary, by index.
///
/// # Errors
/// Those of the database.
pub async fn of_binary(conn: &mut Conn, binary: &BinaryRow) -> Result<Vec<PartRow>, Problem> {
    let rows = sqlx::query(
        "SELECT * FROM binary_parts WHERE organization_id = $1 AND binary_id = $2 ORDER BY part_index",
    )
    .bind(binary.organization.to_string())
    .bind(binary.id.to_string())
    .fetch_all(conn)
    .await
    .db()?;
    rows.iter().map(PartRow::from_row).collect()
}

/// The declared part of a binary with this index.
///
/// # Errors
/// Those of the database.
pub async fn find(conn: &mut Conn, binary: &BinaryRow, index: u32) -> Result<Option<PartRow>, Problem> {
    let row = sqlx::query(
        "SELECT * FROM binary_parts WHERE organization_id = $1 AND binary_id = $2 AND part_index = $3",
    )
    .bind(binary.organization.to_string())
    .bind(binary.id.to_string())
    .bind(i64::from(index))
    .fetch_optional(conn)
    .await
    .db()?;
    row.as_ref().map(PartRow::from_row).transpose()
}

/// Declares a part, in place of what was declared for its index before.
///
/// # Errors
/// Those of the database.
pub async fn declare(
    tx: &mut Tx,
    binary: &BinaryRow,
    index: u32,
    hash: Digest,
    size: u64,
    now: Timestamp,
) -> Result<PartRow, Problem> {
    let row = sqlx::query(
        "INSERT INTO binary_parts (id, organization_id, binary_id, part_index, hash, size, inserted_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (organization_id, binary_id, part_index) DO UPDATE SET
             revision = revision + (hash <> excluded.hash OR size <> excluded.size OR refused <> 0),
             updated_at = CASE WHEN hash <> excluded.hash OR size <> excluded.size OR refused <> 0
                               THEN excluded.updated_at ELSE updated_at END,
             verified_etag = CASE WHEN hash = excluded.hash AND size = excluded.size AND refused = 0
                                  THEN verified_etag END,
             hash = excluded.hash, size = excluded.size, refused = 0
         RETURNING *",
    )
    .bind(Uuid::new_v4().to_string())
    .bind(binary.organization.to_string())
    .bind(binary.id.to_string())
    .bind(i64::from(index))
    .bind(hash.to_hex())
    .bind(size.cast_signed())
    .bind(now.as_millis())
    .fetch_one(&mut **tx)
    .await
    .db()?;
    PartRow::from_row(&row)
}

/// Forgets all parts of a binary.
///
/// # Errors
/// Those of the database.
pub async fn forget(tx: &mut Tx, binary: &BinaryRow) -> Result<(), Problem> {
    sqlx::query("DELETE FROM binary_parts WHERE organization_id = $1 AND binary_id = $2")
        .bind(binary.organization.to_string())
        .bind(binary.id.to_string())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

/// Notes that the hash job refused what the parts made up.
///
/// # Errors
/// Those of the database.
pub async fn refuse(tx: &mut Tx, binary: &BinaryRow, now: Timestamp) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE binary_parts SET refused = 1, updated_at = $3, revision = revision + 1
         WHERE organization_id = $1 AND binary_id = $2",
    )
    .bind(binary.organization.to_string())
    .bind(binary.id.to_string())
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// Notes that the bytes of a part went through the server for its upload attempt, and were found right. Tells whether the
/// part is still declared so.
///
/// # Errors
/// Those of the database.
pub async fn verified(
    tx: &mut Tx,
    organization: Uuid,
    part: &UploadToken,
    etag: &str,
) -> Result<bool, Problem> {
    let done = sqlx::query(
        "UPDATE binary_parts SET verified_content_id = $3, verified_etag = $4
         WHERE organization_id = $1 AND binary_id = $2 AND part_index = $5 AND hash = $6 AND size = $7
             AND refused = 0",
    )
    .bind(organization.to_string())
    .bind(part.binary.to_string())
    .bind(part.attempt.to_string())
    .bind(etag)
    .bind(i64::from(part.index))
    .bind(part.sha256.to_hex())
    .bind(part.size.cast_signed())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// What the store lists of an upload, as far as it can be believed. Where parts go straight to the store, its word counts.
/// Where they go through the server, the store may list anything: its word counts only for what our own record confirms,
/// and all else counts as not sent (API contract 4.3).
pub fn believed(
    mode: UploadMode,
    attempt: Uuid,
    declared: &[PartRow],
    stored: Vec<StoredPart>,
) -> Vec<StoredPart> {
    if mode == UploadMode::Direct {
        return stored;
    }
    let confirmed = |stored: StoredPart| {
        let part = declared.iter().find(|part| part.index == stored.number)?;
        let (verified, etag) = part.verified.as_ref()?;
        // A store that lists no entity tag has told it when it took the part.
        let same_etag = stored.etag.is_empty() || *etag == stored.etag;
        let is_it = *verified == attempt && same_etag && stored.size == part.size;
        is_it.then(|| StoredPart { sha256: Some(part.hash), etag: etag.clone(), ..stored })
    };
    stored.into_iter().filter_map(confirmed).collect()
}

/// Whether the store no longer knows an upload although it does not say so: it lists nothing of one in which it has
/// acknowledged parts to us. (One that knows better answers `NoSuchUpload`.)
pub fn are_forgotten(attempt: Uuid, declared: &[PartRow], stored: &[StoredPart]) -> bool {
    let acknowledged = |part: &PartRow| part.verified.as_ref().is_some_and(|(id, _)| *id == attempt);
    stored.is_empty() && declared.iter().any(acknowledged)
}

/// The stored parts that make up the whole, in order; or everything that keeps them from it.
///
/// # Errors
/// Sentences for `errors.parts`.
pub fn assemble(
    declared: &[PartRow],
    stored: &[StoredPart],
    binary_size: u64,
) -> Result<Vec<StoredPart>, Vec<String>> {
    let by_number: BTreeMap<u32, &StoredPart> = stored.iter().map(|part| (part.number, part)).collect();
    let mut problems = Vec::new();
    let mut chosen = Vec::with_capacity(declared.len());
    if declared.is_empty() {
        problems.push("no part was declared".to_owned());
    }
    let mut expected = 1;
    for part in declared {
        let index = part.index;
        if index != expected {
            let last = index - 1;
            problems.push(match last {
                one if one == expected => format!("part {one} is missing"),
                _ => format!("parts {expected} to {last} are missing"),
            });
        }
        expected = index + 1;
        let found = by_number.get(&index).copied();
        match (part.state(found), found) {
            (PartState::Valid, Some(found)) => chosen.push(found.clone()),
            (PartState::InvalidSize, Some(found)) => problems.push(format!(
                "part {index} has {} bytes in the store, declared were {}",
                found.size, part.size
            )),
            (PartState::InvalidHash, Some(found)) => problems.push(match found.sha256 {
                Some(sha256) => {
                    format!("part {index} has SHA-256 {sha256} in the store, declared was {}", part.hash)
                }
                None => format!("the store has no SHA-256 of part {index}"),
            }),
            (PartState::InvalidHash, None) => {
                problems.push(format!("part {index} belonged to content that was refused; put it again"));
            }
            _ => problems.push(format!("part {index} was not uploaded")),
        }
    }
    let all_but_last = declared.split_last().map_or(&[][..], |(_, before)| before);
    for part in all_but_last.iter().filter(|part| part.size < MIN_SIZE) {
        problems.push(format!(
            "part {} has {} bytes; all but the last need at least {MIN_SIZE}",
            part.index, part.size
        ));
    }
    let sum = declared.iter().fold(0_u64, |sum, part| sum.saturating_add(part.size));
    if sum != binary_size && !declared.is_empty() {
        problems.push(format!("the parts add up to {sum} bytes, the binary has {binary_size}"));
    }
    if problems.is_empty() { Ok(chosen) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(index: u32, size: u64) -> PartRow {
        PartRow {
            id: Uuid::nil(),
            index,
            hash: Digest::of(index.to_string()),
            size,
            refused: false,
            verified: None,
            inserted_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            revision: 0,
        }
    }

    fn stored(number: u32, size: u64) -> StoredPart {
        StoredPart { number, size, sha256: Some(Digest::of(number.to_string())), etag: String::new() }
    }

    #[test]
    fn right_parts_are_chosen_in_order() {
        let declared = [declared(1, MIN_SIZE), declared(2, 3)];
        // One that was never declared is left out.
        let found = [stored(2, 3), stored(1, MIN_SIZE), stored(7, 9)];
        let chosen = assemble(&declared, &found, MIN_SIZE + 3).unwrap();
        assert_eq!(chosen.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn what_went_through_the_server_is_believed_on_our_own_record_only() {
        let attempt = Uuid::from_u128(7);
        let recorded = |index, attempt, etag: &str| PartRow {
            verified: Some((attempt, etag.to_owned())),
            ..declared(index, 5)
        };
        let listed = |number, size, etag: &str| StoredPart {
            etag: etag.to_owned(),
            sha256: None,
            ..stored(number, size)
        };
        let declared = [
            recorded(1, attempt, "a"),
            recorded(2, Uuid::from_u128(8), "a"),
            recorded(3, attempt, "b"),
            recorded(4, attempt, "a"),
            declared(5, 5),
        ];
        let found = [1, 2, 3, 4, 5, 6].map(|number| listed(number, if number == 4 { 6 } else { 5 }, "a"));
        let believed = |mode| super::believed(mode, attempt, &declared, found.to_vec());
        let sure = believed(UploadMode::Proxy);
        assert_eq!(sure.iter().map(|part| part.number).collect::<Vec<_>>(), [1]);
        assert_eq!(declared[0].state(Some(&sure[0])), PartState::Valid);
        assert_eq!(believed(UploadMode::Direct).len(), 6);
        // Acknowledged once, and now nothing: completed or aborted.
        assert!(are_forgotten(attempt, &declared, &[]));
        assert!(!are_forgotten(attempt, &declared, &found));
        assert!(!are_forgotten(Uuid::from_u128(9), &declared, &[]));
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let declared = [
            PartRow { refused: true, ..declared(2, MIN_SIZE) },
            declared(3, 10),
            PartRow { hash: Digest::of("x"), ..declared(7, MIN_SIZE) },
            declared(8, 1),
        ];
        let found = [stored(3, 11), stored(7, MIN_SIZE)];
        let problems = assemble(&declared, &found, 5).unwrap_err();
        assert_eq!(problems.len(), 8, "{problems:#?}");
        for (problem, part) in problems.iter().zip([
            "part 1 is missing",
            "part 2 belonged to content that was refused",
            "part 3 has 11 bytes in the store, declared were 10",
            "parts 4 to 6 are missing",
            "part 7 has SHA-256 ",
            "part 8 was not uploaded",
            "part 3 has 10 bytes; all but the last need at least",
            "the parts add up to ",
        ]) {
            assert!(problem.starts_with(part), "{problem}");
        }
        assert_eq!(assemble(&[], &[], 1).unwrap_err(), ["no part was declared"]);
    }
}
