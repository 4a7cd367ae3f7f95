"""Dumps of real clusters into a real bucket under Object Lock: made, locked, and nothing left that only looks whole."""

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.dumps.manifest import DUMP, PREFIX
from printflow_reliability.dumps.run import list_dumps, take_dumps
from printflow_reliability.dumps.store import open_store
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.upload import SMALLEST_PART, LockedUpload
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import BUCKET, database, forged, newest, stored, verifying

pytestmark = pytest.mark.stack

DATABASES = {("live_db", "live_db"), ("live_db", "postgres"), ("admin_db", "admin_db"), ("admin_db", "postgres")}
POLICY = (
    "CREATE TABLE hidden AS SELECT n FROM generate_series(1, 5000) AS n",
    "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY",
    'GRANT CONNECT ON DATABASE "hides rows" TO printflow',
)


@pytest.fixture(scope="module")
def dumped(sandbox: StackSandbox) -> StackSandbox:
    """The sandbox with a dump of each database."""
    report = take_dumps(sandbox.settings)
    assert report.troubles == {}
    return sandbox


@pytest.mark.alarm("dump.recent", "silent")
def test_every_database_has_a_dump_that_is_locked(dumped: StackSandbox) -> None:
    report = list_dumps(dumped.settings)

    # The copy of the configuration has dumps of its own there, of the records.
    found = {(dump.cluster, dump.database) for dump in report.dumps if dump.cluster in postgres.PROTECTED}
    assert found == DATABASES
    assert [check.outcome for check in report.checks] == [Outcome.PASS], report.checks
    assert set(report.states.values()) == {"whole"}
    with postgres.superuser(dumped.home, "live_db", "live_db") as connection:
        row = connection.execute("SELECT count(*) FROM orders").fetchone()
    assert row == (newest(dumped).content.tables["public.orders"],)


def test_nobody_can_delete_a_dump_or_shorten_its_lock(dumped: StackSandbox) -> None:
    manifest = newest(dumped)
    admin = seaweedfs.client(dumped.home, BUCKET)
    with pytest.raises(ClientError, match="AccessDenied"):
        admin.delete_object(Bucket=BUCKET, Key=manifest.key, VersionId=manifest.version_id)
    with pytest.raises(ClientError):
        admin.put_object_retention(
            Bucket=BUCKET,
            Key=manifest.key,
            VersionId=manifest.version_id,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(seconds=30)},
        )


@pytest.mark.skipif(not (shutil.which("age") and shutil.which("zstd")), reason="age and zstd are not installed here")
def test_age_zstd_and_pg_restore_read_a_dump_without_this_program(dumped: StackSandbox) -> None:
    manifest = newest(dumped)
    s3 = seaweedfs.client(dumped.home, BUCKET)
    body = s3.get_object(Bucket=BUCKET, Key=manifest.key)["Body"].read()
    assert b"orders" not in body
    with database(dumped, "by hand") as conninfo:
        argv = 'age --decrypt -i "$0" | zstd -d --quiet | runuser -u "$1" -- "$2" --no-owner --no-acl --dbname="$3"'
        if os.geteuid() != 0:
            argv = argv.replace('runuser -u "$1" -- ', "")
        restore = dumped.settings.runner().postgres("pg_restore", manifest.content.major)
        identity = str(dumped.home.path("secrets", "dumps.identity"))
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", argv, identity, "postgres", restore, conninfo],
            input=body,
            capture_output=True,
            check=False,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
        with postgres.superuser(dumped.home, "admin_db", "by hand") as connection:
            row = connection.execute("SELECT count(*) FROM orders").fetchone()
    assert row == (manifest.content.tables["public.orders"],)


@pytest.mark.alarm("dump.recent", "ring")
def test_a_database_without_a_dump_rings(dumped: StackSandbox) -> None:
    with database(dumped, "new shop"):
        report = list_dumps(dumped.settings)
    assert [check.outcome for check in report.checks] == [Outcome.FAIL]
    assert 'admin_db: database "new shop" has no whole dump' in report.checks[0].detail


