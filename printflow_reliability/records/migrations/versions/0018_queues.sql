-- What is known of each [[queue]] from earlier looks. A queue that is elsewhere now is another one: its row is replaced.
CREATE TABLE queues (
    name text PRIMARY KEY,
    place text NOT NULL,                -- kind, server, prefix and names, as printflow.toml had them
    seen_at timestamptz,                -- when it was last proven to be there; NULL: never
    failed_cursor double precision,     -- up to where failed jobs were counted: a score or an id
    looked_at timestamptz NOT NULL DEFAULT now()
);
-- Failed jobs as they were counted above the cursor: their sum is growth, which no retry and no pruning makes less.
CREATE TABLE queue_failures (
    queue text NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT now(),
    failures bigint NOT NULL
);
CREATE INDEX ON queue_failures (queue, counted_at);
-- Waiting jobs that tell no time: since when each is known, in seconds by the clock of its store.
CREATE TABLE queue_jobs (
    queue text NOT NULL,
    job text NOT NULL,
    first_seen double precision NOT NULL,
    PRIMARY KEY (queue, job)
);
-- Failed jobs that were to make the print file of an order; the guard of paid orders reads them.
CREATE TABLE failed_order_jobs (
    queue text NOT NULL,
    job text NOT NULL,
    order_id text NOT NULL,
    name text NOT NULL,
    reason text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (queue, job)
);
CREATE INDEX ON failed_order_jobs (order_id);
-- The run of each [[redis]]: another one is a restart.
CREATE TABLE redis_servers (
    name text PRIMARY KEY,
    run_id text NOT NULL,
    changed_at timestamptz              -- when another run was first seen; NULL: never
);
