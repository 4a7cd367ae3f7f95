"""Taking dumps of clusters, and listing what there is; both end with the answer of dump.recent."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict, answer, chosen
from printflow_reliability.checks import CheckResult, Outcome, scope_of
from printflow_reliability.dumps.dump import Clock, Dumper, dump_database, utc_now
from printflow_reliability.dumps.manifest import DUMP, PREFIX, Manifest
from printflow_reliability.dumps.recent import Look, recent_verdicts
from printflow_reliability.dumps.report import DumpReport, state
from printflow_reliability.dumps.snapshot import databases
from printflow_reliability.dumps.store import open_store, required
from printflow_reliability.dumps.stored import Stored, StoredDump, stored_in
from printflow_reliability.dumps.verifications import verified_at
from printflow_reliability.errors import ConfigError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.progress import Advance, Count
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import counted

Tell = Callable[[str], None]


@operation("logical dumps")
def take_dumps(
    settings: Settings,
    *,
    clusters: Sequence[str] | None = None,
    database: str | None = None,
    advance: Advance | None = None,
    tell: Tell = lambda _: None,
    clock: Clock = utc_now,
) -> DumpReport:
    """Dump every database of the clusters, one after the other, and judge what the bucket has then.

    Args:
        settings: the whole configuration.
        clusters: names; all if None.
        database: one database; all that can be dumped if None.
        advance: hears how many databases are done.
        tell: hears of each database that could not be dumped.
        clock: the time that locks are counted from.

    Raises:
        ConfigError: no dumps are configured, there is no such cluster or database, the bucket has no Object Lock, or
            the clock is off.
        CouldNotTell: the bucket does not answer.
    """
    wanted = chosen(settings, clusters)
    store = open_store(settings)
    store.require_lock(clock())
    store.end_stale_uploads(clock(), prefix=PREFIX, suffix=DUMP)
    dumper = Dumper(store, required(settings), settings.runner(), clock)
    before = stored_in(store)
    found, troubles = _databases(wanted, database)
    made: list[Manifest] = []
    count = Count(advance, len(found))
    for cluster, name in found:
        try:
            made.append(dump_database(dumper, cluster, name, _earlier(before, cluster.name, name)))
        except TROUBLE as trouble:
            troubles[f"{cluster.name}/{name}"] = trouble.sentence
            tell(f'{cluster.name}: database "{name}" was not dumped: {trouble.sentence}')
        count.one_more()
    look = Look(store, dumper.dumps, _with(before, made), clock(), database)
    check = _recent(look, wanted, clusters, troubles)
    return DumpReport(made, (check,), troubles)


def list_dumps(settings: Settings, *, clusters: Sequence[str] | None = None, clock: Clock = utc_now) -> DumpReport:
    """All dumps of the clusters, oldest first, and whether each database has a recent one.

    Raises:
        ConfigError: no dumps are configured, or there is no such cluster.
        CouldNotTell: the bucket does not answer.
    """
    wanted = chosen(settings, clusters)
    store = open_store(settings)
    stored = stored_in(store)
    names = {cluster.name for cluster in wanted}
    listed = [dump for dump in stored.dumps if clusters is None or dump.manifest.cluster in names]
    check = _recent(Look(store, required(settings), stored, clock()), wanted, clusters, {})
    return DumpReport(
        [dump.manifest for dump in listed],
        (check,),
        verified=verified_at(settings),
        states={dump.manifest.key: state(dump) for dump in listed},
        incomplete=[version.key for version in stored.incomplete],
        unreadable=stored.unreadable,
    )


def _databases(
    clusters: Sequence[ClusterSettings], database: str | None
) -> tuple[list[tuple[ClusterSettings, str]], dict[str, str]]:
    """What to dump, and the clusters that could not be asked what they have.

    Raises:
        ConfigError: no cluster has a database of that name.
    """
    found: list[tuple[ClusterSettings, str]] = []
    troubles: dict[str, str] = {}
    names: set[str] = set()
    for cluster in clusters:
        try:
            there = databases(cluster)
        except TROUBLE as trouble:
            troubles[cluster.name] = trouble.sentence
            continue
        names.update(there)
        found += [(cluster, name) for name in there if database in (None, name)]
    if database is not None and not found and not troubles:
        raise ConfigError(f'no cluster has a database "{database}"', f"use one of: {', '.join(sorted(names))}")
    return found, troubles


def _earlier(stored: Stored, cluster: str, database: str) -> list[tuple[datetime, str]]:
    return [(dump.manifest.taken_at, dump.manifest.retention) for dump in stored.of(cluster, database)]


def _with(stored: Stored, made: Sequence[Manifest]) -> Stored:
    """What was there, and what was made and read back since."""
    return replace(stored, dumps=(*stored.dumps, *(StoredDump(manifest, "", True, False) for manifest in made)))


def _recent(
    look: Look, clusters: Sequence[ClusterSettings], names: Sequence[str] | None, troubles: dict[str, str]
) -> CheckResult:
    """The answer of dump.recent on these clusters; what could not be dumped just now is unknown at best."""
    verdicts = [ClusterVerdict(Outcome.UNKNOWN, f"{name} was not dumped: {why}") for name, why in troubles.items()]
    for of_cluster in run_parallel([partial(recent_verdicts, look, cluster) for cluster in clusters], workers=4):
        verdicts += of_cluster
    verdicts += [ClusterVerdict(Outcome.WARN, f"the manifest {why}") for why in look.stored.unreadable]
    ages = [
        (look.now - dumps[-1].manifest.taken_at).total_seconds()
        for cluster in clusters
        if (dumps := look.stored.of(cluster.name))
    ]
    numbers = {"databases": len(verdicts), **({"newest_dump_seconds": round(max(ages), 1)} if ages else {})}
    found = answer(
        "dump.recent",
        verdicts,
        numbers,
        nothing_wrong=f"{counted(len(verdicts), 'database')}: each has a recent dump that nobody can delete",
        clusters=names,
    )
    return found if look.database is None else replace(found, scope=scope_of(cluster=names, database=[look.database]))
