"""What a drill restores to: the end of WAL, a moment, or one that it chooses; and the window in which moments lie."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeAlias

from printflow_reliability.backups.info import Backup
from printflow_reliability.errors import ConfigError
from printflow_reliability.moments import parse_moment

Kind = Literal["latest", "random", "longest", "time", "point"]
KINDS: tuple[Kind, ...] = ("latest", "random", "longest")
POINT = "point:"
"""What stands before the name of a restore point on the command line."""
Span: TypeAlias = tuple[datetime, datetime]
"""First and last moment of a stretch of time."""
WHOLE_SECOND = timedelta(seconds=1)
"""pgBackRest tells when a backup ended in whole seconds, cut off."""


@dataclass(frozen=True)
class Target:
    """What was asked for; `moment` is set for a given time only, `point` for a named restore point."""

    kind: Kind
    moment: datetime | None = None
    point: str | None = None

    def __str__(self) -> str:
        """As the command line and the history write it."""
        if self.point is not None:
            return f"{POINT}{self.point}"
        return self.moment.isoformat() if self.moment else self.kind


@dataclass(frozen=True)
class Window:
    """The moments that a repository can restore all clusters to."""

    earliest: datetime
    latest: datetime

    def __str__(self) -> str:
        """For a person."""
        return f"{self.earliest:%Y-%m-%d %H:%M:%S} to {self.latest:%Y-%m-%d %H:%M:%S} UTC"


def parse_target(text: str, now: datetime) -> Target:
    """Read a target as people write it.

    Raises:
        ConfigError: it is no target, has no time zone, or lies in the future.
    """
    for kind in KINDS:
        if text == kind:
            return Target(kind)
    moment = parse_moment(text, f"no target: it is neither {', '.join(KINDS)} nor a time")
    if moment > now:
        raise ConfigError(f"the time {text} lies in the future; it is {now:%Y-%m-%d %H:%M:%S} UTC now")
    return Target("time", moment)


def window_of(backups: Mapping[str, Sequence[Backup]], now: datetime) -> Window:
    """From the end of the oldest backup that every cluster has, to now; `backups` are by cluster, oldest first."""
    return Window(max(of_one[0].finished_at for of_one in backups.values()) + WHOLE_SECOND, now)


def require_inside(window: Window, moment: datetime, repository: int) -> None:
    """Raises:
    ConfigError: the moment lies outside the window, which the message names.
    """
    if not window.earliest <= moment <= window.latest:
        raise ConfigError(
            f"{moment:%Y-%m-%d %H:%M:%S} UTC lies outside of what repo{repository} can restore: {window}",
            "printflow backup list",
        )


def random_moment(
    window: Window, ends: Iterable[datetime], chance: random.Random, proven: Sequence[Span] = ()
) -> datetime:
    """A moment of the window, most likely far from any backup: there replay has the most to do.

    Where drills have proven stretches, it lies late in the longest one that none has: a drill proves all from the end
    of its backup on, so that this one proves most. Otherwise each span between two backups is as likely as any other,
    however long, and its middle is likelier than its ends.
    """
    inside = sorted({window.earliest, window.latest, *(at for at in ends if window.earliest < at < window.latest)})
    spans = list(pairwise(inside)) or [(inside[0], inside[0])]
    unproven = [piece for span in spans for piece in _without(span, proven)] if proven else []
    if unproven:
        begin, end = max(unproven, key=lambda piece: piece[1] - piece[0])
        return begin + (end - begin) * chance.triangular(0.5, 1, 0.9)
    begin, end = chance.choice(spans)
    return begin + (end - begin) * chance.triangular(0, 1)


def _without(span: Span, proven: Sequence[Span]) -> list[Span]:
    """The pieces of a span that no proven stretch covers."""
    pieces = []
    begin, end = span
    for first, last in sorted(proven):
        if begin < min(first, end):
            pieces.append((begin, min(first, end)))
        begin = max(begin, last)
    if begin < end:
        pieces.append((begin, end))
    return pieces
