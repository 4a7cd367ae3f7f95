"""What must hold in a recovered cluster before anybody is let in: sound indexes, whole relations, kept constraints.

Independent tables are checked side by side, the largest first.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.clones.clone import Clone
from printflow_reliability.drills.fences.counts import databases
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.drills.validation import inventory
from printflow_reliability.drills.validation.amcheck import check_relations, describe
from printflow_reliability.drills.validation.constraints import constraints, violations
from printflow_reliability.drills.validation.foreign_keys import ForeignKey, check_foreign_key, foreign_keys
from printflow_reliability.drills.validation.readings import TableConstraints, batches, by_table, suspects
from printflow_reliability.drills.validation.sequences import check_sequences
from printflow_reliability.errors import CouldNotTell

SHOWN = 3
BATCH_BYTES = 128 * 2**20
"""Small tables share a session, since opening one takes longer than reading them."""
GiveUp = Callable[[], None]


@dataclass(frozen=True)
class _Place:
    """A database of a clone."""

    clone: Clone
    database: str


Answer = tuple[str, list[str]]
"""A check, and what one thing that it asked about is like: phrases for a person, none if all is well."""


@dataclass(frozen=True)
class _Task:
    """What is asked in one session of a database; `bytes` is how much is read for it."""

    place: _Place
    bytes: int
    ask: Callable[[psycopg.Connection], list[Answer]]


def validate(clones: Sequence[Clone], *, timeout: float, give_up: GiveUp) -> tuple[CheckResult, ...]:
    """Check promoted clones: indexes, foreign keys, unique and not-null constraints, sequences."""
    checks: list[Callable[[], tuple[CheckResult, ...]]] = [
        lambda: (validate_indexes(clones, timeout=timeout, give_up=give_up),),
        lambda: validate_rows(clones, timeout=timeout, give_up=give_up),
    ]
    return tuple(result for results in at_once(checks, give_up=give_up) for result in results)


def validate_indexes(clones: Sequence[Clone], *, timeout: float, give_up: GiveUp) -> CheckResult:
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


def validate_rows(clones: Sequence[Clone], *, timeout: float, give_up: GiveUp) -> tuple[CheckResult, ...]:
    """Check what rows must fulfil: foreign keys, unique and not-null constraints, sequences."""
    names = ("drill.foreign_keys", "drill.constraints", "drill.sequences")
    try:
        places = [_Place(clone, name) for clone in clones for name in _databases(clone)]
        tasks = sorted((task for place in places for task in _tasks(place)), key=lambda task: -task.bytes)
        work = [partial(_run, task, timeout) for task in tasks]
        answers = [one for found in at_once(work, give_up=give_up, workers=os.cpu_count()) for one in found]
    except CouldNotTell as unknown:
        return tuple(CheckResult(name, Outcome.UNKNOWN, unknown.sentence) for name in names)
    keys, kept, fed = ([phrases for check, phrases in answers if check == name] for name in names)
    return (
        _judge(names[0], keys, "foreign_keys", "violated_foreign_keys", f"{len(keys)} foreign keys hold for every row"),
        _judge(
            names[1], kept, "constraints", "violated_constraints", f"{len(kept)} unique and not-null constraints hold"
        ),
        _judge(names[2], fed, "sequence_databases", "sequences_behind", "every sequence is ahead of its column"),
    )


def check_inventory(clones: Sequence[Clone], fences: Mapping[str, Fence]) -> CheckResult:
    """Compare what clones, paused at their fences, are made of with what production was made of; read large objects."""
    check = "drill.inventory"
    found, expected = [], 0
    try:
        for clone in clones:
            fence = fences[clone.cluster.name]
            there: dict[str, str] = {}
            for name in _databases(clone):
                with clone.connect(name) as connection:
                    there |= inventory.take_inventory(connection)
                    damaged = inventory.damaged_large_objects(connection, name)
                found += [f"{clone.cluster.name}: {damaged}"] if damaged else []
            expected += len(fence.inventory)
            found += [f"{clone.cluster.name}: {one}" for one in inventory.differences(fence.inventory, there)]
    except CouldNotTell as unknown:
        return CheckResult(check, Outcome.UNKNOWN, unknown.sentence)
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return CheckResult(check, Outcome.FAIL, "; ".join(found[:SHOWN]) + more, {"inventory_differences": len(found)})
    if not expected:
        return CheckResult(check, Outcome.UNKNOWN, "the fence says nothing of databases, extensions and roles")
    detail = f"{expected} databases, extensions and roles are there, large objects are whole"
    return CheckResult(check, Outcome.PASS, detail, {"inventory_differences": 0})


def _judge(check: str, answers: Sequence[Sequence[str]], asked: str, wrong: str, well: str) -> CheckResult:
    found = [phrase for phrases in answers for phrase in phrases]
    numbers = {asked: len(answers), wrong: len(found)}
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return CheckResult(check, Outcome.FAIL, "; ".join(found[:SHOWN]) + more, numbers)
    return CheckResult(check, Outcome.PASS, well, numbers)


def _tasks(place: _Place) -> Iterable[_Task]:
    """All that is to be asked in a database."""
    with place.clone.connect(place.database) as connection:
        tables = by_table((*foreign_keys(connection), *constraints(connection)))
    for batch in batches(tables, most=BATCH_BYTES):
        read = sum(table.bytes for table in batch)
        yield _Task(place, read, partial(_ask_tables, database=place.database, tables=batch))
    yield _Task(place, 0, lambda connection: [("drill.sequences", check_sequences(connection, place.database)[1])])


def _ask_tables(connection: psycopg.Connection, database: str, tables: Iterable[TableConstraints]) -> list[Answer]:
    """One reading of each table, and a closer look at what it does not clear."""
    answers: list[Answer] = []
    for table in tables:
        suspected = suspects(connection, table)
        for one in table.constraints:
            if isinstance(one, ForeignKey):
                phrases = check_foreign_key(connection, database, one) if one in suspected else []
                answers.append(("drill.foreign_keys", phrases))
            else:
                phrases = violations(connection, database, one) if one in suspected else []
                answers.append(("drill.constraints", phrases))
    return answers


def _run(task: _Task, timeout: float) -> list[Answer]:
    with task.place.clone.connect(task.place.database, statement_seconds=timeout) as connection:
        return task.ask(connection)


def _databases(clone: Clone) -> tuple[str, ...]:
    with clone.connect("postgres") as connection:
        return databases(connection)
