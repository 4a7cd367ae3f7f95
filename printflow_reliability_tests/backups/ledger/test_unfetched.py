"""Files that a pass cannot fetch: of them nothing is known, and of everything else all the same."""

from datetime import timedelta

import pytest

from printflow_reliability.backups.verification import verification_of
from printflow_reliability.errors import CouldNotTell
from printflow_reliability_tests.backups.ledger.memory import FULL, INCREMENTAL, two_backups

A = f"backup/lab/{FULL}/pg_data/a.gz"
MANIFEST = f"backup/lab/{FULL}/backup.manifest"
OTHER_MANIFEST = f"backup/lab/{INCREMENTAL}/backup.manifest"


def test_what_cannot_be_fetched_is_not_known_and_does_not_hide_damage() -> None:
    memory = two_backups()
    away, bad = memory.archive(6), memory.archive(7)
    memory.spoil(bad, b"rotten")
    memory.away = {away}

    report, reading = memory.verify()
    known = verification_of(report, [FULL, INCREMENTAL], memory.now)

    assert [file.name.rpartition("/")[2] for file in report.bad_files] == [bad.rpartition("/")[2]]
    assert report.unreadable == (f"{away.removeprefix('archive/lab/')} could not be read: the server does not answer",)
    assert known.partial
    assert known.sound == frozenset()
    assert reading.overdue == 0
    assert memory.verify(days=2)[1].overdue == 1


def test_a_file_that_was_good_and_cannot_be_fetched_is_overdue_in_the_end() -> None:
    memory = two_backups()
    memory.away = {A}
    late = [memory.verify(days=1)[1] for _ in range(32)]

    assert [reading.overdue for reading in late] == [0] * 30 + [1, 1]
    assert memory.ledger[f"{FULL}/pg_data/a.gz"].read_at == late[0].oldest


def test_a_manifest_that_cannot_be_fetched_is_its_backups_trouble_and_two_are_the_repositorys() -> None:
    memory = two_backups(bundle=True)
    memory.now += timedelta(hours=1)
    for path in (MANIFEST, OTHER_MANIFEST):
        memory.put(path, memory.files[path])
    new = memory.archive(6)
    memory.away = {MANIFEST}

    report, reading = memory.verify()

    assert report.unreadable == (f"{FULL}/backup.manifest could not be read: the server does not answer",)
    assert (report.bad_files, new in memory.read) == ((), True)
    assert reading.overdue == 0
    memory.now += timedelta(hours=1)
    memory.put(OTHER_MANIFEST, memory.files[OTHER_MANIFEST])
    memory.away |= {OTHER_MANIFEST}
    with pytest.raises(CouldNotTell, match="does not answer"):
        memory.verify()


def test_where_nothing_can_be_fetched_any_more_the_rest_is_not_tried() -> None:
    memory = two_backups()
    paths = [memory.archive(number) for number in range(10, 210)]
    memory.away = set(paths[:100])

    report, _ = memory.verify()

    assert len(report.unreadable) == 200
    assert not set(memory.read) & set(paths)
