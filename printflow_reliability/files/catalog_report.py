"""The catalog check's answer: the queries, the columns that none covers, and what could not be looked into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from printflow_reliability.checks import Outcome, exit_code


@dataclass(frozen=True)
class ValidReference:
    """A reference query that its database accepts."""

    name: str
    cluster: str
    kind: str
    buckets: Sequence[str]
    columns: Sequence[str]


@dataclass(frozen=True)
class Uncovered:
    """A column that names objects that no query returns; `column` says where in JSON, as `data.files[].path`.

    Attributes:
        example: a value that stands for such an object.
        bucket: where that object is; None if the value only looks like a path of a tenant.
        key: that object.
        covered: how many of the objects that its values name a query does return; above 0, it leaves rows out.
        not_covered: how many none returns.
    """

    database: str
    table: str
    column: str
    example: str
    bucket: str | None = None
    key: str | None = None
    covered: int = 0
    not_covered: int = 1


@dataclass(frozen=True)
class Unread:
    """What could not be looked into, and why: a column, a database (`column` is None) or a bucket (`bucket`)."""

    reason: str
    database: str | None = None
    table: str | None = None
    column: str | None = None
    bucket: str | None = None


@dataclass(frozen=True)
class CatalogReport:
    """The catalog check's answer.

    Attributes:
        uncovered: columns whose objects no query returns, or not for all rows.
        covered_elsewhere: columns of keys that no query reads, and whose objects queries of other columns return.
        columns: how many were looked into.
    """

    references: Sequence[ValidReference]
    uncovered: Sequence[Uncovered]
    unread: Sequence[Unread] = ()
    covered_elsewhere: Sequence[Uncovered] = ()
    columns: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is left uncovered, and everything could be looked into."""
        return not self.uncovered and not self.unread

    @property
    def exit_code(self) -> int:
        """0 if all is covered, 1 if a column is not, 2 if that could not be told."""
        found = [Outcome.FAIL] * bool(self.uncovered) + [Outcome.UNKNOWN] * bool(self.unread)
        return exit_code(found or [Outcome.PASS])

    def as_json(self) -> dict[str, Any]:
        """As `files catalog --json` shows it."""
        return {
            "ok": self.ok,
            "references": [vars(reference) for reference in self.references],
            "columns": self.columns,
            "uncovered": [vars(column) for column in self.uncovered],
            "covered_elsewhere": [vars(column) for column in self.covered_elsewhere],
            "unread": [vars(item) for item in self.unread],
        }
