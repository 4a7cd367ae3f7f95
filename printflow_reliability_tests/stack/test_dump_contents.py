"""Dumps read whole and compared, and restored elsewhere; what was tampered with never reaches a database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.dumps.content import judge_content
from printflow_reliability.dumps.expire import expire_dumps, judged_expiry
from printflow_reliability.dumps.restore import RestoreRequest, restore_dump
from printflow_reliability.dumps.restore_tenant import restore_tenant_rows
from printflow_reliability.dumps.run import take_dumps
from printflow_reliability.dumps.verify import verify_dumps
from printflow_reliability.dumps.workplace import reap
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import postgres
from printflow_reliability.settings import RecordsSettings, Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import database, forged, newest, stored, verifying

pytestmark = pytest.mark.stack


HELD = """
import sys, time
from pathlib import Path
from printflow_reliability.dumps.workplace import workplace
with workplace(Path(sys.argv[1])) as place:
    (place / "archive").write_text("x")
    print(place, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def dumped(sandbox: StackSandbox) -> StackSandbox:
    """The sandbox with a dump of each database."""
    assert take_dumps(sandbox.settings).troubles == {}
    return sandbox


@pytest.fixture
def settings(dumped: StackSandbox) -> Iterator[Settings]:
    """Those of the machine that verifies; nothing that was decrypted is left there afterwards."""
    found = verifying(dumped)
    yield found
    assert found.dumps is not None
    assert [path.name for path in found.dumps.directory.iterdir()] == [".lock"]


@pytest.mark.alarm("dump.content", "silent")
def test_every_dump_holds_every_row_and_can_be_restored(dumped: StackSandbox, settings: Settings) -> None:
    report = verify_dumps(settings)
    tried = verify_dumps(settings, clusters=["live_db"], database="live_db", restore=True)

    assert [check.outcome for check in (*report.checks, *tried.checks)] == [Outcome.PASS] * 2, report.checks
    assert {dump.outcome for dump in report.dumps} == {Outcome.PASS}
    # The machine that makes dumps cannot read them, and knows from the records that they are good.
    assert judge_content(dumped.settings).checks[0].outcome is Outcome.PASS
    late = judge_content(dumped.settings, clock=lambda: datetime.now(UTC) + timedelta(days=2)).checks[0]
    assert (late.outcome, "were last verified" in late.detail) == (Outcome.FAIL, True)
    untried = judge_content(verifying(dumped, max_restore_age_seconds=0.001)).checks[0]
    assert (untried.outcome, "last restored for a trial" in untried.detail) == (Outcome.FAIL, True)


@pytest.mark.alarm("dump.content", "ring")
def test_a_dump_that_lacks_a_row_rings(dumped: StackSandbox, settings: Settings) -> None:
    manifest = newest(dumped)
    tables = {**manifest.content.tables, "public.orders": manifest.content.tables["public.orders"] + 1}
    with forged(dumped, manifest, content=replace(manifest.content, tables=tables)) as copy:
        report = verify_dumps(settings, key=copy.key)
    assert report.checks[0].outcome is Outcome.FAIL
    assert "public.orders has" in report.checks[0].detail


@pytest.mark.alarm("dump.content", "unknown")
def test_without_an_identity_the_content_is_unknown(dumped: StackSandbox) -> None:
    report = verify_dumps(dumped.settings)
    assert [check.outcome for check in report.checks] == [Outcome.UNKNOWN]
    assert run(["--config", str(dumped.config), "dump", "verify"]) == 2


def flipped(at: int) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        changed = bytearray(body)
        changed[at] ^= 1
        return bytes(changed)

    return change


@pytest.mark.parametrize("change", [flipped(-1), flipped(40), lambda body: body[:-50], lambda body: body[:10]])
def test_tampered_ciphertext_is_red_and_nothing_of_it_reaches_a_database(
    dumped: StackSandbox, settings: Settings, change: Callable[[bytes], bytes]
) -> None:
    with forged(dumped, newest(dumped), change) as copy, database(dumped, "target") as url:
        report = verify_dumps(settings, key=copy.key)
        with pytest.raises(CouldNotTell, match="was changed or cut off"):
            restore_dump(settings, RestoreRequest(url, copy.key, apply=True))
        with postgres.superuser(dumped.home, "admin_db", "target") as connection:
            made = connection.execute("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace").rowcount
    assert report.checks[0].outcome is Outcome.FAIL
    assert made == 0


def test_a_key_that_fits_no_dump_is_named_and_proves_nothing(
    dumped: StackSandbox, settings: Settings, tmp_path: Path
) -> None:
    other = tmp_path / "identity"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    report = verify_dumps(verifying(dumped, identity_file=other), clusters=["admin_db"])
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert "its key does not fit" in report.checks[0].detail


def test_no_room_is_told_before_anything_is_fetched(dumped: StackSandbox, settings: Settings) -> None:
    manifest = newest(dumped)
    content = replace(manifest.content, database_bytes=10**18)
    with forged(dumped, manifest, bytes=10**18) as copy, pytest.raises(ConfigError, match="no whole dump"):
        verify_dumps(settings, key=copy.key)
    with forged(dumped, manifest, content=content) as copy:
        report = verify_dumps(settings, key=copy.key, restore=True)
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert "a restored database needs 1,000,000,000,000,000,000 bytes" in report.checks[0].detail


def test_a_dump_is_restored_whole_into_an_empty_database_only(dumped: StackSandbox, settings: Settings) -> None:
    manifest = newest(dumped)
    with database(dumped, "target") as url:
        planned = restore_dump(settings, RestoreRequest(url, manifest.key))
        assert (planned.restored, planned.obstacles, planned.target.empty) == (None, [], True)
        done = restore_dump(settings, RestoreRequest(url, manifest.key, apply=True))
        assert (done.restored, done.left_out) == (manifest.content.rows, [])
        again = restore_dump(settings, RestoreRequest(url, manifest.key))
        assert "is not empty" in again.obstacles[0]
        with pytest.raises(ConfigError, match="is not empty"):
            restore_dump(settings, RestoreRequest(url, manifest.key, apply=True))
        with pytest.raises(Refused, match="is as it was"):
            restore_dump(settings, RestoreRequest(url, manifest.key, add=True, apply=True))


def test_one_table_is_restored_where_it_is_lost_and_not_where_it_has_rows(
    dumped: StackSandbox, settings: Settings
) -> None:
    manifest = newest(dumped)
    with database(dumped, "target") as url:
        request = RestoreRequest(url, manifest.key, tables=("heartbeats",), apply=True)
        made = restore_dump(settings, request)
        assert made.restored == manifest.content.tables["public.heartbeats"]
        with pytest.raises(ConfigError, match="holds rows already"):
            restore_dump(settings, request)
        with postgres.superuser(dumped.home, "admin_db", "target") as connection:
            connection.execute("TRUNCATE heartbeats")
            connection.execute("CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
            connection.execute("CREATE TRIGGER tell BEFORE INSERT ON heartbeats EXECUTE FUNCTION tell()")
            with pytest.raises(ConfigError, match="triggers that would fire"):
                restore_dump(settings, request)
            connection.execute("DROP TRIGGER tell ON heartbeats")
        assert restore_dump(settings, request).restored == made.restored
        with pytest.raises(ConfigError, match=r"(?s)no rows of a table \"heartbeat\".*public.heartbeats"):
            restore_dump(settings, RestoreRequest(url, manifest.key, tables=("heartbeat",)))


def test_one_tenants_absent_rows_are_restored_and_nobody_elses(dumped: StackSandbox, settings: Settings) -> None:
    manifest = newest(dumped)
    with database(dumped, "target") as url:
        restore_dump(settings, RestoreRequest(url, manifest.key, apply=True))
        with postgres.superuser(dumped.home, "admin_db", "target") as connection:
            tenants = connection.execute("SELECT tenant_id::text, count(*) FROM quotes GROUP BY 1").fetchall()
            tenant, lost = tenants[0]
            connection.execute("DELETE FROM quotes")
            planned = restore_tenant_rows(settings, tenant, RestoreRequest(url, manifest.key))
            assert sum(planned.plan.values()) == lost
            done = restore_tenant_rows(settings, tenant, RestoreRequest(url, manifest.key, apply=True))
            there = connection.execute("SELECT tenant_id::text, count(*) FROM quotes GROUP BY 1").fetchall()
        assert done.restored == lost
        assert there == [(tenant, lost)]
    with open_records(settings.records) as records:
        (audit,) = records.execute(
            "SELECT tenant, moment, rows_written, plan FROM tenant_restores ORDER BY id DESC LIMIT 1"
        ).fetchall()
    assert audit[:3] == (tenant, manifest.taken_at, lost)
    assert {(entry["dump"], entry["into"]) for entry in audit[3]} == {(manifest.key, "target")}


@pytest.mark.alarm("dump.retention", "ring")
@pytest.mark.alarm("dump.retention", "silent")
def test_a_dump_whose_lock_has_ended_is_deleted_and_the_bucket_keeps_the_others(
    dumped: StackSandbox, settings: Settings
) -> None:
    verified = verify_dumps(settings, clusters=["live_db"], database="live_db")
    assert verified.checks[0].outcome is Outcome.PASS
    manifest = newest(dumped)
    taken_at, until = (manifest.taken_at - timedelta(days=days) for days in (20, 6))
    with forged(dumped, manifest, taken_at=taken_at, locked_until=until) as old:
        plan = {expiry.key: expiry for expiry in expire_dumps(settings, apply=False).plan}
        assert plan[old.key].versions
        assert not plan[manifest.key].versions
        assert expire_dumps(settings, apply=False).checks[0].outcome is Outcome.PASS
        late = expire_dumps(verifying(dumped, overdue_days=3), apply=False).checks[0]
        assert (late.outcome, old.key in late.detail) == (Outcome.FAIL, True)
        done = expire_dumps(settings, apply=True)
        assert [expiry.key for expiry in done.plan if expiry.deleted] == [old.key]
        assert old.key not in {dump.manifest.key for dump in stored(dumped).dumps}
    # A clock that is wrong does not decide: the bucket does.
    before = stored(dumped)
    wrong = expire_dumps(settings, apply=True, clock=lambda: datetime.now(UTC) + timedelta(days=500))
    assert not [expiry for expiry in wrong.plan if expiry.deleted]
    assert stored(dumped) == before


@pytest.mark.alarm("dump.retention", "unknown")
def test_without_the_records_nothing_is_known_to_be_expendable(dumped: StackSandbox, settings: Settings) -> None:
    away = settings.model_copy(update={"records": RecordsSettings(url="host=/nowhere dbname=records")})
    (check,) = judged_expiry(away, apply=True).checks
    assert (check.outcome, "the records database" in check.detail) == (Outcome.UNKNOWN, True)


def test_a_password_in_the_argument_and_an_unknown_dump_are_refused(
    dumped: StackSandbox, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(dumped.home.verification_config), "dump", "restore"]
    assert run([*config, "--into", "postgresql://me:opensesame@localhost/x"]) == 2
    said = capsys.readouterr().err
    assert "a password in an argument" in said
    assert "opensesame" not in said
    assert run([*config, "dumps/no/such", "--into", "postgresql://localhost/x"]) == 2
    assert "there is no whole dump" in capsys.readouterr().err


def test_what_a_killed_verification_decrypted_is_removed_by_the_next(dumped: StackSandbox, settings: Settings) -> None:
    assert settings.dumps is not None
    directory = settings.dumps.directory
    process = subprocess.Popen([sys.executable, "-c", HELD, str(directory)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    place = Path(process.stdout.readline().strip())
    assert place.stat().st_mode & 0o777 == 0o700
    assert reap(directory) == 0
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 30
    while place.exists() and time.monotonic() < deadline:
        reap(directory)
    assert not place.exists()
