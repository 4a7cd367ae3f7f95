"""Tables that lost many of their rows since the fence before: a backup of a database that was emptied restores well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.restore.counts import Counts
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.gaps import Gaps
from printflow_reliability.text import counted

CHECK = "drill.shrinkage"
AT_LEAST = 100
"""In a table with fewer rows a large fraction is a few rows, as on any day."""
SHOWN = 5


@dataclass(frozen=True)
class Shrunk:
    """Phrases for tables that lost rows, and the names of those of which nobody knows."""

    lost: Sequence[str]
    untold: Sequence[str]


def shrunk(before: Counts, now: Counts, gaps: Gaps, threshold: float, ignored: Sequence[str]) -> Shrunk:
    """The tables that lost more than this fraction of their rows, gone ones all, and those that were not counted now.

    Args:
        before: what was counted at an earlier fence.
        now: what was counted at the newest.
        gaps: why the newest did not count a table.
        threshold: the fraction.
        ignored: tables ("database.schema.table") that may lose as many rows as they like.
    """
    lost, untold = [], []
    for database, tables in before.items():
        for table, rows in tables.items():
            name = f"{database}.{table}"
            if rows < AT_LEAST or name in ignored:
                continue
            left = now.get(database, {}).get(table)
            if left is None and (gaps.reason(database, table) or table in gaps.damaged.get(database, {})):
                untold.append(name)
            elif (left or 0) < rows * (1 - threshold):
                lost.append(f"{name} went from {rows:,} to {counted(left or 0, 'row')}")
    return Shrunk(tuple(lost), tuple(untold))


def check_shrinkage(
    before: Mapping[str, Fence], now: Mapping[str, Fence], threshold: float, ignored: Sequence[str]
) -> CheckResult:
    """Compare two sets of fences, by cluster."""
    if not before:
        why = "no fence was recorded before this one, so there is nothing to compare with yet"
        return CheckResult(CHECK, Outcome.PASS, why)
    if restless := [name for name, fence in now.items() if fence.counts is None]:
        why = f"the rows of {', '.join(restless)} at the fence are not known, so nothing was compared"
        return CheckResult(CHECK, Outcome.UNKNOWN, why)
    compared = [
        shrunk(before[name].counts or {}, fence.counts or {}, fence.gaps, threshold, ignored)
        for name, fence in now.items()
        if name in before
    ]
    lost = [phrase for cluster in compared for phrase in cluster.lost]
    untold = [name for cluster in compared for name in cluster.untold]
    since = f"since {min(fence.taken_at for fence in before.values()):%Y-%m-%d %H:%M} UTC"
    numbers = {"shrunk_tables": len(lost)}
    if lost:
        accept = "If that is meant: name them in drills.shrink_ignored until a drill has passed"
        return CheckResult(CHECK, Outcome.FAIL, f"{since} {_first(lost)}. {accept}", numbers)
    if untold:
        detail = f"could not be counted now, and so not compared: {_first(untold)}; no other table shrank {since}"
        return CheckResult(CHECK, Outcome.UNKNOWN, detail, numbers)
    return CheckResult(CHECK, Outcome.PASS, f"no table shrank {since}", numbers)


def _first(phrases: Sequence[str]) -> str:
    more = f"; and {len(phrases) - SHOWN} more" if len(phrases) > SHOWN else ""
    return "; ".join(phrases[:SHOWN]) + more
