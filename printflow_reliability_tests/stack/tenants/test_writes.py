"""What keeps rows from being written is found first; rows are written all or not at all, beside a busy production."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from printflow_reliability.errors import CouldNotTell, PrintflowError, Refused
from printflow_reliability.settings import TenancySettings
from printflow_reliability_tests.stack.tenants.databases import (
    Databases,
    planned,
    restore,
    tenancy,
)
from printflow_reliability_tests.stack.tenants.tenant_schema import LOSE, MINE, OTHER

pytestmark = pytest.mark.stack


def problems(databases: Databases, settings: TenancySettings | None = None) -> dict[str, str]:
    """What a dry run finds; that a write finds it too, and leaves nothing behind, is shown by the way."""
    with planned(databases, settings, apply=False) as part:
        found = {problem.table: problem.reason for problem in part.problems}
    before = databases.rows(databases.today)
    with planned(databases, settings) as part:
        assert {problem.table: problem.reason for problem in part.problems} == found
        if found:
            part.target.execute("SET LOCAL session_replication_role = origin")
            with pytest.raises(PrintflowError):
                part.write()
    assert databases.rows(databases.today) == before
    return found


def test_rows_that_need_what_is_gone_or_taken_or_moved_are_found_before_anything_is_written(
    databases: Databases,
) -> None:
    databases.change(LOSE)
    databases.change("DELETE FROM currencies WHERE code = 'USD'")
    assert problems(databases) == {
        "public.orders": "1 row of public.currencies that its rows refer to by orders_currency_fkey is gone"
    }
    databases.change(
        "INSERT INTO currencies VALUES ('USD'); INSERT INTO files VALUES (2, '2025-01-03', 'file 7', md5('x')::uuid)"
    )
    assert problems(databases) == {
        "public.files": "1 of its rows has values of the unique index files_path_key that are taken"
    }
    databases.change(f"""DELETE FROM files WHERE path = 'file 7';
        INSERT INTO orders (id, at, tenant_id) VALUES (1, '2025-01-03', '{OTHER}')""")
    found = problems(databases)
    assert set(found) == {"public.items", "public.files"}
    assert (
        "3 of its rows refer to rows of public.orders that are another tenant's in production" in found["public.items"]
    )
    # A table that is left out takes what needs it along, and says so.
    databases.change("DELETE FROM orders WHERE id = 1")
    assert set(problems(databases, tenancy("orders"))) == {"public.items", "public.files"}


def test_a_row_that_is_there_and_differs_is_a_conflict_and_stays(databases: Databases) -> None:
    databases.change(
        f"DELETE FROM numbered WHERE id = 7; UPDATE base SET note = 'new' WHERE id = 1 AND tenant_id = '{MINE}'"
    )
    databases.change("UPDATE app.users SET tenant_id = upper(tenant_id); UPDATE tenants SET name = 'renamed'")
    after = databases.rows(databases.today)
    with planned(databases, apply=False) as part:
        conflicts = {
            table_plan.table: (table_plan.conflict, table_plan.conflicts)
            for table_plan in part.plan
            if table_plan.conflict
        }
    assert conflicts == {"public.base": (1, ("1",)), "public.heirs": (1, ("1",)), "public.tenants": (1, (MINE,))}
    assert restore(databases) == 1
    assert len(databases.rows(databases.today)["public.numbered"]) == len(after["public.numbered"]) + 1
    assert databases.rows(databases.today)["public.base"] == after["public.base"]


def test_a_row_that_comes_back_after_it_was_planned_ends_the_restore_and_is_not_overwritten(
    databases: Databases,
) -> None:
    databases.change(LOSE)
    with planned(databases) as part:
        databases.change(f"INSERT INTO numbered VALUES (5, '{OTHER}')")
        with pytest.raises(Refused, match=r"a row of public.numbered would break numbered_pkey"):
            part.write()
    assert databases.rows(databases.today)["public.numbered"] == [f"public.numbered (5,{OTHER})"]
    assert databases.rows(databases.today)["public.orders"] == [
        row for row in databases.rows(databases.then)["public.orders"] if OTHER in row
    ]


def test_what_rows_refer_to_cannot_go_between_the_plan_and_the_commit(databases: Databases) -> None:
    databases.change(LOSE)
    with planned(databases), pytest.raises(psycopg.errors.LockNotAvailable):
        databases.change("SET lock_timeout = 300; DELETE FROM currencies WHERE code = 'USD'")
    with planned(databases), databases.connect(databases.today) as other:
        other.execute("UPDATE tenants SET name = 'production goes on'")


def test_a_table_that_somebody_has_locked_is_could_not_tell_and_nothing_is_written(databases: Databases) -> None:
    databases.change(LOSE)
    before = databases.rows(databases.today)
    with databases.connect(databases.today) as other, planned(databases) as part:
        part.target.execute("SET lock_timeout = 300")
        other.execute("BEGIN; LOCK audit.log IN SHARE MODE")
        with pytest.raises(CouldNotTell, match=r"audit.log is locked by another session"):
            part.write()
    assert databases.rows(databases.today) == before


OPEN_TRANSACTIONS = "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = %s"
KILLED = """
import sys
import psycopg
from printflow_reliability.settings import TenancySettings
from printflow_reliability.tenants.restore import planned_part
url, then, today, tenant = sys.argv[1:]
with (
    psycopg.connect(url, dbname=then, autocommit=True) as source,
    psycopg.connect(url, dbname=today, autocommit=True) as target,
):
    rows = TenancySettings(cluster="plain", tenants="SELECT id, id FROM tenants")
    with planned_part(source, target, rows, tenant, writes=True, lock=True) as part:
        part.write()
        print("written", flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_restore_that_is_ended_before_its_commit_leaves_nothing(databases: Databases, how: signal.Signals) -> None:
    databases.change(LOSE)
    before = databases.rows(databases.today)
    argv = [sys.executable, "-c", KILLED, databases.cluster.settings.url, databases.then, databases.today, MINE]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        os.kill(process.pid, how)
        process.wait(timeout=20)
    with databases.connect(databases.today) as connection:
        deadline = time.monotonic() + 10
        while connection.execute(OPEN_TRANSACTIONS, (databases.today,)).rowcount:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert databases.rows(databases.today) == before
    restore(databases)
    assert databases.rows(databases.today) == databases.rows(databases.then)
