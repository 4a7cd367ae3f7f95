"""`printflow watch` as a process over real servers: an order without artwork reaches a person, and it ends in order."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from printflow_reliability.cli import run
from printflow_reliability.records.database import open_records
from printflow_reliability.records.leases import take
from printflow_reliability.sandbox import postgres
from printflow_reliability_tests.alerts.watcher import SECRET, answering
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

Start = Callable[..., "subprocess.Popen[str]"]
WITHOUT_ITEM = """
INSERT INTO orders (tenant_id, customer_id, status, total_cents, paid_at)
SELECT tenant_id, customer_id, 'paid', 4200, now() - interval '1 day' FROM orders WHERE status = 'paid' LIMIT 1
RETURNING id::text"""
TABLES = ("holds", "alerts", "known_orders", "leases")


def empty(sandbox: StackSandbox) -> None:
    with open_records(sandbox.settings.records) as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")


@pytest.fixture
def watched(sandbox: StackSandbox) -> Iterator[StackSandbox]:
    """The sandbox with nothing held, told or leased, before and after."""
    empty(sandbox)
    yield sandbox
    empty(sandbox)


@pytest.fixture
def unlinked(watched: StackSandbox) -> Iterator[str]:
    """A paid order without its artwork."""
    with postgres.superuser(watched.home, "live_db", "live_db") as connection:
        (order,) = connection.execute(WITHOUT_ITEM).fetchall()[0]
        yield order
        connection.execute("DELETE FROM orders WHERE id::text = %s", (order,))


@pytest.fixture
def start(watched: StackSandbox) -> Iterator[Start]:
    """Starts the watch; what still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def started(*options: str, config: Path | None = None) -> "subprocess.Popen[str]":
        program = str(Path(sys.executable).with_name("printflow"))
        argv = [program, "--config", str(config or watched.config), *options, "watch"]
        running.append(subprocess.Popen(argv, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield started
    for process in running:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]", words: str) -> str:
    """The next line of its log that has these words; the test's own time limit ends the wait for it."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"it ended without saying: {words}")


def paged(sandbox: StackSandbox, order: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{sandbox.services['receiver'].endpoint}/received").json()
    return [kept["body"] for kept in answer["received"] if kept["body"]["dedup_key"] == f"order:{order}"]


def test_an_order_without_artwork_is_paged_and_sigterm_ends_the_watch_in_order(
    watched: StackSandbox, unlinked: str, start: Start
) -> None:
    process = start()
    line = said(process, "must not go to print")
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=120)

    assert f"order {unlinked}" in line
    assert [page["event"] for page in paged(watched, unlinked)] == ["trigger"]
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    with open_records(watched.settings.records) as connection:
        assert connection.execute("SELECT count(*) FROM leases").fetchone() == (0,)


def test_a_watch_that_is_killed_keeps_its_leases_until_they_end(watched: StackSandbox, start: Start) -> None:
    process = start()
    said(process, "guard: ")
    process.kill()
    process.wait()

    with open_records(watched.settings.records) as connection:
        kept = connection.execute("SELECT name FROM leases WHERE holder LIKE 'printflow watch on %%' ORDER BY name")
        names = [name.split(":")[0] for (name,) in kept.fetchall()]
        # Queues are looked at beside the rounds, so that it may have been killed before it had that lease.
        assert [name for name in names if name != "queues"] == ["guard", "outbox", "present"]
        connection.execute("UPDATE leases SET until = clock_timestamp()")
        assert take(connection, "guard", "Dagster").mine


def test_while_dagster_has_the_leases_the_watch_stands_by(
    watched: StackSandbox, unlinked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_records(watched.settings.records) as connection:
        for name in ("guard", "queues", "outbox"):
            take(connection, name, "Dagster on pluto", lasting=100)
    assert run(["--config", str(watched.config), "watch", "--once", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert {turn["holder"] for turn in document.values()} == {"Dagster on pluto"}
    assert paged(watched, unlinked) == []


def test_a_watch_goes_on_without_its_records_and_with_them_again(
    watched: StackSandbox, unlinked: str, start: Start
) -> None:
    process = start()
    said(process, "guard: ")
    with watched.stopped("system_db"):
        assert f"order {unlinked}" in said(process, "guard without records: ")
    back = said(process, "outbox: every alert reached its route")
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=120)

    assert f"order {unlinked}" in back
    assert process.returncode == 0, rest
    assert {page["event"] for page in paged(watched, unlinked)} == {"trigger"}


def test_its_watchers_hear_of_it_and_no_log_shows_their_addresses(watched: StackSandbox, start: Start) -> None:
    with answering(200, "OK") as (address, got):
        config = watched.config.with_name("heartbeat.toml")
        parts = "".join(f'[[heartbeat]]\nof = "{part}"\nurl = "{address}/{part}"\n' for part in ("guard", "outbox"))
        config.write_text(watched.config.read_text(encoding="utf-8") + parts, encoding="utf-8")
        try:
            process = start("--verbose", config=config)
            line = said(process, "guard: ")
            process.send_signal(signal.SIGTERM)
            _, rest = process.communicate(timeout=120)
        finally:
            config.unlink()

    heard = [path.removeprefix(f"/{SECRET}/") for path, _ in got]
    assert heard[:4] == ["guard/start", "guard", "outbox/start", "outbox"]
    assert b"artwork" in got[1][1]
    assert SECRET not in line + rest
