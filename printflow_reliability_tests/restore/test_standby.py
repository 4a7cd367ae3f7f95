"""A standby that is asked before anything is copied: each reason not to copy it is told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore import standby
from printflow_reliability.restore.production import TABLESPACES, Production, Tablespace
from printflow_reliability.restore.standby import ask_standby
from printflow_reliability.settings import ClusterSettings

AT = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
PRODUCTION = Production("shop", 7, 2, "postgres", "/var/lib", 16 * 1024**2, 150000, {}, frozenset(), frozenset())
CLUSTER = ClusterSettings(
    name="shop", url="postgresql://primary/shop", pgbackrest_config=Path("/p.conf"), standby="postgresql://replica/shop"
)
WELL = {
    "recovering": True,
    "identifier": 7,
    "received": 2,
    "restart": 2,
    "major": 15,
    "role": "watcher",
    "may_copy": True,
    "database_bytes": 1000,
    "asked_at": AT,
}


class Answering:
    """A connection to a standby that says this of itself."""

    adapters = SimpleNamespace(register_loader=lambda _name, _loader: None)

    def __init__(self, row: Sequence[object]) -> None:
        self.row = row

    def execute(self, query: str) -> "Answering":
        return Answering((16384, "fast", "/mnt/fast")) if query == TABLESPACES else self

    def fetchall(self) -> list[Sequence[object]]:
        return [self.row]


def asked(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> standby.Standby:
    @contextmanager
    def connect(cluster: ClusterSettings, **_limits: object) -> Iterator[Answering]:
        assert cluster.url == "postgresql://replica/shop"
        yield Answering(list((WELL | changes).values()))

    monkeypatch.setattr(standby, "connect", connect)
    return ask_standby(CLUSTER, PRODUCTION)


def test_a_standby_that_may_be_copied_says_what_is_needed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch)
    assert (found.role, found.major, found.database_bytes, found.asked_at) == ("watcher", 15, 1000, AT)
    assert found.tablespaces == (Tablespace(16384, "fast", "/mnt/fast"),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recovering": False}, "is none: it takes writes of its own"),
        ({"identifier": 8}, "is of another cluster: its system identifier differs"),
        ({"identifier": 8, "recovering": False}, "is of another cluster"),
        ({"received": 1}, "follows timeline 1, and the primary is on 2"),
        ({"may_copy": False}, 'may not be copied by role "watcher": it has no REPLICATION'),
    ],
)
def test_every_reason_not_to_copy_is_told_with_a_next_step(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(CouldNotTell) as refused:
        asked(monkeypatch, **changes)
    assert f'the standby of cluster "shop" {said}' in refused.value.what
    assert "printflow" in refused.value.next_step


def test_a_standby_fed_by_the_archive_alone_is_never_to_be_made_anew_for_its_last_restart_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert asked(monkeypatch, received=None).major == 15
    assert asked(monkeypatch, restart=1).major == 15
    with pytest.raises(CouldNotTell, match="whether it follows cannot be told") as refused:
        asked(monkeypatch, received=None, restart=1)
    assert "anew" not in refused.value.sentence
    assert refused.value.next_step.startswith("CHECKPOINT in the primary, then in the standby")


def test_a_cluster_without_a_standby_is_told() -> None:
    with pytest.raises(CouldNotTell, match="names no standby"):
        ask_standby(CLUSTER.model_copy(update={"standby": None}), PRODUCTION)
