"""Retention by grandfather-father-son: which backups of one repository are kept, and why.

No I/O and no clock here. A place (a day, a week, a month) is filled by a backup that was verified; what nobody verified
fills no place and does not expire either, so that an unread backup never pushes out a good one.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from printflow_reliability.moments import is_ahead


class Soundness(StrEnum):
    """What is known of a backup's stored bytes."""

    SOUND = "sound"
    DAMAGED = "damaged"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class StoredBackup:
    """A backup as retention sees it.

    Attributes:
        label: pgBackRest's name of it, unique in its repository.
        full: whether it is a full backup.
        finished_at: UTC.
        needs: labels of the backups without which it cannot be restored.
        soundness: of its own files; those of the backups that it needs count too.
        leads_on: whether production goes on from it. No WAL leads to the present from a timeline that was left, or from
            a former cluster.
    """

    label: str
    full: bool
    finished_at: datetime
    needs: frozenset[str] = frozenset()
    soundness: Soundness = Soundness.SOUND
    leads_on: bool = True


@dataclass(frozen=True)
class Policy:
    """How many days, weeks (ISO, from Monday) and months keep a backup each; all of them in UTC.

    Periods without a sound backup do not count: when backups stop, nothing expires by itself.

    Attributes:
        daily, weekly, monthly: numbers of periods.
        wal_days: how many days before the newest sound backup every moment stays restorable; None: WAL is kept from
            the oldest kept backup on.
    """

    daily: int = 14
    weekly: int = 8
    monthly: int = 12
    wal_days: float | None = None


@dataclass(frozen=True)
class Decision:
    """What becomes of one backup, and why, in words for a person.

    Attributes:
        soundness: of the backup with all that it needs; damaged, where one of these is gone.
    """

    backup: StoredBackup
    keep: bool
    reason: str
    soundness: Soundness


@dataclass(frozen=True)
class Retention:
    """What becomes of one repository.

    Attributes:
        decisions: one for each backup, oldest first.
        wal_from: the kept backup from which on all WAL is kept; of older ones only the WAL that makes them consistent.
    """

    decisions: tuple[Decision, ...] = ()
    wal_from: StoredBackup | None = None

    @property
    def kept(self) -> tuple[StoredBackup, ...]:
        """The backups that stay, oldest first."""
        return tuple(decision.backup for decision in self.decisions if decision.keep)


def decide(backups: Iterable[StoredBackup], policy: Policy, now: datetime) -> Retention:
    """Decide on every backup of one repository.

    A day is filled by its newest sound backup; a week and a month by their newest full one, or the newest of any type
    where there is none, since a full backup needs no other.

    Raises:
        ValueError: a label is listed twice.
    """
    stored = sorted(backups, key=_age)
    by_label = {backup.label: backup for backup in stored}
    if len(by_label) != len(stored):
        raise ValueError("a label is listed twice")
    trusted = [backup for backup in stored if not is_ahead(backup.finished_at, now)]
    whole = {backup.label: _with_its_chain(backup, by_label) for backup in stored}
    sound = [backup for backup in trusted if whole[backup.label] is Soundness.SOUND]
    reasons: dict[str, str] = {}
    if sound:
        reasons[sound[-1].label] = "the newest sound backup"
    if leading := [backup for backup in sound if backup.leads_on]:
        reasons.setdefault(leading[-1].label, "the newest sound backup of production's own timeline")
    for reason, chosen in _places(sound, policy):
        reasons[chosen.label] = reason
    if anchor := _wal_anchor(leading, policy):
        reasons.setdefault(anchor.label, f"WAL of the last {policy.wal_days:g} days begins at it")
    for backup in stored:
        if backup.label not in reasons and (why := _why_not(backup, stored, trusted, sound, whole)):
            reasons[backup.label] = why
    _keep_what_is_needed(stored, by_label, reasons)
    decisions = tuple(
        Decision(backup, True, reasons[backup.label], whole[backup.label])
        if backup.label in reasons
        else Decision(backup, False, _expiry(whole[backup.label]), whole[backup.label])
        for backup in stored
    )
    kept = [decision.backup for decision in decisions if decision.keep]
    damaged = [backup for backup in stored if whole[backup.label] is Soundness.DAMAGED]
    if anchor is None or any(_age(backup) > _age(anchor) for backup in damaged):
        anchor = kept[0] if kept else None
    return Retention(decisions, anchor)


def overdue(backups: Iterable[StoredBackup], policy: Policy, now: datetime, days: float) -> frozenset[str]:
    """The labels of the backups that expire now and would have expired so many days ago already.

    Raises:
        ValueError: a label is listed twice.
    """
    stored = list(backups)
    then = now - timedelta(days=days)
    before = decide([backup for backup in stored if backup.finished_at <= then], policy, then)
    return _expiring(before) & _expiring(decide(stored, policy, now))


