"""What must hold in a recovered cluster before anybody is let in: sound relations, kept constraints, sequences ahead.

Independent tables and indexes are checked side by side, the largest first. What one of them makes of a statement is
said of that one alone.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psycopg

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.platform.foreign_keys import ForeignKey, read_foreign_keys
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.validation import amcheck
from printflow_reliability.restore.validation.amcheck import Relation
from printflow_reliability.restore.validation.constraints import UniqueIndex, check_constraint, constraints
from printflow_reliability.restore.validation.databases import Database, find_databases, use_own_search_path
from printflow_reliability.restore.validation.foreign_keys import check_foreign_key
from printflow_reliability.restore.validation.observations import Observation, check_result, note, refused, unknown
from printflow_reliability.restore.validation.readings import (
    Constraint,
    TableConstraints,
    batches,
    by_table,
    suspects,
)
from printflow_reliability.restore.validation.sequences import check_sequence, fed_columns
from printflow_reliability.text import agreed, counted

SHOWN = 3
BATCH_BYTES = 128 * 2**20
"""Small tables share a session, since opening one takes longer than reading them."""
INDEXES, FOREIGN_KEYS, CONSTRAINTS, SEQUENCES = CHECKS = (
    "drill.indexes",
    "drill.foreign_keys",
    "drill.constraints",
    "drill.sequences",
)
GiveUp = Callable[[], None]


@dataclass(frozen=True)
class Answer:
    """What one check saw of one thing that it looked at; no observations if all is well."""

    check: str
    observations: Sequence[Observation] = ()


@dataclass(frozen=True)
class _Task:
    """What is asked in one session of a database; `bytes` is how much is read for it, `checks` what it is for."""

    database: Database
    checks: Sequence[str]
    bytes: int
    ask: Callable[[psycopg.Connection], list[Answer]]


def validate(clones: Sequence[Clone], *, timeout: float, give_up: GiveUp) -> tuple[CheckResult, ...]:
    """Check promoted clones: heaps and indexes, foreign keys, unique and not-null constraints, sequences.

    Args:
        clones: of every cluster, promoted.
        timeout: seconds that one statement may take.
        give_up: as in `run_parallel`.

    Raises:
        Refused: what answers as a clone is another server.
    """
    answers: list[Answer] = []
    tasks: list[_Task] = []
    databases: list[Database] = []
    for clone in clones:
        try:
            found = find_databases(clone)
        except CouldNotTell as away:
            answers += _all_unknown(CHECKS, away.sentence)
            continue
        answers += [Answer(check, [observation]) for observation in found.left_out for check in CHECKS]
        databases += found.answering
        for database in found.answering:
            planned, said = _plan(database)
            tasks += planned
            answers += said
    work = [partial(_run, task, timeout) for task in sorted(tasks, key=lambda task: -task.bytes)]
    answers += [answer for given in run_parallel(work, give_up=give_up, workers=os.cpu_count()) for answer in given]
    for database in databases:
        _leave_as_found(database)
    return tuple(_result(check, [answer for answer in answers if answer.check == check]) for check in CHECKS)


def _leave_as_found(database: Database) -> None:
    """Take back what was made for the checks; where that is refused, it has a comment that says whose it is."""
    with (
        suppress(CouldNotTell, psycopg.DatabaseError),
        database.clone.connect(database.name, read_only=False) as connection,
    ):
        amcheck.remove(connection)


def _result(check: str, answers: Sequence[Answer]) -> CheckResult:
    observations = [observation for answer in answers for observation in answer.observations]
    asked, count = len(answers), sum(observation.outcome is Outcome.FAIL for observation in observations)
    its = agreed(asked, "its column", "their columns")
    hold, are = agreed(asked, "holds", "hold"), agreed(asked, "is", "are")
    names, well = {
        INDEXES: (
            ("relations", "unsound_relations"),
            f"{counted(asked, 'table or B-tree index', 'tables and B-tree indexes')} {are} sound",
        ),
        FOREIGN_KEYS: (
            ("foreign_keys", "violated_foreign_keys"),
            f"{counted(asked, 'foreign key')} {hold} for every row",
        ),
        CONSTRAINTS: (
            ("constraints", "violated_constraints"),
            f"{counted(asked, 'constraint')} (unique, not null) {hold}",
        ),
        SEQUENCES: (
            ("sequences", "sequences_behind"),
            f"{counted(asked, 'sequence')} {are} ahead of {its}",
        ),
    }[check]
    return check_result(check, observations, dict(zip(names, (asked, count), strict=True)), well)


def _plan(database: Database) -> tuple[list[_Task], list[Answer]]:
    """All that is to be asked in a database, and what can be said without asking."""
    tasks: list[_Task] = []
    answers: list[Answer] = []
    try:
        with database.clone.connect(database.name, read_only=False) as connection:
            missing = amcheck.install(connection, database.label)
        with database.clone.connect(database.name) as connection:
            use_own_search_path(connection)
            relations = () if missing else amcheck.relations(connection)
            kept, known = _constraints(connection, database.label)
            fed = fed_columns(connection)
    except CouldNotTell as away:
        return [], _all_unknown(CHECKS, away.sentence)
    except psycopg.DatabaseError as error:
        observation = refused(f"the catalog of {database.label}", error)
        return [], [Answer(check, [observation]) for check in CHECKS]
    answers += [Answer(INDEXES, [missing])] if missing else []
    answers += known
    for group in batches(relations, most=BATCH_BYTES):
        ask = partial(_ask_relations, label=database.label, relations=group)
        tasks.append(_Task(database, (INDEXES,), sum(relation.bytes for relation in group), ask))
    for tables in batches(by_table(kept), most=BATCH_BYTES):
        ask = partial(_ask_tables, label=database.label, tables=tables)
        tasks.append(_Task(database, (FOREIGN_KEYS, CONSTRAINTS), sum(table.bytes for table in tables), ask))
    if fed:
        tasks.append(
            _Task(
                database,
                (SEQUENCES,),
                0,
                lambda connection: [
                    Answer(SEQUENCES, check_sequence(connection, database.label, column)) for column in fed
                ],
            )
        )
    return tasks, answers


def _constraints(connection: psycopg.Connection, label: str) -> tuple[list[Constraint], list[Answer]]:
    """The constraints whose rows can be checked, and what is to be said of the others."""
    kept: list[Constraint] = []
    known: list[Answer] = []
    for key in read_foreign_keys(connection, sizes=True):
        if key.temporal:
            known.append(Answer(FOREIGN_KEYS, [note(f"{label}: {key.label} is temporal (PERIOD) and was not checked")]))
        elif not (key.validated and key.enforced):
            known.append(Answer(FOREIGN_KEYS, [note(f"{label}: {key.label} is NOT VALID or not enforced by choice")]))
        else:
            kept.append(key)
    for constraint in constraints(connection):
        if isinstance(constraint, UniqueIndex) and not constraint.valid:
            where = f"{constraint.schema}.{constraint.table}"
            text = f"{label}: {where}: the unique index {constraint.name} is not valid in production either"
            known.append(Answer(CONSTRAINTS, [note(text)]))
        else:
            kept.append(constraint)
    return kept, known


def _ask_relations(connection: psycopg.Connection, label: str, relations: Iterable[Relation]) -> list[Answer]:
    return [Answer(INDEXES, amcheck.check_relation(connection, label, relation)) for relation in relations]


def _ask_tables(connection: psycopg.Connection, label: str, tables: Iterable[TableConstraints]) -> list[Answer]:
    """One reading of each table, and a closer look at what it does not clear."""
    answers: list[Answer] = []
    for table in tables:
        try:
            suspected = suspects(connection, table)
        except psycopg.DatabaseError as error:
            if connection.closed:
                raise
            observation = refused(f"{label}: {table.label}", error)
            answers += [Answer(_check_of(constraint), [observation]) for constraint in table.constraints]
            continue
        for constraint in table.constraints:
            seen = _look_closer(connection, label, constraint) if constraint in suspected else []
            answers.append(Answer(_check_of(constraint), seen))
    return answers


def _look_closer(connection: psycopg.Connection, label: str, constraint: Constraint) -> list[Observation]:
    if isinstance(constraint, ForeignKey):
        return check_foreign_key(connection, label, constraint)
    return check_constraint(connection, label, constraint)


def _check_of(constraint: Constraint) -> str:
    return FOREIGN_KEYS if isinstance(constraint, ForeignKey) else CONSTRAINTS


def _run(task: _Task, timeout: float) -> list[Answer]:
    """Ask in a session of its own; a session that is lost takes no other's answers along."""
    try:
        with task.database.clone.connect(task.database.name, statement_seconds=timeout) as connection:
            use_own_search_path(connection)
            return task.ask(connection)
    except CouldNotTell as away:
        return _all_unknown(task.checks, away.sentence)
    except psycopg.DatabaseError as error:
        return [Answer(check, [refused(task.database.label, error)]) for check in task.checks]
    except UnicodeDecodeError:
        text = f"{task.database.label} holds names that are not valid in its encoding, so some were not checked"
        return _all_unknown(task.checks, text)


def _all_unknown(checks: Sequence[str], text: str) -> list[Answer]:
    return [Answer(check, [unknown(text)]) for check in checks]
