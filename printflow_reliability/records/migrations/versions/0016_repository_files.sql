-- Each file that the repositories should hold, and when it was read and found good: a verification reads what is new,
-- and the rest by rotation.
CREATE TABLE repository_files (
    cluster text NOT NULL,
    repository integer NOT NULL,
    name text NOT NULL,                 -- below the stanza's backups or archive
    size bigint NOT NULL,
    checksum text,                      -- sha1 of what it holds; absent: pgBackRest alone can compare it
    files integer NOT NULL,             -- files of the cluster in it
    modified_at timestamptz,            -- as it was listed
    read_at timestamptz,                -- absent: never, or damaged since
    PRIMARY KEY (cluster, repository, name)
);
