"""Copies of the configuration in a real bucket under Object Lock: what they hold, what they tell, what they lack."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from botocore.exceptions import ClientError

from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.backup import back_up, list_copies
from printflow_reliability.config_backup.manifest import Manifest
from printflow_reliability.config_backup.members import Member, Trouble
from printflow_reliability.config_backup.redis_queues import RedisCopy
from printflow_reliability.dumps.verify import verify_dumps
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.settings import AcknowledgedSettings, RedisCopySettings
from printflow_reliability_tests.ports import closed_port
from printflow_reliability_tests.stack.configured import body_of, copy_of, forged, outcomes
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import BUCKET, verifying

pytestmark = pytest.mark.stack

HEALTHY = {"config.recent": "pass", "config.changes": "pass"}
READS = ["-@all", "+@read", "-@dangerous"]
MAY = ["+info", "+ping", "+hello", "+select", "+multi", "+exec"]
JOB = b"\x00job \xff\r\n"


@pytest.fixture(scope="module")
def copied(sandbox: StackSandbox) -> Manifest:
    """A copy of the sandbox's configuration, which nobody changed since the one before."""
    copy_of(sandbox)
    report = back_up(sandbox.settings, sandbox.config)
    assert outcomes(report) == HEALTHY, report.checks
    return report.made[0]


