"""The way into a clone: its socket, as its superuser, in sessions on which nothing of the platform acts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.encodings import decode_as_paths
from printflow_reliability.restore.clones.configuration import PORT
from printflow_reliability.restore.clones.session import settle, start_options
from printflow_reliability.restore.clones.superuser import find_superuser
from printflow_reliability.settings import ClusterSettings


class Access:
    """The way into one clone.

    Attributes:
        superuser: its superuser's name: as the clone said when it was last asked, before that as production says.
    """

    def __init__(self, cluster: ClusterSettings, data: Path, sockets: Path, superuser: str) -> None:
        self.superuser = superuser
        self._cluster = cluster
        self._data = data
        self._sockets = sockets

    @property
    def settings(self) -> ClusterSettings:
        """The cluster's settings with a url that leads to the clone."""
        conninfo = make_conninfo(self._conninfo, user=self.superuser, dbname=self._cluster.database)
        return self._cluster.model_copy(update={"url": conninfo})

    @contextmanager
    def connect(
        self, database: str | None, *, read_only: bool, statement_seconds: float
    ) -> Iterator[psycopg.Connection]:
        """A superuser's session in the clone, and in nothing else.

        Raises:
            CouldNotTell: it does not answer.
            Refused: what answers is another server.
        """
        with ExitStack() as stack:

            def opened() -> psycopg.Connection:
                session = connect(
                    self.settings, database=database, read_only=read_only, statement_seconds=statement_seconds
                )
                return stack.enter_context(session)

            try:
                connection = opened()
            except CouldNotTell:
                if not self._superuser_renamed():
                    raise
                connection = opened()
            # The socket is only a name: production, reached through it, would have the same system identifier.
            with connection.cursor() as cursor:
                decode_as_paths(cursor)
                row = cursor.execute("SELECT pg_catalog.current_setting('data_directory')").fetchone()
            if row is None or Path(row[0]).resolve() != self._data.resolve():
                where = row and row[0]
                raise Refused(
                    f"what answers as the clone of {self._cluster.name} is another server; it lives in {where}",
                    "end the drill and look at what listens in the clone's directory",
                )
            settle(connection, self._cluster.name, self._platform_role)
            yield connection

    def _superuser_renamed(self) -> bool:
        """Ask the clone for its superuser's name; whether it is another than was known."""
        known = (self.superuser, self._cluster.superuser, self._platform_role)
        found = find_superuser(self._conninfo, self._data, known) or self.superuser
        found, self.superuser = self.superuser, found
        return found != self.superuser

    @property
    def _platform_role(self) -> str:
        """As whom production is asked."""
        return str(conninfo_to_dict(self._cluster.url).get("user") or self._cluster.superuser)

    @property
    def _conninfo(self) -> str:
        """Leads to the socket, whatever the environment says of connections in general."""
        try:
            major = int((self._data / "PG_VERSION").read_text(encoding="ascii"))
        except FileNotFoundError:
            major = 0
        options: dict[str, str | int] = {
            "host": str(self._sockets),
            "port": PORT,
            "options": start_options(major),
            "sslmode": "disable",
            "gssencmode": "disable",
            "channel_binding": "disable",
            "target_session_attrs": "any",
        }
        return make_conninfo("", **{**_without_environment(), **options})


def _without_environment() -> dict[str, str]:
    """The options of a connection that an environment variable sets, such as PGHOSTADDR, as they are without it."""
    return {
        option.keyword.decode(): (option.compiled or b"").decode()
        for option in Conninfo.get_defaults()
        if option.envvar and option.val != option.compiled and option.keyword not in (b"service", b"user")
    }
