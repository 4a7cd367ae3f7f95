"""Retention and window of a real repository: what the plan says is gone, and nothing goes while that is not safe."""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from printflow_reliability.backups.archive import parse_archive
from printflow_reliability.backups.base_backup import TakenBackup
from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.backups.retention.expire import ExpireReport, expire_backups
from printflow_reliability.backups.retention.pgbackrest_expire import expire
from printflow_reliability.backups.wal import verify_wal
from printflow_reliability.backups.window.intervals import State
from printflow_reliability.backups.window.window import recoverable_window
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.before_migration import await_point
from printflow_reliability.drills.fences.make import make_fences
from printflow_reliability.errors import ConfigError
from printflow_reliability.records.migration import migrate
from printflow_reliability.restore.production import ask_production
from printflow_reliability.settings import BackupsSettings, RecordsSettings, RetentionSettings, Settings
from printflow_reliability_tests.stack.plain import PORT, PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

A_SECOND = 1 / 86400
"""Of a day. All backups are of one day, so that one of them fills it."""


@dataclass(frozen=True)
class Repository:
    """A repository with two full backups, each with an incremental one after it."""

    cluster: PlainCluster
    taken: Sequence[Backup]

    def settings(self, **retention: float | None) -> Settings:
        policy = RetentionSettings.model_validate({"daily": 1, "weekly": 0, "monthly": 0, **retention})
        records = RecordsSettings(url=f"host={self.cluster.home} port={PORT} user=postgres dbname=records")
        return self.cluster.whole_settings.model_copy(
            update={"records": records, "backups": BackupsSettings(retention=policy)}
        )

    @property
    def labels(self) -> list[str]:
        return [backup.label for backup in self.cluster.pgbackrest.info(1).backups]

    @property
    def segments(self) -> list[str]:
        (folder,) = parse_archive(self.cluster.pgbackrest.repo_ls("archive/plain", 1)).values()
        return sorted(folder.segments)


@pytest.fixture(scope="module")
def repository() -> Iterator[Repository]:
    with plain_cluster("start-fast=y") as cluster:
        cluster.execute("CREATE DATABASE records")
        for kind in ("full", "incr", "full", "incr"):
            cluster.pgbackrest.backup(1, kind, timeout=60)
        cluster.switch_wal()
        found = Repository(cluster, cluster.pgbackrest.info(1).backups)
        migrate(found.settings().records)
        yield found


def outcome(report: ExpireReport) -> tuple[Outcome, str]:
    (found,) = report.repositories
    return found.outcome, found.verdict.sentence


def locks(repository: Repository) -> list[Path]:
    """The files of which a backup locks that of its version: until pgBackRest 2.53 all repositories have the same."""
    return [repository.cluster.home / "lock" / name for name in ("plain-backup.lock", "plain-backup-1.lock")]


def plan(report: ExpireReport) -> list[tuple[str, str]]:
    return [(entry["label"], entry["action"]) for entry in report.as_json()["plan"]]


@contextmanager
def damaged(repository: Repository, backup: Backup) -> Iterator[None]:
    """The largest file of a backup with a flipped byte."""
    files = (repository.cluster.home / "repo/backup/plain" / backup.label / "pg_data").rglob("*.gz")
    file: Path = max(files, key=lambda file: file.stat().st_size)
    good = file.read_bytes()
    middle = len(good) // 2
    file.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
    try:
        yield
    finally:
        file.write_bytes(good)


def test_what_nobody_verified_makes_nothing_expire(repository: Repository) -> None:
    settings = repository.settings()
    found, said = outcome(expire_backups(settings, apply=True))
    assert found is Outcome.UNKNOWN
    assert "2 backups would expire if the newer ones were verified" in said
    assert "printflow backup verify plain" in said
    assert repository.labels == [backup.label for backup in repository.taken]


def test_a_window_that_nobody_verified_is_unknown(repository: Repository) -> None:
    report = recoverable_window(repository.settings())
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert "its bytes were never verified; printflow backup verify plain" in report.checks[0].detail
    assert {interval.state for interval in report.repositories[0].intervals} == {State.UNKNOWN}


def test_while_the_newest_backup_is_damaged_nothing_expires(repository: Repository) -> None:
    settings = repository.settings()
    newest = repository.taken[-1]
    with damaged(repository, newest):
        assert verify_repositories(settings).checks[0].outcome is Outcome.FAIL
        found, said = outcome(expire_backups(settings, apply=True))
    assert verify_repositories(settings).checks[0].outcome is Outcome.PASS
    assert (found, f"{newest.label} is damaged" in said) == (Outcome.FAIL, True)
    assert repository.labels == [backup.label for backup in repository.taken]


def test_a_flipped_byte_of_wal_is_a_gap_once_it_was_verified(repository: Repository) -> None:
    """A listing shows nothing of it."""
    settings = repository.settings()
    segment = repository.cluster.switch_wal()
    repository.cluster.switch_wal()
    (stored,) = (repository.cluster.home / "repo/archive/plain").rglob(f"{segment}-*.gz")
    good = stored.read_bytes()
    stored.write_bytes(good[:20] + bytes([good[20] ^ 1]) + good[21:])
    try:
        assert recoverable_window(settings).checks[0].outcome is Outcome.PASS
        assert verify_repositories(settings).checks[0].outcome is Outcome.FAIL
        report = recoverable_window(settings)
    finally:
        stored.write_bytes(good)
    assert report.checks[0].outcome is Outcome.FAIL
    assert f"{segment} damaged" in report.repositories[0].intervals[-1].detail
    verify_repositories(settings)
    assert recoverable_window(settings).checks[0].outcome is Outcome.PASS