@pytest.fixture
def files(sandbox: StackSandbox, tmp_path: Path) -> Path:
    """Files of the platform, and a copy that has them besides."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / ".env").write_text("APP_KEY=base64:c2VjcmV0")
    (tmp_path / "nginx.conf").write_text("worker_processes auto;")
    assert outcomes(copy_of(sandbox, paths=(tmp_path,)))["config.recent"] == "pass"
    return tmp_path


@pytest.mark.alarm("config.recent", "silent")
def test_a_copy_holds_all_that_an_empty_machine_lacks(sandbox: StackSandbox, copied: Manifest) -> None:
    home = sandbox.home
    paths = {entry.path for entry in copied.entries}
    wanted = [home.config, home.path("pgbackrest", "pgbackrest.conf"), home.path("certs", "ca.pem")]
    wanted += [home.path("secrets", name) for name in ("records.url", "s3-dumps.secret", "redis.url")]
    assert {f"files{path}" for path in wanted} <= paths
    for cluster in ("live_db", "admin_db"):
        data = home.path("postgres", cluster)
        assert {f"clusters/{cluster}/{name}" for name in ("settings.json", "roles.sql")} <= paths
        assert {f"clusters/{cluster}/files{data}/{name}" for name in ("postgresql.conf", "pg_hba.conf")} <= paths
    assert f"files{home.path('secrets', 'dumps.identity')}" not in paths
    assert copied.troubles == ()
    assert set(copied.dumps) == {"printflow-records/records", "printflow-dagster/dagster"}
    assert outcomes(list_copies(sandbox.settings)) == HEALTHY


def test_nothing_of_it_can_be_read_or_deleted_in_the_bucket(sandbox: StackSandbox, copied: Manifest) -> None:
    passphrase = sandbox.home.secret("pgbackrest.passphrase")
    body = body_of(sandbox, copied)
    assert body.startswith(b"age-encryption.org/v1")
    text = copied.text()
    assert not any(secret in text for secret in (passphrase, *sandbox.settings.secrets))
    assert passphrase.encode() not in body
    s3 = seaweedfs.client(sandbox.home, BUCKET)
    for key in (copied.key, copied.manifest_key):
        version = s3.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"][0]["VersionId"]
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)


@pytest.mark.skipif(not (shutil.which("age") and shutil.which("zstd")), reason="age and zstd are not installed here")
def test_age_zstd_and_tar_read_a_copy_without_this_program(
    sandbox: StackSandbox, copied: Manifest, tmp_path: Path
) -> None:
    argv = 'age --decrypt -i "$0" | zstd -d --quiet | tar --extract --preserve-permissions --directory "$1"'
    identity = str(sandbox.home.path("secrets", "dumps.identity"))
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", argv, identity, str(tmp_path)],
        input=body_of(sandbox, copied),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pgbackrest = sandbox.home.path("pgbackrest", "pgbackrest.conf")
    back = tmp_path / f"files{pgbackrest}"
    assert back.read_bytes() == pgbackrest.read_bytes()
    assert back.stat().st_mode == pgbackrest.stat().st_mode
    roles = (tmp_path / "clusters" / "live_db" / "roles.sql").read_text()
    assert "CREATE ROLE platform_app" in roles
    assert "PASSWORD 'SCRAM-SHA-256" in roles


@pytest.mark.alarm("config.changes", "silent")
@pytest.mark.alarm("config.changes", "ring")
def test_what_changed_or_vanished_since_the_copy_before_rings_once(sandbox: StackSandbox, files: Path) -> None:
    (files / "nginx.conf").write_text("worker_processes 1;")
    (files / "app" / ".env").chmod(0o666)
    report = copy_of(sandbox, paths=(files,))
    assert outcomes(report) == {"config.recent": "pass", "config.changes": "warn"}
    assert f"files{files}/nginx.conf (content)" in report.checks[1].detail
    assert f"files{files}/app/.env (mode 0666 instead of" in report.checks[1].detail

    shutil.rmtree(files / "app")
    report = copy_of(sandbox, paths=(files,))
    assert outcomes(report) == {"config.recent": "pass", "config.changes": "fail"}
    assert "vanished since" in report.checks[1].detail
    assert {change["path"] for change in report.as_json()["changes"]} >= {f"files{files}/app", f"files{files}/app/.env"}

    assert outcomes(copy_of(sandbox, paths=(files,))) == HEALTHY


@pytest.mark.alarm("config.changes", "unknown")
def test_with_another_fingerprint_secret_changes_are_unknown(sandbox: StackSandbox, files: Path) -> None:
    report = copy_of(sandbox, paths=(files,), fingerprint_secret="another secret of theirs")
    assert outcomes(report) == {"config.recent": "pass", "config.changes": "unknown"}


@pytest.mark.alarm("config.recent", "ring")
def test_a_named_file_that_is_not_there_rings_and_the_rest_is_copied(sandbox: StackSandbox, files: Path) -> None:
    (files / "nginx.conf").unlink()
    report = copy_of(sandbox, paths=(files / "nginx.conf", files / "app"))
    assert outcomes(report)["config.recent"] == "fail"
    assert f"{files}/nginx.conf is not there" in report.checks[0].detail
    assert f"files{files}/app/.env" in {entry.path for entry in report.made[0].entries}


def test_an_old_copy_an_unlocked_one_and_a_hidden_one_are_told(sandbox: StackSandbox, copied: Manifest) -> None:
    late = list_copies(sandbox.settings, clock=lambda: datetime.now(UTC) + timedelta(days=2)).checks[0]
    assert (late.outcome, "old, allowed are" in late.detail) == (Outcome.FAIL, True)

    newest = copy_of(sandbox).made[0]
    with forged(sandbox, newest, taken_at=datetime.now(UTC)):
        unlocked = list_copies(sandbox.settings).checks[0]
    assert (unlocked.outcome, "is not locked" in unlocked.detail) == (Outcome.FAIL, True)

    s3 = seaweedfs.client(sandbox.home, BUCKET)
    marker = s3.delete_object(Bucket=BUCKET, Key=newest.key)["VersionId"]
    try:
        hidden = list_copies(sandbox.settings).checks[0]
    finally:
        s3.delete_object(Bucket=BUCKET, Key=newest.key, VersionId=marker)
    assert (hidden.outcome, newest.version_id in hidden.detail) == (Outcome.WARN, True)


@pytest.mark.alarm("config.recent", "unknown")
def test_what_does_not_answer_is_unknown_and_the_rest_is_copied(sandbox: StackSandbox, copied: Manifest) -> None:
    copy_of(sandbox)
    with sandbox.stopped("admin_db"), sandbox.stopped("redis"):
        report = copy_of(sandbox)
    paths = {entry.path for entry in report.made[0].entries}
    assert outcomes(report) == {"config.recent": "unknown", "config.changes": "unknown"}
    assert {trouble.path for trouble in report.made[0].troubles} == {"clusters/admin_db", "redis/redis"}
    assert "clusters/live_db/roles.sql" in paths
    assert not any(path.startswith("clusters/admin_db") for path in paths)
    with sandbox.stopped("system_db"):
        away = copy_of(sandbox)
    assert away.checks[0].outcome is Outcome.UNKNOWN
    assert away.made[0].dumps == {}
    assert away.made[0].files > 30


def test_roles_without_their_passwords_are_said(sandbox: StackSandbox, copied: Manifest) -> None:
    app = sandbox.settings.cluster[0].model_copy(update={"config_url": sandbox.home.secret("live_db.restore.url")})
    report = copy_of(sandbox, sandbox.settings.model_copy(update={"cluster": (app,)}))
    assert report.checks[0].outcome is Outcome.WARN
    assert "may not see where configuration files are" in report.checks[0].detail
    assert "roles without their passwords" in report.checks[0].detail
    assert "clusters/live_db/roles.sql" in {entry.path for entry in report.made[0].entries}
    accepted = tuple(
        AcknowledgedSettings(check="config.recent", about=about, reason="another host has them")
        for about in ("clusters/live_db/files", "clusters/live_db/roles.sql")
    )
    acknowledged = list_copies(sandbox.settings.model_copy(update={"acknowledged": accepted})).checks[0]
    assert (acknowledged.outcome, "another host has them" in acknowledged.detail) == (Outcome.PASS, True)


def test_the_records_are_dumped_verified_and_restored_like_any_database(
    sandbox: StackSandbox, copied: Manifest
) -> None:
    key = copied.dumps["printflow-records/records"]
    report = verify_dumps(verifying(sandbox), clusters=["printflow-records"], key=key, restore=True)
    assert [(dump.manifest.key, dump.outcome) for dump in report.dumps] == [(key, Outcome.PASS)], report.dumps


def test_a_bucket_without_object_lock_and_one_that_is_away_are_told(sandbox: StackSandbox) -> None:
    with pytest.raises(ConfigError, match="has no Object Lock"):
        copy_of(sandbox, bucket="print-files")
    with closed_port() as port:
        away = [
            bucket.model_copy(update={"endpoint_url": f"https://localhost:{port}"}) if bucket.name == BUCKET else bucket
            for bucket in sandbox.settings.bucket
        ]
        with pytest.raises(CouldNotTell, match="nobody accepts connections"):
            copy_of(sandbox, sandbox.settings.model_copy(update={"bucket": tuple(away)}))


@pytest.fixture
def queues(sandbox: StackSandbox) -> Iterator[tuple[RedisCopySettings, "redis.Redis", "redis.Redis"]]:
    """A database of the sandbox's Redis with queues in it, and an empty one."""
    url = sandbox.home.secret("redis.url").rpartition("/")[0]
    with redis.Redis.from_url(f"{url}/7") as source, redis.Redis.from_url(f"{url}/8") as target:
        source.flushdb()
        target.flushdb()
        yield RedisCopySettings(name="jobs", url=f"{url}/7"), source, target
        source.flushdb()
        target.flushdb()


