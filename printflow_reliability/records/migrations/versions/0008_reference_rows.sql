-- A query that returned rows for a tenant and returns none now is not believed. The tenant is '' for rows without one.
CREATE TABLE reference_rows (
    reference text NOT NULL,
    bucket text NOT NULL,
    tenant text NOT NULL,
    rows bigint NOT NULL,
    PRIMARY KEY (reference, bucket, tenant)
);
