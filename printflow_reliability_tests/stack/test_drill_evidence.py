"""A drill's numbers are never lost: not with a connection, not with the report, not with a person's patience."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from jinja2 import DictLoader, Environment
from psycopg.rows import TupleRow

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.history import list_drills, show_drill
from printflow_reliability.drills.unrecorded import record_kept
from printflow_reliability.errors import CouldNotTell, LockHeld
from printflow_reliability.records import database, session
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.reaper import LOCK
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import left_behind, outcomes

pytestmark = pytest.mark.stack

CUT_CONNECTIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = 'printflow_reliability' AND pid <> pg_backend_pid() AND datname = current_database()
"""
OTHER_SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = 'printflow_reliability' AND pid <> pg_backend_pid() AND datname = current_database()
"""
IMPATIENT = """
import os, signal, sys
from printflow_reliability.cli import run

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)

def heard(event, arguments):
    if event == "subprocess.Popen" and "start" in arguments[1] and "pg_ctl" in str(arguments[1]):
        os.kill(os.getpid(), signal.SIGHUP)
    if event == "shutil.rmtree":
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(heard)
sys.exit(run(["--config", sys.argv[1], "drill", "run", "--json"]))
"""


def with_report_of_no_use(settings: Settings) -> Settings:
    """The reports' bucket cannot be reached, since the file of its certificate authority is gone."""
    buckets = tuple(
        bucket.model_copy(update={"ca_file": Path("/nonexistent/ca.pem")}) if bucket.name == "reports" else bucket
        for bucket in settings.bucket
    )
    return settings.model_copy(update={"bucket": buckets})


@contextmanager
def thawed_afterwards(frozen: list[int]) -> Iterator[None]:
    """Let the processes that were stopped in the block go on after it."""
    try:
        yield
    finally:
        thaw(frozen)


def thaw(frozen: list[int]) -> None:
    for pid in frozen:
        with suppress(ProcessLookupError):  # it was told to end, and has
            os.kill(pid, signal.SIGCONT)


