"""Paid orders with every kind of odd row, key and file among them: each is its own trouble, and can be acted on."""

import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from psycopg import sql

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.orders.guard import GuardReport, check_order, judge_paid_orders
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.judge import Judge, Judged, Pace
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import pdfs, postgres, seaweedfs
from printflow_reliability.sandbox.home import write
from printflow_reliability.settings import PdfSettings, Settings, load
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.storage.lookup import By
from printflow_reliability_tests.pdf.test_worker import POISON
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

BUCKET = "print-files"
CATALOG = """
[tenancy]
cluster = "live_db"
tenants = "SELECT tenant, base_path FROM odd_tenants"

[[reference]]
name = "odd"
cluster = "live_db"
bucket = "print-files"
kind = "print-ready"
query = "SELECT tenant, 'order' AS owner, key FROM odd_orders WHERE key IN ('odd/a/good.pdf', 'odd/a/none.pdf')"

[orders]
cluster = "live_db"
bucket = "print-files"
grace_seconds = 300
paid = "SELECT \\"order\\", tenant, paid_at, key FROM odd_orders"
"""
TENANTS = [("a", "odd/a/"), ("inner", "odd/a/inner/"), ("twice", "odd/t/"), ("twice", "odd/u/"), ("bare", "odd/b")]
GOOD, MISSING = ("fine", "a", "-1 day", "odd/a/good.pdf"), ("lost", "a", "-1 day", "odd/a/none.pdf")
ODD: Mapping[str, tuple[str | None, str | None, str | None]] = {
    # order: tenant, when it was paid, key
    "paid at infinity": ("a", "infinity", None),
    "paid at minus infinity": ("a", "-infinity", None),
    "never paid": ("a", None, None),
    "paid in the year 99999": ("a", "99999-01-01", None),
    "paid before Christ": ("a", "4000-01-01 BC", None),
    "paid in a year": ("a", "2099-01-01", None),
    "of nobody": (None, "-1 day", "odd/a/good.pdf"),
    "of an unknown tenant": ("z", "-1 day", "odd/a/good.pdf"),
    "of a tenant with two paths": ("twice", "-1 day", "odd/t/good.pdf"),
    "of a tenant with a path of no slash": ("bare", "-1 day", "odd/b/good.pdf"),
    "of another": ("inner", "-1 day", "odd/a/good.pdf"),
    "in another's": ("a", "-1 day", "odd/a/inner/good.pdf"),
    "empty key": ("a", "-1 day", ""),
    "base path": ("a", "-1 day", "odd/a/"),
    "long key": ("a", "-1 day", "odd/a/" + "x" * 3000),
    "climbs": ("a", "-1 day", "odd/a/../a/good.pdf"),
    "doubled slash": ("a", "-1 day", "odd/a//good.pdf"),
    "backslash": ("a", "-1 day", "odd/a\\good.pdf"),
    "control": ("a", "-1 day", "odd/a/\x01\n\x1b[2J.pdf"),
    "not a PDF": ("a", "-1 day", "odd/a/page.pdf"),
    "empty file": ("a", "-1 day", "odd/a/empty.pdf"),
    "1...2": ("a", "-1 day", None),
    "-7": ("a", "-1 day", None),
    "a\nb": ("a", "-1 day", None),
    "it's; rm -r /": ("a", "-1 day", None),
    "x" * 2000: ("a", "-1 day", None),
}


@pytest.fixture(scope="module")
def platform(sandbox: StackSandbox) -> Iterator[tuple[Settings, Path]]:
    """The sandbox's servers with another platform's tables and a few files; its settings, and where they are."""
    home = sandbox.home
    config = home.path("odd.toml")
    write(config, home.config.read_text(encoding="utf-8").partition("\n[tenancy]")[0] + CATALOG, mode=0o600)
    settings = load(config)
    bucket = seaweedfs.bucket(home, BUCKET, "admin")
    client = s3_client(bucket)
    for name, body in (("good", pdfs.print_pdf(1)), ("page", b"<html>503</html>"), ("empty", b"")):
        client.put_object(Bucket=bucket.bucket, Key=f"odd/a/{name}.pdf", Body=body)
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute("CREATE TABLE odd_tenants (tenant text, base_path text)")
        connection.execute('CREATE TABLE odd_orders ("order" text, tenant text, paid_at timestamptz, key text)')
        connection.cursor().executemany("INSERT INTO odd_tenants VALUES (%s, %s)", TENANTS)
        connection.execute("GRANT SELECT ON odd_tenants, odd_orders TO PUBLIC")
    _forget(settings)
    try:
        yield settings, config
    finally:
        _forget(settings)
        with postgres.superuser(home, "live_db", "live_db") as connection:
            connection.execute("DROP TABLE odd_tenants, odd_orders")
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket.bucket, Prefix="odd/"):
            for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                client.delete_object(Bucket=bucket.bucket, Key=found["Key"], VersionId=found["VersionId"])


