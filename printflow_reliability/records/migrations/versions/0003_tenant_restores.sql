-- Every tenant restore that was applied: what was written, when, and by which database role of the records.
CREATE TABLE tenant_restores (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    moment timestamptz NOT NULL,
    planned_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL DEFAULT current_user,
    rows_written bigint NOT NULL,
    plan jsonb NOT NULL                 -- [{table, insert, conflict, unchanged, conflicts}]
);
