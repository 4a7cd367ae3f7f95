-- A row is made before its object is written; one without new_version_id was begun, and nobody saw its end.
ALTER TABLE file_heals ALTER sha256 DROP NOT NULL;
-- Versions that the policy read and that are not what is expected of them; nobody reads them for that again.
CREATE TABLE disproven_versions (
    bucket text NOT NULL,               -- name of printflow.toml
    key text NOT NULL,
    version_id text NOT NULL,
    expected text NOT NULL,
    read_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bucket, key, version_id)
);
