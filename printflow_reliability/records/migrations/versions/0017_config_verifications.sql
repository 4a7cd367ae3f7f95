-- Each time a copy of the configuration was read whole and compared with its manifest; "unknown" is not kept here.
CREATE TABLE config_verifications (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,                 -- config_backup.name of the machine that it is of
    key text NOT NULL,
    version_id text NOT NULL,
    taken_at timestamptz NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT now(),
    good boolean NOT NULL,
    detail text NOT NULL DEFAULT ''
);
CREATE INDEX ON config_verifications (name, key, version_id, id);