def _forget(settings: Settings) -> None:
    with open_records(settings.records) as connection:
        for table in ("holds", "alerts", "known_orders", "order_overrides"):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def _pay(sandbox: StackSandbox, *rows: tuple[str | None, str | None, str | None, str | None]) -> None:
    moment = "CASE WHEN %s ~ '^-[0-9]+ day$' THEN now() + %s::interval ELSE %s::timestamptz END"
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        for order, tenant, paid_at, key in rows:
            interval = paid_at if paid_at and paid_at.endswith("day") else None
            date = None if interval else paid_at
            connection.execute(
                f"INSERT INTO odd_orders VALUES (%s, %s, {moment}, %s)",
                (order, tenant, paid_at or "", interval, date, key),
            )


def reasons(report: GuardReport) -> dict[str, str]:
    return {hold.order: hold.reason for hold in report.held}


def test_each_odd_order_is_held_by_itself_and_its_next_step_can_be_run(
    sandbox: StackSandbox, platform: tuple[Settings, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, config = platform
    _pay(sandbox, GOOD, MISSING)
    alone = judge_paid_orders(settings)
    nameless = [(order, "a", "-1 day", "odd/a/good.pdf") for order in (None, "")]
    _pay(sandbox, *nameless, *((order, *row) for order, row in ODD.items()))
    mixed = judge_paid_orders(settings)
    held = reasons(mixed)

    assert alone.checks[0].outcome is mixed.checks[0].outcome is Outcome.FAIL
    assert reasons(alone) == {"lost": held["lost"]}
    assert {order for order in ODD if order not in held} == set()
    assert "fine" not in held
    assert "2 rows of orders.paid without an order's number" in mixed.checks[0].detail
    assert check_order(settings, "fine").ready
    assert mixed.numbers["newly_held"] == len(ODD)
    assert judge_paid_orders(settings).numbers["newly_held"] == 0

    assert run(["--config", str(config), "orders", "held"]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert f"{len(held)} paid orders must not go to print" in said
    for hold in mixed.held:
        command = _arguments(hold.action)
        assert run(["--config", str(config), *command]) == 1, (hold.order, hold.action)
        told = capsys.readouterr()
        assert "\x1b" not in told.out
        assert "Next:" in told.out or command[0] == "files"


def _arguments(action: str) -> list[str]:
    """What a shell makes of the command that a next step ends in."""
    step = action[action.index("printflow ") :]
    echoed = subprocess.run(
        ["/bin/bash", "-c", f"printflow() {{ printf '%s\\0' \"$@\"; }}; {step}"], capture_output=True, check=True
    )
    return echoed.stdout.decode().split("\0")[:-1]


def test_files_that_take_too_long_keep_no_other_waiting_and_have_their_turn_after_them(
    platform: tuple[Settings, Path], sandbox: StackSandbox
) -> None:
    settings, _ = platform
    bucket = seaweedfs.bucket(sandbox.home, BUCKET, "admin")
    client = s3_client(bucket)
    place = f"odd/a/{uuid.uuid4()}"
    slow, quick = [f"{place}/0-{number}" for number in range(6)], [f"{place}/9-{number}" for number in range(6)]
    for keys, body in ((slow, b"waits"), (quick, b"fine")):
        for key in keys:
            client.put_object(Bucket=bucket.bucket, Key=key, Body=body)

    def look(keys: list[str], stop: float) -> tuple[dict[str, Judged], float]:
        """By key; and seconds."""
        began = time.monotonic()
        with (
            open_records(settings.records) as records,
            InspectionWorker(PdfSettings(timeout_seconds=60), program=POISON) as worker,
        ):
            judge = Judge(settings.bucket_named(BUCKET), records, worker)
            pace = Pace(began + stop, began + stop, 0.5)
            found = {judged.key: judged for judged in judge.judge_within(keys, pace, By.LISTING)}
        return found, time.monotonic() - began

    first, _ = look([*slow, *quick], 30)
    late = f"{place}/9-late"
    client.put_object(Bucket=bucket.bucket, Key=late, Body=b"fine")
    second, seconds = look([*slow, *quick, late], 6)

    assert {key for key, judged in first.items() if _good(judged)} == set(quick)
    assert {key for key, judged in second.items() if _good(judged)} == {*quick, late}
    assert second.keys() == {*slow, *quick, late}
    assert {judged.key for judged in second.values() if judged.fetched and _good(judged)} == {late}
    assert seconds < 20


def _good(judged: Judged) -> bool:
    return judged.inspection is not None and judged.inspection.verdict is Verdict.GOOD
