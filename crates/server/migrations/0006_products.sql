-- name is unique in the organization. retention and allowed_regions come later.
CREATE TABLE products (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    archived        BIGINT NOT NULL DEFAULT 0,
    backend_id      TEXT   REFERENCES backends (id),
    delivery_mode   TEXT,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0,
    UNIQUE (organization_id, name)
);
CREATE INDEX products_by_time ON products (organization_id, inserted_at, id);

ALTER TABLE artifacts ADD COLUMN product_id TEXT REFERENCES products (id);
CREATE INDEX artifacts_by_product ON artifacts (product_id);

-- The products that a key is limited to: a JSON list of ids, empty for all. A product is never deleted.
ALTER TABLE api_keys ADD COLUMN product_ids TEXT NOT NULL DEFAULT '[]';
