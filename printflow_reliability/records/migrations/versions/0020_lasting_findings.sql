-- What reconciliations found, from the pass that it appeared in to the pass that no longer found it.
CREATE TABLE lasting_findings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL UNIQUE,      -- of kind, tenant, bucket, key, reference and owner
    pass_id bigint NOT NULL,            -- the newest pass that found it; passes are forgotten sooner
    kind text NOT NULL,
    severity text NOT NULL,             -- also of what is acknowledged: as it would be without that
    tenant text,
    bucket text,
    key text,
    version_id text,
    reference text,
    owner text,
    detail text NOT NULL,
    action text NOT NULL,
    appeared_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,       -- as appeared_at where only one pass found it
    resolved_at timestamptz,
    -- known to be missing: by whom, why and since when; it ends where the finding does
    person text,
    reason text,
    acknowledged_at timestamptz
);
CREATE INDEX ON lasting_findings (tenant) WHERE resolved_at IS NULL;
CREATE INDEX ON lasting_findings (resolved_at) WHERE resolved_at IS NOT NULL;
