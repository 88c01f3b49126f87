-- Each backend has one job that reaps its abandoned uploads, hour after hour; newer backends get theirs when they are made.
INSERT INTO jobs (id, kind, subject, payload, run_at, inserted_at) SELECT id, 'reap', id, '{}', 0, 0 FROM backends;
CREATE INDEX contents_abandoned ON contents (backend_id, updated_at) WHERE state IN ('uploading', 'delete_pending');
