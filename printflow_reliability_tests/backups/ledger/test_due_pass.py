"""Passes over a repository in memory: what is read, what is found, and what is known afterwards."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.backups.acknowledgements import Acknowledgement
from printflow_reliability.backups.ledger.plan import MISSING, WRONG_SIZE
from printflow_reliability.backups.ledger.reading import UNMATCHED, WholeNeeded
from printflow_reliability.backups.verification import verification_of
from printflow_reliability_tests.backups.ledger.manifests import written
from printflow_reliability_tests.backups.ledger.memory import (
    BEGIN,
    FULL,
    INCREMENTAL,
    Memory,
    expired,
    two_backups,
    with_archive,
)

A = f"backup/lab/{FULL}/pg_data/a.gz"
BUNDLE = f"backup/lab/{FULL}/bundle/1"
MANIFEST = f"backup/lab/{FULL}/backup.manifest"
both = pytest.mark.parametrize("bundle", [False, True], ids=["files", "bundles"])


def segment(memory: Memory, number: int) -> str:
    return next(path for path in memory.files if f"{number:024X}"[8:] in path.rpartition("/")[2])


@both
def test_what_is_new_is_read_and_a_second_pass_reads_nothing(bundle: bool) -> None:
    memory = two_backups(bundle=bundle)
    assert set(memory.read) == set(memory.files)

    report, reading = memory.verify()

    assert (memory.read, report.bad_files, report.status) == ([], (), "ok")
    assert reading.bytes_good == sum(map(len, memory.files.values()))
    assert (reading.bytes_read, reading.oldest, reading.overdue) == (0, memory.now, 0)
    assert [(backup.status, backup.checked, backup.valid) for backup in report.backups] == [
        ("valid", 2, 2),
        ("valid", 1, 1),
    ]
    assert [(archive.checked, archive.valid) for archive in report.archives] == [(5, 5)]


def test_only_what_is_new_is_read() -> None:
    memory = two_backups()
    path = memory.archive(6)

    memory.verify()

    assert memory.read == [path]


@both
def test_every_file_is_read_again_within_the_days_that_are_set(bundle: bool) -> None:
    memory = two_backups(bundle=bundle)
    read: set[str] = set()
    for _ in range(29):
        _, reading = memory.verify(days=1)
        assert reading.oldest
        assert memory.now - reading.oldest <= timedelta(days=29)
        read |= set(memory.read)

    assert read == set(memory.files)


@both
def test_a_file_that_is_gone_is_found_at_once_and_until_it_is_back(bundle: bool) -> None:
    memory = two_backups(bundle=bundle)
    path = BUNDLE if bundle else A
    good = memory.files.pop(path)

    for _ in range(3):
        assert memory.problems() == [(path.rpartition("/")[2], MISSING)]
    memory.put(path, good)
    assert memory.problems() == []
    assert path in memory.read


@both
def test_a_file_of_another_size_is_found_at_once_without_reading_it(bundle: bool) -> None:
    memory = two_backups(bundle=bundle)
    path = BUNDLE if bundle else A
    memory.spoil(path, memory.files[path][:-1])

    assert memory.problems() == [(path.rpartition("/")[2], WRONG_SIZE)]
    assert path not in memory.read


@both
def test_a_flipped_byte_is_found_when_its_turn_comes_and_stays_found(bundle: bool) -> None:
    memory = two_backups(bundle=bundle)
    path = BUNDLE if bundle else A
    memory.flip(path)
    assert memory.problems() == []

    found = [memory.problems(days=1) for _ in range(29)]

    expected = [(path.rpartition("/")[2], UNMATCHED)]
    assert expected in found
    assert found[found.index(expected) :] == [expected] * (29 - found.index(expected))


def test_a_file_that_was_written_again_is_read_again() -> None:
    memory = two_backups()
    memory.now += timedelta(hours=1)
    memory.put(A, memory.files[A])
    assert memory.problems() == []
    assert A in memory.read
    memory.now += timedelta(hours=1)
    memory.put(A, b"x" * len(memory.files[A]))
    assert memory.problems() == [("a.gz", UNMATCHED)]


def test_a_damaged_backup_is_never_among_those_that_are_sound() -> None:
    memory = two_backups()
    memory.flip(A)
    for name, entry in memory.ledger.items():
        memory.ledger[name] = replace(entry, read_at=BEGIN - timedelta(days=40))

    report, reading = memory.verify()
    known = verification_of(report, [FULL, INCREMENTAL], memory.now)

    assert known.sound == {INCREMENTAL}
    assert known.damaged == {FULL}
    assert reading.bytes_good == sum(map(len, memory.files.values())) - len(memory.files[A])
    assert memory.ledger[f"{FULL}/pg_data/a.gz"].read_at is None


def test_a_segment_that_is_damaged_is_damaged_by_its_name() -> None:
    memory = two_backups()
    path = memory.archive(6)
    memory.spoil(path, b"rotten")

    report, _ = memory.verify()
    known = verification_of(report, [FULL], memory.now)

    assert known.damaged_wal == {path.rpartition("/")[2][:24]}
    assert known.wal_whole
    assert memory.problems() == [(path.rpartition("/")[2], UNMATCHED)]


def test_a_segment_that_is_gone_is_missing_only_where_a_backup_leads_on_to_it() -> None:
    memory = two_backups()
    before_all, needed = segment(memory, 1), segment(memory, 4)
    del memory.files[before_all], memory.files[needed]

    for _ in range(2):
        assert memory.problems() == [(needed.rpartition("/")[2], MISSING)]
    expired(memory, FULL)
    assert memory.problems() == []
    assert not any(needed.endswith(name) for name in memory.ledger)


def test_a_gap_that_a_person_accepted_is_no_finding() -> None:
    memory = two_backups()
    gone = segment(memory, 4)
    del memory.files[gone]
    name = gone.rpartition("/")[2][:24]
    memory.accepted = [Acknowledgement("lab", name, name, "an old outage")]

    assert memory.problems() == []


def test_where_older_backups_keep_their_own_wal_only_the_rest_may_go() -> None:
    memory = two_backups()
    memory.wal_days = 1
    between, own = segment(memory, 4), segment(memory, 2)
    del memory.files[between]
    assert memory.problems() == []
    del memory.files[own]
    assert memory.problems() == [(own.rpartition("/")[2], MISSING)]


def test_after_a_stanza_upgrade_both_archives_are_read_and_the_former_one_may_go_with_its_backups() -> None:
    memory = two_backups()
    memory.backups = [memory.backups[0], with_archive(memory.backups[1], "16-2")]
    memory.archive(9, archive_id="16-2")
    report, _ = memory.verify()
    assert sorted((archive.archive_id, archive.checked) for archive in report.archives) == [("15-1", 5), ("16-2", 1)]
    expired(memory, FULL)
    for path in [path for path in memory.files if "/15-1/" in path]:
        del memory.files[path]
    assert memory.problems() == []
    assert {name.partition("/")[0] for name in memory.ledger} == {INCREMENTAL, "16-2"}


def test_a_backup_that_expired_is_nobodys_loss() -> None:
    memory = two_backups()
    expired(memory, INCREMENTAL)

    assert memory.problems() == []
    assert not any(name.startswith(INCREMENTAL) for name in memory.ledger)


def test_a_manifest_that_is_another_one_is_found_until_everything_is_read() -> None:
    """Somebody wrote a manifest to match what they changed."""
    memory = two_backups()
    content = b"content of c"
    memory.now += timedelta(hours=1)
    forged = written({"pg_data/a": {"rck": "0" * 40, "repo-size": len(content), "size": 1}})
    for path in (MANIFEST, f"{MANIFEST}.copy"):
        memory.put(path, forged)

    for _ in range(2):
        assert ("backup.manifest", "is another one than when it was read before") in memory.problems()


@pytest.mark.parametrize("name", [MANIFEST, f"{MANIFEST}.copy"])
def test_a_manifest_that_is_gone_is_found_and_its_files_are_still_known(name: str) -> None:
    memory = two_backups(bundle=True)
    del memory.files[name]

    assert memory.problems() == [(name.rpartition("/")[2], MISSING)]
    del memory.files[BUNDLE]
    assert ("1", MISSING) in memory.problems()


def test_a_manifest_that_is_damaged_is_left_to_pgbackrest() -> None:
    memory = two_backups()
    memory.now += timedelta(hours=1)
    memory.put(MANIFEST, memory.files[MANIFEST][:-30])

    with pytest.raises(WholeNeeded):
        memory.verify()


def test_a_backup_of_an_old_version_is_left_to_pgbackrest() -> None:
    memory = two_backups()
    memory.back_up("20261103-010000F", {"pg_data/a": b"a"}, "0" * 23 + "9")
    old = written({"pg_data/a": {"repo-size": 1, "size": 9}})
    for path in [path for path in memory.files if "/20261103-010000F/backup.manifest" in path]:
        memory.put(path, old)

    with pytest.raises(WholeNeeded, match="20261103-010000F/pg_data/a"):
        memory.verify()


def test_most_of_a_large_repository_is_left_to_pgbackrest() -> None:
    memory = two_backups()
    for number in range(10, 1011):
        memory.archive(number)

    with pytest.raises(WholeNeeded, match="1,001 of 1,013 files"):
        memory.verify()


def test_a_segment_whose_compression_is_not_known_is_left_to_pgbackrest() -> None:
    memory = two_backups()
    memory.put(f"{memory.archive(7)}.new", b"compressed")

    with pytest.raises(WholeNeeded):
        memory.verify()


def test_the_same_segment_with_two_contents_is_damage() -> None:
    memory = two_backups()
    memory.archive(5, b"another content")

    assert memory.problems() == [("000000010000000000000005", "is stored twice with different contents")]


def test_a_backup_that_nobody_knows_is_reported_as_it_lies_there() -> None:
    memory = two_backups()
    memory.put("backup/lab/20261105-010000F/backup.manifest", b"")
    memory.put("backup/lab/20261106-010000F/backup.manifest.copy", b"")
    memory.put("backup/lab/backup.history/2026/20261101-010000F.manifest.gz", b"")

    report, _ = memory.verify()

    assert [(backup.label, backup.status) for backup in report.backups][2:] == [
        ("20261105-010000F", "valid"),
        ("20261106-010000F", "in-progress"),
    ]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_happens_to_a_file_is_found_within_the_days_that_are_set(data: st.DataObject) -> None:
    memory = two_backups(bundle=data.draw(st.booleans()))
    # Of manifests pgBackRest tells; of WAL before every backup nobody needs to know.
    paths = [path for path in memory.files if "manifest" not in path and path != segment(memory, 1)]
    path = data.draw(st.sampled_from(sorted(paths)))
    content = memory.files[path]
    kind = data.draw(st.sampled_from(("gone", "cut", "flipped", "garbage")))
    if kind == "gone":
        del memory.files[path]
    else:
        at = data.draw(st.integers(0, len(content) - 1))
        changed = {"cut": content[:at], "flipped": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]}
        memory.spoil(path, changed.get(kind, b"\0" * len(content)))
    found = [memory.problems(days=1) for _ in range(29)]

    assert [name for name, _ in found[-1]] == [path.rpartition("/")[2]]
    if kind in ("gone", "cut"):
        assert found[0] == found[-1]