def _expiring(retention: Retention) -> frozenset[str]:
    return frozenset(decision.backup.label for decision in retention.decisions if not decision.keep)


def in_order(decisions: Sequence[Decision]) -> tuple[StoredBackup, ...]:
    """Those that expire, each before those that it needs: pgBackRest expires with a backup all that build upon it."""
    left = {decision.backup.label: decision.backup for decision in decisions if not decision.keep}
    ordered: list[StoredBackup] = []
    while left:
        needed = {label for backup in left.values() for label in backup.needs if label != backup.label}
        # Labels that need each other in a circle do not exist; should info say so, their order does not matter.
        free = [backup for backup in left.values() if backup.label not in needed] or list(left.values())
        newest = max(free, key=_age)
        ordered.append(left.pop(newest.label))
    return tuple(ordered)


def _age(backup: StoredBackup) -> tuple[datetime, str]:
    return backup.finished_at, backup.label


def _wal_anchor(leading: Sequence[StoredBackup], policy: Policy) -> StoredBackup | None:
    """The newest sound backup that is so old that every moment of the days is after it; None if WAL is to be kept.

    It is one that WAL leads on from: before one of a timeline that was left, WAL is needed to reach the days after it.
    Counted from the newest sound backup and not from now: a clock that is wrong, or backups that stopped, cost no WAL.
    """
    if policy.wal_days is None or not leading:
        return None
    limit = leading[-1].finished_at - timedelta(days=policy.wal_days)
    old_enough = [backup for backup in leading if backup.finished_at <= limit]
    return old_enough[-1] if old_enough else None


def _with_its_chain(backup: StoredBackup, by_label: Mapping[str, StoredBackup]) -> Soundness:
    """A backup is as good as the worst of what it needs; what is not there cannot be restored."""
    found = {backup.soundness}
    seen, todo = {backup.label}, list(backup.needs)
    while todo:
        label = todo.pop()
        if label in seen:
            continue
        seen.add(label)
        needed = by_label.get(label)
        found.add(needed.soundness if needed else Soundness.DAMAGED)
        todo += needed.needs if needed else ()
    for worst in (Soundness.DAMAGED, Soundness.UNVERIFIED):
        if worst in found:
            return worst
    return Soundness.SOUND


def _places(sound: Sequence[StoredBackup], policy: Policy) -> Iterable[tuple[str, StoredBackup]]:
    """The backups that fill a place, each with the place; the shortest period that a backup fills comes last."""
    yield from _newest_periods(sound, policy.monthly, lambda at: f"month {at:%Y-%m}", prefer_full=True)
    yield from _newest_periods(sound, policy.weekly, _week, prefer_full=True)
    yield from _newest_periods(sound, policy.daily, lambda at: f"day {at:%Y-%m-%d}", prefer_full=False)


def _newest_periods(
    sound: Sequence[StoredBackup], count: int, period: Callable[[datetime], Hashable], *, prefer_full: bool
) -> Iterable[tuple[str, StoredBackup]]:
    held: dict[Hashable, StoredBackup] = {}
    for backup in sound:  # oldest first, so that the newest of a period stays
        place = period(backup.finished_at.astimezone(UTC))
        before = held.pop(place, None)
        full_stays = prefer_full and before is not None and before.full and not backup.full
        held[place] = before if full_stays and before is not None else backup
    for place in list(held)[-count:] if count else []:
        yield f"{place}", held[place]


def _week(at: datetime) -> str:
    year, week, _ = at.isocalendar()
    return f"week {year}-W{week:02}"


def _why_not(
    backup: StoredBackup,
    stored: Sequence[StoredBackup],
    trusted: Sequence[StoredBackup],
    sound: Sequence[StoredBackup],
    whole: Mapping[str, Soundness],
) -> str | None:
    """Why a backup that fills no place must not expire all the same; None if it may."""
    if backup not in trusted:
        return "it ends in the future: a clock is wrong"
    if not sound:
        return "no backup here was verified as sound"
    if whole[backup.label] is Soundness.UNVERIFIED:
        return "not verified yet"
    if _age(sound[-1]) < _age(backup):
        return "no newer backup was verified as sound"
    for newer in stored:
        if _age(newer) > _age(backup) and whole[newer.label] is Soundness.DAMAGED:
            return f"{newer.label}, which is newer, is damaged"
    return None


def _keep_what_is_needed(
    stored: Sequence[StoredBackup], by_label: Mapping[str, StoredBackup], reasons: dict[str, str]
) -> None:
    """Add what the kept backups build upon, and what that builds upon."""
    todo = [backup for backup in stored if backup.label in reasons]
    while todo:
        backup = todo.pop()
        for label in backup.needs:
            if label in by_label and label not in reasons:
                reasons[label] = f"needed by {backup.label}"
                todo.append(by_label[label])


def _expiry(soundness: Soundness) -> str:
    if soundness is Soundness.DAMAGED:
        return "damaged, and newer backups are sound"
    return "no day, week or month needs it"
