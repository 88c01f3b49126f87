//! The closed list of what differs between SQLite and Postgres (design D8). All other SQL is the same for both: TEXT
//! ids, BIGINT milliseconds and flags, TEXT JSON, `$1` parameters, `ON CONFLICT`, `RETURNING`, partial indexes.

/// Begins a transaction that will write. SQLite takes its one write lock at once, so that two transactions which read
/// before they write run one after the other instead of failing at the second one's first write.
/// Postgres will begin plainly and lock the rows that it reads (`FOR UPDATE`).
pub const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Whether `expression` contains the text bound next, case-sensitive: SQL before and after the parameter. Not `LIKE`,
/// whose wildcards would have to be escaped and which SQLite compares in any case.
pub fn contains(expression: &str) -> (String, &'static str) {
    (format!("instr({expression}, "), ") > 0")
}

/// Takes one due job: `$1` now, `$2` this process, `$3` the new lease's token, `$4` its end. Jobs of one kind and
/// subject run one after the other. Postgres will add `FOR UPDATE SKIP LOCKED` to the inner select.
pub const LEASE_JOB: &str = "
    UPDATE jobs SET lease_owner = $2, lease_token = $3, lease_until = $4, attempts = attempts + 1
    WHERE id = (
        SELECT id FROM jobs
        WHERE run_at <= $1
          AND (lease_owner IS NULL OR (lease_owner <> $2 AND lease_until < $1))
          AND NOT EXISTS (
              SELECT 1 FROM jobs other
              WHERE other.kind = jobs.kind AND other.subject = jobs.subject AND other.id <> jobs.id
                AND other.lease_owner IS NOT NULL AND (other.lease_owner = $2 OR other.lease_until >= $1))
        ORDER BY run_at, id LIMIT 1)
    RETURNING id, kind, subject, payload, attempts";

/// Whether only one process can use the database at a time, so that leases of an earlier one are void at start.
pub const SINGLE_PROCESS: bool = true;
