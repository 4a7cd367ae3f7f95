"""How PostgreSQL's own programs sign in: a connection string in their arguments, its password in their environment."""

from collections.abc import Mapping
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from printflow_reliability.errors import ConfigError

SECRET = {"password": "PGPASSWORD"}
"""Parts of a connection string that go into the environment: arguments are everybody's to read."""
NOWHERE_ELSE = {
    "sslpassword": "give the role a key without a passphrase that only the user of printflow can read (sslkey)",
    **dict.fromkeys(("scram_client_key", "scram_server_key", "oauth_client_secret"), "have it sign in by a password"),
}
"""Secrets that libpq reads from no environment variable, and what to do in their place."""


def sign_in(url: str, **changes: Any) -> tuple[str, Mapping[str, str]]:
    """A connection string without its password, and the environment that holds it.

    Raises:
        ConfigError: it has another secret, which only an argument could tell.
    """
    parts: dict[str, Any] = {"application_name": "printflow_reliability", **conninfo_to_dict(url), **changes}
    if secret := next((name for name in NOWHERE_ELSE if parts.get(name)), None):
        where = f"the connection string to {parts.get('host') or parts.get('hostaddr') or 'the default socket'}"
        raise ConfigError(
            f"{where} has {secret}, which PostgreSQL's programs take as an argument alone, for everybody to read: no "
            "environment variable stands for it",
            f"take {secret} out of that url in printflow.toml, and {NOWHERE_ELSE[secret]}",
        )
    environment = {variable: str(parts.pop(name)) for name, variable in SECRET.items() if parts.get(name)}
    return make_conninfo("", **parts), environment
