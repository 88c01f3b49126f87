-- Imports: firmware that is in a backend's bucket already is copied to where binaries lie (API contract 4.7).

-- listed_to: the key up to which the bucket was listed and mapped; listed: 1 once that has come to its end.
-- product_ids: JSON, the products that the asking key is limited to, kept because the key may end before the import.
CREATE TABLE imports (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    backend_id      TEXT   NOT NULL,
    api_key_id      TEXT   NOT NULL,
    product_ids     TEXT   NOT NULL,
    source_prefix   TEXT   NOT NULL,
    mapping         TEXT,
    artifact_id     TEXT,
    target          TEXT,
    dry_run         BIGINT NOT NULL,
    state           TEXT   NOT NULL,
    listed_to       TEXT,
    listed          BIGINT NOT NULL,
    finished_at     BIGINT,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX imports_by_time ON imports (organization_id, inserted_at, id);
CREATE INDEX imports_running ON imports (backend_id) WHERE state = 'running';

-- looked: 1 once the object was looked at; from then on source_version_id, source_etag and size tell which bytes are
-- meant. content_id: the attempt that the store copies into. part_bytes: the size of its parts, null for a copy in one.
-- tries: how often the store failed on it.
CREATE TABLE import_entries (
    id                  TEXT   NOT NULL PRIMARY KEY,
    organization_id     TEXT   NOT NULL,
    import_id           TEXT   NOT NULL REFERENCES imports (id),
    position            BIGINT NOT NULL,
    source_key          TEXT   NOT NULL,
    source_version_id   TEXT,
    source_etag         TEXT,
    size                BIGINT,
    artifact_id         TEXT,
    version             TEXT,
    artifact_version_id TEXT,
    target              TEXT,
    hash                TEXT,
    binary_id           TEXT,
    content_id          TEXT   REFERENCES contents (id),
    part_bytes          BIGINT,
    looked              BIGINT NOT NULL DEFAULT 0,
    tries               BIGINT NOT NULL DEFAULT 0,
    state               TEXT   NOT NULL,
    reason              TEXT,
    updated_at          BIGINT NOT NULL,
    UNIQUE (import_id, position)
);
CREATE INDEX import_entries_by_state ON import_entries (import_id, state, position);
CREATE INDEX import_entries_under_way ON import_entries (hash) WHERE state IN ('copying', 'hashing');
