"""What tests of repairs share: a sandbox that is as it was before, commands on it, and what their record says."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis
from psycopg import sql

from printflow_reliability.cli import run
from printflow_reliability.orders.guard import check_paid_orders
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox

TABLES = ("holds", "alerts", "known_orders", "order_overrides", "print_files", "order_repairs", "accepted_files")
BUCKET = "print-files"
BIN = str(Path(sys.executable).with_name("printflow"))
Printflow = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def guarded(sandbox: StackSandbox) -> Iterator[StackSandbox]:
    """The sandbox without records of orders, before and after, and its rows and objects as they were."""
    _forget(sandbox)
    links = linked(sandbox)
    objects = keys(sandbox)
    yield sandbox
    link = "UPDATE order_items SET print_ready_file = %s, print_ready_size = %s, print_ready_sha256 = %s WHERE id = %s"
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection, connection.cursor() as cursor:
        cursor.executemany(link, [(*row, item) for item, row in links.items()])
        connection.execute("UPDATE orders SET status = 'paid' WHERE status = 'generation_failed'")
    for key in keys(sandbox) - objects:
        erase(sandbox, key)
    _forget(sandbox)


def _forget(sandbox: StackSandbox) -> None:
    with open_records(sandbox.settings.records) as connection:
        for table in TABLES:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    with redis.Redis.from_url(sandbox.home.secret("redis.url")) as queue:  # a job that is known is not done again
        for job in [*queue.scan_iter("bull:print-files:printflow-*")]:
            for done in ("completed", "failed"):
                queue.zrem(f"bull:print-files:{done}", job.decode().rpartition(":")[2])
            queue.delete(job)


def linked(sandbox: StackSandbox) -> Mapping[int, tuple[str | None, int, str]]:
    """What each order item is linked to."""
    query = "SELECT id, print_ready_file, print_ready_size, print_ready_sha256 FROM order_items"
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query).fetchall()}


def keys(sandbox: StackSandbox) -> set[str]:
    """The bucket's objects."""
    pages = seaweedfs.client(sandbox.home, BUCKET).get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {item["Key"] for page in pages for item in page.get("Contents", ())}


def erase(sandbox: StackSandbox, key: str) -> None:
    s3 = seaweedfs.client(sandbox.home, BUCKET)
    listed = s3.list_object_versions(Bucket=BUCKET, Prefix=key)
    for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])


def repairs(sandbox: StackSandbox) -> list[tuple[Any, ...]]:
    """The record of repairs: order, way, person, outcome, tries."""
    with open_records(sandbox.settings.records) as connection:
        return connection.execute(
            "SELECT order_id, way, person, outcome, tries FROM order_repairs ORDER BY id"
        ).fetchall()


@pytest.fixture
def printflow(guarded: StackSandbox, capsys: pytest.CaptureFixture[str]) -> Printflow:
    """Runs a command on the sandbox with --json: its exit code and its document, or what it said on stderr."""

    def called(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run(["--config", str(guarded.config), *arguments, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else {"said": err}

    return called


def held(sandbox: StackSandbox) -> list[str]:
    return [hold.order for hold in check_paid_orders(sandbox.settings).held]