def freeze_sessions(records: psycopg.Connection[TupleRow]) -> list[int]:
    """Stop the servers of all other sessions of ours in the records; they keep their connections and locks."""
    pids = [pid for (pid,) in records.execute(OTHER_SESSIONS).fetchall()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


def test_a_lost_and_a_frozen_connection_and_a_report_that_cannot_be_kept_cost_no_number(
    backed_up: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ANSWER_SECONDS", 3)
    monkeypatch.setattr(session, "GONE_SECONDS", 1)
    held: list[str] = []
    frozen: list[int] = []

    def tell(phase: Phase) -> None:
        with open_records(backed_up.settings.records) as records:
            if phase is Phase.START:
                records.execute(CUT_CONNECTIONS)
            if phase is Phase.REPLAY_TO_END:
                frozen.extend(freeze_sessions(records))
            if phase is Phase.PROMOTE:
                with pytest.raises(LockHeld) as taken, exclusive(records, LOCK):
                    pass
                held.append(taken.value.what)

    with thawed_afterwards(frozen):
        report = run_drill(with_report_of_no_use(backed_up.settings), tell=tell)
    assert frozen
    assert report.passed, report.checks
    assert "another restore drill is running" in held[0]  # the lock was taken again with the new connection
    assert (report.report, report.unrecorded, report.exit_code) == (None, None, 0)
    document = show_drill(backed_up.settings, report.id)
    assert document["rto_seconds"] == report.numbers["rto_seconds"]
    assert document["outcome"] == Outcome.PASS


def test_records_that_are_gone_at_the_end_get_the_numbers_from_a_file_later_and_once(backed_up: StackSandbox) -> None:
    def tell(phase: Phase) -> None:
        if phase is Phase.PROMOTE:
            lifecycle.stop(backed_up.home, "system_db", with_signal=signal.SIGKILL)

    before = len(list_drills(backed_up.settings))
    try:
        report = run_drill(backed_up.settings, tell=tell)
    finally:
        lifecycle.start(backed_up.home, "system_db")
    # What is known of print files' content, and of erasures, is in the records; all else needs them no more.
    told = {name: outcome for name, outcome in outcomes(report).items() if outcome is not Outcome.PASS}
    unknown = ("drill.files", "drill.rollback", "drill.printable")
    assert told == dict.fromkeys(unknown, Outcome.UNKNOWN), report.checks
    assert report.unrecorded is not None
    assert stat.S_IMODE(report.unrecorded.stat().st_mode) == 0o600
    kept = report.unrecorded.read_text()
    assert json.loads(kept)["rto_seconds"] == report.numbers["rto_seconds"]
    for _ in range(2):  # killed between recording and removing, it begins again
        report.unrecorded.write_text(kept)
        with RecordsSession(backed_up.settings.records, LOCK) as records_session:
            records_session.ask(lambda records: record_kept(records, backed_up.settings.drills.directory))
        assert not report.unrecorded.exists()
        document = show_drill(backed_up.settings, report.id)
        assert (document["outcome"], document["unrecorded"]) == (Outcome.UNKNOWN, None)
        assert document["rto_seconds"] == report.numbers["rto_seconds"]
        assert document["finished_at"] == report.finished_at.isoformat()
    assert len(list_drills(backed_up.settings)) == before + 1
    with open_records(backed_up.settings.records) as records:
        records.execute("DELETE FROM drills WHERE id = %s", (report.id,))  # as records of before that drill
        for _ in range(2):
            report.unrecorded.write_text(kept)
            record_kept(records, backed_up.settings.drills.directory)
    assert list_drills(backed_up.settings)[0]["rto_seconds"] == report.numbers["rto_seconds"]
    assert len(list_drills(backed_up.settings)) == before + 1


def test_whoever_sends_a_second_signal_is_told_to_wait_and_nothing_is_left_behind(backed_up: StackSandbox) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IMPATIENT, str(backed_up.config)],
        timeout=120,
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert ended.returncode == 2, ended.stderr
    assert "is being removed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert left_behind(backed_up) == []
    document = json.loads(ended.stdout)
    assert (document["interrupted"], document["outcome"]) == ("SIGHUP", Outcome.UNKNOWN)
    assert all("interrupted" in check["detail"] for check in document["checks"])
    newest = list_drills(backed_up.settings)[0]
    assert (newest["id"], newest["interrupted"]) == (document["id"], "SIGHUP")


def await_free(records: psycopg.Connection) -> None:
    """Wait until the server has ended the sessions that it was told to end, and their lock with them."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with exclusive(records, LOCK):
                return
        except LockHeld:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_another_drill_that_began_while_the_connection_was_lost_is_noticed(backed_up: StackSandbox) -> None:
    with RecordsSession(backed_up.settings.records, LOCK) as records_session:
        records_session.require_lock()
        with open_records(backed_up.settings.records) as records:
            records.execute(CUT_CONNECTIONS)
            await_free(records)
            with exclusive(records, LOCK), pytest.raises(CouldNotTell, match="another restore drill is running"):
                records_session.require_lock()
        with pytest.raises(CouldNotTell, match="another restore drill is running"):
            records_session.require_lock()  # it removed what this one had restored


def test_a_frozen_session_keeps_its_lock_and_is_waited_for_only_so_long(
    backed_up: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(session, "GONE_SECONDS", 0.5)
    frozen: list[int] = []
    with RecordsSession(backed_up.settings.records, LOCK) as records, thawed_afterwards(frozen):
        with open_records(backed_up.settings.records) as others:
            frozen.extend(freeze_sessions(others))
            began = time.monotonic()
            records.require_lock()
            assert time.monotonic() - began < 30
            with pytest.raises(LockHeld), exclusive(others, LOCK):
                pass
            thaw(frozen)
            await_free(others)
        records.require_lock()  # takes it anew
        with (
            open_records(backed_up.settings.records) as others,
            pytest.raises(LockHeld),
            exclusive(others, LOCK),
        ):
            pass


def test_a_defect_of_ours_is_recorded_as_such_and_shows_no_secret(
    backed_up: StackSandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Nor is the page anything but the page's trouble.
    page = DictLoader({"report.html": "{{ drill.outcome.nothing.of_the_kind }}"})
    broken = Environment(loader=page, autoescape=True)
    monkeypatch.setattr("printflow_reliability.drills.report.TEMPLATES", broken)
    secret = backed_up.settings.secrets[0]

    def tell(_phase: Phase) -> None:
        raise ValueError(f"this is {secret}")

    with pytest.raises(ValueError, match="this is"):
        run_drill(backed_up.settings, tell=tell)
    newest = list_drills(backed_up.settings)[0]
    assert newest["outcome"] == Outcome.UNKNOWN
    assert {check["detail"] for check in newest["checks"]} == {
        "not reached; find broke off: unexpected ValueError: this is [secret]"
    }
    assert (newest["report"], newest["finished_at"] is not None) == (None, True)
    assert f"the report of drill {newest['id']} was not kept: unexpected UndefinedError" in caplog.text
    assert left_behind(backed_up) == []


@pytest.mark.parametrize("server", ["admin_db", "primary"])
def test_a_server_that_never_answers_does_not_keep_a_drill_from_being_interrupted(
    backed_up: StackSandbox, server: str
) -> None:
    before = {drill["id"] for drill in list_drills(backed_up.settings)}
    argv = [sys.executable, "-c", "from printflow_reliability.cli import main; main()", "--config"]
    with (
        backed_up.frozen(server),
        subprocess.Popen([*argv, str(backed_up.config), "drill", "run"], stdout=subprocess.PIPE, text=True) as drill,
    ):
        while not (new := {drill["id"] for drill in list_drills(backed_up.settings)} - before):
            time.sleep(0.2)
        time.sleep(1)
        began = time.monotonic()
        drill.send_signal(signal.SIGTERM)
        told = drill.communicate(timeout=60)[0]
        assert time.monotonic() - began < 45  # 5 on a machine that has nothing else to do
    assert drill.returncode == 2
    assert "COULD NOT TELL (interrupted by SIGTERM)" in told
    newest = list_drills(backed_up.settings)[0]
    assert ({newest["id"]}, newest["interrupted"]) == (new, "SIGTERM")
    assert left_behind(backed_up) == []


DAGSTER = """
import os, signal, sys
import dagster as dg
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.drills import restore_drill

def heard(event, arguments):
    if event == "subprocess.Popen" and "start" in arguments[1] and "pg_ctl" in str(arguments[1]):
        os.kill(os.getpid(), signal.SIGTERM)

sys.addaudithook(heard)
if __name__ == "__main__":
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([restore_drill], resources={"configuration": Configuration(file=sys.argv[1])}, instance=instance)
"""


def test_a_run_that_dagster_ends_removes_its_clones_and_is_recorded(backed_up: StackSandbox) -> None:
    before = {drill["id"] for drill in list_drills(backed_up.settings)}
    ended = subprocess.run(
        [sys.executable, "-c", DAGSTER, str(backed_up.config)], timeout=120, capture_output=True, check=False, text=True
    )
    assert ended.returncode != 0
    newest = list_drills(backed_up.settings)[0]
    assert newest["id"] not in before, ended.stderr
    assert (newest["outcome"], bool(newest["interrupted"])) == (Outcome.UNKNOWN, True)
    assert left_behind(backed_up) == []
