"""What counts as harm done by a drill, and what is production going about its business."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from printflow_reliability.drills.isolation import IsolationState, RepositoryState, changes
from printflow_reliability.restore.production import Production, Tablespace

LIVE = Production(
    "live_db",
    7,
    1,
    "postgres",
    "/var/lib/live",
    16 * 1024**2,
    150018,
    {},
    frozenset({"standby (physical)"}),
    frozenset(),
)
FILES = {
    "archive/15-1/0000000100000000/000000010000000000000004-" + "a" * 40 + ".zst": 100,
    "archive/archive.info": 20,
    "backup/20261102-030000F/backup.manifest": 300,
}


def state(files: Mapping[str, int] = FILES, live: Production = LIVE) -> IsolationState:
    return IsolationState({"live_db": live}, [RepositoryState("live_db", 1, files)])


def test_segments_that_production_archived_meanwhile_are_no_change() -> None:
    more = {**FILES, "archive/15-1/0000000100000000/000000010000000000000005-" + "b" * 40 + ".zst": 90}
    assert changes(state(), state(more)) == []


def test_the_history_of_a_backup_that_ended_before_is_archived_when_production_likes() -> None:
    name = "archive/15-1/0000000100000000/000000010000000000000004.00000028.backup"
    assert changes(state(), state({**FILES, name: 1})) == []
    other = name.replace("/00000001", "/00000002")
    assert changes(state(), state({**FILES, other: 1})) == [f"new in repo1 of live_db: {other}"]


def test_a_tablespace_that_leads_elsewhere_is_a_change_and_one_that_was_made_or_dropped_is_not() -> None:
    fast, slow = Tablespace(16385, "fast", "/srv/fast"), Tablespace(16386, "slow", "/srv/slow")
    before, after = replace(LIVE, tablespaces=(fast,)), replace(LIVE, tablespaces=(slow,))
    assert changes(state(live=before), state(live=after)) == []
    moved = replace(LIVE, tablespaces=(replace(fast, path="/drills/1/clone"), slow))
    assert changes(state(live=before), state(live=moved)) == [
        'tablespace "fast" of live_db led to /srv/fast and leads to /drills/1/clone now'
    ]


@pytest.mark.parametrize(
    "name",
    [
        "archive/15-1/0000000200000000/000000020000000000000005-" + "b" * 40 + ".zst",
        "archive/15-1/00000002.history",
        "backup/20261102-040000F/backup.manifest",
    ],
)
def test_a_segment_of_another_timeline_a_history_or_a_backup_is_a_change(name: str) -> None:
    assert changes(state(), state({**FILES, name: 1})) == [f"new in repo1 of live_db: {name}"]


def test_a_file_that_went_or_changed_is_named() -> None:
    less = {"archive/archive.info": 21, "backup/20261102-030000F/backup.manifest": 300}
    found = changes(state(), state(less))
    assert [change.split(":")[0] for change in found] == ["gone in repo1 of live_db", "altered in repo1 of live_db"]


def test_a_slot_a_subscription_and_a_timeline_are_watched() -> None:
    after = replace(LIVE, timeline=2, slots=frozenset(), subscriptions=frozenset({"from_shop"}))
    assert changes(state(), state(live=after)) == [
        "live_db went from timeline 1 to 2",
        "replication slots of live_db: gone standby (physical)",
        "subscriptions of live_db: new from_shop",
    ]
