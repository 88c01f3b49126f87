-- final_counts: what the entries came to, once nothing is to come any more (JSON). store_failures: turns of its job, one
-- after the other, in which the store failed on something.
ALTER TABLE imports ADD COLUMN final_counts TEXT;
ALTER TABLE imports ADD COLUMN store_failures BIGINT NOT NULL DEFAULT 0;
CREATE INDEX imports_running_of ON imports (organization_id) WHERE state = 'running';
CREATE INDEX import_entries_counted ON import_entries (import_id, state, size);
CREATE INDEX import_entries_copying ON import_entries (content_id) WHERE state = 'copying';
