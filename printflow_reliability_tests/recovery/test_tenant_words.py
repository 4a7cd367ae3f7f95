"""What `printflow tenant restore` says of a plan, of a restore, and of what went wrong after its commit."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from printflow_reliability.recovery.tenant_command import _show
from printflow_reliability.recovery.tenant_restore import TenantRestore
from printflow_reliability.tenants.closure import Limit
from printflow_reliability.tenants.compare import TablePlan
from printflow_reliability.tenants.problems import Problem

SHOP = "7f3a91c2-0000-4000-8000-000000000001"
PLANNED = TenantRestore(
    SHOP,
    datetime(2026, 11, 2, 14, 5, tzinfo=UTC),
    [TablePlan("public.orders", 3, 1, 4, ("17",), "live_db"), TablePlan("public.users", 0, 2, 0, (), "live_db")],
    None,
    (),
)


def test_a_plan_ends_with_the_command_that_carries_it_out(capsys: pytest.CaptureFixture[str]) -> None:
    _show(PLANNED)
    said = capsys.readouterr().out
    assert "public.orders: 1 row is there and differs; it stays as it is: 17" in said
    assert "public.users: 2 rows are there and differ; they stay as they are\n" in said
    command = f"printflow tenant restore {SHOP} --to 2026-11-02T14:05:00+00:00 --apply"
    assert said.endswith(f"3 rows would be written. Next: {command}\n")
    assert PLANNED.needs_person


def test_problems_and_limits_are_said_and_no_command_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    limits = [
        ("live_db", Limit("audit.log", "has no primary key")),
        ("live_db", Limit("public.x", "is unlogged", True)),
    ]
    problem = Problem("public.orders", "1 row of public.currencies that its rows refer to is gone", "live_db")
    _show(replace(PLANNED, limits=limits, problems=[problem], stale=["gone"], shared=2))
    said = capsys.readouterr().out
    assert "WARN live_db: audit.log has no primary key" in said
    assert "NOTE live_db: public.x is unlogged" in said
    assert "NOTE 2 rows belonged to this tenant and to others" in said
    assert 'WARN `unrestorable` names "gone"' in said
    assert "FAIL live_db: public.orders: 1 row of public.currencies" in said
    assert "--apply" not in said


def test_what_is_committed_is_said_whatever_went_wrong_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    done = replace(PLANNED, plan=[], written=3, committed={"admin_db": 1, "live_db": 2}, trouble=["the audit is away"])
    _show(done)
    said = capsys.readouterr().out
    assert "WARN the audit is away" in said
    assert "3 rows of tenant" in said
    assert "(1 in admin_db, 2 in live_db)" in said
    assert done.needs_person
    assert not replace(done, trouble=()).needs_person