@pytest.mark.alarm("backup.window", "unknown")
def test_with_a_repository_away_nothing_of_it_is_told_and_the_other_is(repository: Repository) -> None:
    settings = repository.settings()
    verify_repositories(settings)
    both = repository.cluster.settings.model_copy(update={"repositories": (1, 2)})
    report = recoverable_window(settings.model_copy(update={"cluster": (both,)}))
    first, second = report.repositories
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert (first.verdict.outcome, second.intervals, report.numbers) == (Outcome.PASS, (), {})
    records = repository.cluster.whole_settings.records
    assert recoverable_window(settings.model_copy(update={"records": records})).checks[0].outcome is Outcome.UNKNOWN


def test_without_apply_the_plan_is_all_there_is(repository: Repository) -> None:
    settings = repository.settings()
    verify_repositories(settings)
    first, on_it, second, newest = (backup.label for backup in repository.taken)
    report = expire_backups(settings)
    assert plan(report) == [(first, "expire"), (on_it, "expire"), (second, "keep"), (newest, "keep")]
    assert report.repositories[0].retention.decisions[2].reason == f"needed by {newest}"
    assert outcome(report)[0] is Outcome.PASS
    assert report.as_json()["done"] == []
    assert repository.labels == [first, on_it, second, newest]


def test_a_running_backup_is_said_and_nothing_is_half_done(repository: Repository) -> None:
    settings = repository.settings()
    verify_repositories(settings)
    with ExitStack() as held:
        for file in locks(repository):
            lock = held.enter_context(file.open("a"))
            held.callback(file.unlink)
            repository.cluster.programs.own(file)
            fcntl.flock(lock, fcntl.LOCK_EX)
        found, said = outcome(expire_backups(settings, apply=True))
    assert found is Outcome.UNKNOWN
    assert "already" in said or "is running" in said
    assert repository.labels == [backup.label for backup in repository.taken]


def test_a_lock_file_of_somebody_else_is_no_running_backup(repository: Repository) -> None:
    """pgBackRest ends with the same code 50: waiting would not help."""
    if os.geteuid() != 0:
        pytest.skip("only root can leave a file of another user there")
    with ExitStack() as left:
        for file in locks(repository):
            file.touch(mode=0o600)
            left.callback(file.unlink)
        with pytest.raises(ConfigError, match=r"may not open the lock file .*plain-backup(-1)?\.lock"):
            expire(repository.cluster.pgbackrest.program, 1)


def test_while_production_is_away_nothing_expires(repository: Repository) -> None:
    """A disaster may be under way, in which every backup is needed."""
    verify_repositories(repository.settings())
    away = repository.cluster.settings.model_copy(update={"url": "host=/nowhere dbname=postgres"})
    settings = repository.settings().model_copy(update={"cluster": (away,)})
    found, said = outcome(expire_backups(settings, apply=True))
    assert found is Outcome.UNKNOWN
    assert "plain does not answer" in said
    assert repository.labels == [backup.label for backup in repository.taken]


def test_records_that_are_away_leave_everything_where_it_is(repository: Repository) -> None:
    found, said = outcome(
        expire_backups(
            repository.settings().model_copy(update={"records": repository.cluster.whole_settings.records}), apply=True
        )
    )
    assert (found, "the records database cannot be reached" in said) == (Outcome.UNKNOWN, True)


def test_a_repository_that_nobody_has_is_named(repository: Repository) -> None:
    with pytest.raises(ConfigError, match="--repo: cluster plain has no repository 7"):
        expire_backups(repository.settings(), repository=7)


def test_a_restore_point_is_safe_only_with_all_wal_from_its_backup_on(repository: Repository) -> None:
    cluster = repository.cluster
    who = {"plain": ask_production(cluster.settings)}
    (fence,) = make_fences(who, [cluster.settings], "before-it", quiet_seconds=10, digest_bytes=0)
    backup = repository.taken[-1]
    taken = TakenBackup("plain", 1, "incr", 1.0, backup, ClusterVerdict(Outcome.PASS, ""))

    def judged(seconds: float) -> ClusterVerdict:
        deadline = time.monotonic() + seconds
        return await_point(repository.settings(), cluster.programs, fence, taken, deadline).verdict

    assert judged(30).outcome is Outcome.PASS
    (stored,) = (cluster.home / "repo/archive/plain").rglob(f"{fence.segment}-*.gz")
    aside = stored.rename(cluster.home / "aside")
    try:
        lost = judged(0)
    finally:
        aside.rename(stored)
    assert lost.outcome is Outcome.FAIL
    assert f"the first is {fence.segment}; printflow wal verify plain" in lost.sentence


def test_what_expires_is_gone_and_what_stays_can_be_restored(repository: Repository) -> None:
    """Also where an earlier expiry was killed after its first backup, and when it is run twice."""
    settings = repository.settings(wal_days=A_SECOND)
    verify_repositories(settings)
    first, on_it, second, newest = repository.taken
    before = repository.segments
    expire(repository.cluster.pgbackrest.program, 1, on_it.label)  # as far as the killed one came
    assert repository.segments == before

    report = expire_backups(settings, apply=True)

    assert outcome(report)[0] is Outcome.PASS
    assert [entry["label"] for entry in report.as_json()["done"]] == [first.label]
    assert repository.labels == [second.label, newest.label]
    assert repository.segments == [name for name in before if name >= str(second.wal_start)]
    again = expire_backups(settings, apply=True)
    assert (outcome(again)[0], again.as_json()["done"]) == (Outcome.PASS, [])
    assert repository.labels == [second.label, newest.label]
    wal = verify_wal(settings)
    assert wal.checks[0].outcome is Outcome.PASS, wal.checks[0]
    assert verify_repositories(settings).checks[0].outcome is Outcome.PASS
