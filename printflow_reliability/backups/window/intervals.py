"""The recoverable window of one repository as intervals: proven, provable, a gap, or unknown.

No I/O here. A moment is proven if a drill replayed over it, from a backup that is still there; provable if WAL leads to
it from a verified base backup and was itself read; a gap if nothing leads to it; otherwise it is unknown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from printflow_reliability.text import moment


class State(StrEnum):
    """What is known of the moments of an interval."""

    PROVEN = "proven"
    PROVABLE = "provable"
    UNKNOWN = "unknown"
    GAP = "gap"


@dataclass(frozen=True)
class Interval:
    """Moments of one state, UTC; `begin` and `end` are the same for a backup that reaches its own end only.

    Attributes:
        detail: what proves it, what is missing, or what was not read.
        accepted: a gap that is meant, or that a person acknowledged.
        drill: the number of the drill that proves it; None for other states.
        proven_at: when that drill ended.
    """

    begin: datetime
    end: datetime
    state: State
    detail: str = ""
    accepted: bool = False
    drill: int | None = None
    proven_at: datetime | None = None

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.begin).total_seconds()

    def as_json(self) -> dict[str, Any]:
        """As `backup window` shows it."""
        return {
            "from": self.begin,
            "to": self.end,
            "state": self.state,
            "detail": self.detail,
            "accepted": self.accepted,
            "drill": self.drill,
            "proven_at": self.proven_at,
        }


@dataclass(frozen=True)
class Proof:
    """A drill that passed: it replayed from the end of a backup to a moment."""

    drill: int
    begin: datetime
    end: datetime
    at: datetime


@dataclass(frozen=True)
class Missing:
    """WAL that is missing or damaged: the last moment before it, and the first that a later backup reaches again.

    `accepted` is the reason that a person gave for it; None if nobody did.
    """

    name: str
    before: datetime | None
    after: datetime | None
    accepted: str | None = None


@dataclass(frozen=True)
class Base:
    """A base backup: when it ended, and whether its bytes, and those that it builds upon, were verified."""

    label: str
    finished_at: datetime
    verified: bool


@dataclass(frozen=True)
class Known:
    """What is known of one repository.

    Attributes:
        windows: stretches over which WAL is whole, from the end of a backup.
        bases: the backups in them.
        points: the backups that reach their own end only.
        missing: what lies between the windows.
        verified_to: all WAL that was stored before this was read; None if none was.
        proofs: drills out of this repository, from backups that it still has.
        now: the moment of all this.
    """

    windows: Sequence[tuple[datetime, datetime]]
    bases: Sequence[Base]
    points: Sequence[Base]
    missing: Sequence[Missing]
    verified_to: datetime | None
    proofs: Sequence[Proof]
    now: datetime


def intervals(known: Known) -> tuple[Interval, ...]:
    """The whole window in order of time, without a moment that is left out or told twice."""
    stretches = [_stretch(begin, end, known) for begin, end in sorted(known.windows)]
    covered = [(stretch[0].begin, stretch[-1].end) for stretch in stretches]
    stretches += [
        [_point(base, known)]
        for base in known.points
        if not any(begin <= base.finished_at <= end for begin, end in covered)
    ]
    stretches.sort(key=lambda stretch: stretch[0].begin)
    found: list[Interval] = []
    for stretch in stretches:
        if found and (gap := _between(found[-1], stretch[0].begin, known)):
            found.append(gap)
        found += stretch
    if tail := _tail(found, known):
        found.append(tail)
    return tuple(found)


def _stretch(begin: datetime, end: datetime, known: Known) -> list[Interval]:
    """One stretch of whole WAL, cut where what is known of it changes."""
    verified = [base.finished_at for base in known.bases if base.verified and begin <= base.finished_at <= end]
    marks = {begin, end, *(at for proof in known.proofs for at in (proof.begin, proof.end))}
    marks |= {min(verified)} if verified else set()
    marks |= {known.verified_to} if known.verified_to else set()
    cuts = sorted(at for at in marks if begin <= at <= end)
    if len(cuts) == 1:
        cuts *= 2
    pieces = [_piece(first, last, min(verified, default=None), known) for first, last in pairwise(cuts)]
    return _merged(pieces)


def _piece(begin: datetime, end: datetime, verified_from: datetime | None, known: Known) -> Interval:
    proofs = [proof for proof in known.proofs if proof.begin <= begin and end <= proof.end]
    if proofs:
        newest = max(proofs, key=lambda proof: proof.drill)
        detail = f"drill {newest.drill} replayed over it, {moment(newest.at)}"
        return Interval(begin, end, State.PROVEN, detail, drill=newest.drill, proven_at=newest.at)
    if verified_from is None or begin < verified_from:
        return Interval(begin, end, State.UNKNOWN, "no base backup before it was verified")
    if known.verified_to is None or end > known.verified_to:
        return Interval(begin, end, State.UNKNOWN, "its WAL was not verified yet")
    return Interval(begin, end, State.PROVABLE, "base backup and WAL verified")


def _point(base: Base, known: Known) -> Interval:
    at = base.finished_at
    piece = _piece(at, at, at if base.verified else None, known)
    return replace(piece, detail=f"{base.label} to its own end only: {piece.detail}")


def _between(before: Interval, end: datetime, known: Known) -> Interval | None:
    """The moments between two stretches, by the names of what is missing there; None if nothing is between them.

    Where a backup was taken at once, they may be less than a second.
    """
    inside = [
        missing
        for missing in known.missing
        if (missing.before or before.end) <= end and (missing.after or known.now) >= before.end
    ]
    if not inside and before.end >= end:
        return None
    if not inside and before.begin == before.end:
        why = "no WAL is kept from it on (backups.retention.wal_days), or production left its timeline"
        return Interval(before.end, end, State.GAP, why, accepted=True)
    return _gap(before.end, end, inside)


def _tail(found: Sequence[Interval], known: Known) -> Interval | None:
    """What follows the last stretch, if WAL is missing there: no moment after it can be restored."""
    end = found[-1].end if found else None
    after = [missing for missing in known.missing if missing.after is None]
    if not after:
        return None
    begin = end or min((missing.before for missing in after if missing.before), default=known.now)
    return _gap(min(begin, known.now), known.now, after)


def _gap(begin: datetime, end: datetime, missing: Iterable[Missing]) -> Interval:
    named = list(missing)
    names = "; ".join(entry.name + (f" ({entry.accepted})" if entry.accepted else "") for entry in named[:3])
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    accepted = bool(named) and all(entry.accepted is not None for entry in named)
    return Interval(begin, end, State.GAP, f"{names}{more}" if named else "no usable base backup", accepted=accepted)


def _merged(pieces: Sequence[Interval]) -> list[Interval]:
    """Neighbours of the same state and detail as one."""
    found: list[Interval] = []
    for piece in pieces:
        if found and replace(found[-1], end=piece.end) == replace(piece, begin=found[-1].begin):
            found[-1] = replace(found[-1], end=piece.end)
        else:
            found.append(piece)
    return found
