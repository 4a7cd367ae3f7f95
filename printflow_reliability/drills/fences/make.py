"""The fence: a restore point in every cluster at the same moment, and what every logged table held at that moment.

No lock is held. Two snapshots around the restore point that are the same prove that nothing became visible between
them, so the second one is the state at the restore point, and is counted in at leisure (`moment` looks for them).

The first snapshots of all clusters are taken before the first restore point and the second ones after the last, so
a moment lies between them in every cluster: all fences of one set are the platform's state at that moment.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeAlias

from printflow_reliability.drills.fences.moment import Moment, find_moment
from printflow_reliability.drills.fences.reading import NotCounted, Reading
from printflow_reliability.drills.fences.side import Side
from printflow_reliability.drills.fences.templates import TemplateRead, unchanged
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.counts import Counts, Digests
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.production import Production
from printflow_reliability.settings import ClusterSettings

QUIET_SECONDS = 20.0
"""How long to look for a quiet moment. Measured at 2,200 transactions a second: 6 ms."""
ATTEMPTS = 4
AGAIN_SECONDS = 60.0
"""How often, and until when, to take another moment where a table was rewritten while it was counted."""
READERS = 3
"""How many databases of all clusters are counted at the same time."""
Read: TypeAlias = list[dict[str, dict[str, Reading]]]
"""What was read of tables, by database, in the order of the clusters."""
Inventories: TypeAlias = list[dict[str, str]]


def make_fences(
    productions: Mapping[str, Production],
    clusters: Sequence[ClusterSettings],
    name: str,
    *,
    quiet_seconds: float,
    digest_bytes: int,
) -> tuple[Fence, ...]:
    """Make a restore point in every cluster, count, and end the segments they lie in.

    Args:
        productions: who the clusters are, by name.
        clusters: where; the fences come in the same order.
        name: of the restore points in the WAL.
        quiet_seconds: how long to look for a moment in which all clusters are quiet.
        digest_bytes: tables up to this size are compared by content too.

    Raises:
        CouldNotTell: a cluster cannot be reached, or refuses one of the two functions.
    """
    with ExitStack() as stack:
        sides = [Side(stack, cluster) for cluster in clusters]
        templates = [side.read_templates(digest_bytes) for side in sides]
        moment, inventories, read = _take(sides, name, quiet_seconds, digest_bytes)
        if moment.exact:
            for side, before, found, inventory in zip(sides, templates, read, inventories, strict=True):
                _add_templates(side, before, found, inventory, digest_bytes)
        gaps = [side.gaps(found) for side, found in zip(sides, read, strict=True)]
        if not moment.exact:
            for side in sides:
                side.close_snapshots()
        ends = [side.switch_wal() for side in sides]
    fences = []
    for number, side in enumerate(sides):
        point, found = moment.points[number], read[number]
        told = {*side.sessions.by_database, *side.sessions.templates}
        counted = {database: tables for database, tables in found.items() if database in told}
        fence = Fence(
            cluster=side.cluster.name,
            name=name,
            taken_at=point.at,
            timeline=productions[side.cluster.name].timeline,
            lsn=point.lsn,
            end_lsn=ends[number],
            segment=point.segment,
            counts=_counts(counted) if moment.exact else None,
            digests=_digests(counted) if moment.exact else None,
            production=productions[side.cluster.name],
            inventory=inventories[number],
            open_transactions=moment.open_transactions[number],
            gaps=gaps[number],
        )
        fences.append(fence)
    return tuple(fences)


def _add_templates(
    side: Side,
    before: Mapping[str, TemplateRead],
    read: dict[str, dict[str, Reading]],
    inventory: dict[str, str],
    digest_bytes: int,
) -> None:
    """Read a cluster's templates again, and add what they held at the moment; the others are left out."""
    for database, after in side.read_templates(digest_bytes).items():
        held = unchanged(before[database], after)
        if held.why_not:
            side.sessions.left_out[database] = held.why_not
        else:
            read[database] = held.tables
            inventory |= held.inventory


def _take(
    sides: Sequence[Side], name: str, quiet_seconds: float, digest_bytes: int
) -> tuple[Moment, Inventories, Read]:
    """Find a moment and count in it; another one if a table was changed meanwhile and counting does not take long."""
    began, attempts = time.monotonic(), 0
    while True:
        attempts += 1
        moment = find_moment(sides, name, quiet_seconds)
        inventories = [side.inventory() for side in sides]
        read = _read(sides, moment, digest_bytes) if moment.exact else [{} for _ in sides]
        changed = any(
            reading.trouble is NotCounted.CHANGED
            for databases in read
            for readings in databases.values()
            for reading in readings.values()
        )
        if not changed or attempts == ATTEMPTS or time.monotonic() - began > AGAIN_SECONDS:
            return moment, inventories, read


def _read(sides: Sequence[Side], moment: Moment, digest_bytes: int) -> Read:
    """What every table of every database held, in the order of the clusters."""
    places = [(number, database) for number, side in enumerate(sides) for database in list(side.sessions.by_database)]
    tasks = [
        partial(sides[number].read, database, moment.snapshots[number], digest_bytes) for number, database in places
    ]

    def give_up() -> None:
        for side in sides:
            side.sessions.cancel()

    readings = run_parallel(tasks, give_up=give_up, workers=READERS)
    found: Read = [{} for _ in sides]
    for (number, database), reading in zip(places, readings, strict=True):
        found[number][database] = reading
    return found


def _counts(read: Mapping[str, Mapping[str, Reading]]) -> Counts:
    return {
        database: {table: reading.rows for table, reading in tables.items() if reading.rows is not None}
        for database, tables in read.items()
    }


def _digests(read: Mapping[str, Mapping[str, Reading]]) -> Digests:
    return {
        database: {table: reading.digest for table, reading in tables.items() if reading.digest is not None}
        for database, tables in read.items()
    }
