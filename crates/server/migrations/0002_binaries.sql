-- Catalogue, binaries and their content. *_folded is the text in lower case, for searches in any case.

CREATE TABLE artifacts (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    name_folded     TEXT   NOT NULL,
    description     TEXT,
    custom_metadata TEXT,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX artifacts_by_time ON artifacts (organization_id, inserted_at, id);

CREATE TABLE artifact_versions (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    artifact_id     TEXT   NOT NULL REFERENCES artifacts (id),
    version         TEXT   NOT NULL,
    version_folded  TEXT   NOT NULL,
    description     TEXT,
    custom_metadata TEXT,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0,
    UNIQUE (artifact_id, version)
);
CREATE INDEX artifact_versions_by_time ON artifact_versions (organization_id, inserted_at, id);

CREATE TABLE signing_keys (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    value           TEXT   NOT NULL,
    keyid           TEXT   NOT NULL,
    revoked_at      BIGINT,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0,
    UNIQUE (organization_id, keyid)
);
CREATE INDEX signing_keys_by_time ON signing_keys (organization_id, inserted_at, id);

-- Revocation is for good: it outlives the key's row.
CREATE TABLE revoked_keyids (
    organization_id TEXT   NOT NULL,
    keyid           TEXT   NOT NULL,
    revoked_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, keyid)
);

-- One row for each upload attempt, which is one object in a bucket. Binaries with the same hash share a proved one.
-- Its state: uploading, stored, proved, missing, dropping, delete_pending, deleted.
CREATE TABLE contents (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    backend_id      TEXT   NOT NULL,
    hash            TEXT   NOT NULL,
    size            BIGINT NOT NULL,
    object_key      TEXT   NOT NULL,
    upload_id       TEXT,
    version_id      TEXT,
    etag            TEXT,
    state           TEXT   NOT NULL,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    UNIQUE (backend_id, object_key)
);
CREATE INDEX contents_by_hash ON contents (backend_id, hash, state);

CREATE TABLE binaries (
    id                  TEXT   NOT NULL PRIMARY KEY,
    organization_id     TEXT   NOT NULL,
    artifact_version_id TEXT   NOT NULL REFERENCES artifact_versions (id),
    backend_id          TEXT   NOT NULL,
    content_id          TEXT   REFERENCES contents (id),
    -- The content that it had before a reset or its end; only to tell what became of it.
    dropped_content_id  TEXT   REFERENCES contents (id),
    target              TEXT   NOT NULL,
    hash                TEXT   NOT NULL,
    size                BIGINT NOT NULL,
    description         TEXT,
    custom_metadata     TEXT,
    pinned              BIGINT NOT NULL DEFAULT 0,
    state               TEXT   NOT NULL,
    state_reason        TEXT,
    -- Number of the newest manifest; how often one was asked for; which of these asks the newest answers.
    manifest_revision   BIGINT NOT NULL DEFAULT 0,
    manifest_wanted     BIGINT NOT NULL DEFAULT 0,
    manifest_written    BIGINT NOT NULL DEFAULT 0,
    manifest_at         BIGINT,
    inserted_at         BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    revision            BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX binaries_by_time ON binaries (organization_id, inserted_at, id);
CREATE INDEX binaries_by_content ON binaries (content_id);
CREATE INDEX binaries_by_backend ON binaries (backend_id);
CREATE UNIQUE INDEX binaries_by_target ON binaries (artifact_version_id, target) WHERE state <> 'destroyed';

CREATE TABLE binary_parts (
    id              TEXT   NOT NULL PRIMARY KEY,
    binary_id       TEXT   NOT NULL REFERENCES binaries (id),
    part_index      BIGINT NOT NULL,
    hash            TEXT   NOT NULL,
    size            BIGINT NOT NULL,
    -- 1: the whole was refused by the hash job, so the part counts as wrong until it is declared anew.
    refused         BIGINT NOT NULL DEFAULT 0,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0,
    UNIQUE (binary_id, part_index)
);

CREATE TABLE binary_signatures (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    binary_id       TEXT   NOT NULL REFERENCES binaries (id),
    signing_key_id  TEXT   NOT NULL REFERENCES signing_keys (id),
    signature       TEXT   NOT NULL,
    message_form    TEXT   NOT NULL,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0,
    UNIQUE (binary_id, signing_key_id)
);
CREATE INDEX binary_signatures_by_time ON binary_signatures (organization_id, inserted_at, id);
CREATE INDEX binary_signatures_by_key ON binary_signatures (signing_key_id);

-- What links point at: one proved content of one binary. The number stands in tokens and is never used again, so a
-- link never leads to other bytes than those it was made for. Its end is reset, destroyed, deleted or revoked.
CREATE TABLE link_targets (
    number          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id TEXT    NOT NULL,
    binary_id       TEXT    NOT NULL,
    content_id      TEXT    NOT NULL,
    ended           TEXT
);
CREATE INDEX link_targets_by_binary ON link_targets (binary_id);

-- Links that were revoked one by one, by the SHA-256 of their token; kept until they would have ended.
CREATE TABLE revoked_links (
    token_hash      TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    expires_at      BIGINT NOT NULL
);
