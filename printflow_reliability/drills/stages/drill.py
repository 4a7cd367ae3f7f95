"""One drill as its stages see it: what was asked for, the world outside, and what becomes of an error in a phase."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

import psycopg

from printflow_reliability.drills.results import Results
from printflow_reliability.drills.stages.world import World
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.restore.phases import Phase, PhaseClock
from printflow_reliability.restore.standby import AGAIN, RULES
from printflow_reliability.restore.tablespaces import TablespaceRules
from printflow_reliability.restore.targets import Target
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)


class BrokenOff(Exception):
    """A stage cannot go on; the results say why."""


class Server(Enum):
    """Whose refusal of a statement a database error is."""

    PRODUCTION = "production"
    CLONE = "clone"


@dataclass(frozen=True)
class StageErrors:
    """What a stage makes of the errors that end it; any other one is a defect or a matter for whoever began the drill.

    Attributes:
        asks: whose refusal a psycopg.Error is; damage in a clone is a failed recovery, all else is unknown.
        failed: those that prove that a recovery would fail.
        unknown: those that prove nothing.
    """

    asks: Server
    failed: tuple[type[PrintflowError], ...]
    unknown: tuple[type[PrintflowError], ...] = (CouldNotTell,)


@dataclass(frozen=True)
class Drill:
    """One drill.

    Attributes:
        id: its number.
        target: what was asked for.
        repository: the number of the repository that it restores from.
        settings: the whole configuration.
        world: what it is carried out in.
        results: what it has found so far.
        clock: measures its phases.
        tell: hears of each phase as it begins.
        from_standby: whether files are taken of the clusters' standbys, of which it proves no backup.
    """

    id: int
    target: Target
    repository: int
    settings: Settings
    world: World
    results: Results
    clock: PhaseClock
    tell: Callable[[Phase], None]
    from_standby: bool = False

    @property
    def tablespace_rules(self) -> TablespaceRules:
        """What a person does about a tablespace that its backups do not know."""
        return RULES if self.from_standby else TablespaceRules()

    @property
    def again(self) -> str:
        """The command that drills the same once more."""
        return AGAIN if self.from_standby else "printflow drill run"

    @contextmanager
    def phase(self, phase: Phase, errors: StageErrors) -> Iterator[None]:
        """Measure a phase, and turn the errors that a stage names into results.

        Raises:
            BrokenOff: one of those ended it.
        """
        self.results.reached = phase
        try:
            self.world.records.require_lock()
            self.tell(phase)
            with self.clock.measure(phase):
                yield
        except errors.failed as failed:
            self.results.failed(failed)
            raise BrokenOff from failed
        except errors.unknown as unknown:
            log.warning("drill %s broke off in %s: %s", self.id, phase, unknown.what)
            self.results.break_off(unknown.sentence)
            raise BrokenOff from unknown
        except psycopg.Error as error:
            self.results.refused(error, of_clone=errors.asks is Server.CLONE, again=self.again)
            raise BrokenOff from error
