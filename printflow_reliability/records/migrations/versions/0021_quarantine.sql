-- What is known of an object that nothing refers to.
ALTER TABLE findings ADD COLUMN bytes bigint, ADD COLUMN written_at text, ADD COLUMN superseded_by text;

-- Orphans that were moved aside: the manifest by which each comes back. A row is there before the object is touched.
CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket text NOT NULL,
    key text NOT NULL,
    tenant text NOT NULL,
    version_id text NOT NULL,           -- of the object; it stays in its bucket, below the marker
    bytes bigint NOT NULL,
    etag text NOT NULL,
    reason text NOT NULL,               -- why it was moved
    superseded_by text,                 -- the newer file in its place
    place text NOT NULL,                -- the bucket that holds the copy, by its name in printflow.toml
    place_key text NOT NULL,
    place_version text,                 -- null until the copy was read back
    sha256 text,
    headers jsonb,                      -- as the object had them: content type and the like, metadata, tags, lock
    person text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    quarantined_at timestamptz,         -- the delete marker stands
    marker_version text,                -- null where a run was killed before it could note its marker
    ended_at timestamptz,
    ended_by text,
    ended text CHECK (ended IN ('released', 'given up')),
    why text
);
CREATE UNIQUE INDEX ON quarantine (bucket, key, version_id) WHERE ended IS NULL;
CREATE INDEX ON quarantine (tenant) WHERE ended IS NULL;
