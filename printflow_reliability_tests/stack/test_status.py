"""3 a.m.: `printflow status` alone names what was planted, each command that it prints runs, and it never hangs."""

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from printflow_reliability.backups.wal import CONTINUITY, repository_scope
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.readiness.dagster_seen import DAGSTER, SEEN_BY_ITSELF
from printflow_reliability.records.check_results import remember
from printflow_reliability.records.database import open_records
from printflow_reliability.register import REGISTER
from printflow_reliability.sandbox import node_pdf_service
from printflow_reliability.sandbox.faults import Planted, planted
from printflow_reliability.settings import Settings
from printflow_reliability.status.status import status_of
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.kept_records import records_kept
from printflow_reliability_tests.stack.queue_records import nothing_known_of_queues

pytestmark = pytest.mark.stack

BEFORE_THE_DRILL = ("orphaned_regenerations", "foreign_key_violated", "index_missing_rows")
OF_FILES = (
    "print_ready_link_lost",
    "object_deleted",
    "object_gone",
    "pdf_truncated",
    "pdf_html_error",
    "wrong_tenant_path",
    "key_near_miss",
)
OF_QUEUES = ("job_waits",) if node_pdf_service.missing() else ("job_waits", "generation_failed")
OF_REPOSITORIES = ("wal_segment_missing", "backup_byte_flipped")
SAYS = {
    "object_deleted": "missing but restorable",
    "object_gone": "lost",
    "key_near_miss": "spelled differently",
    "wrong_tenant_path": "outside the tenant's own base path",
    "foreign_key_violated": "public.invoices",
    "index_missing_rows": "jobs_queue_idx",
    "generation_failed": "generation_failed",
}
"""What a line must say besides, where a check is for several faults."""
LOOKS = (
    # The sweep first: what the guard need not inspect itself, it tells at its first look.
    ("pdf", "sweep"),
    ("queues",),
    ("orders", "held"),
    ("files", "reconcile"),
    ("wal", "verify", "live_db"),
    ("backup", "verify"),
)
"""What Dagster and `printflow watch` do by themselves."""
HANGING_SECONDS = 60.0
"""What only a command that waits for ever takes."""
A_DRILL = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome, document)
VALUES (now() - interval '1 hour', now() - interval '1 minute', 'latest', 1, 'pass', '{}')"""


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


@contextmanager
def healthy_records(sandbox: StackSandbox) -> Iterator[None]:
    """The records of a sandbox of which all is well; as they were afterwards."""
    with records_kept(sandbox):
        with open_records(sandbox.settings.records) as records:
            remember(records, healthy_history(sandbox.settings))
            records.execute(A_DRILL)
        yield


@contextmanager
def impatient(sandbox: StackSandbox) -> Iterator[None]:
    """Objects that nothing names are orphans at once."""
    text = sandbox.config.read_text()
    sandbox.config.write_text(text.replace("orphan_grace_seconds = 20", "orphan_grace_seconds = 1"))
    try:
        yield
    finally:
        sandbox.config.write_text(text)


@pytest.fixture(scope="module")
def history(sandbox: StackSandbox) -> Iterator[Settings]:
    """The sandbox with a healthy history; its records are as they were afterwards."""
    with healthy_records(sandbox):
        yield sandbox.settings


def document(sandbox: StackSandbox, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run(["--config", str(sandbox.config), *words])
    streams = capsys.readouterr()
    assert "Traceback" not in streams.err
    assert "unexpected" not in streams.err, (words, streams.err)
    return code, streams.out + streams.err


def told(fault: Planted, lines: list[dict[str, Any]]) -> bool:
    """Whether a line that is not well is of this fault: by its check and place, or by the order that is held."""
    order, place = fault.where.get("order"), fault.where.get("segment") or fault.where.get("label") or ""
    says = SAYS.get(fault.fault, "")
    texts = [line["text"] for line in lines if line["outcome"] != "pass"]
    held = [text for text in texts if text.startswith(f"order {order} is held")]
    if fault.check == "orders.artwork":
        return any(says in text for text in held)
    named = [text for text in texts if text.startswith(fault.check) or (place and place in text)]
    return any(says in text and place in text for text in named) and bool(held or not order or fault.kind == "orphan")


def test_at_3_am_every_planted_fault_is_named_and_each_printed_command_runs(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as faults:
        faults.enter_context(healthy_records(backed_up))
        faults.enter_context(impatient(backed_up))
        with open_records(backed_up.settings.records) as records:  # so that every byte is read
            records.execute("DELETE FROM repository_files")
            records.execute("DELETE FROM repository_verifications")
        faults.enter_context(nothing_known_of_queues(backed_up))
        there: dict[str, Planted] = {}

        def plant(*names: str) -> None:
            there.update({name: faults.enter_context(planted(backed_up.home, name)) for name in names})

        plant(*BEFORE_THE_DRILL)
        document(backed_up, capsys, "drill", "run", "--repo", "2")
        plant(*OF_FILES, *OF_QUEUES, *OF_REPOSITORIES)
        for words in LOOKS:
            document(backed_up, capsys, *words)
        code, said = document(backed_up, capsys, "status", "--json")
        lines: list[dict[str, Any]] = json.loads(said)["lines"]
        shown_code, shown = document(backed_up, capsys, "status")
        unwell = [line for line in lines if line["outcome"] != "pass"]

        assert (code, shown_code) == (1, 1)
        assert [name for name, fault in there.items() if not told(fault, lines)] == [], lines
        order = there["print_ready_link_lost"].where["order"]
        assert f"printflow orders repair {order}" in [line["command"] for line in lines[: len(OF_FILES)]], lines
        assert shown.startswith("FAIL: ")
        for command in sorted({line["command"] for line in unwell}):
            assert command in shown
            program, *typed = shlex.split(command)
            assert program == "printflow"
            if tuple(typed) in LOOKS:
                continue  # it ran above
            code, said = document(backed_up, capsys, *typed)
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
