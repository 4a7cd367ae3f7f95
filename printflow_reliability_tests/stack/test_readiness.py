"""Readiness on real servers: red on a planted fault, green without it, unknown where nobody answers."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.readiness.canary import STORAGE
from printflow_reliability.readiness.dagster_seen import DAGSTER, SEEN_BY_ITSELF
from printflow_reliability.readiness.queues_seen import SECTIONS
from printflow_reliability.readiness.readiness import CHECKS, check_readiness
from printflow_reliability.records.check_results import remember
from printflow_reliability.records.database import open_records
from printflow_reliability.register import REGISTER
from printflow_reliability.sandbox import postgres
from printflow_reliability.settings import PdfServiceSettings, Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability_tests.ports import closed_port
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

SILENT = [pytest.mark.alarm(check, "silent") for check in CHECKS]
UNKNOWN = [pytest.mark.alarm(check, "unknown") for check in CHECKS]
A_DRILL = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome) VALUES
(now() - interval '1 hour', now() - interval '1 minute', 'latest', 1, 'pass') RETURNING id"""
AN_ALERT = """
INSERT INTO alerts (dedup_key, severity, title, body) VALUES ('ready:test', 'error', 't', 'b') RETURNING id"""
IN_VAIN = """
INSERT INTO deliveries (alert_id, subject, route, event, attempts, last_error, next_attempt_at)
VALUES (%s, 'ready:test', 'nobody', 'trigger', 5, 'it is down', now() + interval '1 hour')"""


def marked(marks: list[pytest.MarkDecorator]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def mark(test: Callable[..., Any]) -> Callable[..., Any]:
        for each in marks:
            test = each(test)
        return test

    return mark


@pytest.fixture(scope="module")
def well(sandbox: StackSandbox) -> Iterator[Settings]:
    """The sandbox with what its history would hold: a look for backups, a drill that passed, a note of Dagster's."""
    history = [
        CheckResult("backup.recent", Outcome.PASS, "live_db repo1: a backup, 1 h old"),
        *(CheckResult(check, Outcome.PASS, "well") for check in REGISTER if check.partition(".")[0] in SECTIONS),
        CheckResult(DAGSTER, Outcome.PASS, "5 daemons live", {"late_schedules": 0}, scope=SEEN_BY_ITSELF),
    ]
    with open_records(sandbox.settings.records) as records:
        before = records.execute("SELECT * FROM check_results").fetchall()
        remember(records, history)
        (drill,) = records.execute(A_DRILL).fetchone() or (0,)
    yield sandbox.settings
    with open_records(sandbox.settings.records) as records:
        records.execute("DELETE FROM drills WHERE id = %s", (drill,))
        records.execute("DELETE FROM check_results")
        columns = ", ".join(["%s"] * 6)
        for row in before:
            *first, numbers, at, scope = row
            values = (*first, psycopg.types.json.Jsonb(numbers), at, scope)
            records.execute(f"INSERT INTO check_results VALUES ({columns}) ON CONFLICT DO NOTHING", values)


def answers(settings: Settings) -> Mapping[str, CheckResult]:
    return {check.check: check for check in check_readiness(settings).checks}


def changed(settings: Settings, section: str, **values: Any) -> Settings:
    """The settings with other values in one section."""
    return settings.model_copy(update={section: getattr(settings, section).model_copy(update=values)})


@marked(SILENT)
def test_a_platform_that_is_well_is_ready_and_its_buckets_are_written_once_an_hour(well: Settings) -> None:
    first = check_readiness(well)
    again = answers(well)

    assert [check for check in first.checks if check.outcome is not Outcome.PASS] == []
    assert first.ready
    assert set(first.seconds) == {check.check for check in first.checks}
    reports = well.bucket_named("reports")
    versions = s3_client(reports).list_object_versions(Bucket=reports.bucket, Prefix=str(well.readiness.probe_key))
    assert (versions.get("Versions", []), versions.get("DeleteMarkers", [])) == ([], [])
    assert 'bucket "reports" gave back what was written' in again[STORAGE].detail
    assert "ago)" in again[STORAGE].detail


@marked(UNKNOWN)
def test_what_does_not_answer_is_not_known_and_keeps_nothing_else_from_being_told(
    well: Settings, sandbox: StackSandbox
) -> None:
    with closed_port() as port, ExitStack() as frozen:
        service = PdfServiceSettings(url=f"http://127.0.0.1:{port}/files", token="t" * 32)
        first, *others = well.cluster
        clusters = (first.model_copy(update={"standby": first.url}), *others)
        settings = changed(well, "drills", directory=Path("/" + "a" * 5000)).model_copy(
            update={"pdf_service": service, "cluster": clusters}
        )
        for server in ("live_db", "system_db", "primary", "redis"):
            frozen.enter_context(sandbox.frozen(server))
        found = answers(settings)
    assert {name for name, check in found.items() if check.outcome is Outcome.UNKNOWN} == set(CHECKS)
    assert "live_db" in found["ready.databases"].detail
    assert "Redis redis did not answer" in found["ready.queues"].detail
    assert "admin_db" not in found["ready.databases"].detail
    assert 'bucket "print-files" at https://localhost' in found[STORAGE].detail
    assert "reports" not in found[STORAGE].detail


@pytest.mark.alarm("ready.databases", "ring")
def test_a_cluster_whose_connections_are_nearly_all_taken_is_not_ready(well: Settings, sandbox: StackSandbox) -> None:
    with ExitStack() as taken, postgres.superuser(sandbox.home, "admin_db", "admin_db") as connection:
        (most,) = connection.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        ).fetchone() or (0,)
        for _ in range(most - 3):
            taken.enter_context(postgres.superuser(sandbox.home, "admin_db", "admin_db"))
        check = answers(well)["ready.databases"]
    assert (check.outcome, "admin_db" in check.detail) == (Outcome.FAIL, True), check


