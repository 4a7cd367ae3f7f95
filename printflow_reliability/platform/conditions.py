"""Which rows of a reference query are wanted, written so that the indexes of its tables serve wherever they can."""

import uuid
from collections.abc import Iterable, Sequence

from psycopg import sql

from printflow_reliability.platform.identifiers import checksum_of

BIGINT = range(-(2**63), 2**63)
CHECKSUM = "encode(sha256(convert_to({}::text, 'UTF8')), 'hex')"


def tenant_is(type_name: str, ids: Iterable[str]) -> sql.Composable:
    """The rows of these tenants; as `value_is`."""
    return value_is("tenant", type_name, ids)


def value_is(column: str, type_name: str, values: Iterable[str]) -> sql.Composable:
    """The rows with any of these values, compared in the type of the column: a cast of it would defeat its index.

    A value that nothing of that type is written as has no rows.
    """
    place, names = sql.Identifier(column), list(values)
    if type_name == "uuid":
        return _any_of(place, "uuid", [name for name in names if _is_uuid(name)])
    if type_name in ("int2", "int4", "int8"):
        return _any_of(place, "bigint", [name for name in names if _is_bigint(name)])
    text = sql.SQL("{}::text").format(place)
    whole = _any_of(place if type_name in ("text", "varchar") else text, "text", names)
    cut = [checksum for name in names if (checksum := checksum_of(name)) is not None]
    if not cut:
        return whole
    return sql.SQL("({} OR {})").format(whole, _any_of(sql.SQL(CHECKSUM).format(place), "text", cut))


def key_is(keys: Sequence[str]) -> sql.Composable:
    """The rows with any of these keys."""
    return _any_of(sql.SQL("key::text"), "text", keys)


def below(base_paths: Iterable[str]) -> sql.Composable:
    """The rows with keys below any of these paths."""
    found = [sql.SQL("starts_with(key::text, {})").format(sql.Literal(path)) for path in base_paths]
    return sql.SQL(" OR ").join(found) if found else sql.SQL("false")


def naming(base_paths: Iterable[str]) -> sql.Composable:
    """The rows with keys that have the last part of such a path anywhere in them, as it is or encoded."""
    names = [path.rstrip("/").rpartition("/")[2].lower() for path in base_paths]
    if not names:
        return sql.SQL("false")
    if not all(name.isascii() for name in names):
        return sql.SQL("true")
    found = sql.SQL(" OR ").join(
        sql.SQL("strpos(lower(key::text), {}) > 0").format(sql.Literal(name)) for name in names
    )
    return sql.SQL("({} OR strpos(key::text, '%') > 0)").format(found)


def _any_of(column: sql.Composable, type_name: str, values: Sequence[str]) -> sql.Composable:
    if len(values) == 1:  # what equals a constant does so in all tables of a join: the planner sees to it early
        return sql.SQL(f"{{}} = {{}}::{type_name}").format(column, sql.Literal(values[0]))
    return sql.SQL(f"{{}} = ANY({{}}::{type_name}[])").format(column, sql.Literal(values))


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _is_bigint(text: str) -> bool:
    try:
        return str(int(text)) == text and int(text) in BIGINT
    except ValueError:
        return False
