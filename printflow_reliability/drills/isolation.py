"""Proof that a drill did no harm: the repositories, and production's timeline, slots and archiving, before and after.

Production itself goes on archiving meanwhile, so new segments of its own timeline are no change; anything else is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from printflow_reliability.backups.archive import STORED_SEGMENT
from printflow_reliability.backups.listing import RepositoryFile
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.restore.production import Production

OWN_HISTORY = re.compile(r"[0-9A-F]{16}/(?P<timeline>[0-9A-F]{8})[0-9A-F]{16}\.[0-9A-F]{8}\.backup(?:\.\w+)?")
"""What production archives at the end of a base backup, which need not be at once."""
TEMPORARY = (".pgbackrest.tmp", "/")
"""A file that is being written; a folder, which SeaweedFS lists as a key and removes when it likes."""
SHOWN = 3


@dataclass(frozen=True)
class RepositoryState:
    """The files of one stanza in one repository, with size and time; names begin with backup/ or archive/."""

    cluster: str
    repository: int
    files: Mapping[str, object]


@dataclass(frozen=True)
class IsolationState:
    """What a drill must leave as it was."""

    production: Mapping[str, Production]
    repositories: Sequence[RepositoryState]


def repository_state(pgbackrest: PgBackRest, number: int) -> RepositoryState:
    """List a cluster's stanza in one repository.

    Raises:
        CouldNotTell: it cannot be listed.
    """
    files: dict[str, object] = {}
    for kind in ("backup", "archive"):
        listed: Sequence[RepositoryFile] = pgbackrest.repo_ls(f"{kind}/{pgbackrest.cluster.stanza}", number)
        files |= {
            f"{kind}/{file.name}": (file.size, file.modified_at) for file in listed if not file.name.endswith(TEMPORARY)
        }
    return RepositoryState(pgbackrest.cluster.name, number, files)


def changes(before: IsolationState, after: IsolationState) -> list[str]:
    """What differs, as one phrase each; empty if the drill left everything as it was."""
    found = []
    for name, old in before.production.items():
        new = after.production.get(name)
        if new is None:
            continue
        if new.timeline != old.timeline:
            found.append(f"{name} went from timeline {old.timeline} to {new.timeline}")
        if new.system_identifier != old.system_identifier:
            found.append(f"{name} is another cluster than before")
        if new.archiving != old.archiving:
            found.append(f"archive_mode or archive_command of {name} changed")
        found += _moved_tablespaces(old, new)
        found += _set_changes(f"replication slots of {name}", old.slots, new.slots)
        found += _set_changes(f"subscriptions of {name}", old.subscriptions, new.subscriptions)
    after_by_place = {(repository.cluster, repository.repository): repository for repository in after.repositories}
    for listing in before.repositories:
        later = after_by_place.get((listing.cluster, listing.repository))
        if later is not None:
            found += _file_changes(listing, later, before.production[listing.cluster].timeline)
    return found


def _file_changes(before: RepositoryState, after: RepositoryState, timeline: int) -> list[str]:
    where = f"repo{before.repository} of {before.cluster}"
    added = [name for name in after.files.keys() - before.files.keys() if not _own_segment(name, timeline)]
    gone = before.files.keys() - after.files.keys()
    altered = [name for name in before.files.keys() & after.files.keys() if before.files[name] != after.files[name]]
    found = []
    for what, names in (("new", added), ("gone", gone), ("altered", altered)):
        if names:
            shown = ", ".join(sorted(names)[:SHOWN])
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            found.append(f"{what} in {where}: {shown}{more}")
    return found


def _own_segment(name: str, timeline: int) -> bool:
    """Whether this is a segment, or a backup's history, that production itself archived."""
    kind, _, rest = name.partition("/")
    below = rest.partition("/")[2]
    archived = STORED_SEGMENT.fullmatch(below) or OWN_HISTORY.fullmatch(below)
    return kind == "archive" and archived is not None and int(archived["timeline"], 16) == timeline


def _moved_tablespaces(before: Production, after: Production) -> list[str]:
    """Links in production's pg_tblspc that lead elsewhere now; what was made or dropped meanwhile is no harm."""
    paths = {tablespace.oid: tablespace.path for tablespace in after.tablespaces}
    return [
        f'tablespace "{tablespace.name}" of {before.cluster} led to {tablespace.path} '
        f"and leads to {paths[tablespace.oid]} now"
        for tablespace in before.tablespaces
        if paths.get(tablespace.oid, tablespace.path) != tablespace.path
    ]


def _set_changes(what: str, before: frozenset[str], after: frozenset[str]) -> list[str]:
    new, gone = sorted(after - before), sorted(before - after)
    return [f"{what}: {word} {', '.join(names)}" for word, names in (("new", new), ("gone", gone)) if names]
