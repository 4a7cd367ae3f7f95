"""Has every database a recent dump that nobody can delete? Judged by what the bucket says, not by a run's word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict
from printflow_reliability.checks import Outcome
from printflow_reliability.dumps.snapshot import databases
from printflow_reliability.dumps.stored import Stored
from printflow_reliability.locked_objects.newest import Promise, age_trouble, lock_trouble
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.settings import ClusterSettings, DumpsSettings
from printflow_reliability.text import seconds, shell_word


@dataclass(frozen=True)
class Look:
    """What a judgement of dumps looks at; `database` where it is one alone."""

    store: LockedStore
    dumps: DumpsSettings
    stored: Stored
    now: datetime
    database: str | None = None


def recent_verdicts(look: Look, cluster: ClusterSettings) -> list[ClusterVerdict]:
    """The verdicts of dump.recent on the databases of a cluster."""
    try:
        names: Sequence[str] = databases(cluster)
    except TROUBLE as trouble:
        return [ClusterVerdict.unknown(cluster.name, trouble), *_of_known(look, cluster)]
    return [_verdict(look, cluster.name, name) for name in names if look.database in (None, name)]


def _of_known(look: Look, cluster: ClusterSettings) -> list[ClusterVerdict]:
    """What is wrong with the databases of a cluster that cannot be asked which it has."""
    known = dict.fromkeys(dump.manifest.database for dump in look.stored.of(cluster.name))
    found = [_verdict(look, cluster.name, name) for name in known]
    return [verdict for verdict in found if verdict.outcome is not Outcome.PASS]


def _verdict(look: Look, cluster: str, database: str) -> ClusterVerdict:
    again = f"printflow dump run {shell_word(cluster)} --database {shell_word(database)}"
    return database_verdict(look, cluster, database, again=again)


def database_verdict(look: Look, cluster: str, database: str, *, again: str) -> ClusterVerdict:
    """Whether one database has a recent dump that nobody can delete; `again` is the command that takes one."""
    subject = f'{cluster}: database "{database}"'
    dumps = look.stored.of(cluster, database)
    if not dumps:
        return ClusterVerdict(Outcome.FAIL, f"{subject} has no whole dump; {again}")
    newest = dumps[-1]
    what = f"{subject}: the newest dump"
    taken_at = newest.manifest.taken_at
    if (trouble := age_trouble(taken_at, Promise(look.dumps.max_age_seconds, look.now, again), what=what)) is not None:
        return trouble
    try:
        trouble = lock_trouble(look.store, newest, look.now, what=what)
    except TROUBLE as away:
        return ClusterVerdict(Outcome.UNKNOWN, f"{subject}: {away.sentence}")
    if trouble is not None:
        return trouble
    if newest.manifest.content.uncounted:
        table, why = next(iter(newest.manifest.content.uncounted.items()))
        return ClusterVerdict(
            Outcome.WARN, f"{subject}: the rows of {table} could not be counted ({why}), so that nothing proves them"
        )
    return ClusterVerdict(Outcome.PASS, f"{subject}: {seconds(max((look.now - taken_at).total_seconds(), 0))} old")
