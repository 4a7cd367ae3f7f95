"""Whether clones, paused at their fences, are made of what production was made of; their large objects are read."""

from collections.abc import Mapping, Sequence

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.fences.clone_rows import committed_after_all
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.inventory import differences
from printflow_reliability.restore.validation.composition import CHECK, examine
from printflow_reliability.restore.validation.databases import find_databases
from printflow_reliability.restore.validation.observations import (
    Observation,
    check_result,
    unknown,
    violation,
)


def check_inventory(clones: Sequence[Clone], fences: Mapping[str, Fence]) -> CheckResult:
    """Compare what clones are made of with their fences.

    Raises:
        Refused: what answers as a clone is another server.
    """
    expected = sum(len(fences[clone.cluster.name].inventory) for clone in clones)
    differing: list[Observation] = []
    others: list[Observation] = []
    for clone in clones:
        fence = fences[clone.cluster.name]
        try:
            found = find_databases(clone)
            others += [observation for observation in found.left_out if observation.outcome is not Outcome.PASS]
            there: dict[str, str] = {}
            for number, database in enumerate(found.answering):
                others += examine(database, there, cluster=number == 0)
            differing += _compare(clone, fence, there, {database.name for database in found.answering})
        except CouldNotTell as away:
            others.append(unknown(away.sentence))
    numbers = {"inventory_differences": len(differing)}
    if not expected and not others:
        return CheckResult(CHECK, Outcome.UNKNOWN, "the fence says nothing of databases, extensions and roles")
    well = f"{expected} databases, extensions and roles are there, large objects are whole"
    return check_result(CHECK, [*differing, *others], numbers, well)


def _compare(clone: Clone, fence: Fence, there: Mapping[str, str], answering: set[str]) -> list[Observation]:
    """Differences; "could not tell" where the fence's moment and the clone's are not proven to be the same."""
    closed = {name.removeprefix("database ") for name in fence.inventory if name.startswith("database ")} - answering
    known = {
        name: kind
        for name, kind in fence.inventory.items()
        if not any(name.startswith(f"extension {database}.") for database in closed)
    }
    phrases = [f"{clone.cluster.name}: {difference}" for difference in differences(known, there)]
    if phrases and (fence.counts is None or committed_after_all(clone, fence)):
        why = "though production did not stand still at its fence"
        return [unknown(f"{phrase}, {why}") for phrase in phrases]
    return [violation(phrase) for phrase in phrases]
