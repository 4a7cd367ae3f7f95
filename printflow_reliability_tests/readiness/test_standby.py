"""A standby judged by what both servers said: each lack is told, and one that is well is told as well."""

from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.readiness.standby import SLOT_BYTES, Pair, Slot, judged, standby_probes
from printflow_reliability_tests.minimal_settings import minimal_settings

WELL: dict[str, Any] = {"identifiers": ("7", "7"), "timelines": (1, 1)}
RPO = 300.0


def outcomes(**changes: Any) -> list[tuple[Outcome, str]]:
    return list(judged(Pair(**(WELL | changes)), RPO))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"behind_bytes": 0, "behind_seconds": 86400.0},  # the primary is at rest
        {"behind_bytes": 10**6, "behind_seconds": RPO},
        {"slots": (Slot("standby", True, "reserved", 10 * SLOT_BYTES), Slot("old", False, "reserved", 10))},
        {"archive_mode": "always"},
    ],
)
def test_a_standby_that_could_be_promoted_is_well(changes: dict[str, Any]) -> None:
    assert outcomes(**changes) == []


@pytest.mark.parametrize(
    ("changes", "outcome", "said"),
    [
        ({"identifiers": ("7", "8")}, Outcome.FAIL, "of another cluster"),
        ({"recovering": (False, False)}, Outcome.FAIL, "takes writes of its own"),
        ({"recovering": (True, True)}, Outcome.UNKNOWN, "leads to a standby itself"),
        ({"timelines": (2, 1)}, Outcome.FAIL, "follows timeline 1, the primary is on 2"),
        ({"timelines": (2, 1), "receiving": False}, Outcome.UNKNOWN, "CHECKPOINT in the primary, then in the standby"),
        ({"behind_bytes": None}, Outcome.UNKNOWN, "has replayed nothing yet"),
        ({"behind_bytes": 1, "behind_seconds": RPO + 1}, Outcome.FAIL, "behind, more than 5 min"),
        ({"paused": True, "streaming": False}, Outcome.FAIL, "it is paused"),
        ({"streaming": False}, Outcome.WARN, "receives no WAL by streaming"),
        ({"lower": ("max_connections: 10, primary 100",)}, Outcome.FAIL, "max_connections: 10, primary 100"),
        ({"archive_mode": "off"}, Outcome.WARN, "would archive nothing"),
        ({"delay_ms": 3_600_000}, Outcome.WARN, "replays 1 h later on purpose"),
        ({"slots": (Slot("a\x1bb", False, "lost", 0),)}, Outcome.FAIL, "slot a\\x1bb of the primary has lost WAL"),
        ({"slots": (Slot("old", False, "extended", SLOT_BYTES),)}, Outcome.WARN, "slot old holds"),
    ],
)
def test_each_lack_is_told(changes: dict[str, Any], outcome: Outcome, said: str) -> None:
    ((found, sentence),) = outcomes(**changes)
    assert (found, said in sentence) == (outcome, True), sentence


def test_where_no_cluster_names_a_standby_there_is_nothing_to_ask() -> None:
    (probe,) = standby_probes(minimal_settings(""))
    (verdict,) = probe.ask()
    assert (verdict.outcome, verdict.numbers) == (Outcome.PASS, {"standbys": 0})
