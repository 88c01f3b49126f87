-- A binary may come back under an id that a client chose. Its manifests then count on from here, because no key in a
-- bucket is written twice and the highest revision tells what is so.
CREATE TABLE deleted_binaries (
    id                TEXT   NOT NULL PRIMARY KEY,
    manifest_revision BIGINT NOT NULL
);
