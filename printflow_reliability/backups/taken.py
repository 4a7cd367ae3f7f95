"""One base backup that somebody asks for: what, who and why; and what became of it."""

from dataclasses import dataclass
from typing import Any

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.pgbackrest import BackupType
from printflow_reliability.text import printable

NOTE_CHARACTERS = 200
"""How much of a note is kept with a backup: its manifest is read in every listing."""


@dataclass(frozen=True)
class BackupRequest:
    """Which base backups are to be taken, who asks for them, and why.

    Attributes:
        clusters: the names of some; all if None.
        repository: the number of one repository; every repository of each cluster if None.
        type: what to copy.
        by: a person, or what asks in nobody's name, such as "schedule weekly_full_backup"; empty if nobody says so.
        reason: in a few words; may be empty.
    """

    clusters: tuple[str, ...] | None = None
    repository: int | None = None
    type: BackupType = "incr"
    by: str = ""
    reason: str = ""

    @property
    def annotations(self) -> dict[str, str]:
        """What pgBackRest keeps with the backup: whoever finds it in a year knows whose it is."""
        notes = {"by": printable(self.by.strip()), "reason": printable(self.reason.strip())}
        return {key: value[:NOTE_CHARACTERS] for key, value in notes.items() if value}


@dataclass(frozen=True)
class TakenBackup:
    """One attempt to back up one cluster into one repository; `backup` is None if there is none because of it.

    Attributes:
        damaged_files: files of the cluster that had pages with bad checksums.
        busy: another backup of the cluster was running.
        resumed: the attempt went on with the files of an interrupted one.
    """

    cluster: str
    repository: int
    asked_for: BackupType
    seconds: float
    backup: Backup | None
    verdict: ClusterVerdict
    damaged_files: tuple[str, ...] = ()
    busy: bool = False
    resumed: bool = False

    @property
    def where(self) -> str:
        """The repository, as people read it."""
        return f"{self.cluster} repo{self.repository}"

    def as_json(self) -> dict[str, Any]:
        """The attempt, with the keys of `backup run`."""
        taken = self.backup
        return {
            "cluster": self.cluster,
            "repo": self.repository,
            "label": taken.label if taken else None,
            "type": taken.type if taken else None,
            "seconds": round(self.seconds, 3),
            "bytes": taken.repository_bytes if taken else None,
            "database_bytes": taken.database_bytes if taken else None,
            "copied_bytes": taken.copied_bytes if taken else None,
            "ratio": taken.ratio if taken else None,
            "wal_start": taken.wal_start if taken else None,
            "wal_stop": taken.wal_stop if taken else None,
            "damaged_files": list(self.damaged_files),
            "annotations": dict(taken.annotations) if taken else {},
            "resumed": self.resumed,
            "busy": self.busy,
            "outcome": self.verdict.outcome,
            "detail": self.verdict.sentence,
        }
