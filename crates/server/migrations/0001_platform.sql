-- Ids are UUIDs as text, times are milliseconds since the Unix epoch, flags are 0 or 1, JSON is text.

CREATE TABLE organizations (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    inserted_at BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    revision    BIGINT NOT NULL DEFAULT 0
);

-- Of the key itself only its SHA-256 is kept. name_folded is the name in lower case, for searches in any case.
CREATE TABLE api_keys (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL REFERENCES organizations (id),
    name            TEXT   NOT NULL,
    name_folded     TEXT   NOT NULL,
    scope           TEXT   NOT NULL,
    secret_sha256   TEXT   NOT NULL UNIQUE,
    hint            TEXT   NOT NULL,
    expires_at      BIGINT,
    last_used_at    BIGINT,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX api_keys_by_organization ON api_keys (organization_id, inserted_at, id);

-- run_*: the verification in progress; a run whose server died is given up when its lease ends.
-- proved_at: when V2 and V5 first passed on the present bucket, prefix and role.
CREATE TABLE backends (
    id                      TEXT   NOT NULL PRIMARY KEY,
    organization_id         TEXT   NOT NULL REFERENCES organizations (id),
    name                    TEXT   NOT NULL,
    bucket                  TEXT   NOT NULL,
    region                  TEXT   NOT NULL,
    partition               TEXT   NOT NULL,
    prefix                  TEXT   NOT NULL,
    import_prefix           TEXT,
    role_arn                TEXT,
    external_id_mode        TEXT   NOT NULL,
    external_id             TEXT   NOT NULL,
    external_id_next        TEXT,
    encryption              TEXT   NOT NULL,
    replicas                TEXT   NOT NULL,
    delivery                TEXT   NOT NULL,
    requested               TEXT,
    allow_delete            BIGINT NOT NULL,
    is_default              BIGINT NOT NULL,
    state                   TEXT   NOT NULL,
    state_reason            TEXT,
    upload_mode             TEXT   NOT NULL,
    presign_ceiling_seconds BIGINT,
    accepted_external_ids   TEXT   NOT NULL DEFAULT '[]',
    activated_at            BIGINT,
    proved_at               BIGINT,
    last_verification       TEXT,
    run_id                  TEXT,
    run_from_state          TEXT,
    run_lease_until         BIGINT,
    inserted_at             BIGINT NOT NULL,
    updated_at              BIGINT NOT NULL,
    revision                BIGINT NOT NULL DEFAULT 0,
    UNIQUE (organization_id, name)
);
CREATE INDEX backends_by_organization ON backends (organization_id, inserted_at, id);
CREATE INDEX backends_by_bucket ON backends (partition, bucket);
CREATE UNIQUE INDEX backends_one_default ON backends (organization_id) WHERE is_default = 1;

CREATE TABLE backend_retired_external_ids (
    backend_id  TEXT   NOT NULL REFERENCES backends (id) ON DELETE CASCADE,
    external_id TEXT   NOT NULL,
    retired_at  BIGINT NOT NULL,
    PRIMARY KEY (backend_id, external_id)
);

-- The external id in the trust policy that a refused registration was told to apply, until one under its name succeeds.
CREATE TABLE backend_offered_external_ids (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name            TEXT NOT NULL,
    external_id     TEXT NOT NULL,
    PRIMARY KEY (organization_id, name)
);

-- document is the verification as it was signed, canonical JSON.
CREATE TABLE backend_verifications (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL REFERENCES organizations (id),
    backend_id      TEXT   NOT NULL REFERENCES backends (id) ON DELETE CASCADE,
    status          TEXT   NOT NULL,
    started_by      TEXT   NOT NULL,
    finished_at     BIGINT NOT NULL,
    document        TEXT   NOT NULL,
    inserted_at     BIGINT NOT NULL
);
CREATE INDEX backend_verifications_by_backend ON backend_verifications (backend_id, inserted_at, id);

-- Append-only. subtype and data: API contract 13.2.
CREATE TABLE events (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL REFERENCES organizations (id),
    type            TEXT   NOT NULL,
    subtype         TEXT   NOT NULL,
    actor_prn       TEXT,
    resource_prn    TEXT   NOT NULL,
    request_id      TEXT,
    data            TEXT   NOT NULL,
    inserted_at     BIGINT NOT NULL
);
CREATE INDEX events_by_organization ON events (organization_id, inserted_at, id);
CREATE INDEX events_by_resource ON events (organization_id, resource_prn, inserted_at, id);

-- A job is a row until it is done. lease_owner is a server process, lease_token one taking of the job.
CREATE TABLE jobs (
    id           TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    payload      TEXT   NOT NULL,
    run_at       BIGINT NOT NULL,
    attempts     BIGINT NOT NULL DEFAULT 0,
    lease_owner  TEXT,
    lease_token  TEXT,
    lease_until  BIGINT,
    last_problem TEXT,
    inserted_at  BIGINT NOT NULL
);
CREATE INDEX jobs_by_time ON jobs (run_at, id);
CREATE INDEX jobs_by_subject ON jobs (kind, subject);

-- Answers to POSTs that carried an Idempotency-Key; status is null while the first one runs.
CREATE TABLE idempotency_keys (
    api_key_id      TEXT   NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    idempotency_key TEXT   NOT NULL,
    path            TEXT   NOT NULL,
    body_sha256     TEXT   NOT NULL,
    running_until   BIGINT NOT NULL,
    status          BIGINT,
    headers         TEXT,
    body            TEXT,
    inserted_at     BIGINT NOT NULL,
    PRIMARY KEY (api_key_id, idempotency_key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (inserted_at);
