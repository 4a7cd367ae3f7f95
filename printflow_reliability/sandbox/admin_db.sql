-- The platform's administrative database: it names tenants of live_db, which no foreign key can hold it to.
CREATE TABLE subscriptions (
    id bigserial PRIMARY KEY,
    tenant_id uuid NOT NULL UNIQUE,
    plan text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE audit_logs (
    id bigserial PRIMARY KEY,
    tenant_id uuid NOT NULL,
    action text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON audit_logs (tenant_id);
CREATE TABLE heartbeats (id integer PRIMARY KEY, at timestamptz NOT NULL);
