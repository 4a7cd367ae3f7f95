"""Bringing the tables of the records to the version that this program needs."""

from printflow_reliability.records.database import MIGRATIONS, connected, exclusive
from printflow_reliability.settings import RecordsSettings


def migrate(records: RecordsSettings, version: str = "head") -> None:
    """Bring the tables to a version, the newest by default; does nothing where they are.

    Raises:
        CouldNotTell: the database is unreachable.
    """
    # Only here: every command loads this module, and hardly any of them migrates.
    from alembic import command
    from alembic.config import Config

    with connected(records) as connection, exclusive(connection, "migration of the records"):
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["url"] = records.url
        command.upgrade(config, version)
