"""Has every database a recent dump that nobody can delete? Judged by what the bucket says, not by a run's word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict
from printflow_reliability.checks import Outcome
from printflow_reliability.dumps.snapshot import databases
from printflow_reliability.dumps.stored import Stored, StoredDump
from printflow_reliability.locked_objects.store import CLOCK_SECONDS, LockedStore
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
    age = (look.now - newest.manifest.taken_at).total_seconds()
    if age < -CLOCK_SECONDS:
        ahead = f"the newest dump was taken {seconds(-age)} from now: a clock is wrong, here or there"
        return ClusterVerdict(Outcome.UNKNOWN, f"{subject}: {ahead}")
    if age > look.dumps.max_age_seconds:
        allowed = seconds(look.dumps.max_age_seconds)
        old = f"the newest dump is {seconds(age)} old, allowed are {allowed}"
        return ClusterVerdict(Outcome.FAIL, f"{subject}: {old}; {again}")
    try:
        return _locked(look, subject, newest, age)
    except TROUBLE as trouble:
        return ClusterVerdict(Outcome.UNKNOWN, f"{subject}: {trouble.sentence}")


def _locked(look: Look, subject: str, newest: StoredDump, age: float) -> ClusterVerdict:
    manifest = newest.manifest
    until = look.store.locked_until(manifest.key, manifest.version_id)
    if until is None or until <= look.now:
        return ClusterVerdict(
            Outcome.FAIL, f"{subject}: the newest dump, {manifest.key}, is not locked: whoever can write can delete it"
        )
    if newest.hidden:
        return ClusterVerdict(
            Outcome.WARN,
            f"{subject}: the newest dump, {manifest.key}, was deleted or overwritten; its locked version "
            f"{manifest.version_id} is still there. Find out who did that, and change that key",
        )
    if manifest.content.uncounted:
        table, why = next(iter(manifest.content.uncounted.items()))
        return ClusterVerdict(
            Outcome.WARN, f"{subject}: the rows of {table} could not be counted ({why}), so that nothing proves them"
        )
    return ClusterVerdict(Outcome.PASS, f"{subject}: {seconds(max(age, 0))} old")
