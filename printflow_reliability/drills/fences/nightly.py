"""A fence every night, kept in the records, so that drills to past moments have something exact to compare with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from printflow_reliability.checks import CheckResult
from printflow_reliability.drills.fences.make import QUIET_SECONDS, make_fences
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.fence_store import fences_named, keep_fence
from printflow_reliability.restore.production import ask_production
from printflow_reliability.settings import Settings


@dataclass(frozen=True)
class FenceReport:
    """The fences of one moment, one a cluster."""

    fences: tuple[Fence, ...]
    checks: tuple[CheckResult, ...] = ()

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """What is plotted over time."""
        return {
            "tables": sum(fence.tables for fence in self.fences),
            "rows": sum(fence.rows for fence in self.fences),
            "untold_tables": sum(fence.gaps.untold_tables for fence in self.fences),
        }

    def as_json(self) -> dict[str, Any]:
        """The document of `drill fence --json`."""
        return {
            "name": self.fences[0].name,
            "taken_at": max(fence.taken_at for fence in self.fences).isoformat(),
            "clusters": [
                {
                    "name": fence.cluster,
                    "lsn": fence.lsn,
                    "tables": fence.tables,
                    "rows": fence.rows,
                    **fence.gaps.as_json(),
                }
                for fence in self.fences
            ],
            **self.numbers,
        }


def record_fence(settings: Settings) -> FenceReport:
    """Make a fence in every cluster at the same moment and keep them.

    Raises:
        CouldNotTell: a cluster or the records are unreachable, or the clusters were never quiet together.
    """
    name = f"printflow-fence-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    return FenceReport(keep_fences(settings, name, "take the fence at a quieter time"))


def keep_fences(settings: Settings, name: str, otherwise: str) -> tuple[Fence, ...]:
    """Make fences of one moment, one in every cluster, and keep all of them in the records.

    Args:
        settings: of the installation.
        name: of each fence and of its restore point.
        otherwise: what a person does where the clusters were never quiet together.

    Raises:
        CouldNotTell: they were not, somebody else made fences of that name meanwhile, or a cluster or the records are
            unreachable.
    """
    with open_records(settings.records) as records:
        fences = make_fences(
            {cluster.name: ask_production(cluster) for cluster in settings.cluster},
            settings.cluster,
            name,
            quiet_seconds=QUIET_SECONDS,
            digest_bytes=settings.drills.digest_max_bytes,
        )
        if any(fence.counts is None for fence in fences):
            raise CouldNotTell(
                f"commits of the clusters never paused together within {QUIET_SECONDS:.0f} s, so no moment is the same "
                "in all of them",
                otherwise,
            )
        with records.transaction():
            # Somebody else may be doing the same: fences of two moments under one name lead to neither.
            records.execute("LOCK TABLE fences IN SHARE ROW EXCLUSIVE MODE")
            if fences_named(records, [fence.cluster for fence in fences], name):
                raise CouldNotTell(
                    f'somebody else made a restore point "{name}" at the same time', "choose another name"
                )
            for fence in fences:
                keep_fence(records, None, fence)
    return tuple(fences)
