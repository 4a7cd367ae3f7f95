"""The clone at the fence against production at the fence: every table, row for row in number, small ones in content."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.fences.clone_rows import CloneRows, committed_after_all, read_clone
from printflow_reliability.drills.fences.reading import NotCounted, Reading
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.gaps import ALL
from printflow_reliability.text import agreed, counted

CHECK = "drill.fence"
CATALOG = "pg_catalog."
"""Large objects are counted in the clone always, and in production only if the role may read them."""
SHOWN = 5
"""How many tables of each kind a sentence names."""


@dataclass(frozen=True)
class Difference:
    """A table that is not what it was at the fence; `found` is None where it could not be read or is not there."""

    cluster: str
    database: str
    table: str
    expected: int | None
    found: int | None
    detail: str = ""

    def describe(self) -> str:
        """A phrase for a person."""
        where = f"{self.database}.{self.table}"
        if self.detail:
            return f"{where} cannot be read in the clone: {self.detail}"
        if self.expected is None:
            return f"{where} is in the clone and was not in production"
        if self.found is None:
            return f"{where} is missing in the clone ({counted(self.expected, 'row')} in production)"
        if self.found == self.expected:
            return f"{where} has as many rows as production had ({self.expected:,}), but not the same ones"
        return f"{where} has {counted(self.found, 'row')}, production had {self.expected:,}"


@dataclass(frozen=True)
class Comparison:
    """What comparing clones with their fences showed.

    Attributes:
        differing: tables that are not what they were.
        damaged: phrases for tables that production itself cannot read, and for databases that are damaged in a clone.
        untold: phrases for tables and databases that could not be compared, and why.
        left_out: why, by "cluster database", for those that nobody, or not this role, can connect to in production.
        unlogged: tables that come back empty by design.
    """

    differing: Sequence[Difference] = ()
    damaged: Sequence[str] = ()
    untold: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    unlogged: Sequence[str] = ()


def compare_with_fences(
    clones: Sequence[Clone], fences: Mapping[str, Fence], give_up: Callable[[], None]
) -> CheckResult:
    """Compare every clone, paused at its fence, with it.

    Raises:
        Refused: what answers as a clone is another server.
    """
    tasks = [partial(_compare_exactly, clone, fences[clone.cluster.name]) for clone in clones]
    return answer(run_parallel(tasks, give_up=give_up), fences.values())


def answer(compared: Iterable[Comparison], fences: Iterable[Fence]) -> CheckResult:
    """The check's answer: what is certainly wrong first, then what could not be told, then what was left out."""
    compared, fences = tuple(compared), tuple(fences)
    differing = [difference for comparison in compared for difference in comparison.differing]
    damaged = [phrase for comparison in compared for phrase in comparison.damaged]
    untold = [phrase for comparison in compared for phrase in comparison.untold]
    left_out = {database: why for comparison in compared for database, why in comparison.left_out.items()}
    unlogged = [table for comparison in compared for table in comparison.unlogged]
    tables, rows = (sum(getattr(fence, what) for fence in fences) for what in ("tables", "rows"))
    digests = sum(len(by_table) for fence in fences for by_table in (fence.digests or {}).values())
    numbers = {
        "tables": tables,
        "rows": rows,
        "differing_tables": len(differing),
        "untold_tables": len(untold),
        "left_out_databases": len(left_out),
        "unlogged_tables": len(unlogged),
    }
    others = "all others" if untold or damaged else "all"
    equal = f"{_count(tables, 'table')}, {_count(rows, 'row')}, {others} equal to production"
    parts = [
        describe(differing) if differing else "",
        f"cannot be read: {_first(damaged)}" if damaged else "",
        f"could not be told: {_first(untold)}" if untold else "",
        "" if differing or not tables else f"{equal} ({digests} compared by content)",
        f"left out: {_first([f'{database}: {why}' for database, why in left_out.items()])}" if left_out else "",
        f"unlogged, so empty by design: {_first(unlogged)}" if unlogged else "",
    ]
    outcome = Outcome.PASS
    for found, meant in ((left_out, Outcome.WARN), (untold, Outcome.UNKNOWN), (differing or damaged, Outcome.FAIL)):
        outcome = meant if found else outcome
    detail = "; ".join(filter(None, parts)) or "there is no table to compare"
    return CheckResult(CHECK, outcome, detail, numbers, tuple(left_out))


