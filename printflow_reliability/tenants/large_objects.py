"""Large objects that a tenant's rows name: no tenant restore brings them back, so somebody has to know."""

from psycopg import sql

from printflow_reliability.tenants.closure import Limit
from printflow_reliability.tenants.selection import Selection, number
from printflow_reliability.tenants.sessions import explained
from printflow_reliability.text import counted


def large_objects(selection: Selection) -> tuple[Limit, ...]:
    """The tables whose rows of the tenant name large objects.

    Raises:
        ConfigError, Refused, CouldNotTell: a table cannot be read.
    """
    found = []
    for label in selection.places:
        table = selection.closure.tables[label]
        for name in (name for name, column in table.columns.items() if column.base_type == "oid"):
            query = sql.SQL("SELECT count(*) FROM {} WHERE t.{} IN (SELECT oid FROM pg_largeobject_metadata)")
            with explained(label):
                many = number(selection.source, query.format(selection.rows(label), sql.Identifier(name)))
            if many:
                what = f"names {counted(many, 'large object')} in column {name}: rows come back, large objects do not"
                found.append(Limit(label, what, label in selection.closure.left_out))
    return tuple(found)
