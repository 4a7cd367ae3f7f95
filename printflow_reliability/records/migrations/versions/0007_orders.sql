-- What the database says of an order may be absent or impossible, and it must not go on all the same.
ALTER TABLE holds ALTER COLUMN paid_at DROP NOT NULL;
ALTER TABLE holds ALTER COLUMN tenant DROP NOT NULL;

-- The paid orders that the last look knew: one that is gone from the paid query must be explained.
CREATE TABLE known_orders (
    order_id text PRIMARY KEY
);

-- A named person lets a held order go on, for a while.
CREATE TABLE order_overrides (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL,
    person text NOT NULL,
    reason text NOT NULL,
    until timestamptz NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON order_overrides (order_id);

-- What could not be judged is tried again, but not at every look.
ALTER TABLE print_files ADD COLUMN try_again_at timestamptz;
CREATE INDEX ON print_files (bucket, key, etag);