def contents(client: "redis.Redis") -> dict[bytes, object]:
    """What a Redis holds."""
    found: dict[bytes, object] = {}
    for key in client.scan_iter():
        read = {
            b"list": lambda k: client.lrange(k, 0, -1),
            b"zset": lambda k: client.zrange(k, 0, -1, withscores=True),
            b"set": client.smembers,
            b"hash": client.hgetall,
            b"stream": client.xrange,
            b"string": client.get,
        }
        found[key] = read[client.type(key)](key)  # type: ignore[index, operator]
    return found


def test_queues_come_back_by_redis_cli_alone(
    sandbox: StackSandbox, queues: tuple[RedisCopySettings, "redis.Redis", "redis.Redis"]
) -> None:
    settings, source, target = queues
    source.rpush("laravel_database_queues:print", JOB, *(f"job {number}" for number in range(1200)))
    source.zadd("laravel_database_queues:print:delayed", {JOB: 1_793_620_800.25, b"b": float("inf")})
    source.zadd("bull:pdf:failed", {"17": 1_793_620_800_123})
    source.hset("bull:pdf:17", mapping={b"data": JOB, b"failedReason": b"no such file", b"atm": 3})
    source.sadd("bull:pdf:stalled", "17")
    source.set("bull:pdf:17:lock", "token", px=3_600_000)
    source.xadd("bull:pdf:events", {"event": "failed", "jobId": "17"})
    source.set("cache:page", "not a queue")
    expected = contents(source)
    del expected[b"cache:page"]

    copy = RedisCopy(settings)
    parts = list(copy.parts())

    members = [part for part in parts if isinstance(part, Member)]
    assert len(members) == len(parts)
    assert (copy.keys, copy.others) == (7, True)
    # A user that may read queues, and no more, is enough.
    keys = ["bull:*", "*queues:*"]
    source.acl_setuser("copier", enabled=True, passwords=["+pw"], keys=keys, categories=READS, commands=MAY)
    try:
        url = settings.url.replace("redis://:" + sandbox.home.secret("redis.password"), "redis://copier:pw")
        limited = list(RedisCopy(settings.model_copy(update={"url": url})).parts())
        assert [part.path for part in limited if isinstance(part, Member)] == [member.path for member in members], (
            limited
        )
    finally:
        source.acl_deluser("copier")
    password = sandbox.home.secret("redis.password")
    done = subprocess.run(
        ["/usr/bin/redis-cli", "-p", str(sandbox.home.port("redis")), "-n", "8", "--pipe"],
        input=b"".join(member.content for member in members),
        env={"REDISCLI_AUTH": password},
        capture_output=True,
        check=True,
    )
    assert b"errors: 0" in done.stdout, done.stdout
    assert contents(target) == expected
    assert 3_500_000 < target.pttl("bull:pdf:17:lock") <= 3_600_000


