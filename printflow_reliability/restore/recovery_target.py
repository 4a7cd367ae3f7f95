"""Where a clone's replay ends, in pgBackRest's terms where it restores, and in PostgreSQL's own for all else."""

from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.pgbackrest import Recovery
from printflow_reliability.restore.fence import Fence


@dataclass(frozen=True)
class RecoveryTarget:
    """Where the first part of a replay ends: at a fence, in a pause; at a moment, or at the end of WAL, promoted."""

    fence: Fence | None = None
    moment: datetime | None = None

    def recovery(self) -> Recovery:
        """In pgBackRest's terms."""
        if self.fence is not None:
            return Recovery("lsn", self.fence.lsn, "pause", str(self.fence.timeline))
        if self.moment is not None:
            return Recovery("time", self.moment.isoformat(sep=" "), "promote", "latest")
        return Recovery("default", None, None, "latest")

    def settings(self) -> str:
        """The lines of postgresql.auto.conf that say the same."""
        if self.fence is None:
            return go_on_to(self.moment)
        settings = [
            f"recovery_target_lsn = '{self.fence.lsn}'",
            # Stop before the record that begins where the restore point's ends.
            "recovery_target_inclusive = 'off'",
            "recovery_target_action = 'pause'",
            f"recovery_target_timeline = '{self.fence.timeline}'",
        ]
        return "\n".join([*settings, ""])

    def options(self) -> tuple[str, ...]:
        """Stop before the record that begins where the restore point's ends."""
        return ("--target-exclusive",) if self.fence is not None else ()


def go_on_to(moment: datetime | None) -> str:
    """The lines of postgresql.auto.conf with which replay goes on to a moment, or to the end of WAL, and promotes."""
    settings = [
        "recovery_target_lsn = ''",
        f"recovery_target_time = '{moment.isoformat(sep=' ') if moment else ''}'",
        "recovery_target_action = 'promote'",
        "recovery_target_timeline = 'latest'",
    ]
    return "\n".join([*settings, ""])
