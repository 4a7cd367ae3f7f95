"""Connection strings that a person gives to a command: never with a password, which everybody could read there."""

import os
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.addresses import postgres_url
from printflow_reliability.errors import ConfigError
from printflow_reliability.settings.document import Settings
from printflow_reliability.settings.secrets import resolve


def with_database_url(
    settings: Settings, option: str, text: str, environ: Mapping[str, str] | None = None
) -> tuple[Settings, str]:
    """The connection string that an argument means, and the settings, which do not show what is secret of it.

    Args:
        settings: the configuration.
        option: the argument's name, for errors.
        text: "env:NAME", "file:PATH", or a connection string without a password.
        environ: the environment variables.

    Raises:
        ConfigError: it holds a password, is no connection string, or names nothing.
    """
    known: set[str] = set()
    url = str(resolve(text, option, Path.cwd(), os.environ if environ is None else environ, known))
    try:
        parts = conninfo_to_dict(postgres_url(url))
    except ValueError as wrong:
        raise ConfigError(f"{option}: {wrong}") from None
    if url == text and parts.get("password"):
        raise ConfigError(
            f"{option}: a password in an argument can be read by everybody on this machine",
            f"put it into a variable or a file of mode 0600, and name that: {option} env:NAME or {option} file:PATH",
        )
    return settings.with_secrets({*settings.secrets, *known}), url
