"""Verification that reads only what is new, on real repositories: files and bundles, plain and encrypted."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from printflow_reliability.backups.integrity import IntegrityReport, verify_repositories
from printflow_reliability.backups.pgbackrest_errors import version_numbers
from printflow_reliability.backups.repository_pass import FINDS_BLOCKS
from printflow_reliability.backups.verification import newest_verification
from printflow_reliability.checks import Outcome
from printflow_reliability.records.database import open_records
from printflow_reliability.records.migration import migrate
from printflow_reliability.settings import RecordsSettings, Settings
from printflow_reliability_tests.stack.plain import PORT, PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

REPOSITORIES = """\
start-fast=y
compress-type=lz4
repo2-path={home}/repo2
repo2-retention-full=9
repo2-bundle=y
repo2-cipher-type=aes-256-cbc
repo2-cipher-pass=the-passphrase-of-the-test
repo3-path={home}/repo3
repo3-retention-full=9
repo3-bundle=y
"""
LARGEST: Mapping[int, str] = {1: "repo/backup/plain/*F/pg_data/**/*.lz4", 2: "repo2/backup/plain/*F/bundle/*"}
"""Files of the full backup: one by one in the first repository, bundled and encrypted in the second."""
every_repository = pytest.mark.parametrize("number", LARGEST, ids=["files", "encrypted bundles"])


@dataclass(frozen=True)
class Repositories:
    """A cluster with a repository of each kind."""

    cluster: PlainCluster
    settings: Settings

    def verify(self, *, everything: bool = False) -> IntegrityReport:
        return verify_repositories(self.settings, everything=everything)

    def largest(self, number: int) -> Path:
        return max(self.cluster.home.glob(LARGEST[number]), key=lambda file: file.stat().st_size)

    def stored_bytes(self) -> int:
        files = (file for name in ("repo", "repo2") for file in (self.cluster.home / name).rglob("*"))
        return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())

    def query(self, statement: str, *values: object) -> Sequence[tuple[object, ...]]:
        with open_records(self.settings.records) as records:
            cursor = records.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def let_pass(self, days: int, name: str = "") -> None:
        """As if so much time had passed since files were read."""
        self.query(
            "UPDATE repository_files SET read_at = read_at - %s * interval '1 day' WHERE name LIKE %s", days, f"%{name}"
        )


@pytest.fixture(scope="module")
def repositories() -> Iterator[Repositories]:
    with plain_cluster(REPOSITORIES) as cluster:
        cluster.execute("CREATE DATABASE records")
        both = cluster.settings.model_copy(update={"repositories": (1, 2)})
        records = RecordsSettings(url=f"host={cluster.home} port={PORT} user=postgres dbname=records")
        settings = cluster.whole_settings.model_copy(update={"cluster": (both,), "records": records})
        migrate(records)
        for number in (1, 2):
            cluster.pgbackrest.backup(number, "full", timeout=60)
        cluster.pgbackrest.backup(2, "incr", timeout=60)
        cluster.switch_wal()
        found = Repositories(cluster, settings)
        assert outcomes(found.verify()) == [Outcome.PASS, Outcome.PASS]
        yield found


@pytest.fixture(scope="module")
def blocks(repositories: Repositories) -> Repositories:
    """The same cluster and a repository that stores the changed blocks of a file alone."""
    cluster, settings = repositories.cluster, repositories.settings
    table(cluster, "small", rows=5_000)
    back_up_blocks(cluster, "full")
    cluster.execute("UPDATE small SET word = 'changed' WHERE n = 7")
    back_up_blocks(cluster, "incr")
    third = settings.cluster[0].model_copy(update={"repositories": (3,)})
    return Repositories(cluster, settings.model_copy(update={"cluster": (third,)}))


def table(cluster: PlainCluster, name: str, *, rows: int) -> None:
    cluster.execute(f"CREATE TABLE {name} AS SELECT n, md5(n::text) AS word FROM generate_series(1, {rows}) AS n")
    cluster.execute(f"VACUUM FREEZE {name}")  # else who first reads a page changes it


def back_up_blocks(cluster: PlainCluster, kind: str) -> None:
    beta = ("--beta",) if version_numbers(cluster.pgbackrest.version()) < (2, 46) else ()
    cluster.command("--repo=3", f"--type={kind}", *beta, "--repo3-block", "backup")


def outcomes(report: IntegrityReport) -> list[Outcome]:
    return [check.outcome for check in report.checks]


@contextmanager
def changed(file: Path, change: Callable[[bytes], bytes | None]) -> Iterator[None]:
    """A file that rots, is cut off or vanishes; its time stays."""
    good, times, owner = file.read_bytes(), file.stat(), file.owner()
    bad = change(good)
    try:
        file.unlink() if bad is None else file.write_bytes(bad)
        if bad is not None:
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        yield
    finally:
        file.write_bytes(good)
        os.chown(file, times.st_uid, times.st_gid)
        file.chmod(times.st_mode)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file.owner() == owner


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def named(report: IntegrityReport, number: int) -> list[str]:
    (repository,) = (found for found in report.repositories if found.repository == number)
    return [finding.key or "" for finding in repository.findings]


@pytest.mark.alarm("backup.reread", "silent")
def test_a_second_pass_reads_what_is_new_and_hardly_anything_else(repositories: Repositories) -> None:
    unchanged = repositories.verify()
    repositories.cluster.switch_wal()
    report = repositories.verify()

    assert (outcomes(unchanged), outcomes(report)) == ([Outcome.PASS] * 2, [Outcome.PASS] * 2)
    # The records are in this cluster: what is kept there makes WAL.
    assert unchanged.numbers["bytes_read"] < repositories.stored_bytes() * 0.15
    assert report.numbers["files_read"] >= 2  # a segment in each repository
    assert 0 < report.numbers["bytes_read"] < repositories.stored_bytes() * 0.15
    assert report.numbers["files_checked"] > 1000
    assert report.numbers["bytes_known_good"] > repositories.stored_bytes() * 0.8
    (cluster,) = report.as_json()["clusters"]
    assert all(found["oldest_unread_at"] and not found["overdue"] for found in cluster["repositories"])


@every_repository
def test_a_flipped_byte_is_found_when_its_turn_comes_and_by_reading_everything(
    repositories: Repositories, number: int
) -> None:
    file = repositories.largest(number)
    full = file.relative_to(repositories.cluster.home).parts[3]
    repositories.verify(everything=True)
    with changed(file, flipped):
        assert outcomes(repositories.verify())[0] is Outcome.PASS
        repositories.let_pass(29, file.name)
        turn = repositories.verify()
        again = repositories.verify()
        whole = repositories.verify(everything=True)
        with open_records(repositories.settings.records) as records:
            known = newest_verification(records, "plain", number)
    mended = repositories.verify()

    for report in (turn, again, whole):
        assert outcomes(report)[0] is Outcome.FAIL
        assert any(name.startswith(full) for name in named(report, number))
    assert known
    assert full in known.damaged - known.sound
    assert outcomes(mended) == [Outcome.PASS, Outcome.PASS]


@every_repository
def test_a_file_that_is_gone_or_cut_off_is_found_at_once(repositories: Repositories, number: int) -> None:
    file = repositories.largest(number)
    for change in (lambda _: None, lambda content: content[:-100]):
        with changed(file, change):
            report = repositories.verify()
        assert outcomes(report)[0] is Outcome.FAIL
        assert any(name.endswith(file.name) for name in named(report, number))
        assert report.numbers["bytes_read"] < repositories.stored_bytes() * 0.5
    assert outcomes(repositories.verify())[0] is Outcome.PASS


@pytest.mark.alarm("backup.reread", "ring")
def test_a_file_that_cannot_be_read_is_unknown_and_rings_when_it_is_overdue(repositories: Repositories) -> None:
    file = repositories.largest(1)
    mode = file.stat().st_mode
    repositories.verify()
    repositories.let_pass(31, file.name)
    file.chmod(0)
    try:
        report = repositories.verify()
    finally:
        file.chmod(mode)

    assert outcomes(report) == [Outcome.UNKNOWN, Outcome.FAIL]
    assert file.name in report.checks[0].detail
    assert "could not be read in time" in report.checks[1].detail
    assert outcomes(repositories.verify()) == [Outcome.PASS, Outcome.PASS]


def test_without_records_everything_is_read(repositories: Repositories) -> None:
    nowhere = repositories.cluster.whole_settings.records
    report = verify_repositories(repositories.settings.model_copy(update={"records": nowhere}))

    assert outcomes(report) == [Outcome.PASS, Outcome.PASS]
    assert report.numbers["bytes_read"] > repositories.stored_bytes() * 0.8


def test_where_the_ledger_was_wiped_everything_is_new(repositories: Repositories) -> None:
    repositories.query("DELETE FROM repository_files WHERE repository = 2")
    report = repositories.verify()

    first, second = (found.reading for found in report.repositories)
    assert outcomes(report) == [Outcome.PASS, Outcome.PASS]
    assert first
    assert second
    assert (first.bytes_read < first.bytes_good * 0.05, second.bytes_read >= second.bytes_good) == (True, True)


def test_changed_blocks_are_compared_as_they_are_stored(blocks: Repositories) -> None:
    rots_and_vanishes(blocks, "repo3/backup/plain/*I/bundle/*")


def test_changed_blocks_outside_bundles_are_compared_or_the_version_that_cannot_is_named(blocks: Repositories) -> None:
    assert outcomes(blocks.verify(everything=True)) == [Outcome.PASS, Outcome.PASS]
    table(blocks.cluster, "large", rows=100_000)
    back_up_blocks(blocks.cluster, "full")
    version = blocks.cluster.pgbackrest.version()
    report = blocks.verify(everything=True)
    if version_numbers(version) >= FINDS_BLOCKS:
        rots_and_vanishes(blocks, "repo3/backup/plain/*F/pg_data/**/*.pgbi")
    else:
        assert outcomes(report)[0] is Outcome.UNKNOWN
        assert f"pgBackRest {version} cannot verify block incrementals" in report.checks[0].detail
        # What is new is read file by file, by its own name.
        assert outcomes(blocks.verify())[0] is Outcome.PASS


def rots_and_vanishes(blocks: Repositories, pattern: str) -> None:
    """A file that the pattern names is known as good, and found by the next pass that reads it, or misses it."""
    file = max(blocks.cluster.home.glob(pattern), key=lambda found: found.stat().st_size)
    label = file.relative_to(blocks.cluster.home).parts[3]
    name = str(file.relative_to(blocks.cluster.home / "repo3/backup/plain"))
    assert b'"bi":' in (blocks.cluster.home / "repo3/backup/plain" / label / "backup.manifest").read_bytes()
    assert outcomes(blocks.verify(everything=True)) == [Outcome.PASS, Outcome.PASS]
    known = (
        "SELECT checksum IS NOT NULL AND read_at IS NOT NULL FROM repository_files WHERE repository = 3 AND name = %s"
    )
    assert blocks.query(known, name) == [(True,)]

    with changed(file, flipped):
        assert outcomes(blocks.verify())[0] is Outcome.PASS
        blocks.let_pass(29, name)
        rotten = blocks.verify()
    with changed(file, lambda _: None):
        gone = blocks.verify()
    for report in (rotten, gone):
        assert outcomes(report)[0] is Outcome.FAIL
        assert any(found.startswith(label) for found in named(report, 3)), report.repositories
    assert outcomes(blocks.verify()) == [Outcome.PASS, Outcome.PASS]
