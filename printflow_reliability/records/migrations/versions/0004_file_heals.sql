-- Every object that was brought back: from which version of which bucket, and what it is now.
CREATE TABLE file_heals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    healed_at timestamptz NOT NULL DEFAULT now(),
    healed_by text NOT NULL DEFAULT current_user,
    bucket text NOT NULL,               -- names of printflow.toml
    key text NOT NULL,
    tenant text,
    source text NOT NULL,
    version_id text,
    new_version_id text,
    bytes bigint NOT NULL,
    sha256 text NOT NULL
);
