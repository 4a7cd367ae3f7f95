-- Who said that an open alert is theirs, when it was sent to everybody since nobody did, and since when it is as bad.
ALTER TABLE alerts
    ADD COLUMN tally bigint NOT NULL DEFAULT 1,         -- what it counts: orders, say, or else how often it was raised
    ADD COLUMN told_tally bigint NOT NULL DEFAULT 1,    -- the count that was told last
    ADD COLUMN worsened_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN acknowledged_at timestamptz,
    ADD COLUMN acknowledged_by text,
    ADD COLUMN escalated_at timestamptz;
UPDATE alerts SET tally = times, told_tally = times;

-- What is said of one subject (an alert's key) to one route is said in the order of `id`.
ALTER TABLE deliveries
    ADD COLUMN id bigint,
    ADD COLUMN subject text,
    ADD COLUMN tally bigint NOT NULL DEFAULT 0,         -- of the event `grown`: the count that it tells
    ADD COLUMN withdrawn text;                          -- why it is not to be sent any more
UPDATE deliveries d SET id = n.place, subject = n.dedup_key
FROM (SELECT e.alert_id, e.route, e.event, a.dedup_key,
             row_number() OVER (ORDER BY e.alert_id, e.event DESC, e.route) AS place
      FROM deliveries e JOIN alerts a ON a.id = e.alert_id) n
WHERE (d.alert_id, d.route, d.event) = (n.alert_id, n.route, n.event);
ALTER TABLE deliveries ALTER COLUMN id SET NOT NULL, ALTER COLUMN subject SET NOT NULL;
ALTER TABLE deliveries ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('deliveries', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM deliveries), false);
ALTER TABLE deliveries DROP CONSTRAINT deliveries_pkey;
ALTER TABLE deliveries ADD PRIMARY KEY (id), ADD UNIQUE (alert_id, route, event, tally);
CREATE INDEX deliveries_waiting ON deliveries (route, subject, id) WHERE delivered_at IS NULL AND withdrawn IS NULL;

-- A route that fails is left alone for a while, with all that waits for it.
CREATE TABLE alert_routes (
    route text PRIMARY KEY,
    failures integer NOT NULL,          -- in a row
    next_attempt_at timestamptz NOT NULL,
    failed_since timestamptz,
    last_error text
);

-- A person does not want to hear of a subject for a while. Of paid orders everybody hears, whatever stands here.
CREATE TABLE alert_silences (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedup_key text NOT NULL CHECK (dedup_key !~ '^(orders?:|check:orders\.|run:held_orders)'),
    person text NOT NULL,
    reason text NOT NULL,
    until timestamptz NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON alert_silences (dedup_key, until);
