-- The platform's central database, as its Laravel migrations would make it.
CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    domain citext NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    email citext NOT NULL,
    password text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (tenant_id, email)
);
CREATE TABLE customers (
    id bigserial PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    email citext NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (tenant_id, email)
);
CREATE TABLE products (
    id bigserial PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    sku text NOT NULL,
    name text NOT NULL,
    deleted_at timestamptz,
    UNIQUE (tenant_id, sku)
);
CREATE TABLE product_images (
    id bigserial PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products ON DELETE CASCADE,
    path text NOT NULL,
    position integer NOT NULL DEFAULT 0,
    UNIQUE (product_id, position)
);
CREATE TABLE designer_documents (
    id bigserial PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    customer_id bigint REFERENCES customers,
    print_ready_file text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    customer_id bigint NOT NULL REFERENCES customers,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'paid', 'generation_failed', 'fulfilled', 'refunded')),
    total_cents bigint NOT NULL CHECK (total_cents >= 0),
    paid_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE INDEX ON orders (tenant_id, status);
CREATE TABLE order_items (
    id bigserial PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    product_id bigint NOT NULL REFERENCES products,
    designer_document_id bigint REFERENCES designer_documents,
    quantity integer NOT NULL CHECK (quantity > 0),
    -- Copied at checkout: what is printed must not change when the design does.
    print_ready_file text,
    print_ready_size bigint,
    print_ready_sha256 text,
    snapshot jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX ON order_items (order_id);
CREATE TABLE quotes (
    id bigserial PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    customer_id bigint NOT NULL REFERENCES customers,
    snapshot jsonb NOT NULL
);
CREATE SEQUENCE invoice_numbers START 10000;
CREATE TABLE invoices (
    number bigint PRIMARY KEY DEFAULT nextval('invoice_numbers'),
    order_id bigint NOT NULL UNIQUE REFERENCES orders,
    snapshot jsonb NOT NULL
);
CREATE TABLE jobs (
    id bigserial PRIMARY KEY,
    queue text NOT NULL,
    payload text NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    reserved_at integer,
    available_at integer NOT NULL,
    created_at integer NOT NULL
);
CREATE INDEX ON jobs (queue);
CREATE TABLE failed_jobs (
    id bigserial PRIMARY KEY,
    uuid uuid NOT NULL UNIQUE,
    connection text NOT NULL,
    queue text NOT NULL,
    payload text NOT NULL,
    exception text NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE error_logs (
    id bigserial PRIMARY KEY,
    tenant_id uuid REFERENCES tenants,
    message text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNLOGGED TABLE sessions (
    id text PRIMARY KEY,
    payload text NOT NULL,
    last_activity integer NOT NULL
);
CREATE TABLE heartbeats (id integer PRIMARY KEY, at timestamptz NOT NULL);

-- What `printflow orders repair --apply` may do, and no more: write a link back, and have the customer asked.
GRANT SELECT ON orders, order_items TO printflow_repair;
GRANT UPDATE (print_ready_file, print_ready_size, print_ready_sha256) ON order_items TO printflow_repair;
GRANT UPDATE (status) ON orders TO printflow_repair;
