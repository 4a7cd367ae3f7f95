-- Print files that were accepted: number 1 completes a version of an order, once. A later number is the file that took
-- its place after the accepted content was lost; the highest one counts, the others stay as history.
CREATE TABLE accepted_files (
    order_id text NOT NULL,
    version text NOT NULL,              -- of the order's file, as the platform counts them
    number integer NOT NULL,
    tenant text NOT NULL,
    bucket text NOT NULL,               -- as printflow.toml names it
    key text NOT NULL,
    version_id text NOT NULL,           -- of the object that was inspected
    etag text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    verdict text NOT NULL,              -- good | repairable
    accepted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, version, number)
);
CREATE INDEX ON accepted_files (bucket, key);
