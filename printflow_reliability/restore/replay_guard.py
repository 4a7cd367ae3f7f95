"""Sees to it that replay makes no tablespace outside of its clone's directory, and says so where it would have."""

import re
from collections.abc import Iterable

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.link_watch import LinkWatch
from printflow_reliability.restore.tablespaces import TablespaceRules
from printflow_reliability.restore.wal_inspection import refused_wal

KEPT_INSIDE = re.compile(r'CONTEXT:  WAL redo at ([0-9A-F/]+) for Tablespace/CREATE: \d+ "(.*)"$', re.MULTILINE)
"""Said after the error of a clone that could not make a tablespace where its WAL says."""


class ReplayGuard:
    """Watches the clones of one recovery while they replay."""

    def __init__(self, rules: TablespaceRules) -> None:
        self._rules = rules
        self._watches: dict[str, LinkWatch] = {}

    def watch(self, clones: Iterable[Clone]) -> None:
        """Begin to watch."""
        taken: dict[str, str] = {}
        for clone in clones:
            self._watches[clone.cluster.name] = LinkWatch(clone, self._rules.real_paths, taken)
            self._watches[clone.cluster.name].start()

    def end(self) -> None:
        """End it."""
        for watch in self._watches.values():
            watch.end()

    def require_inside(self, clones: Iterable[Clone]) -> None:
        """Make sure that all that replay made is where it may be.

        Raises:
            Refused: replay would have left a clone's directory.
            CouldNotTell: WAL could not be read for that.
        """
        for clone in clones:
            name = clone.cluster.name
            if wal := refused_wal(clone.place):
                if wal.tablespace is None:
                    raise CouldNotTell(
                        f"the WAL of {name} cannot be read before it is replayed ({wal.where}): {wal.detail}",
                        f"printflow wal verify {name}",
                    )
                raise self._rules.refusal(name, wal.tablespace, f"WAL makes it at {wal.where}")
            if (watch := self._watches.get(name)) and (link := watch.found):
                raise self._rules.refusal(name, link.says, f"replay made pg_tblspc/{link.oid}, and was ended")
            made = KEPT_INSIDE.search(clone.log_text())
            if made and made[2] not in self._rules.real_paths:
                raise self._rules.refusal(name, made[2], f"replay ended where WAL makes it, at {made[1]}")
