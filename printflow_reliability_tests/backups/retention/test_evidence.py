"""Whose backups they are, and how sound each is known to be, decides before any policy does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.backups.archiver import Archiver
from printflow_reliability.backups.continuity import Continuity
from printflow_reliability.backups.info import Backup, RepositoryStatus, StanzaInfo
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.repository_wal import ArchiveContext, RepositoryWal
from printflow_reliability.backups.retention import evidence as gathering
from printflow_reliability.backups.retention import expire as expiring
from printflow_reliability.backups.retention.evidence import Evidence
from printflow_reliability.backups.retention.gfs import Soundness
from printflow_reliability.backups.verification import Verification
from printflow_reliability.errors import Refused
from printflow_reliability_tests.minimal_settings import minimal_settings

NOW = datetime(2026, 11, 29, tzinfo=UTC)
OURS, OTHERS = 7301, 9999


def backup(label: str, hours_ago: float, identity: int | None = OURS, *, error: bool | None = False) -> Backup:
    at = NOW - timedelta(hours=hours_ago)
    return Backup(label, "full", 1, "15-1", at, at, 1, 1, error, system_identifier=identity)


def info(*backups: Backup) -> StanzaInfo:
    return StanzaInfo("shop", 0, "ok", False, (RepositoryStatus(1, 0, "ok"),), (), backups, {1: OURS})


def evidence(**known: frozenset[str]) -> Evidence:
    return Evidence(OURS, Verification(NOW, **known), frozenset(), frozenset())  # type: ignore[arg-type]


def test_backups_of_a_former_cluster_count_as_older_ones() -> None:
    former, own = backup("20261101-000000F", 600, OTHERS), backup("20261128-000000F", 5)
    assert [stored.label for stored in evidence().stored(info(former, own), 1)] == [former.label, own.label]


@pytest.mark.parametrize("own", [(), (backup("20261101-000000F", 600),)], ids=["none is ours", "ours are older"])
def test_another_clusters_newest_backup_makes_nothing_of_ours_expire(own: tuple[Backup, ...]) -> None:
    with pytest.raises(Refused, match=str(OTHERS)):
        evidence().stored(info(*own, backup("20261128-000000F", 5, OTHERS)), 1)


def test_an_older_pgbackrest_that_names_no_cluster_is_believed() -> None:
    assert len(evidence().stored(info(backup("20261128-000000F", 5, None)), 1)) == 1


def test_what_each_backup_builds_upon_is_known_from_both_lists() -> None:
    first, second = backup("a", 3), replace(backup("b", 2), type="incr", prior="a", references=("a", "c", "b"))
    assert evidence().stored(info(first, second), 1)[1].needs == {"a", "c"}


@pytest.mark.parametrize(
    ("error", "sound", "damaged", "unrestorable", "expected"),
    [
        (False, True, False, False, Soundness.SOUND),
        (False, False, False, False, Soundness.UNVERIFIED),
        (None, True, False, False, Soundness.UNVERIFIED),
        (True, True, False, False, Soundness.DAMAGED),
        (False, True, True, False, Soundness.DAMAGED),
        (False, True, False, True, Soundness.DAMAGED),
    ],
)
def test_a_backup_is_sound_only_if_nothing_speaks_against_it(
    error: bool | None, sound: bool, damaged: bool, unrestorable: bool, expected: Soundness
) -> None:
    labels = frozenset({"a"})
    known = Verification(NOW, sound=labels if sound else frozenset(), damaged=labels if damaged else frozenset())
    found = Evidence(OURS, known, labels if unrestorable else frozenset(), frozenset())
    assert found.soundness(backup("a", 1, error=error)) is expected


@pytest.mark.parametrize(("began", "known"), [(-1, True), (-9 * 86400, False), (60, True), (3600, False)])
def test_a_verification_counts_if_it_is_recent_and_not_of_the_future(
    monkeypatch: pytest.MonkeyPatch, began: float, known: bool
) -> None:
    wal = RepositoryWal(1, own=Continuity(1, (), (), (), NOW, NOW, bases=(backup("a", 1),)))
    monkeypatch.setattr(gathering, "verify_repository_wal", lambda *_: wal)
    segment = "0000000100000000000000AA"
    archiver = Archiver(NOW, OURS, False, "on", 16 * 1024**2, 60, segment, None, None, 0, None, None, 0, None, None)
    context = ArchiveContext(archiver, verification=Verification(NOW + timedelta(seconds=began)))
    cluster = PgBackRest(minimal_settings().cluster[0], minimal_settings().runner())
    found = gathering.gather(cluster, 1, context, now=NOW, max_unverified_seconds=1e30 if began > 0 else 8 * 86400)
    assert (found.verification is not None, found.leading_on) == (known, frozenset("a"))


def test_wal_is_kept_from_a_backup_on_in_whatever_order_pgbackrest_counts() -> None:
    """A clock that was set back in mid-backup: it seems to have ended before the one that it followed."""
    first, second, third = backup("1", 5), backup("2", 6), backup("3", 1)
    assert expiring._from("1", (second, first, third)) == 3
    assert expiring._from("3", (second, first, third)) == 1


def test_without_a_recent_verification_nothing_is_sound() -> None:
    assert Evidence(OURS, None, frozenset(), frozenset()).soundness(backup("a", 1)) is Soundness.UNVERIFIED
