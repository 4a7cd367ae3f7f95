-- One row a drill; `document` is the JSON of `printflow drill show`, the columns are what history sorts and plots by.
CREATE TABLE drills (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    target text NOT NULL,
    repository integer NOT NULL,
    outcome text,                       -- pass | fail | unknown; null while it runs
    rto_seconds double precision,
    rpo_seconds double precision,
    document json                       -- not jsonb, which would lose the order of the phases
);

-- A restore point made in production, with the exact row count of every logged table at that very moment.
CREATE TABLE fences (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    drill_id bigint REFERENCES drills ON DELETE CASCADE,
    cluster text NOT NULL,
    name text NOT NULL,
    taken_at timestamptz NOT NULL,
    timeline integer NOT NULL,
    lsn pg_lsn NOT NULL,
    counts jsonb NOT NULL               -- {database: {schema.table: rows}}
);

-- A pass over many things (a reconciliation, a sweep); its findings are there only once it is complete.
CREATE TABLE passes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,                 -- reconcile | sweep
    tenant text,                        -- null: all tenants
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    counts jsonb NOT NULL
);

CREATE TABLE findings (
    pass_id bigint NOT NULL REFERENCES passes ON DELETE CASCADE,
    kind text NOT NULL,
    severity text NOT NULL,
    tenant text,
    bucket text,
    key text,
    version_id text,
    reference text,
    owner text,
    detail text NOT NULL,
    action text NOT NULL
);
CREATE INDEX ON findings (pass_id, tenant);

-- The ledger: what is known of each version of each print file. Unchanged versions are never fetched again.
CREATE TABLE print_files (
    bucket text NOT NULL,
    key text NOT NULL,
    version_id text NOT NULL,
    etag text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    verdict text NOT NULL,              -- good | repairable | unusable | unprintable
    pages integer,
    problems jsonb NOT NULL,            -- [{code, detail}]
    rules text NOT NULL,                -- fingerprint of the limits and print rules that judged it
    checked_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, key, version_id)
);

-- A paid order that must not go to fulfilment, and why. Lifted holds stay as history.
CREATE TABLE holds (
    order_id text NOT NULL,
    tenant text NOT NULL,
    paid_at timestamptz NOT NULL,
    reason text NOT NULL,
    files jsonb NOT NULL,               -- [{key, problem}]
    since timestamptz NOT NULL DEFAULT now(),
    checked_at timestamptz NOT NULL DEFAULT now(),
    lifted_at timestamptz
);
CREATE UNIQUE INDEX holds_open ON holds (order_id) WHERE lifted_at IS NULL;

-- The outbox: an alert is written here first, then delivered at least once to each route that wants it.
CREATE TABLE alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedup_key text NOT NULL,
    severity text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    last_raised_at timestamptz NOT NULL DEFAULT now(),
    times integer NOT NULL DEFAULT 1,
    resolved_at timestamptz
);
CREATE UNIQUE INDEX alerts_open ON alerts (dedup_key) WHERE resolved_at IS NULL;

CREATE TABLE deliveries (
    alert_id bigint NOT NULL REFERENCES alerts ON DELETE CASCADE,
    route text NOT NULL,
    event text NOT NULL,                -- trigger | resolve
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    last_error text,
    PRIMARY KEY (alert_id, route, event)
);

-- The newest answer of each check, for readiness and for people.
CREATE TABLE check_results (
    check_name text PRIMARY KEY,
    outcome text NOT NULL,              -- pass | warn | fail | unknown
    detail text NOT NULL,
    numbers jsonb NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT now()
);

-- A gap in the archive that nobody can repair, accepted by a person, with the reason.
CREATE TABLE acknowledged_gaps (
    cluster text NOT NULL,
    timeline integer NOT NULL,
    first_segment text NOT NULL,
    last_segment text NOT NULL,
    reason text NOT NULL,
    acknowledged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, timeline, first_segment, last_segment)
);