def test_a_prefix_that_no_queue_has_is_not_taken_for_empty_queues(
    sandbox: StackSandbox, queues: tuple[RedisCopySettings, "redis.Redis", "redis.Redis"]
) -> None:
    settings, source, _ = queues
    source.set("cache:page", "not a queue")
    wrong = settings.model_copy(update={"patterns": ("shop_queues:*",)})
    report = copy_of(sandbox, redis=(wrong,))
    assert report.checks[0].outcome is Outcome.WARN
    assert "none matches shop_queues:*" in report.checks[0].detail
    source.rpush("shop_queues:print", "job")
    assert copy_of(sandbox, redis=(wrong,)).checks[0].outcome is Outcome.PASS
    source.delete("shop_queues:print")
    drained = copy_of(sandbox, redis=(wrong,))
    assert drained.checks[0].outcome is Outcome.PASS


def test_a_wrong_password_is_no_empty_queue(queues: tuple[RedisCopySettings, "redis.Redis", "redis.Redis"]) -> None:
    settings, _, _ = queues
    wrong = settings.model_copy(update={"url": settings.url.replace("redis://:", "redis://:x")})
    parts = list(RedisCopy(wrong).parts())
    assert [part.outcome for part in parts if isinstance(part, Trouble)] == [Outcome.UNKNOWN], parts
    assert len(parts) == 1