@pytest.mark.alarm("ready.records", "ring")
def test_records_without_their_tables_are_not_ready(well: Settings) -> None:
    url = psycopg.conninfo.make_conninfo(well.records.url, dbname="postgres")
    found = answers(changed(well, "records", url=url))
    assert found["ready.records"].outcome is Outcome.FAIL, found
    assert "printflow records migrate" in found["ready.records"].detail
    assert found["ready.backups"].outcome is Outcome.UNKNOWN


@pytest.mark.alarm("ready.disk", "ring")
def test_too_little_space_is_not_ready(well: Settings) -> None:
    check = answers(changed(well, "readiness", min_free_bytes=10**18))["ready.disk"]
    assert (check.outcome, "space is short" in check.detail) == (Outcome.FAIL, True), check


class Broken(BaseHTTPRequestHandler):
    """A pdf-service that answers nothing but errors, and keeps what it was sent."""

    sent: list[str | None] = []  # noqa: RUF012 - one server

    def do_GET(self) -> None:
        self.sent.append(self.headers.get("Authorization"))
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        """Nowhere."""


@contextmanager
def broken_service() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Broken) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.alarm("ready.pdf_service", "ring")
def test_a_pdf_service_that_answers_with_errors_is_not_ready_and_is_not_told_the_token(well: Settings) -> None:
    with broken_service() as port:
        service = PdfServiceSettings(url=f"http://127.0.0.1:{port}/files", token="t" * 32)
        check = answers(well.model_copy(update={"pdf_service": service}))["ready.pdf_service"]
    assert (check.outcome, "503" in check.detail) == (Outcome.FAIL, True), check
    assert set(Broken.sent) == {None}


@pytest.mark.alarm("ready.backups", "ring")
@pytest.mark.alarm("ready.dagster", "ring")
@pytest.mark.alarm("ready.outbox", "ring")
@pytest.mark.alarm("ready.queues", "ring")
@pytest.mark.alarm("ready.restores", "ring")
def test_old_backups_no_proof_a_silent_dagster_and_alerts_and_jobs_that_wait_are_not_ready(well: Settings) -> None:
    with open_records(well.records) as records:
        old = CheckResult("backup.recent", Outcome.FAIL, "the newest backup is 9 days old")
        waiting = CheckResult("queues.age", Outcome.FAIL, "the oldest job of pdf waits for 2 h")
        remember(records, [old, waiting])
        silence = "UPDATE check_results SET answered_at = now() - %s::interval WHERE check_name = %s AND scope = %s"
        records.execute(silence, ("1 hour", DAGSTER, SEEN_BY_ITSELF))
        (alert,) = records.execute(AN_ALERT).fetchone() or (0,)
        records.execute(IN_VAIN, (alert,))
        try:
            found = answers(changed(well, "drills", max_age_seconds=1.0))
        finally:
            records.execute("DELETE FROM alerts WHERE id = %s", (alert,))
            records.execute(silence, ("0 s", DAGSTER, SEEN_BY_ITSELF))
            remember(records, [replace(old, outcome=Outcome.PASS), replace(waiting, outcome=Outcome.PASS)])
    red = {name: check.detail for name, check in found.items() if check.outcome is Outcome.FAIL}
    assert set(red) == {"ready.backups", "ready.dagster", "ready.outbox", "ready.queues", "ready.restores"}, found
    assert "9 days old" in red["ready.backups"]
    assert "last heard of 1 h ago" in red["ready.dagster"]
    assert "printflow alerts test" in red["ready.outbox"]
    assert "the oldest job of pdf waits for 2 h" in red["ready.queues"]
    assert "printflow drill run" in red["ready.restores"]
