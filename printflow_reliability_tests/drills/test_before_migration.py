"""A safe point before a migration: its name, and the WAL that it needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import MagicMock

import pytest

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.listing import RepositoryFile
from printflow_reliability.backups.taken import TakenBackup
from printflow_reliability.backups.verification import Verification
from printflow_reliability.checks import Outcome
from printflow_reliability.drills import before_migration, before_migration_command
from printflow_reliability.drills.before_migration import NAME, ArchivedPoint, BeforeMigration, segments_to
from printflow_reliability.drills.fences import nightly
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore.plan import leads_to
from printflow_reliability_tests.drills.two_clusters import BEGAN, backup, fences, settings

FENCE = next(iter(fences("before-it", BEGAN).values()))


@pytest.mark.parametrize("name", ["before-it", "2026.11.28_orders", "a", "x" * 63])
def test_a_name_that_needs_no_quotes_is_taken(name: str) -> None:
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-x", "a b", "it's", "a;b", "x" * 64, "ä", "a\n"])
def test_every_other_name_is_refused(name: str) -> None:
    assert not NAME.fullmatch(name)


def test_the_segments_from_the_backup_to_the_restore_point_count_over_the_end_of_a_log() -> None:
    production = replace(FENCE.production, segment_bytes=64 * 1024**2)
    fence = replace(FENCE, segment="000000010000000300000001", production=production)
    assert segments_to(fence, "00000001000000020000003E") == [
        "00000001000000020000003E",
        "00000001000000020000003F",
        "000000010000000300000000",
        "000000010000000300000001",
    ]
    assert segments_to(fence, None) == [fence.segment]
    with pytest.raises(CouldNotTell, match="changed from timeline 2 to 1"):
        segments_to(fence, "00000002000000020000003E")


STORED = f"{FENCE.segment}-{'0a' * 20}.zst"


class Repository:
    """Lists these files."""

    files: tuple[str, ...] = ()

    def __init__(self, *_: object) -> None:
        pass

    def repo_ls(self, path: str, _: int) -> list[RepositoryFile]:
        assert path.endswith(f"/17-1/{FENCE.segment[:16]}")
        return [RepositoryFile(name, 1, BEGAN) for name in self.files]


@contextmanager
def no_records(*_: object) -> Iterator[None]:
    yield None


def judged(
    monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], damaged: frozenset[str] = frozenset()
) -> tuple[Outcome, str]:
    monkeypatch.setattr(Repository, "files", files)
    monkeypatch.setattr(before_migration, "PgBackRest", Repository)
    monkeypatch.setattr(before_migration, "open_records", no_records)
    monkeypatch.setattr(before_migration, "newest_verification", lambda *_: Verification(BEGAN, damaged=damaged))
    taken = replace(backup("20261128-010000F_20261128-020000I", BEGAN), references=("20261128-010000F",))
    verdict = ClusterVerdict(Outcome.PASS, "taken")
    found = before_migration.await_point(
        settings(), settings().runner(), FENCE, TakenBackup(FENCE.cluster, 1, "incr", 1.0, taken, verdict), -1.0
    )
    return found.verdict.outcome, found.verdict.sentence


def test_a_segment_is_there_only_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, (STORED,))[0] is Outcome.PASS


@pytest.mark.parametrize(
    "file",
    [
        f"{FENCE.segment}.partial-{'0a' * 20}.zst",  # what a standby that was promoted archives
        f"{FENCE.segment}.00000028.backup",  # the label of a backup that began in it
        f"{STORED}.pgbackrest.tmp",
        FENCE.segment,
    ],
)
def test_what_only_begins_with_a_segments_name_is_no_segment(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    outcome, said = judged(monkeypatch, (file,))
    assert outcome is Outcome.FAIL
    assert FENCE.segment in said


def test_a_backup_that_builds_upon_a_damaged_one_is_no_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, said = judged(monkeypatch, (STORED,), frozenset({"20261128-010000F", "another"}))
    assert outcome is Outcome.FAIL
    assert "builds upon 20261128-010000F, which is damaged" in said
    assert "--type full" in said
    assert judged(monkeypatch, (STORED,), frozenset({"another"}))[0] is Outcome.PASS


def test_two_restore_points_of_one_name_made_at_the_same_time_are_never_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a second set of that name was kept")

    monkeypatch.setattr(nightly, "open_records", records)
    monkeypatch.setattr(nightly, "ask_production", lambda _: FENCE.production)
    monkeypatch.setattr(nightly, "make_fences", lambda *_, **__: tuple(fences("before-it", BEGAN).values()))
    monkeypatch.setattr(nightly, "fences_named", lambda *_: fences("before-it", BEGAN))
    monkeypatch.setattr(nightly, "keep_fence", refuse)
    with pytest.raises(CouldNotTell, match='somebody else made a restore point "before-it"'):
        nightly.keep_fences(settings(), "before-it", "try again")


@contextmanager
def records(*_: object) -> Iterator[MagicMock]:
    yield MagicMock()


@pytest.mark.parametrize(
    ("segment", "stop", "leads"),
    [
        ("000000010000000000000002", "0/2000100", True),
        ("000000010000000000000005", "0/6000100", False),  # it ended after the restore point
        ("000000020000000000000003", "0/3000100", False),  # of a recovery to before it
        (None, None, True),
    ],
)
def test_only_a_backup_before_the_restore_point_and_of_its_own_past_leads_to_it(
    segment: str | None, stop: str | None, leads: bool
) -> None:
    assert leads_to(replace(backup("a", BEGAN), wal_start=segment, lsn_stop=stop), FENCE) is leads


def point(repository: int, outcome: Outcome) -> ArchivedPoint:
    return ArchivedPoint("shop", repository, "20261128-010000F", ClusterVerdict(outcome, "said"))


@pytest.mark.parametrize("bad", [Outcome.FAIL, Outcome.UNKNOWN])
def test_it_is_safe_only_with_every_repository(bad: Outcome) -> None:
    safe = BeforeMigration("n", (FENCE,), (point(1, Outcome.PASS), point(2, Outcome.PASS)), ("printflow recover",), ())
    assert (safe.outcome, safe.as_json()["ok"]) == (Outcome.PASS, True)
    half = replace(safe, points=(point(1, Outcome.PASS), point(2, bad)))
    assert (half.outcome, half.as_json()["ok"]) == (bad, False)
    assert replace(safe, points=()).outcome is Outcome.UNKNOWN


def test_a_person_is_told_the_way_back_or_not_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    command = "printflow recover --to point:n --into /recovered --repo 1"
    safe = BeforeMigration("n", (FENCE,), (point(1, Outcome.PASS),), (command,), ())
    before_migration_command._show(safe)
    said = capsys.readouterr().out
    assert "OK: it is safe to migrate" in said
    assert f"    {command}\n" in said
    assert FENCE.lsn in said
    before_migration_command._show(replace(safe, points=(point(1, Outcome.FAIL),), commands=()))
    said = capsys.readouterr().out
    assert "FAIL: do NOT migrate" in said
    assert "printflow recover" not in said
