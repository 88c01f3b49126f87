-- Clients choose the ids of artifacts, versions and binaries, and two organizations may choose the same one: an id is
-- unique in its organization only, and whatever names one names the organization, too.
CREATE TABLE artifacts_new (
    id              TEXT   NOT NULL,
    organization_id TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    name_folded     TEXT   NOT NULL,
    description     TEXT,
    custom_metadata TEXT,
    product_id      TEXT   REFERENCES products (id),
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, id)
);
INSERT INTO artifacts_new (id, organization_id, name, name_folded, description, custom_metadata, product_id, inserted_at,
                           updated_at, revision)
SELECT id, organization_id, name, name_folded, description, custom_metadata, product_id, inserted_at, updated_at, revision
FROM artifacts;

CREATE TABLE artifact_versions_new (
    id              TEXT   NOT NULL,
    organization_id TEXT   NOT NULL,
    artifact_id     TEXT   NOT NULL,
    version         TEXT   NOT NULL,
    version_folded  TEXT   NOT NULL,
    description     TEXT,
    custom_metadata TEXT,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, artifact_id) REFERENCES artifacts_new (organization_id, id),
    UNIQUE (organization_id, artifact_id, version)
);
INSERT INTO artifact_versions_new (id, organization_id, artifact_id, version, version_folded, description,
                                   custom_metadata, inserted_at, updated_at, revision)
SELECT id, organization_id, artifact_id, version, version_folded, description, custom_metadata, inserted_at, updated_at,
       revision
FROM artifact_versions;

CREATE TABLE binaries_new (
    id                  TEXT   NOT NULL,
    organization_id     TEXT   NOT NULL,
    artifact_version_id TEXT   NOT NULL,
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
    revision            BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, artifact_version_id) REFERENCES artifact_versions_new (organization_id, id)
);
INSERT INTO binaries_new (id, organization_id, artifact_version_id, backend_id, content_id, dropped_content_id, target,
                          hash, size, description, custom_metadata, pinned, state, state_reason, manifest_revision,
                          manifest_wanted, manifest_written, manifest_at, inserted_at, updated_at, revision)
SELECT id, organization_id, artifact_version_id, backend_id, content_id, dropped_content_id, target, hash, size,
       description, custom_metadata, pinned, state, state_reason, manifest_revision, manifest_wanted, manifest_written,
       manifest_at, inserted_at, updated_at, revision
FROM binaries;

CREATE TABLE binary_parts_new (
    id                  TEXT   NOT NULL PRIMARY KEY,
    organization_id     TEXT   NOT NULL,
    binary_id           TEXT   NOT NULL,
    part_index          BIGINT NOT NULL,
    hash                TEXT   NOT NULL,
    size                BIGINT NOT NULL,
    -- 1: the whole was refused by the hash job, so the part counts as wrong until it is declared anew.
    refused             BIGINT NOT NULL DEFAULT 0,
    -- A part that went through the server: for which upload attempt its bytes were found right, and the entity tag that
    -- the store gave it.
    verified_content_id TEXT,
    verified_etag       TEXT,
    inserted_at         BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    revision            BIGINT NOT NULL DEFAULT 0,
    FOREIGN KEY (organization_id, binary_id) REFERENCES binaries_new (organization_id, id),
    UNIQUE (organization_id, binary_id, part_index)
);
INSERT INTO binary_parts_new (id, organization_id, binary_id, part_index, hash, size, refused, verified_content_id,
                              verified_etag, inserted_at, updated_at, revision)
SELECT p.id, b.organization_id, p.binary_id, p.part_index, p.hash, p.size, p.refused, p.verified_content_id,
       p.verified_etag, p.inserted_at, p.updated_at, p.revision
FROM binary_parts p JOIN binaries b ON b.id = p.binary_id;

CREATE TABLE binary_signatures_new (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    binary_id       TEXT   NOT NULL,
    signing_key_id  TEXT   NOT NULL REFERENCES signing_keys (id),
    signature       TEXT   NOT NULL,
    message_form    TEXT   NOT NULL,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0,
    FOREIGN KEY (organization_id, binary_id) REFERENCES binaries_new (organization_id, id),
    UNIQUE (organization_id, binary_id, signing_key_id)
);
INSERT INTO binary_signatures_new (id, organization_id, binary_id, signing_key_id, signature, message_form, inserted_at,
                                   updated_at, revision)
SELECT id, organization_id, binary_id, signing_key_id, signature, message_form, inserted_at, updated_at, revision
FROM binary_signatures;

-- Whose a deleted binary was is still known by its links: one that had a manifest had links, too.
CREATE TABLE deleted_binaries_new (
    id                TEXT   NOT NULL,
    organization_id   TEXT   NOT NULL,
    manifest_revision BIGINT NOT NULL,
    PRIMARY KEY (organization_id, id)
);
INSERT INTO deleted_binaries_new (id, organization_id, manifest_revision)
SELECT DISTINCT d.id, t.organization_id, d.manifest_revision
FROM deleted_binaries d JOIN link_targets t ON t.binary_id = d.id;

-- Whatever refers to another goes before it.
DROP TABLE binary_parts;
DROP TABLE binary_signatures;
DROP TABLE binaries;
DROP TABLE artifact_versions;
DROP TABLE artifacts;
DROP TABLE deleted_binaries;
ALTER TABLE artifacts_new RENAME TO artifacts;
ALTER TABLE artifact_versions_new RENAME TO artifact_versions;
ALTER TABLE binaries_new RENAME TO binaries;
ALTER TABLE binary_parts_new RENAME TO binary_parts;
ALTER TABLE binary_signatures_new RENAME TO binary_signatures;
ALTER TABLE deleted_binaries_new RENAME TO deleted_binaries;

CREATE INDEX artifacts_by_time ON artifacts (organization_id, inserted_at, id);
CREATE INDEX artifacts_by_product ON artifacts (product_id);
CREATE INDEX artifact_versions_by_time ON artifact_versions (organization_id, inserted_at, id);
CREATE INDEX binaries_by_time ON binaries (organization_id, inserted_at, id);
CREATE INDEX binaries_by_content ON binaries (content_id);
CREATE INDEX binaries_by_backend ON binaries (backend_id);
CREATE UNIQUE INDEX binaries_by_target ON binaries (organization_id, artifact_version_id, target)
    WHERE state <> 'destroyed';
CREATE INDEX binary_signatures_by_time ON binary_signatures (organization_id, inserted_at, id);
CREATE INDEX binary_signatures_by_key ON binary_signatures (signing_key_id);
DROP INDEX link_targets_by_binary;
CREATE INDEX link_targets_by_binary ON link_targets (organization_id, binary_id);
