"""What a drill is going to do, known before anything is fetched: who the clusters are, from which backups, how far."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.identity import newest_identity
from printflow_reliability.backups.info import Backup, StanzaInfo
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.pgbackrest_errors import NoBackupForTarget
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.tablespaces import TablespaceRules
from printflow_reliability.restore.targets import (
    WHOLE_SECOND,
    Span,
    Target,
    Window,
    random_moment,
    require_inside,
    window_of,
)

StoredFences = Callable[[datetime, datetime], Mapping[str, Fence]]
"""The newest set of fences in records that was made between two moments, by cluster; empty if there is none."""


@dataclass(frozen=True)
class Point:
    """One cluster before its clone is made: who it is, and the base backup that will be used."""

    production: Production
    backup: Backup


@dataclass(frozen=True)
class Plan:
    """A drill's plan.

    Attributes:
        moment: where replay ends; None for the end of WAL.
        window: the moments that could have been chosen.
        points: by cluster.
        fences: those out of the records to compare with; empty where they are made now, or there are none.
    """

    moment: datetime | None
    window: Window
    points: Mapping[str, Point]
    fences: Mapping[str, Fence]

    @property
    def productions(self) -> Mapping[str, Production]:
        """Who the clusters are, by name."""
        return {name: point.production for name, point in self.points.items()}


def make_plan(
    target: Target,
    productions: Mapping[str, Production],
    backups: Mapping[str, tuple[Backup, ...]],
    repository: int,
    now: datetime,
    stored: StoredFences,
    *,
    fence_now: bool,
    proven: Sequence[Span] = (),
) -> Plan:
    """Choose the moment, the fences and the backups.

    Args:
        target: what was asked for.
        productions: who the clusters are, by name.
        backups: those of the repository, by cluster, oldest first.
        repository: its number, for messages.
        now: on production's clock.
        stored: finds fences in records.
        fence_now: whether a fence will be made in production; if not, the newest one of the records must do.
        proven: what drills have proven already; a random moment lies elsewhere.

    Raises:
        ConfigError: the moment lies outside the window.
        CouldNotTell: nothing was ever recorded that the drill could compare with.
    """
    window = window_of(backups, now)
    moment = target.moment
    if target.kind == "random":
        first = stored_first(stored, window)
        ends = [backup.finished_at for of_one in backups.values() for backup in of_one]
        chance = random.Random()  # noqa: S311 - not a secret
        moment = random_moment(Window(first, window.latest), ends, chance, proven)
    if moment is not None:
        require_inside(window, moment, repository)
    fences: Mapping[str, Fence] = {}
    if moment is not None or not fence_now:
        fences = stored(window.earliest, moment or now)
    if not fences and moment is None and not fence_now:
        raise CouldNotTell(
            f"no fence was recorded within {window}, and production is not to be asked",
            "printflow drill fence, where production can be reached",
        )
    points = {
        name: Point(production, backup_for(target, backups[name], fences.get(name), moment))
        for name, production in productions.items()
    }
    return Plan(moment, window, points, fences)


def stored_first(stored: StoredFences, window: Window) -> datetime:
    """The earliest moment of the window that has a recorded fence before it, so that what is drilled can be compared.

    Without any fence it is the window's own beginning: the recovery is drilled, and its rows are "could not tell".
    """
    newest = stored(window.earliest, window.latest)
    if not newest:
        return window.earliest
    first = newest
    while earlier := stored(window.earliest, min(fence.taken_at for fence in first.values())):
        if earlier == first:
            break
        first = earlier
    return max(fence.taken_at for fence in first.values())


def leads_to(backup: Backup, fence: Fence) -> bool:
    """Whether a backup ended before a restore point, and on no later timeline: that left the restore point's own."""
    if backup.lsn_stop is not None and parse_lsn(backup.lsn_stop) > parse_lsn(fence.lsn):
        return False
    return backup.wal_start is None or int(backup.wal_start[:8], 16) <= fence.timeline


def backup_for(target: Target, backups: tuple[Backup, ...], fence: Fence | None, moment: datetime | None) -> Backup:
    if target.kind == "longest":
        return backups[0]
    if fence is not None:
        for backup in reversed(backups):
            if leads_to(backup, fence):
                return backup
        raise NoBackupForTarget(
            f'no base backup of {fence.cluster} leads to the restore point "{fence.name}"', "printflow backup list"
        )
    if moment is not None:
        return next(backup for backup in reversed(backups) if backup.finished_at + WHOLE_SECOND <= moment)
    return backups[-1]


def backups_in(
    pgbackrest: PgBackRest, repository: int, production: Production | None = None
) -> tuple[StanzaInfo, tuple[Backup, ...]]:
    """What the stanza is, and the base backups of the cluster in one repository, oldest first; at least one.

    A stanza may hold those of a former cluster too; where production is not known, the newest cluster's count.

    Raises:
        NoBackupForTarget: there is none.
        Refused: there are only those of another cluster.
        CouldNotTell: the repository cannot be asked.
    """
    info = pgbackrest.info(repository)
    identity = newest_identity(info, repository, production.system_identifier if production else None)
    found = info.of_cluster(repository, identity)
    if found:
        return info, found
    name = pgbackrest.cluster.name
    if others := info.in_repository(repository):
        raise Refused(
            f"repo{repository} holds backups of another cluster than {name}: their system identifier is "
            f"{others[-1].system_identifier}, that of {name} is {identity}",
            f'is `stanza` of cluster "{name}" right? To restore the other cluster: '
            f"pgbackrest --stanza={info.name} --repo={repository} --set={others[-1].label} restore",
        )
    status = info.status_of(repository)
    if status.code in (1, 2):
        raise NoBackupForTarget(
            f"there is no base backup of {name} in repo{repository} ({status.message})", f"printflow backup run {name}"
        )
    raise pgbackrest.unreadable(status)


def require_known_tablespaces(
    plan: Plan,
    known: Callable[[str, Backup], frozenset[int]],
    rules: TablespaceRules = TablespaceRules(),  # noqa: B008 - it is immutable
) -> None:
    """Make sure that replay makes no tablespace, as far as that can be told before anything is fetched.

    To the end of WAL, what production has by now counts. What it has by now says nothing of an earlier moment: there
    the fence before the moment counts, and the rest is found in the WAL itself.

    Args:
        plan: what the drill is going to do.
        known: asks for the OIDs of the tablespaces that a cluster's backup knows.
        rules: say what a person does about one that is not known.

    Raises:
        Refused: a tablespace was made after the base backup.
        CouldNotTell: the repository cannot be asked.
    """
    for name, point in plan.points.items():
        then = [plan.fences[name].production] if name in plan.fences else []
        if plan.moment is None:
            then.append(point.production)
        tablespaces = [tablespace for production in then for tablespace in production.tablespaces]
        in_backup = known(name, point.backup) if tablespaces else frozenset()
        for tablespace in tablespaces:
            if tablespace.oid not in in_backup:
                how = f'"{tablespace.name}" was made after {point.backup.label}'
                raise rules.refusal(name, tablespace.path, how)
