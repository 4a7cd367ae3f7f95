-- What was done for the artwork of a paid order, by whom; a row without an end is a repair that was killed.
CREATE TABLE order_repairs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL,
    item text,
    tenant text,
    way text NOT NULL,
    person text NOT NULL,
    was text,                           -- the link before
    key text,                           -- the file that was linked, brought back or rejected
    began_at timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 1,   -- how often it was begun, once killed
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'failed', 'rejected', 'interrupted')),
    detail text NOT NULL DEFAULT ''
);
CREATE INDEX ON order_repairs (order_id);
