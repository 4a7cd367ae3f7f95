"""Tables that lost many of their rows since the fence before: a backup of a database that was emptied restores well."""

from collections.abc import Mapping, Sequence

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.fences.counts import Counts
from printflow_reliability.drills.fences.fence import Fence

CHECK = "drill.shrinkage"
AT_LEAST = 100
"""In a table with fewer rows a large fraction is a few rows, as on any day."""
SHOWN = 5


def shrunk(before: Counts, now: Counts, threshold: float, ignored: Sequence[str]) -> list[str]:
    """The tables that lost more than this fraction of their rows, as phrases for a person; gone ones lost all."""
    found = []
    for database, tables in before.items():
        for table, rows in tables.items():
            left = now.get(database, {}).get(table, 0)
            name = f"{database}.{table}"
            if rows >= AT_LEAST and name not in ignored and left < rows * (1 - threshold):
                found.append(f"{name} went from {rows:,} to {left:,} rows")
    return found


def judge(
    before: Mapping[str, Fence], now: Mapping[str, Fence], threshold: float, ignored: Sequence[str]
) -> CheckResult:
    """Compare two sets of fences, by cluster."""
    if not before or any(fence.counts is None for fence in now.values()):
        why = "no fence was recorded before this one, so there is nothing to compare with yet"
        return CheckResult(CHECK, Outcome.PASS if not before else Outcome.UNKNOWN, why)
    found = [
        phrase
        for name, fence in now.items()
        if name in before
        for phrase in shrunk(before[name].counts or {}, fence.counts or {}, threshold, ignored)
    ]
    since = f"{min(fence.taken_at for fence in before.values()):%Y-%m-%d %H:%M} UTC"
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return CheckResult(
            CHECK,
            Outcome.FAIL,
            f"since {since} {'; '.join(found[:SHOWN])}{more}. If that is meant: name them in drills.shrink_ignored "
            "until a drill has passed",
            {"shrunk_tables": len(found)},
        )
    return CheckResult(CHECK, Outcome.PASS, f"no table shrank since {since}", {"shrunk_tables": 0})
