-- The size of all parts but the last of an open upload, as the first client that said so declared it. Clients that cut
-- the file another way are told, so that two of them never mix their parts in one upload.
ALTER TABLE contents ADD COLUMN part_size BIGINT;
