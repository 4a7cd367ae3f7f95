"""The moment to which `recover` offers to bring the files back: what the databases reached, not what was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.recovery.rollback_offer import reached_moment, rollback_command

ASKED = datetime(2026, 11, 2, 14, 5, 0, 700_000, tzinfo=UTC)


@dataclass
class Database:
    newest_heartbeat: datetime | None
    last_commit_at: datetime | None = None


def before(seconds: float) -> datetime:
    return ASKED - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("databases", "asked", "reached"),
    [
        ([Database(before(10))], ASKED, ASKED),
        ([Database(before(10)), Database(before(50))], ASKED, ASKED),
        # WAL ended an hour before.
        ([Database(before(3600))], ASKED, before(3600)),
        ([Database(before(10)), Database(before(3600))], ASKED, before(3600)),
        ([Database(None)], ASKED, ASKED),
        ([Database(None, before(5))], None, before(5)),
        ([Database(before(20), before(5))], None, before(5)),
        # The heartbeat stood still, and `files rollback` asks for it.
        ([Database(before(3600), before(5))], None, before(3600)),
        ([Database(None)], None, None),
        ([Database(before(1)), Database(None)], None, None),
        ([], None, None),
    ],
)
def test_it_is_what_every_database_with_references_reached(
    databases: Sequence[Database], asked: datetime | None, reached: datetime | None
) -> None:
    found = reached_moment(databases, asked)
    assert found == (reached.replace(microsecond=0) if reached else None)


def test_the_command_can_be_copied() -> None:
    assert rollback_command(ASKED) == "printflow files rollback --to 2026-11-02T14:05:00Z"
