-- Drills to past moments, and drills that cannot ask production, compare with what was recorded then.
ALTER TABLE fences ADD COLUMN digests jsonb;        -- {database: {schema.table: digest}}, for small tables
ALTER TABLE fences ADD COLUMN end_lsn pg_lsn;       -- where the segment that holds it was ended
ALTER TABLE fences ADD COLUMN segment text;
ALTER TABLE fences ADD COLUMN production jsonb;     -- who the cluster was
ALTER TABLE fences ADD COLUMN inventory jsonb;      -- its databases, extensions and roles
CREATE INDEX ON fences (name);
