"""Moves the sequences that feed a table's columns ahead of the values that came back."""

from psycopg import sql

from printflow_reliability.platform.queries import Connection
from printflow_reliability.tenants.compare import absent
from printflow_reliability.tenants.selection import Selection, number
from printflow_reliability.tenants.sessions import explained

STEP_BY_STEP = 10_000
"""So many values are skipped by nextval, which never moves a sequence back, however many sessions use it."""
FEEDING = """
SELECT DISTINCT a.attname, n.nspname, c.relname, s.seqincrement
FROM pg_depend d
LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
JOIN pg_class c ON c.relkind = 'S' AND c.oid = CASE WHEN f.oid IS NULL THEN d.objid ELSE d.refobjid END
JOIN pg_attribute a ON a.attrelid = CASE WHEN f.oid IS NULL THEN d.refobjid ELSE f.adrelid END
    AND a.attnum = CASE WHEN f.oid IS NULL THEN d.refobjsubid ELSE f.adnum END
JOIN pg_sequence s ON s.seqrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE (f.oid IS NOT NULL OR d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
  AND d.refclassid = 'pg_class'::regclass AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
  AND s.seqincrement > 0 AND NOT s.seqcycle AND tn.nspname = %s AND t.relname = %s
"""
"""Sequences of whole numbers that a column owns or takes its default from, and that only count upwards."""


def advance_sequences(selection: Selection, target: Connection, label: str) -> None:
    """See to it that the next value of every sequence that feeds the table is beyond the rows that came back.

    Raises:
        ConfigError: the role may not use a sequence.
    """
    table = selection.closure.tables[label]
    for column, schema, name, increment in target.execute(FEEDING, (table.schema, table.name)).fetchall():
        if column not in table.stored:
            continue
        highest = sql.SQL("SELECT max(t.{}) FROM {} WHERE {}").format(
            sql.Identifier(column), selection.rows(label), absent()
        )
        with explained(label):
            _advance(target, sql.Identifier(schema, name), increment, number(selection.source, highest))


def _advance(target: Connection, sequence: sql.Identifier, increment: int, highest: int) -> None:
    last = sql.SQL("SELECT CASE WHEN is_called THEN last_value ELSE last_value - {} END FROM {}")
    behind = highest - number(target, last.format(sql.Literal(increment), sequence))
    steps = -(-behind // increment)
    named = sql.Literal(sequence.as_string())
    if 0 < steps <= STEP_BY_STEP:
        skip = sql.SQL("SELECT count(nextval({}::text::regclass)) FROM generate_series(1, {})")
        target.execute(skip.format(named, sql.Literal(steps)))
    elif steps > 0:
        target.execute(sql.SQL("SELECT setval({}::text::regclass, {})").format(named, sql.Literal(highest)))
