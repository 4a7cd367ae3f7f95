"""The world of a drill as it is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from printflow_reliability.drills.isolation_check import IsolationCheck
from printflow_reliability.drills.world.clones import LiveClones
from printflow_reliability.drills.world.production import LiveClusters
from printflow_reliability.drills.world.records import LiveRecords
from printflow_reliability.drills.world.repository import LiveRepository
from printflow_reliability.drills.world.standby import StandbyClones, StandbyRepository
from printflow_reliability.programs import Programs
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.restore import reaper
from printflow_reliability.restore.plan import Plan
from printflow_reliability.restore.requirements import require_programs_and_space
from printflow_reliability.settings import Settings


@dataclass(frozen=True)
class LiveWorkspace:
    """A drill's own directory.

    Attributes:
        place: where it is.
        repository: the number of the repository that its clones are restored from.
        programs: runs what the drill asks outside of it.
        from_standby: whether files are taken of the clusters' standbys.
    """

    settings: Settings
    place: Path
    repository: int
    programs: Programs
    from_standby: bool

    def make(self) -> None:
        """As `reaper.make`.

        Raises:
            ConfigError: it exists, or cannot be made.
        """
        reaper.make(self.place, self.settings)

    def clones(self, plan: Plan) -> LiveClones:
        """The clones of a plan, for which there is room.

        Raises:
            ConfigError: server programs are missing.
            CouldNotTell: the disk is too small.
        """
        require_programs_and_space(plan, self.place, self.programs)
        kind = StandbyClones if self.from_standby else LiveClones
        return kind(self.settings, self.place, self.repository, plan, self.give_up)

    def give_up(self) -> None:
        """End what the drill has started, in its directory and elsewhere.

        Raises:
            CouldNotTell: something does not end.
        """
        self.programs.end_running()
        reaper.end_processes(self.place)

    def remove(self) -> None:
        """As `reaper.remove`.

        Raises:
            CouldNotTell: something cannot be removed.
        """
        reaper.remove(self.place)

    def remains(self) -> Path | None:
        """Where it still is."""
        return self.place if self.place.exists() else None


@dataclass(frozen=True)
class LiveWorld:
    """Real servers, a real directory and real records."""

    production: LiveClusters
    repository: LiveRepository
    workspace: LiveWorkspace
    isolation: IsolationCheck
    records: LiveRecords

    def now(self) -> datetime:
        """What time it is here, in UTC."""
        return datetime.now(UTC)


def live_world(
    settings: Settings, records: RecordsSession, drill: int, repository: int, *, from_standby: bool = False
) -> LiveWorld:
    """The world of one drill.

    Args:
        settings: the whole configuration.
        records: with the drills' lock.
        drill: its number.
        repository: the number of the repository that it restores from.
        from_standby: whether the files of clusters that have a standby are taken of that.
    """
    programs = settings.runner()
    workspace = LiveWorkspace(settings, settings.drills.directory / str(drill), repository, programs, from_standby)
    kind = StandbyRepository if from_standby else LiveRepository
    stanzas = kind(settings, repository, programs, workspace.give_up)
    return LiveWorld(
        production=LiveClusters(settings, workspace.give_up),
        repository=stanzas,
        workspace=workspace,
        isolation=IsolationCheck(settings, stanzas.stanza),
        records=LiveRecords(settings, records, drill),
    )