def test_an_old_dump_an_unlocked_one_and_a_hidden_one_are_told(dumped: StackSandbox) -> None:
    late = list_dumps(dumped.settings, clock=lambda: datetime.now(UTC) + timedelta(days=2))
    assert late.checks[0].outcome is Outcome.FAIL
    assert "old, allowed are" in late.checks[0].detail

    manifest = newest(dumped)
    with forged(dumped, manifest, taken_at=datetime.now(UTC)):
        unlocked = list_dumps(dumped.settings, clusters=["live_db"])
    assert unlocked.checks[0].outcome is Outcome.FAIL
    assert "is not locked" in unlocked.checks[0].detail

    s3 = seaweedfs.client(dumped.home, BUCKET)
    marker = s3.delete_object(Bucket=BUCKET, Key=manifest.key)["VersionId"]
    try:
        hidden = list_dumps(dumped.settings, clusters=["live_db"])
    finally:
        s3.delete_object(Bucket=BUCKET, Key=manifest.key, VersionId=marker)
    assert hidden.checks[0].outcome is Outcome.WARN
    assert manifest.version_id in hidden.checks[0].detail


@pytest.mark.alarm("dump.recent", "unknown")
def test_a_cluster_that_is_away_is_unknown_and_the_other_is_dumped(dumped: StackSandbox) -> None:
    told: list[str] = []
    with dumped.stopped("admin_db"):
        report = take_dumps(dumped.settings, tell=told.append)
    assert {dump.database for dump in report.dumps} == {"live_db", "postgres"}
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert "admin_db" in report.checks[0].detail
    assert list(report.troubles) == ["admin_db"]


def test_a_dump_that_pg_dump_gives_up_leaves_nothing(dumped: StackSandbox) -> None:
    before = stored(dumped)
    with database(dumped, "hides rows", *POLICY):
        report = take_dumps(dumped.settings, clusters=["admin_db"], database="hides rows")
    assert report.dumps == []
    assert "row-level security" in report.troubles["admin_db/hides rows"]
    assert report.checks[0].outcome is Outcome.FAIL  # and there is none at all
    assert stored(dumped) == before
    assert not seaweedfs.client(dumped.home, BUCKET).list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_what_a_killed_upload_leaves_is_no_dump_and_ended_later(dumped: StackSandbox) -> None:
    store = open_store(dumped.settings)
    before = stored(dumped)
    now = datetime.now(UTC)
    key = newest(dumped).key.replace("-daily-", "-killed-").replace("-monthly-", "-killed-")
    upload = LockedUpload(store, key, until=now + timedelta(minutes=5), part_size=SMALLEST_PART)
    upload.__enter__()
    upload.write(b"x" * (SMALLEST_PART + 1))
    upload._parts[0].result()

    assert stored(dumped) == before
    assert store.end_stale_uploads(now, prefix=PREFIX, suffix=DUMP) == 0
    assert store.end_stale_uploads(now + timedelta(days=2), prefix=PREFIX, suffix=DUMP) == 1
    assert store.end_stale_uploads(now + timedelta(days=2), prefix=PREFIX, suffix=DUMP) == 0


def test_a_dump_without_its_manifest_is_none(dumped: StackSandbox) -> None:
    manifest = newest(dumped)
    s3 = seaweedfs.client(dumped.home, BUCKET)
    with forged(dumped, manifest) as copy:
        junk = s3.list_object_versions(Bucket=BUCKET, Prefix=copy.manifest_key)["Versions"][0]["VersionId"]
        s3.delete_object(Bucket=BUCKET, Key=copy.manifest_key, VersionId=junk)
        s3.put_object(Bucket=BUCKET, Key=copy.manifest_key, Body=b"{}")
        found = stored(dumped)
    assert copy.key not in {dump.manifest.key for dump in found.dumps}
    assert copy.key in {version.key for version in found.incomplete}
    assert [why for why in found.unreadable if copy.manifest_key in why]


def test_a_bucket_without_object_lock_is_refused(dumped: StackSandbox) -> None:
    settings = verifying(dumped, bucket="print-files")
    with pytest.raises(ConfigError, match="has no Object Lock"):
        take_dumps(settings)


@pytest.mark.parametrize(("off", "said"), [(7200, "2 h ahead of"), (-3600.5, "1 h behind")])
def test_a_clock_that_is_off_is_refused_before_anything_is_made(dumped: StackSandbox, off: float, said: str) -> None:
    before = stored(dumped)
    with pytest.raises(ConfigError, match=said):
        take_dumps(dumped.settings, clock=lambda: datetime.now(UTC) + timedelta(seconds=off))
    assert stored(dumped) == before


def test_an_unknown_cluster_or_database_and_a_missing_section_end_with_2(
    dumped: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(dumped.config)]
    assert run([*config, "dump", "run", "nowhere"]) == 2
    assert 'no cluster named "nowhere"' in capsys.readouterr().err
    assert run([*config, "dump", "run", "--database", "nowhere"]) == 2
    assert 'no cluster has a database "nowhere"' in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"is not in printflow\.toml"):
        list_dumps(dumped.settings.model_copy(update={"dumps": None}))
