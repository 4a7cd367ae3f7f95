"""Where a drill's evidence goes: the records, a file if they are away, and the reports' bucket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.window.proofs import proven_for_all
from printflow_reliability.drills import history, report, unrecorded
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.restore.fence_store import FenceStore
from printflow_reliability.restore.targets import Span
from printflow_reliability.settings import Settings


@dataclass(frozen=True)
class LiveRecords:
    """The evidence of one drill.

    Attributes:
        session: the records, with the drills' lock.
        drill: the drill's number.
    """

    settings: Settings
    session: RecordsSession
    drill: int

    @property
    def fences(self) -> FenceStore:
        """The fences that the records hold."""
        return FenceStore(self.session, [cluster.name for cluster in self.settings.cluster], self.drill)

    def require_lock(self) -> None:
        """As `RecordsSession.require_lock`.

        Raises:
            CouldNotTell: another drill has begun meanwhile.
        """
        self.session.require_lock()

    def proven(self, repository: int, backups: Mapping[str, tuple[Backup, ...]]) -> Sequence[Span]:
        """The stretches that drills have proven of every cluster, from backups that are still there.

        Raises:
            CouldNotTell: the records are away.
        """
        ends = {name: {backup.label: backup.finished_at for backup in each} for name, each in backups.items()}
        return self.session.ask(lambda connection: proven_for_all(connection, repository, ends))

    def record(self, document: Mapping[str, Any], *, ended: bool) -> None:
        """Record the drill's numbers.

        Raises:
            CouldNotTell: the records do not take them.
        """
        self.session.ask(lambda connection: history.record(connection, document, ended=ended))

    def keep_in_file(self, document: Mapping[str, Any]) -> Path:
        """Keep them in a file until the next drill records them.

        Raises:
            OSError: it cannot be written.
        """
        return unrecorded.keep(self.settings.drills.directory, document)

    def report_address(self) -> str | None:
        """Where people find the page; None if no bucket is configured."""
        return report.address(self.settings, self.drill)

    def keep_report(self, document: Mapping[str, Any], heal_plan: Sequence[str]) -> None:
        """Put the page into the bucket, with the trends of the drills before.

        Raises:
            CouldNotTell: the bucket does not take it.
        """
        report.keep(document, heal_plan, self.settings, self._before())

    def _before(self) -> Sequence[Mapping[str, Any]]:
        """The drills before this one; none if the records are away."""
        try:
            return self.session.ask(lambda connection: history.before(connection, self.drill))
        except (CouldNotTell, ConfigError):
            return ()
