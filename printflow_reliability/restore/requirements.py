"""What a host must have before anything is restored on it: server programs, disk, and a way to confine clones."""

import shutil
from pathlib import Path

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.programs import Programs
from printflow_reliability.restore.clones.confinement import confine
from printflow_reliability.restore.clones.fetch import required_bytes
from printflow_reliability.restore.plan import Plan


def require_programs_and_space(plan: Plan, place: Path, programs: Programs) -> None:
    """Make sure that clones of this plan can be made in a directory.

    Raises:
        ConfigError: the server programs of a backup's version are not installed here.
        CouldNotTell: the clones do not fit on the disk.
    """
    points = plan.points.values()
    for point in points:
        programs.postgres("pg_ctl", point.backup.major_version)
    needed = sum(required_bytes(point.backup, point.production.segment_bytes) for point in points)
    free = shutil.disk_usage(place).free
    if needed > free:
        raise CouldNotTell(
            f"the clones need {needed:,} bytes below {place.parent}, and only {free:,} are free",
            "make room there, or choose a directory on a larger disk",
        )


def confined_programs(plan: Plan, place: Path, programs: Programs) -> Programs:
    """Who runs programs as clones will run, before there are any: they reach the directory of all clones.

    Raises:
        Refused: nothing keeps a clone from production.
    """
    confined = [confine(programs, place, point.production) for point in plan.points.values()]
    return confined[0].programs
