"""Timelines: how one history of WAL became another at each promotion, read from the `.history` files of the archive."""

from collections.abc import Mapping
from dataclasses import dataclass

from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.errors import CouldNotTell


@dataclass(frozen=True)
class Switch:
    """A promotion: the timeline that was left, and the LSN (bytes) at which it was."""

    timeline: int
    lsn: int


@dataclass(frozen=True)
class TimelineSpan:
    """The part of a timeline's segments that the current history consists of: from `first`, to before `end`.

    The segment in which a switch lies belongs to the new timeline, which is where recovery looks for it first.
    `end` and `switch_lsn` (bytes) are None for the timeline that goes on.
    """

    timeline: int
    first: int
    end: int | None = None
    switch_lsn: int | None = None


def parse_history(text: str) -> tuple[Switch, ...]:
    """The switches of a `.history` file, oldest first.

    Raises:
        ValueError: it is not a history file.
    """
    switches = []
    for line in text.splitlines():
        words = line.split()
        if words and not line.lstrip().startswith("#"):
            if len(words) < 2:
                raise ValueError(f"{line!r} is not a line of a timeline history")
            switches.append(Switch(int(words[0]), parse_lsn(words[1])))
    return tuple(switches)


def lineage(timeline: int, histories: Mapping[int, tuple[Switch, ...]], segment_bytes: int) -> tuple[TimelineSpan, ...]:
    """The stretches that lead to a timeline, oldest first.

    Raises:
        CouldNotTell: it has ancestors, and its history file is not in the archive.
    """
    if timeline > 1 and timeline not in histories:
        raise CouldNotTell(
            f"the history of timeline {timeline} is not in the archive, so where it branched off is not known",
            f"look for {timeline:08X}.history in production's pg_wal",
        )
    stretches = []
    first = 0
    for switch in histories.get(timeline, ()):
        end = switch.lsn // segment_bytes
        stretches.append(TimelineSpan(switch.timeline, first, end, switch.lsn))
        first = end
    return (*stretches, TimelineSpan(timeline, first))
