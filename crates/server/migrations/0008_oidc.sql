-- subjects and product_ids are JSON lists.
CREATE TABLE oidc_issuers (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    name_folded     TEXT   NOT NULL,
    issuer          TEXT   NOT NULL,
    audience        TEXT   NOT NULL,
    subjects        TEXT   NOT NULL,
    scope           TEXT   NOT NULL,
    product_ids     TEXT   NOT NULL,
    max_ttl_seconds BIGINT NOT NULL,
    last_used_at    BIGINT,
    inserted_at     BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX oidc_issuers_by_time ON oidc_issuers (organization_id, inserted_at, id);
CREATE INDEX oidc_issuers_by_issuer ON oidc_issuers (issuer, audience, inserted_at, id);

ALTER TABLE api_keys ADD COLUMN oidc_issuer_id TEXT;
CREATE INDEX api_keys_by_oidc_issuer ON api_keys (oidc_issuer_id, expires_at);

-- Tokens that were exchanged, by the SHA-256 of issuer and jti, until they would have ended anyway.
CREATE TABLE oidc_used_tokens (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX oidc_used_tokens_by_end ON oidc_used_tokens (expires_at);
