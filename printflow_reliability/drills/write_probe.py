"""Can a drill's credentials write to a repository? A clone that archived would write with them, so they must not.

Tried by ourselves, in the folders that pgBackRest writes into: pgBackRest 2.60 has no command for it any more.
"""

import logging
import re
import secrets
from collections.abc import Callable, Sequence
from functools import partial

from printflow_reliability.backups.configuration import RepositoryOptions, repository_options
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.drills.s3_probe import S3Repository
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.programs import ProgramFailed, Programs

log = logging.getLogger(__name__)

PROBE = "printflow-write-probe"
"""How the probe's name begins; the rest is random, so that nothing is ever overwritten."""
DENIED = re.compile(r"Permission denied|Read-only file system|Operation not permitted")
READ_ONLY_USER = (
    "run drills as a user that can read the repository and not write it (a member of its group: pgBackRest lets the "
    "group read), or where clones can be confined"
)


class Unprovable(CouldNotTell):
    """There is no way to try it with a repository of this kind."""


def refuse_writers(
    clusters: Sequence[PgBackRest], programs: Programs, used: int, give_up: Callable[[], None]
) -> tuple[str, ...]:
    """Try to write to every repository with a drill's credentials: a clone that archives would write to all of them.

    Args:
        clusters: how each cluster's repositories are reached.
        programs: runs programs as a clone would run.
        used: the number of the repository that the drill restores from. Another one that does not answer proves
            nothing and harms nobody.
        give_up: as in `run_parallel`.

    Returns:
        The repositories of which it cannot be told, each with the reason.

    Raises:
        ConfigError: they can write to one.
        CouldNotTell: the repository that is used did not answer.
    """

    def try_one(pgbackrest: PgBackRest, number: int) -> str | None:
        try:
            refuse_writer(pgbackrest, programs, number)
        except CouldNotTell as unproven:
            if number == used and not isinstance(unproven, Unprovable):
                raise
            log.warning("%s", unproven.what)
            return unproven.sentence if isinstance(unproven, Unprovable) else None
        return None

    pairs = [(cluster, number) for cluster in clusters for number in cluster.cluster.repositories]
    found = run_parallel([partial(try_one, *pair) for pair in pairs], give_up=give_up)
    return tuple(reason for reason in found if reason)


def refuse_writer(pgbackrest: PgBackRest, programs: Programs, number: int) -> None:
    """Try to write to one repository.

    Raises:
        ConfigError: they can.
        Unprovable: that cannot be tried with a repository of its kind.
        CouldNotTell: it did not fail because it is forbidden, so nothing is proven.
    """
    cluster = pgbackrest.cluster
    options = repository_options(pgbackrest.config, cluster.stanza, number)
    where = f"repo{number} of {cluster.name}"
    try:
        can, remedy = _try(pgbackrest, programs, options)
    except Unprovable:
        raise
    except CouldNotTell as unproven:
        raise CouldNotTell(
            f"whether a drill's credentials can write to {where} cannot be told: {unproven.what}", unproven.next_step
        ) from None
    if can:
        raise ConfigError(
            f"drill_pgbackrest_config of cluster {cluster.name}: its credentials can {can} repo{number}, and a clone "
            "must not be able to",
            remedy,
        )


def _try(pgbackrest: PgBackRest, programs: Programs, options: RepositoryOptions) -> tuple[str, str]:
    """What they can do ("write to"), empty if nothing, and what mends that."""
    where = f"repo{options.number} of {pgbackrest.cluster.name}"
    probe = f"{PROBE}-{secrets.token_hex(8)}"
    folders = [f"{options.get('path')}/{kind}/{pgbackrest.cluster.stanza}" for kind in ("archive", "backup")]
    kind = options.get("type")
    if options.get("host"):
        kind = "another host"
    if kind in ("posix", "cifs"):
        writes = any(_can_create(f"{folder}/{probe}", programs) for folder in folders)
        return ("write to" if writes else ""), READ_ONLY_USER
    if kind == "s3" and (options.get("s3-key-type") or "shared") == "shared":
        s3 = S3Repository(options, pgbackrest.config)
        keys = [f"{folder}/{probe}".lstrip("/") for folder in folders]
        remedy = f"give {pgbackrest.config} credentials that can only list and read the repository"
        if any(s3.can_put(key) for key in keys):
            return "write to", remedy
        return ("delete from" if any(s3.can_delete(key) for key in keys) else ""), remedy
    named = f"s3 with s3-key-type={options.get('s3-key-type')}" if kind == "s3" else kind
    raise Unprovable(
        f"whether a drill's credentials can write to {where} ({named}) cannot be tried",
        f"make sure that {pgbackrest.config} can only read it; S3 with keys and posix repositories can be tried",
    )


def _can_create(path: str, programs: Programs) -> bool:
    """Whether the user that clones run as can create a file; it is removed again.

    Raises:
        CouldNotTell: it fails for another reason than a missing permission.
    """
    try:
        programs.run(["touch", "--", path], timeout=30)
    except ProgramFailed as failed:
        if DENIED.search(failed.stderr_tail):
            return False
        raise CouldNotTell(failed.what, "printflow backup list") from None
    programs.run(["rm", "--force", "--", path], timeout=30)
    return True
