-- Whether a policy brought the object back, rather than a person.
ALTER TABLE file_heals ADD automatic boolean NOT NULL DEFAULT false;
CREATE INDEX ON file_heals (bucket, key);
-- Uploads in parts that healing or a rollback has begun; one that is still here was killed, and its parts cost money.
CREATE TABLE begun_uploads (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    begun_at timestamptz NOT NULL DEFAULT now(),
    bucket text NOT NULL,               -- name of printflow.toml
    key text NOT NULL,
    upload_id text NOT NULL
);
