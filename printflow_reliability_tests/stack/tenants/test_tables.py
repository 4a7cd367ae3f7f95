"""Every kind of table that a tenant's rows may be in: they come back as they were, or it is said why they cannot."""

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, Refused
from printflow_reliability_tests.stack.tenants.databases import (
    Databases,
    both,
    planned,
    quiet,
    rehearsed,
    restore,
    tenancy,
)
from printflow_reliability_tests.stack.tenants.tenant_schema import LOSE, MINE, OTHER

pytestmark = pytest.mark.stack


def test_every_row_of_the_tenant_comes_back_as_it_was_and_nothing_else_is_touched(databases: Databases) -> None:
    before = databases.rows(databases.then)
    databases.change(LOSE)
    assert databases.rows(databases.today) != before
    with planned(databases, apply=False) as part:
        assert part.problems == ()
        assert part.limits == ()
        assert part.shared == 4
        inserts = {table_plan.table: table_plan.insert for table_plan in part.plan if table_plan.insert}
    assert inserts["public.memberships"] == 2
    assert inserts["public.comments"] == 4
    assert inserts["public.heirs"] == 2
    assert inserts["public.base"] == 1
    assert restore(databases) == sum(inserts.values())
    after = databases.rows(databases.today)
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}
    assert restore(databases) == 0


def test_a_rehearsal_restores_every_table_and_leaves_the_clone_as_it_was(databases: Databases) -> None:
    before = databases.rows(databases.then)
    for tenant in (MINE, OTHER):
        answer = rehearsed(databases, tenant=tenant)
        assert answer.outcome is Outcome.PASS, answer.detail
        assert answer.numbers["tenant_shared_rows"] == 4
    assert databases.rows(databases.then) == before


LIMITED = f"""
CREATE TABLE keyless (tenant_id uuid, note text);
CREATE UNLOGGED TABLE sessions (id int PRIMARY KEY, tenant_id uuid);
CREATE EXTENSION postgres_fdw; CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere');
CREATE FOREIGN TABLE elsewhere (id int, tenant_id uuid) SERVER away;
CREATE TABLE months (id int, tenant_id uuid) PARTITION BY LIST (id);
CREATE FOREIGN TABLE far PARTITION OF months FOR VALUES IN (1) SERVER away;
CREATE TABLE scans (id int PRIMARY KEY, tenant_id uuid, picture oid);
INSERT INTO scans VALUES (1, '{MINE}', lo_create(4711)), (2, '{MINE}', 99);
CREATE TABLE stamped (id int PRIMARY KEY, tenant_id uuid, updated_at timestamptz);
INSERT INTO stamped VALUES (1, '{MINE}', NULL); INSERT INTO keyless VALUES ('{MINE}', 'a');
CREATE TRIGGER meddle BEFORE INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION meddle();
ALTER TABLE stamped ENABLE ALWAYS TRIGGER meddle
"""
NAMES = ("elsewhere", "keyless", "months", "scans", "sessions", "stamped")


def test_what_cannot_be_restored_is_a_warning_until_a_line_acknowledges_it(databases: Databases) -> None:
    both(databases, LIMITED)
    answer = rehearsed(databases)
    assert answer.outcome is Outcome.WARN
    for said in (
        "public.elsewhere is a foreign table",
        "public.months has a partition that is a foreign table",
        "public.keyless has no primary key and no unique index",
        "public.sessions is unlogged",
        "public.scans names 1 large object in column picture",
        "public.stamped has triggers that always fire",
        "name it in `unrestorable`",
    ):
        assert said in answer.detail
    acknowledged = rehearsed(databases, tenancy(*NAMES))
    assert acknowledged.outcome is Outcome.PASS, acknowledged.detail
    assert "Left out, as `unrestorable` says: public.elsewhere, public.keyless" in acknowledged.detail
    stale = rehearsed(databases, tenancy(*NAMES, "numbered", "currencies", "gone"))
    assert stale.outcome is Outcome.WARN
    assert "names what needs it no more: currencies, gone, public.numbered" in stale.detail
    databases.change(LOSE)
    with planned(databases) as part:
        assert sorted(limit.table for limit in part.limits) == [f"public.{name}" for name in NAMES]
        part.write()
        part.target.execute("COMMIT")


@pytest.mark.alarm("drill.tenant", "ring")
def test_rows_that_no_longer_satisfy_their_table_ring_and_the_other_tables_are_still_rehearsed(
    databases: Databases,
) -> None:
    both(databases, "ALTER TABLE numbered ADD CONSTRAINT small CHECK (id < 3) NOT VALID")
    before = databases.rows(databases.then)
    answer = rehearsed(databases)
    assert answer.outcome is Outcome.FAIL
    assert (
        answer.detail == f"tenant {MINE} did not come back: public.numbered: a row of public.numbered would break small"
    )
    assert rehearsed(databases, tenant=OTHER).outcome is Outcome.PASS
    assert rehearsed(databases, tenancy("numbered")).outcome is Outcome.PASS
    assert databases.rows(databases.then) == before


def test_a_row_that_others_lose_with_the_tenant_rings(databases: Databases) -> None:
    """A rule that always acts, which no session can suppress."""
    with databases.connect(databases.then) as connection:
        quiet(
            connection,
            f"""CREATE RULE along AS ON DELETE TO base DO ALSO DELETE FROM counters WHERE tenant_id = '{OTHER}';
            ALTER TABLE base ENABLE ALWAYS RULE along""",
        )
    before = databases.rows(databases.then)
    answer = rehearsed(databases)
    assert answer.outcome is Outcome.FAIL
    assert "public.counters: rows of others were changed with the tenant's" in answer.detail
    assert databases.rows(databases.then) == before


