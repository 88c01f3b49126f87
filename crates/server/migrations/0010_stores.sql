-- S3-compatible stores: where they listen, by what name their key pair is kept, and what they were found to be able to do.
ALTER TABLE backends ADD COLUMN endpoint_url TEXT;
ALTER TABLE backends ADD COLUMN path_style BIGINT NOT NULL DEFAULT 0;
ALTER TABLE backends ADD COLUMN credentials_ref TEXT;
ALTER TABLE backends ADD COLUMN capabilities TEXT NOT NULL DEFAULT '{}';

-- A part that went through the server: for which upload attempt its bytes were found right, and the entity tag that the
-- store gave it.
ALTER TABLE binary_parts ADD COLUMN verified_content_id TEXT;
ALTER TABLE binary_parts ADD COLUMN verified_etag TEXT;
