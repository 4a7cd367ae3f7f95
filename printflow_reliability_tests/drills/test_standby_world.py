"""Between a standby's files and the fence: the WAL that must be there, and files that are too new."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from printflow_reliability.backups.info import ArchiveRange, Backup
from printflow_reliability.drills.world.repository import LiveRepository
from printflow_reliability.drills.world.standby import StandbyClones, StandbyRepository
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.programs import Programs
from printflow_reliability.restore.plan import Plan, Point, require_known_tablespaces
from printflow_reliability.restore.production import Tablespace
from printflow_reliability.restore.restoration import Restoration
from printflow_reliability.restore.standby import LABEL, RULES
from printflow_reliability.restore.targets import Window
from printflow_reliability_tests.drills.two_clusters import BEGAN, CLUSTERS, backup, fences, production, settings

FIRST = "000000010000000000000002"
TAKEN = replace(backup(LABEL, BEGAN), type=LABEL, wal_start=FIRST)


def plan_of(taken: Backup) -> Plan:
    """A plan in which the first cluster is taken of its standby, and the other restored."""
    restored = backup("new", BEGAN)
    points = {name: Point(production(name), each) for name, each in zip(CLUSTERS, (taken, restored), strict=True)}
    return Plan(None, Window(BEGAN, BEGAN), points, {})


def repository(monkeypatch: pytest.MonkeyPatch, files: Mapping[str, list[str]], **info: object) -> StandbyRepository:
    """A repository with these files in its folders, which waits for nothing."""

    def listed(folder: str, _number: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(name=name) for name in files.get(folder, ())]

    stanza = SimpleNamespace(
        cluster=SimpleNamespace(stanza="main"), repo_ls=listed, info=lambda _number: SimpleNamespace(**info)
    )
    monkeypatch.setattr(LiveRepository, "await_archived", lambda *_: None)
    monkeypatch.setattr(LiveRepository, "stanza", lambda *_: stanza)
    return StandbyRepository(settings(), 1, Programs("postgres"), lambda: None)


def test_wal_from_where_the_standbys_files_begin_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = repository(monkeypatch, {"archive/main/17-1/0000000100000000": [f"{FIRST}-0a1b.zst"]})
    found.await_archived(plan_of(TAKEN), {}, threading.Event())


@pytest.mark.parametrize("files", [{}, {"archive/main/17-1/0000000100000000": ["000000010000000000000003-0a1b.zst"]}])
def test_a_standby_that_is_further_behind_than_the_archive_reaches_is_told(
    monkeypatch: pytest.MonkeyPatch, files: Mapping[str, list[str]]
) -> None:
    with pytest.raises(CouldNotTell, match=f"repo1 does not hold the WAL segment {FIRST}.*too far behind") as told:
        repository(monkeypatch, files).await_archived(plan_of(TAKEN), {}, threading.Event())
    assert told.value.next_step.startswith("printflow wal verify live_db")


def test_the_archive_of_another_cluster_is_refused_and_none_could_not_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, identity = settings().cluster[0], production("live_db")
    archives = (
        ArchiveRange("16-1", 1, None, None),
        ArchiveRange("17-2", 1, None, None),
        ArchiveRange("17-9", 2, "", ""),
    )
    found = repository(monkeypatch, {}, system_identifiers={1: 7}, archives=archives)
    assert found._archive_of(cluster, identity) == "17-2"
    with pytest.raises(CouldNotTell, match="repo1 holds no WAL of live_db"):
        repository(monkeypatch, {}, system_identifiers={}, archives=())._archive_of(cluster, identity)
    with pytest.raises(Refused, match="repo1 holds the WAL of another cluster than live_db"):
        repository(monkeypatch, {}, system_identifiers={1: 99}, archives=archives)._archive_of(cluster, identity)


@pytest.mark.parametrize(("consistent", "fits"), [("0/5000148", True), ("0/5000149", False)])
def test_files_that_are_consistent_only_past_the_fence_are_not_replayed(
    monkeypatch: pytest.MonkeyPatch, consistent: str, fits: bool
) -> None:
    fetched: list[object] = []
    monkeypatch.setattr(Restoration, "fetch", lambda _self, at: fetched.append(at))
    plan = plan_of(replace(TAKEN, lsn_stop=consistent))
    clones = StandbyClones(settings(), Path("/drills/7"), 1, plan, lambda: None)
    made = fences("printflow-drill-7", BEGAN)
    if fits:
        clones.fetch(made)
    else:
        with pytest.raises(CouldNotTell, match=r'standby of cluster "live_db" was past the fence 0/5000148'):
            clones.fetch(made)
    assert fetched == ([made] if fits else [])


def test_a_tablespace_that_the_standby_does_not_have_yet_is_refused_with_what_helps_there() -> None:
    plan = plan_of(TAKEN)
    space = Tablespace(16384, "fast", "/mnt/fast")
    point = plan.points["live_db"]
    ours = replace(plan, points={"live_db": replace(point, production=replace(point.production, tablespaces=(space,)))})
    require_known_tablespaces(ours, lambda _cluster, _backup: frozenset({16384}), RULES)
    with pytest.raises(Refused, match='"fast" was made after standby') as refused:
        require_known_tablespaces(ours, lambda _cluster, _backup: frozenset(), RULES)
    assert refused.value.next_step.startswith("CHECKPOINT in cluster live_db, then in its standby")
    assert refused.value.next_step.endswith("printflow drill run --from-standby")
