"""Whether `pgbackrest stop` is in force: nobody may write into a repository, or expire from it, while it comes back."""

import os

from printflow_reliability.backups.configuration import option
from printflow_reliability.errors import Refused
from printflow_reliability.settings import ClusterSettings

LOCKS = "/tmp/pgbackrest"  # noqa: S108 - pgBackRest's own default


def require_stopped(cluster: ClusterSettings) -> None:
    """Make sure that pgBackRest was told on this host to do nothing for the stanza.

    Raises:
        Refused: it was not.
    """
    locks = option(cluster.pgbackrest_config, cluster.stanza, "lock-path") or LOCKS
    files = [f"{locks}/{name}.stop" for name in (cluster.stanza, "all")]
    if not any(os.path.lexists(file) for file in files):
        raise Refused(
            f"archiving and expiring could write into the repositories of {cluster.name} meanwhile: there is neither "
            f"{files[0]} nor {files[1]} here",
            f"on every host that runs pgBackRest for it, this one too: pgbackrest --config={cluster.pgbackrest_config} "
            f"--stanza={cluster.stanza} stop; afterwards the same with start",
        )
