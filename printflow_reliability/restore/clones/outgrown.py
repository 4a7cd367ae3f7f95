"""Settings that production raised after its backup: replay waits for a server that has at least as much, or ends it.

Max_connections, max_prepared_transactions and the like: a raise is a record in the WAL, and replay notes it in the
control file before it waits. A server that is started again with what that file says goes on.
"""

import re

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.fetch import write_settings
from printflow_reliability.restore.clones.files import CONFIGURATION

INSUFFICIENT = re.compile(
    "If recovery is unpaused, the server will shut down|insufficient parameter settings|"
    "hot standby is not possible because"
)
"""Said where replay waits, where it ends before the server was consistent, and by versions before 14."""


class Outgrown(CouldNotTell):
    """Replay came to a raise, and goes on once the clone has grown."""


def require_enough(clone: Clone) -> None:
    """Raises:
    Outgrown: the clone's replay waits for larger settings, or ended for want of them.
    """
    if INSUFFICIENT.search(clone.log_text()):
        raise Outgrown(f"the settings of the clone of {clone.cluster.name} are too small for its WAL")


def grow(clone: Clone, *, timeout: float) -> None:
    """Stop the clone, and give it the settings that its control file demands by now; the caller starts it again.

    Raises:
        CouldNotTell: it has them already, so that another start would not get it further.
    """
    if clone.alive():
        clone.stop(timeout=timeout)
    file = clone.place / CONFIGURATION
    before = file.read_bytes()
    write_settings(clone)
    if file.read_bytes() == before:
        raise CouldNotTell(
            f"replay of {clone.cluster.name} asks for larger settings than its control file says:\n{clone.log_tail()}",
            "look at the last lines of the clone's log above",
        )
