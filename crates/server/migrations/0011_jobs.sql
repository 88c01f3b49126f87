-- Jobs say whose they are, so that one organization's cannot keep the others' waiting. Those whose subject is gone have
-- nothing left to do.
CREATE TABLE jobs_new (
    id              TEXT   NOT NULL PRIMARY KEY,
    kind            TEXT   NOT NULL,
    organization_id TEXT   NOT NULL,
    subject         TEXT   NOT NULL,
    payload         TEXT   NOT NULL,
    run_at          BIGINT NOT NULL,
    attempts        BIGINT NOT NULL DEFAULT 0,
    lease_owner     TEXT,
    lease_token     TEXT,
    lease_until     BIGINT,
    last_problem    TEXT,
    inserted_at     BIGINT NOT NULL
);
INSERT INTO jobs_new (id, kind, organization_id, subject, payload, run_at, attempts, lease_owner, lease_token,
                      lease_until, last_problem, inserted_at)
SELECT * FROM (
    SELECT j.id, j.kind,
           CASE j.kind
               WHEN 'hash' THEN (SELECT organization_id FROM binaries WHERE id = j.subject)
               WHEN 'manifest' THEN coalesce(json_extract(j.payload, '$.organization'),
                                             (SELECT organization_id FROM binaries WHERE id = j.subject))
               WHEN 'drop_content' THEN (SELECT organization_id FROM contents WHERE id = j.subject)
               WHEN 'import' THEN (SELECT organization_id FROM imports WHERE id = j.subject)
               WHEN 'reap' THEN (SELECT organization_id FROM backends WHERE id = j.subject)
           END AS organization_id,
           j.subject, j.payload, j.run_at, j.attempts, j.lease_owner, j.lease_token, j.lease_until, j.last_problem,
           j.inserted_at
    FROM jobs j)
WHERE organization_id IS NOT NULL;
DROP TABLE jobs;
ALTER TABLE jobs_new RENAME TO jobs;
CREATE INDEX jobs_by_time ON jobs (run_at, id);
CREATE INDEX jobs_by_subject ON jobs (kind, subject);