def test_tables_that_changed_since_are_named_and_the_others_come_back(databases: Databases) -> None:
    databases.change(LOSE)
    with databases.connect(databases.today) as connection:
        quiet(
            connection,
            """ALTER TABLE numbered ADD note text, ADD made timestamptz NOT NULL DEFAULT now();
            ALTER TABLE base DROP COLUMN note; ALTER TABLE items RENAME label TO title;
            ALTER TABLE files ALTER path TYPE bytea USING path::bytea; DROP TABLE archived_files;
            ALTER TABLE "Order" ALTER tenant_id TYPE text; ALTER TABLE app.users ALTER id TYPE varchar(40);
            DROP TABLE unvalidated CASCADE""",
        )
    with planned(databases) as part:
        assert part.problems == ()
        limits = {limit.table: limit.reason for limit in part.limits}
        part.write()
        part.target.execute("COMMIT")
    assert limits == {
        "public.archived_files": "is not there in production today",
        "public.base": 'is another table in production today: column "note" is gone',
        "public.files": 'is another table in production today: column "path" was text and is bytea',
        "public.heirs": 'is another table in production today: column "note" is gone',
        "public.items": 'is another table in production today: column "label" is gone',
        "public.unvalidated": "is not there in production today",
    }
    assert databases.rows(databases.today)["public.orders"] == databases.rows(databases.then)["public.orders"]
    assert len(databases.rows(databases.today)["public.numbered"]) == 20
    assert databases.rows(databases.today)["app.users"] == databases.rows(databases.then)["app.users"]


def test_sequences_are_moved_ahead_of_what_came_back_and_never_back(databases: Databases) -> None:
    databases.change(
        "DELETE FROM numbered WHERE id > 4; SELECT setval('numbered_id_seq', 4), setval('teams_id_seq', 900)"
    )
    databases.change("DELETE FROM comments WHERE id = 9")
    restore(databases)
    with databases.connect(databases.today) as connection:
        query = "SELECT nextval('numbered_id_seq'), nextval('teams_id_seq'), nextval('comments_id_seq')"
        assert connection.execute(query).fetchone() == (21, 901, 10)


def test_a_role_that_may_not_suppress_triggers_restores_what_fires_none_and_says_what_it_needs(
    databases: Databases,
) -> None:
    databases.change(LOSE)
    databases.cluster.execute(
        "DO $$ BEGIN CREATE ROLE app LOGIN BYPASSRLS; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    with databases.connect(databases.today) as connection:
        quiet(
            connection,
            "GRANT USAGE ON SCHEMA app, audit TO app; GRANT ALL ON ALL TABLES IN SCHEMA public, app, audit TO app",
        )
        quiet(connection, "GRANT ALL ON ALL SEQUENCES IN SCHEMA public, audit TO app")
        quiet(
            connection,
            "DROP RULE instead ON counters; ALTER TABLE users ENABLE TRIGGER meddle; REVOKE ALL ON numbered FROM app",
        )
        quiet(connection, "GRANT SELECT ON numbered TO app")
    with planned(databases, role="app") as part:
        limits = {limit.table: limit.reason for limit in part.limits}
        assert limits["public.users"].startswith(
            "has triggers that would fire: meddle. The role of restore_url needs: GRANT"
        )
        assert limits["public.tenants"].startswith("refers to other tables in a circle")
        assert "audit.log" not in limits  # its trigger only guards what is there
        found = {problem.table: problem.reason for problem in part.problems}
    assert found["public.numbered"] == "the role of restore_url may not insert into it"
    assert found["public.memberships"].endswith("its rows refer to by memberships_user_id_fkey is gone")
    with databases.connect(databases.today) as connection:
        quiet(connection, "GRANT ALL ON numbered TO app; GRANT SET ON PARAMETER session_replication_role TO app")
    restore(databases, role="app")
    assert databases.rows(databases.today) == databases.rows(databases.then)
    databases.cluster.execute("REVOKE ALL ON PARAMETER session_replication_role FROM app; ALTER ROLE app NOBYPASSRLS")
    with pytest.raises(ConfigError, match=r"may not see every row of public.comments"), planned(databases, role="app"):
        pass


def test_a_row_without_a_partition_is_refused_and_named_without_its_values(databases: Databases) -> None:
    databases.change(LOSE)
    with databases.connect(databases.today) as connection:
        quiet(connection, "ALTER TABLE orders DETACH PARTITION orders_rest")
    with planned(databases) as part, pytest.raises(Refused) as refused:
        part.write()
    assert "public.orders" in refused.value.what
    assert "2031" not in refused.value.sentence


def test_production_is_read_by_index_alone(databases: Databases) -> None:
    both(
        databases,
        f"INSERT INTO numbered SELECT n, '{MINE}' FROM generate_series(100, 50000) n; DELETE FROM pg_statistic",
    )
    databases.change("DELETE FROM numbered WHERE id % 2 = 0; DELETE FROM files; DELETE FROM archived_files")
    scans = "SELECT relname, seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE seq_scan + idx_scan > 0"
    with planned(databases) as part:
        part.write()
        counted = {name: (seq, index) for name, seq, index in part.target.execute(scans).fetchall()}
    assert {name: seq for name, (seq, _) in counted.items() if seq} == {}
    assert counted["numbered"][1] >= 50000
