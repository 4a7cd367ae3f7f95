"""Rows of one cluster that name rows of another (a subscription its tenant): is each named row there, at one moment?

No foreign key reaches from cluster to cluster, so only clones that stand at the same moment can be compared.
"""

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from psycopg import sql

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.queries import (
    Connector,
    as_table,
    columns_of,
    config_errors,
    require_columns,
    session,
)
from printflow_reliability.restore.validation.observations import Observation, check_result, unknown, violation
from printflow_reliability.settings import LinkSettings, Settings
from printflow_reliability.text import agreed, counted

CHECK = "drill.links"
EXAMPLES = 3
ID = re.compile(r"-?\d{1,20}|[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class DanglingLink:
    """A link some of whose values name nothing: how many, and a few of them if they are ids."""

    link: str
    values: int
    examples: tuple[str, ...]

    def describe(self) -> str:
        """A phrase for a person; a value that is no number or UUID may be somebody's address, and is not shown."""
        ids = [value for value in self.examples if ID.fullmatch(value)]
        examples = f" ({', '.join(ids)})" if ids else ""
        names = "value names a row that is" if self.values == 1 else "values name rows that are"
        return f'{self.values} {names} not there: "{self.link}"{examples}'


def require_readable(settings: Settings, connect_with: Connector | None = None) -> None:
    """Have the databases parse both queries of every link.

    Raises:
        ConfigError: one is refused, or returns no column `value`.
        CouldNotTell: a cluster is unreachable.
    """
    for index, link in enumerate(settings.link):
        for key, cluster, database, query in _sides(index, link):
            with session(settings.cluster_named(cluster), database, connect_with) as connection:
                require_columns(key, columns_of(connection, key, query), ("value",))


def check_links(settings: Settings, connect_with: Connector) -> CheckResult:
    """Check every link in clones that stand at one moment."""
    if not settings.link:
        if len(settings.cluster) == 1:
            return CheckResult(CHECK, Outcome.PASS, "one cluster, so no row can name a row of another")
        why = "no [[link]] in printflow.toml says which rows of one cluster name rows of another"
        return CheckResult(CHECK, Outcome.WARN, why, about=("link",))
    observations: list[Observation] = []
    values, dangling = 0, 0
    for index, link in enumerate(settings.link):
        try:
            checked, found = _check(settings, index, link, connect_with)
        except (CouldNotTell, ConfigError) as unanswered:
            observations.append(unknown(unanswered.sentence))
            continue
        values += checked
        dangling += found.values
        observations += [violation(found.describe())] if found.values else []
    numbers = {"linked_values": values, "dangling_values": dangling}
    links, named = counted(len(settings.link), "link"), agreed(values, "names a row", "name rows")
    return check_result(
        CHECK,
        observations,
        numbers,
        f"{counted(values, 'value')} of {links} between clusters {named}",
    )


def _check(settings: Settings, index: int, link: LinkSettings, connect_with: Connector) -> tuple[int, DanglingLink]:
    """Merge the two sorted streams; how many values there were, and those without a partner."""
    (key, cluster, database, query), (target_key, target, target_database, target_query) = _sides(index, link)
    checked, dangling = 0, 0
    examples: list[str] = []
    with (
        closing(_values(settings, key, cluster, database, query, connect_with)) as named,
        closing(_values(settings, target_key, target, target_database, target_query, connect_with)) as there,
    ):
        partner = next(there, None)
        for value in named:
            checked += 1
            while partner is not None and partner < value:
                partner = next(there, None)
            if partner != value:
                dangling += 1
                examples += [value] if len(examples) < EXAMPLES else []
    return checked, DanglingLink(link.name, dangling, tuple(examples))


def _values(
    settings: Settings, key: str, cluster: str, database: str | None, query: str, connect_with: Connector
) -> Generator[str, None, None]:
    """The values of a query, each once, in the byte order of their UTF-8, which is also Python's of code points."""
    wanted = sql.SQL(
        'COPY (SELECT DISTINCT value::text COLLATE "C" FROM {} WHERE value IS NOT NULL ORDER BY 1) TO STDOUT'
    ).format(as_table(query))
    with (
        session(settings.cluster_named(cluster), database, connect_with) as connection,
        config_errors(key),
        connection.cursor().copy(wanted) as copy,
    ):
        for (value,) in copy.rows():
            yield str(value)


def _sides(index: int, link: LinkSettings) -> Sequence[tuple[str, str, str | None, str]]:
    """Of both queries the key in printflow.toml, cluster, database and text."""
    return (
        (f"link[{index}].query", link.cluster, link.database, link.query),
        (f"link[{index}].target_query", link.target_cluster, link.target_database, link.target_query),
    )
