"""The smoke test: what the application asks first of its database, asked of a recovered one."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.queries import Connector, as_table, columns_of, session
from printflow_reliability.restore.validation.observations import Observation, check_result, unknown, violation
from printflow_reliability.settings import Settings, SmokeSettings
from printflow_reliability.text import agreed, counted

CHECK = "drill.smoke"


def require_readable(settings: Settings, connect_with: Connector | None = None) -> None:
    """Have the databases parse every smoke query, without running it.

    Raises:
        ConfigError: one does not parse, or is no query that only reads.
        CouldNotTell: a cluster is unreachable.
    """
    for index, smoke in enumerate(settings.smoke):
        with session(settings.cluster_named(smoke.cluster), smoke.database, connect_with) as connection:
            columns_of(connection, query_key(index), smoke.query)


def check_smoke(settings: Settings, connect_with: Connector) -> CheckResult:
    """Ask every smoke query of the clones, which refuse writes of these sessions."""
    if not settings.smoke:
        why = "no [[smoke]] in printflow.toml says what the application asks of its database first"
        return CheckResult(CHECK, Outcome.WARN, why, about=("smoke",))
    observations: list[Observation] = []
    for index, smoke in enumerate(settings.smoke):
        try:
            with session(settings.cluster_named(smoke.cluster), smoke.database, connect_with) as connection:
                observations += _ask(connection, index, smoke)
        except CouldNotTell as away:
            observations.append(unknown(f'"{smoke.name}" could not be asked: {away.sentence}'))
    failed = sum(observation.outcome is Outcome.FAIL for observation in observations)
    numbers = {"smoke_queries": len(settings.smoke), "failed_smoke_queries": failed}
    queries = counted(len(settings.smoke), "query", "queries")
    are = agreed(len(settings.smoke), "is", "are")
    return check_result(CHECK, observations, numbers, f"{queries} of the application {are} answered as expected")


def query_key(index: int) -> str:
    """What printflow.toml calls a smoke query."""
    return f"smoke[{index}].query"


def unmet(smoke: SmokeSettings, rows: Sequence[Sequence[object]]) -> str:
    """What is not as expected of these rows, for a person; empty if all is."""
    if len(rows) < smoke.min_rows:
        return f'"{smoke.name}" returned {counted(len(rows), "row")}, expected at least {smoke.min_rows}'
    if smoke.max_rows is not None and len(rows) > smoke.max_rows:
        return f'"{smoke.name}" returned more than {counted(smoke.max_rows, "row")}'
    if smoke.value is not None and (not rows or _as_text(rows[0][0]) != smoke.value):
        return f'"{smoke.name}" did not return the value that is expected of it'
    return ""


def _ask(connection: psycopg.Connection, index: int, smoke: SmokeSettings) -> list[Observation]:
    most = max(smoke.min_rows, smoke.max_rows or 0) + 1
    asked = sql.SQL("SELECT * FROM {} LIMIT {}").format(as_table(smoke.query), sql.Literal(most))
    try:
        rows = connection.execute(asked).fetchall()
    except psycopg.errors.ReadOnlySqlTransaction:
        return [unknown(f"{query_key(index)}: it writes, and a smoke test only reads")]
    except psycopg.errors.QueryCanceled:
        return [unknown(f'"{smoke.name}" was not answered within the time limit')]
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        # Without a SQLSTATE it is the client that cannot read a value, such as a date before the year 1.
        observe = violation if error.sqlstate else unknown
        return [observe(f'"{smoke.name}" is refused: {error_text(error)}')]
    except UnicodeDecodeError:
        return [unknown(f'"{smoke.name}" returned text that is not valid in its encoding')]
    problem = unmet(smoke, rows)
    return [violation(problem)] if problem else []


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
