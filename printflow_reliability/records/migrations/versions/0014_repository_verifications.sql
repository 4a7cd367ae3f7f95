-- What the newest verification of each repository read, and found good or damaged; all WAL stored before it was read.
CREATE TABLE repository_verifications (
    cluster text NOT NULL,
    repository integer NOT NULL,
    began_at timestamptz NOT NULL,
    sound text[] NOT NULL,              -- labels of backups
    damaged text[] NOT NULL,
    damaged_wal text[] NOT NULL,        -- names of segments
    wal_whole boolean NOT NULL,         -- false: something of the archive is damaged that has no name
    PRIMARY KEY (cluster, repository)
);
