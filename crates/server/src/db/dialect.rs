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

/// A job that is due, and that this process may take: `$1` now, `$2` the ids of the jobs that it runs, `$3` the kinds and
/// organizations of which it runs enough; both as `|one|another|`. A lease that has ended binds nobody, not even who took
/// it: only what really runs does.
macro_rules! due {
    () => {
        "run_at <= $1 AND (lease_owner IS NULL OR lease_until < $1)
           AND instr($2, '|' || id || '|') = 0 AND instr($3, '|' || kind || '|') = 0
           AND instr($3, '|' || organization_id || '|') = 0
           AND instr($3, '|' || kind || ' ' || organization_id || '|') = 0"
    };
}

/// Whether there is such a job: asked of a reader first, because most of the time there is none.
pub const DUE_JOB: &str = concat!("SELECT 1 FROM jobs WHERE ", due!(), " LIMIT 1");

/// Takes one: `$4` this process, `$5` the new lease's token, `$6` its end. Jobs of one kind and subject run one after the
/// other. Postgres has `strpos` for `instr`, and will add `FOR UPDATE SKIP LOCKED` to the inner select.
pub const LEASE_JOB: &str = concat!(
    "UPDATE jobs SET lease_owner = $4, lease_token = $5, lease_until = $6, attempts = attempts + 1
     WHERE id = (
         SELECT id FROM jobs
         WHERE ",
    due!(),
    " AND NOT EXISTS (
              SELECT 1 FROM jobs other
              WHERE other.kind = jobs.kind AND other.subject = jobs.subject AND other.id <> jobs.id
                AND other.lease_owner IS NOT NULL
                AND (other.lease_until >= $1 OR instr($2, '|' || other.id || '|') > 0))
         ORDER BY run_at, id LIMIT 1)
     RETURNING id, kind, organization_id, subject, payload, attempts"
);

/// Whether only one process can use the database at a time, so that leases of an earlier one are void at start.
pub const SINGLE_PROCESS: bool = true;
