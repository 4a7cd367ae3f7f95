-- Who does work that two could do: what is due at until has no holder any more, by this database's own clock.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz NOT NULL
);

-- What came from a spool while these records were away; an entry is taken over once, however often it is tried.
CREATE TABLE spooled_entries (
    id text PRIMARY KEY,
    taken_at timestamptz NOT NULL DEFAULT now()
);
