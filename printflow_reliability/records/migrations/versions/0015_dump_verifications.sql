-- Each time a dump was read whole and compared with its snapshot, or restored for a trial; "unknown" is not kept here.
CREATE TABLE dump_verifications (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster text NOT NULL,
    database text NOT NULL,
    key text NOT NULL,
    version_id text NOT NULL,
    taken_at timestamptz NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT now(),
    restored boolean NOT NULL,          -- also restored into a throwaway cluster
    good boolean NOT NULL,
    detail text NOT NULL DEFAULT ''
);
CREATE INDEX ON dump_verifications (cluster, database, verified_at);
