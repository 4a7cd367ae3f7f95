"""How PostgreSQL's own programs sign in: a connection string in their arguments, its password in their environment."""

from collections.abc import Mapping
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

SECRET = {"password": "PGPASSWORD"}
"""Parts of a connection string that go into the environment: arguments are everybody's to read."""


def sign_in(url: str, **changes: Any) -> tuple[str, Mapping[str, str]]:
    """A connection string without its password, and the environment that holds it."""
    parts: dict[str, Any] = {"application_name": "printflow_reliability", **conninfo_to_dict(url), **changes}
    environment = {variable: str(parts.pop(name)) for name, variable in SECRET.items() if parts.get(name)}
    return make_conninfo("", **parts), environment
