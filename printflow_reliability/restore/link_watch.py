"""Watches a clone's tablespaces while it replays, and ends the clone at the first link that leads out of it.

What WAL was not read for, or read wrongly, shows here: replay makes a link in pg_tblspc before it writes through it.
The link is taken away first, since from then on replay can only write inside; then the clone is killed.
"""

import contextlib
import os
import threading
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.clone import Clone

POLL_SECONDS = 0.002


@dataclass(frozen=True)
class Link:
    """A tablespace's link: its OID, where it says that it leads, and where it really does."""

    oid: str
    says: str
    leads: str


class LinkWatch:
    """The watch of one clone.

    Attributes:
        found: the link that led out; None as long as there was none.
    """

    def __init__(self, clone: Clone, allowed: Mapping[str, str], taken: MutableMapping[str, str]) -> None:
        """Prepare it.

        Args:
            clone: whose links.
            allowed: tablespaces that may be made, and where their paths really lead.
            taken: by allowed path, the cluster that has its tablespace there; shared by all clones of a recovery.
        """
        self.found: Link | None = None
        self._clone = clone
        self._allowed = allowed
        self._taken = taken
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"links {clone.cluster.name}", daemon=True)

    def start(self) -> None:
        """Watch from now on, until `end`, or until the clone's directory is gone."""
        self._thread.start()

    def end(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        inside = os.path.realpath(self._clone.place)
        while not self._over.wait(POLL_SECONDS):
            try:
                outside = [
                    link
                    for link in links(self._clone.data)
                    if not may_lead(link, inside, self._clone.cluster.name, self._allowed, self._taken)
                ]
            except FileNotFoundError:
                return  # the clone is being removed
            if outside:
                self._end_clone(outside[0])
                return

    def _end_clone(self, link: Link) -> None:
        self.found = link
        with contextlib.suppress(OSError):
            (self._clone.data / "pg_tblspc" / link.oid).unlink()
        with contextlib.suppress(CouldNotTell):  # whoever removes the clone tries again, and says so
            reaper.end_processes(self._clone.place)


def may_lead(
    link: Link, inside: str, cluster: str, allowed: Mapping[str, str], taken: MutableMapping[str, str]
) -> bool:
    """Whether a link may lead where it does: inside of the clone, or to an allowed path that no other cluster has.

    Two clusters, from two hosts, may have had their tablespaces at the same path. The path is noted as the cluster's.
    """
    if link.leads.startswith(f"{inside}/"):
        return True
    if allowed.get(os.path.normpath(link.says)) != link.leads:
        return False
    return taken.setdefault(link.leads, cluster) == cluster


def links(data: Path) -> list[Link]:
    """The links to tablespaces of a data directory.

    Raises:
        FileNotFoundError: there is no such directory.
    """
    found = []
    with os.scandir(data / "pg_tblspc") as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # dropped meanwhile
                if entry.is_symlink():
                    says = str(Path(entry.path).readlink())
                    found.append(Link(entry.name, says, os.path.realpath(entry.path)))
    return found