def compare(fence: Fence, clone: CloneRows) -> Comparison:
    """Compare a clone's rows with the fence's, table by table."""
    gaps, counts = fence.gaps, fence.counts or {}
    closed = [seen for database, seen in clone.closed.items() if counts.get(database)]
    damaged = [seen.text for seen in closed if seen.outcome is Outcome.FAIL]
    untold = [seen.text for seen in closed if seen.outcome is not Outcome.FAIL]
    for database, reasons in gaps.untold.items():
        untold += [f"{_where(database, table)}: {reason}" for table, reason in reasons.items()]
    for database, reasons in gaps.damaged.items():
        for table, reason in reasons.items():
            reading = clone.readings.get(database, {}).get(table)
            damaged.append(f"{_where(database, table)} in production itself: {reason}{_in_clone(reading)}")
    differing = []
    for database in sorted(counts.keys() | clone.readings.keys()):
        found = clone.readings.get(database, {})
        for table in sorted(counts.get(database, {}).keys() | found.keys()):
            if table not in found and database in clone.closed:
                continue
            match _compare_table(fence, database, table, found.get(table)):
                case Difference() as difference:
                    differing.append(difference)
                case str(reason):
                    untold.append(reason)
    left_out = {f"{fence.cluster} {database}": reason for database, reason in gaps.left_out.items()}
    unlogged = [f"{database}.{table}" for database, tables in clone.unlogged.items() for table in tables]
    return Comparison(tuple(differing), tuple(damaged), tuple(untold), left_out, tuple(unlogged))


def _compare_table(fence: Fence, database: str, table: str, now: Reading | None) -> Difference | str | None:
    """How a table differs; or, as a phrase, why that could not be told; None if it is equal, or known to be a gap."""
    before = (fence.counts or {}).get(database, {}).get(table)
    digest = (fence.digests or {}).get(database, {}).get(table)
    place = (fence.cluster, database, table, before)
    damaged_before = table in fence.gaps.damaged.get(database, {})
    if now is not None and now.trouble is NotCounted.DAMAGED and not damaged_before:
        return Difference(*place, None, now.reason)
    if before is None and (damaged_before or table.startswith(CATALOG) or fence.gaps.reason(database, table)):
        return None
    if now is None:
        return Difference(*place, None)
    if now.trouble is not None:
        return f"{_where(database, table)} in the clone: {now.reason}"
    if before == now.rows and digest is not None and now.digest is None:
        return f"the content of {_where(database, table)} in the clone: {now.reason}"
    if before != now.rows or (digest is not None and digest != now.digest):
        return Difference(*place, now.rows)
    return None


def describe(found: Sequence[Difference], shown: int = SHOWN) -> str:
    """A sentence for a person, table by table."""
    differ = f"{counted(len(found), 'table')} {agreed(len(found), 'differs', 'differ')}"
    return f"{differ} from production at the fence: {_first([difference.describe() for difference in found], shown)}"


def _compare_exactly(clone: Clone, fence: Fence) -> Comparison:
    """Where the clone differs; or why it cannot be compared at all."""
    if fence.counts is None:
        why = f"commits of {fence.cluster} never paused long enough to count its rows at one moment"
        return Comparison(
            untold=[f"{why}, so production's rows at the fence are not known. Next: drill at a quieter time"]
        )
    try:
        if committed := committed_after_all(clone, fence):
            were = agreed(committed, "was", "were")
            transactions = f"{counted(committed, 'transaction')} of {fence.cluster}"
            why = f"{transactions} {were} just being committed when the fence was made"
            return Comparison(
                untold=[f"{why}, so that the clone has rows that production did not show yet. Next: another drill"]
            )
        return compare(fence, read_clone(clone, fence))
    except CouldNotTell as away:
        return Comparison(untold=[away.sentence])


def _in_clone(reading: Reading | None) -> str:
    """What the clone has of a table that production cannot read."""
    if reading is None or reading.rows is None:
        return " (nor can the clone)"
    return f" (the clone reads {_count(reading.rows, 'row')} of it: printflow recover brings them back)"


def _where(database: str, table: str) -> str:
    return f"every table of {database}" if table == ALL else f"{database}.{table}"


def _first(phrases: Sequence[str], shown: int = SHOWN) -> str:
    more = f"; and {len(phrases) - shown} more" if len(phrases) > shown else ""
    return "; ".join(phrases[:shown]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
