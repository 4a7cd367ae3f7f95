"""3 a.m.: `printflow status` alone names what was planted, each command that it prints runs, and it never hangs."""

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from printflow_reliability.backups.wal import CONTINUITY, repository_scope
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.readiness.dagster_seen import DAGSTER, SEEN_BY_ITSELF
from printflow_reliability.records.check_results import remember
from printflow_reliability.records.database import open_records
from printflow_reliability.register import REGISTER
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.faults import Planted, planted
from printflow_reliability.settings import Settings
from printflow_reliability.status.status import status_of
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.queue_records import nothing_known_of_queues

pytestmark = pytest.mark.stack

FAULTS = ("print_ready_link_lost", "object_deleted", "wrong_tenant_path", "pdf_html_error")
A_JOB = "INSERT INTO jobs (queue, payload, available_at, created_at) VALUES ('default', '{\"job\": \"call\"}', 0, 0)"
HANGING_SECONDS = 60.0
"""What only a command that waits for ever takes."""
A_DRILL = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome, document)
VALUES (now() - interval '1 hour', now() - interval '1 minute', 'latest', 1, 'pass', '{}') RETURNING id"""


def healthy_history(settings: Settings) -> list[CheckResult]:
    """What the records hold where every check passed just now."""
    repositories = [
        repository_scope(cluster.name, number) for cluster in settings.cluster for number in cluster.repositories
    ]
    moments = {
        "recoverable_from_timestamp_seconds": time.time() - 3600,
        "recoverable_until_timestamp_seconds": time.time(),
    }
    return [
        *(CheckResult(check, Outcome.PASS, "as it should be") for check in REGISTER),
        *(CheckResult(CONTINUITY, Outcome.PASS, "whole", moments, scope=scope) for scope in repositories),
        CheckResult(DAGSTER, Outcome.PASS, "5 daemons live", scope=SEEN_BY_ITSELF),
    ]


@pytest.fixture(scope="module")
def history(sandbox: StackSandbox) -> Iterator[Settings]:
    """The sandbox with a healthy history; its records are as they were afterwards."""
    with open_records(sandbox.settings.records) as records:
        before = records.execute("SELECT * FROM check_results").fetchall()
        remember(records, healthy_history(sandbox.settings))
        (drill,) = records.execute(A_DRILL).fetchone() or (0,)
    yield sandbox.settings
    with open_records(sandbox.settings.records) as records:
        records.execute("DELETE FROM drills WHERE id = %s", (drill,))
        records.execute("DELETE FROM check_results")
        for row in before:
            values = [Jsonb(value) if isinstance(value, dict) else value for value in row]
            records.execute("INSERT INTO check_results VALUES (%s, %s, %s, %s, %s, %s)", values)


@contextmanager
def a_job_that_waits(sandbox: StackSandbox) -> Iterator[None]:
    """Work that no worker takes; the sandbox has none for this queue."""
    with nothing_known_of_queues(sandbox), postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        connection.execute(A_JOB)
        try:
            yield
        finally:
            connection.execute("DELETE FROM jobs WHERE queue = 'default'")


def document(sandbox: StackSandbox, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run(["--config", str(sandbox.config), *words])
    streams = capsys.readouterr()
    assert "Traceback" not in streams.err
    assert "unexpected" not in streams.err, (words, streams.err)
    return code, streams.out + streams.err


def test_at_3_am_every_planted_fault_is_named_and_each_printed_command_runs(
    sandbox: StackSandbox, history: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as faults:
        faults.enter_context(a_job_that_waits(sandbox))
        there: dict[str, Planted] = {name: faults.enter_context(planted(sandbox.home, name)) for name in FAULTS}
        # The sweep first: what the guard need not inspect itself, it tells at its first look.
        for words in (("pdf", "sweep"), ("orders", "held"), ("files", "reconcile"), ("queues",)):
            document(sandbox, capsys, *words)
        code, said = document(sandbox, capsys, "status", "--json")
        lines: list[dict[str, Any]] = json.loads(said)["lines"]
        shown_code, shown = document(sandbox, capsys, "status")
        unwell = [line for line in lines if line["outcome"] != "pass"]

        assert (code, shown_code) == (1, 1)
        order = there["print_ready_link_lost"].where["order"]
        assert f"printflow orders repair {order}" in [line["command"] for line in lines[:5]], lines
        for check in ("files.missing", "files.tenancy", "pdf.integrity", "queues.age"):
            assert any(line["text"].startswith(check) and line["outcome"] == "fail" for line in unwell), (check, lines)
        assert shown.startswith("FAIL: ")
        for command in sorted({line["command"] for line in unwell}):
            assert command in shown
            program, *words = shlex.split(command)
            assert program == "printflow"
            code, said = document(sandbox, capsys, *words)
            assert code in (0, 1, 2), (command, said)
            assert "the command with --help shows what it takes" not in said, (command, said)


@pytest.mark.parametrize("away", ["system_db", "live_db", "primary", "redis"])
def test_with_a_system_frozen_it_still_answers_and_says_what_it_cannot_see(
    sandbox: StackSandbox, history: Settings, away: str
) -> None:
    began = time.monotonic()
    with sandbox.frozen(away):
        status = status_of(history)
    assert time.monotonic() - began < HANGING_SECONDS
    unknown = [line for line in status.lines if line.outcome is Outcome.UNKNOWN]
    said = {
        "system_db": "held orders",
        "live_db": "live_db",
        "primary": 'bucket "print-files"',
        "redis": 'Redis "redis"',
    }[away]
    assert any(said in line.text for line in unknown), status.lines
    assert not status.well
    if away != "system_db":
        assert any(line.area == "drill" and line.outcome is Outcome.PASS for line in status.lines)
    assert any(line.area == "buckets" and line.outcome is Outcome.PASS for line in status.lines)
    assert any(line.area == "redis" and line.outcome is Outcome.PASS for line in status.lines) is (away != "redis")
