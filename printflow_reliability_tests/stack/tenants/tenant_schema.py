"""A schema with every kind of table that a tenant's rows may be in, and how a tenant's rows are lost from it."""

MINE = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
SCHEMA = f"""
CREATE EXTENSION citext;
CREATE SCHEMA audit; CREATE SCHEMA app;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE money_of AS (amount numeric, currency text);
CREATE DOMAIN short AS text CHECK (length(VALUE) < 40);
CREATE TABLE currencies (code text PRIMARY KEY);
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL, "domain" citext UNIQUE, favourite bigint);
-- a circle of two tables, a circle through the root, and references within tables
CREATE TABLE teams (id bigserial PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants, owner bigint NOT NULL,
    parent bigint REFERENCES teams);
CREATE TABLE users (id bigserial PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants, team bigint NOT NULL
    REFERENCES teams, email citext NOT NULL, updated_at timestamptz NOT NULL DEFAULT '2020-01-01',
    UNIQUE (tenant_id, email));
ALTER TABLE teams ADD CONSTRAINT teams_owner FOREIGN KEY (owner) REFERENCES users DEFERRABLE;
ALTER TABLE tenants ADD CONSTRAINT tenants_favourite FOREIGN KEY (favourite) REFERENCES users;
CREATE TABLE comments (id bigserial PRIMARY KEY, author bigint REFERENCES users, reply_to bigint REFERENCES comments,
    body text);
CREATE TABLE memberships (user_id bigint REFERENCES users ON DELETE CASCADE, team_id bigint REFERENCES teams
    ON DELETE CASCADE, PRIMARY KEY (team_id, user_id));
CREATE TABLE membership_notes (id bigserial PRIMARY KEY, user_id bigint, team_id bigint, about bigint REFERENCES users,
    FOREIGN KEY (team_id, user_id) REFERENCES memberships);
-- partitions, sub-partitions, a default partition, keys to and from them, a key of one partition alone
CREATE TABLE orders (id bigint, at date NOT NULL, tenant_id uuid NOT NULL REFERENCES tenants, currency text
    REFERENCES currencies, total money_of, "order" int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (id, at))
    PARTITION BY RANGE (at);
CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (id);
CREATE TABLE orders_2025_a PARTITION OF orders_2025 FOR VALUES IN (1, 2, 3);
CREATE TABLE orders_2025_b PARTITION OF orders_2025 DEFAULT;
CREATE TABLE orders_rest PARTITION OF orders DEFAULT;
CREATE TABLE items (order_id bigint, at date, n int, label short, PRIMARY KEY (order_id, at, n),
    FOREIGN KEY (order_id, at) REFERENCES orders ON DELETE CASCADE);
CREATE TABLE files (order_id bigint NOT NULL, at date NOT NULL, path text, UNIQUE (path), id uuid PRIMARY KEY);
CREATE TABLE archived_files (id uuid PRIMARY KEY, file uuid REFERENCES files);
-- values
CREATE TABLE oddities (
    "Id" integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid, t text, r text, k text, p text, h text,
    "select" text, "a ""quoted"" name" text, gone int, mood mood, price money, bits bit varying, doc json, data bytea,
    span interval, ratio double precision, page xml, moods mood[], what regclass, slot int4range,
    doubled int GENERATED ALWAYS AS (ratio * 2) STORED, EXCLUDE USING gist (slot WITH &&));
ALTER TABLE oddities DROP COLUMN gone;
CREATE TABLE app.users (tenant_id text, id text COLLATE "C", PRIMARY KEY (tenant_id, id));
CREATE TABLE "Order" (tenant_id varchar(40) NOT NULL, "Id" char(5) NOT NULL, UNIQUE ("Id") INCLUDE (tenant_id));
CREATE TABLE base (id int PRIMARY KEY, tenant_id uuid, note text);
CREATE TABLE heirs (PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE numbered (id serial PRIMARY KEY, tenant_id uuid);
CREATE VIEW people AS SELECT * FROM users;
CREATE MATERIALIZED VIEW counted AS SELECT tenant_id, count(*) FROM users GROUP BY 1;
CREATE TABLE unvalidated (id int PRIMARY KEY, tenant_id uuid, parent int);
-- what acts by itself
CREATE TABLE audit.log (id bigserial PRIMARY KEY, tenant_id uuid, what text);
CREATE TABLE counters (tenant_id uuid PRIMARY KEY, users int NOT NULL);
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit.log (tenant_id, what) VALUES (coalesce(NEW.tenant_id, OLD.tenant_id), TG_OP);
    UPDATE counters SET users = users + 1 WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id);
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    NEW.updated_at = now(); RETURN NEW; END $$;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'append only: %', OLD.id; END $$;
CREATE FUNCTION refuse_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no DDL here'; END $$;
-- rows, of two tenants
INSERT INTO currencies VALUES ('EUR'), ('USD');
INSERT INTO tenants VALUES ('{MINE}', 'mine', 'mine.example'), ('{OTHER}', 'other', 'other.example');
BEGIN; SET CONSTRAINTS ALL DEFERRED;
INSERT INTO teams VALUES (1, '{MINE}', 1), (2, '{OTHER}', 2); INSERT INTO teams VALUES (3, '{MINE}', 1, 1);
INSERT INTO users VALUES (1, '{MINE}', 1, 'a@example.org'), (2, '{OTHER}', 2, 'b@example.org'), (3, '{MINE}', 3, 'c@e');
COMMIT;
UPDATE tenants SET favourite = 3 WHERE id = '{MINE}';
INSERT INTO comments VALUES (1, 1, NULL), (2, NULL, 1), (3, NULL, 2), (4, 2, NULL), (5, NULL, 4), (6, NULL, NULL),
    (7, 2, 3), (8, NULL, 7), (9, 1, 6);
INSERT INTO memberships VALUES (1, 1), (1, 3), (1, 2), (2, 2);
INSERT INTO membership_notes VALUES (1, 1, 1, 3), (2, 1, 2, 1), (3, 2, 2, NULL);
INSERT INTO orders (id, at, tenant_id, currency, total) VALUES (1, '2025-01-03', '{MINE}', 'EUR', (1.50, 'EUR')),
    (7, '2025-02-03', '{MINE}', 'EUR', NULL), (8, '2031-02-03', '{MINE}', 'USD', NULL),
    (2, '2025-01-03', '{OTHER}', 'EUR', NULL);
INSERT INTO items SELECT id, at, n, 'item ' || n FROM orders, generate_series(1, 3) n;
ALTER TABLE orders_2025_b ADD UNIQUE (id, at, currency);
ALTER TABLE files ADD FOREIGN KEY (order_id, at) REFERENCES orders;
INSERT INTO files SELECT id, at, 'file ' || id, md5(id::text)::uuid FROM orders;
INSERT INTO archived_files SELECT md5(id::text || 'x')::uuid, id FROM files;
INSERT INTO oddities (tenant_id, t, r, k, p, h, "select", "a ""quoted"" name", mood, price, bits, doc, data, span,
    ratio, page, moods, what, slot) SELECT CASE WHEN n % 3 = 0 THEN '{OTHER}' WHEN n % 3 = 1 THEN '{MINE}' END::uuid,
    E'tab\\tline\\n' || n, NULL, '', '\\N', 'h', 's', 'q', 'bad', 1234.5, B'101', '{{"b":1,"a":2, "a":3}}', '\\xff00',
    '1 mon -2 days', 0.1 + n, '<a/>', '{{good}}', 'app.users', int4range(n, n + 1) FROM generate_series(1, 30) n;
INSERT INTO app.users VALUES ('{MINE}', 'a'), ('{OTHER}', 'a'), ('{MINE}', 'A');
INSERT INTO "Order" VALUES ('{MINE}', 'x'), ('{OTHER}', 'y');
INSERT INTO base VALUES (1, '{MINE}', 'base'), (2, '{OTHER}', 'base');
INSERT INTO heirs VALUES (1, '{MINE}', 'heir'), (3, '{MINE}', 'heir'), (4, '{OTHER}', 'heir');
INSERT INTO numbered SELECT n, '{MINE}' FROM generate_series(1, 20) n;
INSERT INTO unvalidated VALUES (1, '{MINE}', 99), (2, '{MINE}', 1);
ALTER TABLE unvalidated ADD FOREIGN KEY (parent) REFERENCES unvalidated NOT VALID;
INSERT INTO audit.log VALUES (1, '{MINE}', 'made'), (2, '{OTHER}', 'made');
INSERT INTO counters VALUES ('{MINE}', 2), ('{OTHER}', 1);
SELECT setval('users_id_seq', 3), setval('teams_id_seq', 3), setval('numbered_id_seq', 20);
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION meddle();
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON audit.log FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE RULE instead AS ON INSERT TO counters DO INSTEAD NOTHING;
CREATE RULE kept AS ON DELETE TO counters DO INSTEAD NOTHING;
ALTER TABLE comments ENABLE ROW LEVEL SECURITY; ALTER TABLE comments FORCE ROW LEVEL SECURITY;
CREATE EVENT TRIGGER refuse_ddl ON ddl_command_start EXECUTE FUNCTION refuse_ddl();
ALTER EVENT TRIGGER refuse_ddl ENABLE ALWAYS;
"""
LOSE = f"""
DELETE FROM archived_files WHERE file IN (SELECT f.id FROM files f JOIN orders USING (at) WHERE f.order_id = orders.id
    AND tenant_id = '{MINE}');
DELETE FROM files f USING orders o WHERE f.order_id = o.id AND o.tenant_id = '{MINE}';
DELETE FROM items i USING orders o WHERE i.order_id = o.id AND o.tenant_id = '{MINE}';
DELETE FROM orders WHERE tenant_id = '{MINE}';
DELETE FROM comments WHERE id IN (1, 2, 3, 9);
DELETE FROM membership_notes WHERE id = 1; DELETE FROM memberships WHERE team_id IN (1, 3) AND user_id = 1;
DELETE FROM users WHERE tenant_id = '{MINE}'; DELETE FROM teams WHERE tenant_id = '{MINE}';
DELETE FROM oddities WHERE tenant_id = '{MINE}'; DELETE FROM app.users WHERE tenant_id = '{MINE}';
DELETE FROM "Order" WHERE tenant_id = '{MINE}'; DELETE FROM base WHERE tenant_id = '{MINE}';
DELETE FROM numbered; DELETE FROM unvalidated; DELETE FROM audit.log WHERE tenant_id = '{MINE}';
DELETE FROM counters WHERE tenant_id = '{MINE}'; DELETE FROM tenants WHERE id = '{MINE}'
"""
