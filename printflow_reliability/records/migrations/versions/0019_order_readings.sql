-- When a drill last read every file of an open paid order: where the budget does not suffice, the oldest come first.
CREATE TABLE order_readings (
    order_id text PRIMARY KEY,
    read_at timestamptz NOT NULL DEFAULT now()
);
-- Files that were erased on purpose, such as at a customer's demand: no rollback, healing or restore brings them back.
CREATE TABLE erasures (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket text NOT NULL,               -- by its name in printflow.toml
    key text NOT NULL,                  -- one that ends in a slash stands for every object below it
    tenant text NOT NULL,
    reason text NOT NULL,
    person text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,           -- recorded by mistake: since then it counts no more
    withdrawn_by text
);
CREATE UNIQUE INDEX erasures_in_force ON erasures (bucket, key) WHERE withdrawn_at IS NULL;
