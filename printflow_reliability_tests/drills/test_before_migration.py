"""A safe point before a migration: its name, and the WAL that it needs."""

from dataclasses import replace

import pytest

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.checks import Outcome
from printflow_reliability.drills import before_migration_command
from printflow_reliability.drills.before_migration import NAME, ArchivedPoint, BeforeMigration, segments_to
from printflow_reliability.errors import CouldNotTell
from printflow_reliability_tests.drills.two_clusters import BEGAN, fences

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
