"""The fifth stage: replay to the moment, or to the end of WAL."""

from dataclasses import dataclass

from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.drills.stages.compare import Compared
from printflow_reliability.drills.stages.drill import Drill, Server, StageErrors
from printflow_reliability.drills.stages.fence import Fenced
from printflow_reliability.drills.stages.locate import Located
from printflow_reliability.errors import Refused
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.replay import RecoveryShort

ERRORS = StageErrors(Server.CLONE, failed=(RecoveryShort, Refused))


@dataclass(frozen=True)
class Replayed:
    """Clones that replayed all that they were to.

    Attributes:
        ran_out: the clusters whose WAL ended before the moment; a fence of after it must be in what was replayed.
    """

    located: Located
    fenced: Fenced
    ran_out: frozenset[str]

    def required_end(self, cluster: str, expected: int) -> int:
        """The LSN (bytes) that a cluster must have reached, which for one that ran out is its later fence."""
        return parse_lsn(self.fenced.later[cluster].lsn) if cluster in self.ran_out else expected


def replay(drill: Drill, compared: Compared) -> Replayed:
    """Replay to the end."""
    located, fenced = compared.located, compared.fenced
    with drill.phase(Phase.REPLAY_TO_END, ERRORS):
        ran_out = located.clones.replay_to_end(fenced.later)
    return Replayed(located, fenced, ran_out)
