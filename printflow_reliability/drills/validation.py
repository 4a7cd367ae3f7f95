"""What must hold in a recovered cluster before anybody is let in: sound indexes, whole relations."""

import os
from collections.abc import Callable, Sequence
from functools import partial

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.amcheck import check_relations, describe
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.clone import Clone
from printflow_reliability.drills.counts import databases
from printflow_reliability.drills.foreign_keys import Violation, check_foreign_keys
from printflow_reliability.errors import CouldNotTell

SHOWN = 3


def validate_indexes(clones: Sequence[Clone], *, timeout: float, give_up: Callable[[], None]) -> CheckResult:
    """Run pg_amcheck over every database of every clone."""
    jobs = max(1, (os.cpu_count() or 1) // max(1, len(clones)))
    tasks = [partial(check_relations, clone, jobs=jobs, timeout=timeout) for clone in clones]
    try:
        found = [finding for findings in at_once(tasks, give_up=give_up) for finding in findings]
    except CouldNotTell as unknown:
        return CheckResult("drill.indexes", Outcome.UNKNOWN, unknown.sentence)
    if found:
        return CheckResult("drill.indexes", Outcome.FAIL, describe(found), {"unsound_relations": len(found)})
    return CheckResult("drill.indexes", Outcome.PASS, "every heap and index is sound", {"unsound_relations": 0})


def validate_foreign_keys(clones: Sequence[Clone], *, timeout: float, give_up: Callable[[], None]) -> CheckResult:
    """Check every foreign key of every database of every clone; each database is opened on the way."""
    try:
        places = [(clone, name) for clone in clones for name in _databases(clone)]
        tasks = [partial(_foreign_keys, clone, name, timeout) for clone, name in places]
        answers = at_once(tasks, give_up=give_up)
    except CouldNotTell as unknown:
        return CheckResult("drill.foreign_keys", Outcome.UNKNOWN, unknown.sentence)
    checked = sum(count for count, _ in answers)
    violations = [violation for _, found in answers for violation in found]
    numbers = {"foreign_keys": checked, "violated_foreign_keys": len(violations)}
    if violations:
        named = "; ".join(one.describe() for one in violations[:SHOWN])
        more = f"; and {len(violations) - SHOWN} more" if len(violations) > SHOWN else ""
        detail = f"{len(violations)} of {checked} foreign keys are violated: {named}{more}"
        return CheckResult("drill.foreign_keys", Outcome.FAIL, detail, numbers)
    return CheckResult("drill.foreign_keys", Outcome.PASS, f"{checked} foreign keys hold for every row", numbers)


def _databases(clone: Clone) -> tuple[str, ...]:
    with clone.connect("postgres") as connection:
        return databases(connection)


def _foreign_keys(clone: Clone, database: str, timeout: float) -> tuple[int, tuple[Violation, ...]]:
    with clone.connect(database, statement_seconds=timeout) as connection:
        return check_foreign_keys(connection, database)
