"""A clone's files out of a standby: pg_basebackup streams them, pg_verifybackup reads them against their manifest.

No WAL comes along, so that pg_basebackup needs no replication slot: all of it comes out of the repository, inspected.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from printflow_reliability.backups.info import Backup
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.platform.connect import CONNECT_SECONDS, answer_watch
from printflow_reliability.platform.sign_in import sign_in
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.confinement import confine
from printflow_reliability.restore.clones.control import control_data
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.standby import Standby, another_cluster, named, no_standby
from printflow_reliability.text import printable

START = re.compile(r"^START WAL LOCATION: ([0-9A-F]+/[0-9A-F]+) \(file ([0-9A-F]{24})\)$", re.MULTILINE)
OF_STANDBY = re.compile(r"^BACKUP FROM: standby$", re.MULTILINE)
IDENTIFIER = re.compile(r"^Database system identifier:\s+(\d+)$", re.MULTILINE)
CONSISTENT = re.compile(r"^Minimum recovery ending location:\s+([0-9A-F]+/[0-9A-F]+)$", re.MULTILINE)
PROMOTED = re.compile("standby was promoted during online backup|not in hot standby mode")
DAMAGED = re.compile("checksum verification failed|checksum verification failure|checksum error occurred")
AGAIN = "then: printflow drill run --from-standby"


class StandbyDamaged(PrintflowError):
    """Pages of a standby do not have their checksums: what it would be promoted with is damaged."""


@dataclass(frozen=True)
class _Cause:
    """How a cause is told by what pg_basebackup said, and what to tell a person."""

    words: str
    what: str
    next_step: str


CAUSES = (
    _Cause(
        "no pg_hba.conf entry for replication|pg_hba.conf rejects replication",
        'lets role "{role}" take no base backup from here: its pg_hba.conf has no line for that',
        'add a line such as "host replication {role} ADDRESS scram-sha-256" to its pg_hba.conf, reload it, {again}',
    ),
    _Cause(
        "must be superuser or replication role|permission denied to start WAL sender",
        'may not be copied by role "{role}": it has no REPLICATION',
        'in the primary: ALTER ROLE "{role}" REPLICATION, {again}',
    ),
    _Cause(
        'exceeds max_wal_senders|exceeds "max_wal_senders"',
        "has no free walsender",
        "raise max_wal_senders there, {again}",
    ),
    _Cause(
        "full_page_writes=off",
        "replayed WAL without full pages, and cannot be copied",
        "in the primary: full_page_writes = on and CHECKPOINT; CHECKPOINT in the standby, {again}",
    ),
    _Cause(
        "No space left on device|Disk quota exceeded",
        "did not fit on the disk of {place}",
        "make room there, or choose drills.directory on a larger disk, {again}",
    ),
    _Cause(
        "Read-only file system|could not create directory|could not create symbolic link",
        "has a tablespace that was made while its files were taken: {said}",
        "wait until nobody makes tablespaces, {again}",
    ),
)


def base_backup_command(
    programs: Programs, standby: Standby, data: Path, tablespaces: Path
) -> tuple[list[str], Mapping[str, str]]:
    """How a standby's files are taken: the arguments and the environment.

    Args:
        programs: has the programs of the cluster's major version.
        standby: which one.
        data: the clone's data directory, empty.
        tablespaces: the clone's directory for tablespaces; each of the standby's is mapped into it.

    Raises:
        ConfigError: pg_basebackup of the cluster's version is not installed.
    """
    # A url of several hosts may lead to the primary, which a drill shall not copy.
    conninfo, environment = sign_in(
        standby.cluster.url, connect_timeout=CONNECT_SECONDS, target_session_attrs="standby"
    )
    return [
        programs.postgres("pg_basebackup", standby.major),
        f"--pgdata={data}",
        "--format=plain",
        "--wal-method=none",
        "--checkpoint=fast",
        "--no-sync",  # it is thrown away
        "--no-password",
        *(
            f"--tablespace-mapping={_escaped(space.path)}={_escaped(str(tablespaces / str(space.oid)))}"
            for space in standby.tablespaces
        ),
        f"--dbname={conninfo}",
    ], environment


def verify_command(programs: Programs, standby: Standby, data: Path) -> list[str]:
    """How the files are read against their manifest; their WAL is not among them.

    Raises:
        ConfigError: pg_verifybackup of the cluster's version is not installed.
    """
    return [programs.postgres("pg_verifybackup", standby.major), "--no-parse-wal", "--quiet", str(data)]


def take(clone: Clone, standby: Standby, backup: Backup, *, timeout: float) -> Backup:
    """Take a standby's files into a clone that was prepared; the base backup that they are.

    Args:
        clone: which one.
        standby: of whom.
        backup: what was planned, of which no position is known yet.
        timeout: seconds until either program is killed.

    Raises:
        StandbyDamaged: the standby met pages without their checksums.
        ConfigError: a program of the cluster's version is not installed.
        CouldNotTell: nothing but permissions keeps the files in the clone's directory, the standby ended it or is none
            by now, or the files are not those it said it sent.
    """
    argv, environment = base_backup_command(clone.unconfined, standby, clone.data, clone.place / "tablespaces")
    verify = verify_command(clone.unconfined, standby, clone.data)
    watches = [answer_watch(standby.cluster)]
    # A standby may have production's paths, and its socket among them.
    confined = confine(clone.unconfined, clone.place, clone.production, reaching=True)
    if not confined.by_kernel:
        # pg_basebackup writes a tablespace that was made meanwhile at the standby's own path.
        raise CouldNotTell(
            f"the files of {named(clone.cluster.name)} could come outside of {clone.place}: this system has neither "
            "mount namespaces nor Landlock for pg_basebackup",
            f"run printflow as root or with user namespaces allowed, {AGAIN}",
        )
    try:
        confined.programs.run(argv, timeout=timeout, env=environment, watches=watches)
    except ProgramFailed as failed:
        raise explained(clone.cluster.name, standby.role, clone.place.parent, failed) from None
    try:
        clone.programs.run(verify, timeout=timeout)
    except ProgramFailed as failed:
        raise CouldNotTell(
            f"the files of {named(clone.cluster.name)} came otherwise than their manifest says: {failed.stderr_tail}",
            f"look at the disk of {clone.place.parent} and at the network, {AGAIN}",
        ) from None
    control = control_data(clone.programs, clone.server_program("pg_controldata"), clone.data)
    label = (clone.data / "backup_label").read_text(encoding="utf-8", errors="replace")
    return positioned(backup, clone.production, label, control)


def positioned(backup: Backup, production: Production, label: str, control: str) -> Backup:
    """The base backup with where its replay begins, and how far it must go at least.

    Args:
        backup: what was planned.
        production: whose standby was to be copied.
        label: the backup_label that came.
        control: what pg_controldata prints of what came.

    Raises:
        CouldNotTell: the files are another server's, or do not say it.
    """
    name = production.cluster
    identifier = IDENTIFIER.search(control)
    if identifier is None or int(identifier[1]) != production.system_identifier:
        raise another_cluster(name)
    if not OF_STANDBY.search(label):
        raise no_standby(name)
    start, consistent = START.search(label), CONSISTENT.search(control)
    if start is None or consistent is None:
        raise CouldNotTell(f"the files of {named(name)} do not say where replay begins and must end", "printflow ready")
    return replace(backup, lsn_start=start[1], wal_start=start[2], lsn_stop=consistent[1])


def explained(name: str, role: str, place: Path, failed: ProgramFailed) -> PrintflowError:
    """Why a cluster's files were not taken.

    Args:
        name: the cluster.
        role: whom the standby's url signs in as.
        place: the directory that they were to come into.
        failed: how pg_basebackup ended.
    """
    if PROMOTED.search(failed.said):
        return no_standby(name)
    lines = [printable(line) for line in failed.said.splitlines()]
    if damage := [line for line in lines if DAMAGED.search(line)]:
        return StandbyDamaged(
            f"{named(name)} is damaged, and would be promoted so: {damage[0]}", f"make the standby anew, {AGAIN}"
        )
    for cause in CAUSES:
        if found := [line for line in lines if re.search(cause.words, line)]:
            known = {"role": role, "place": place, "said": found[-1], "again": AGAIN}
            return CouldNotTell(f"{named(name)} {cause.what.format(**known)}", cause.next_step.format(**known))
    return CouldNotTell(f"the files of {named(name)} could not be taken: {failed.what}", f"printflow ready, {AGAIN}")


def _escaped(path: str) -> str:
    """A path as the option takes it, which an equals sign would end."""
    return path.replace("=", r"\=")
