"""Does the newest dump of each database hold what it must, and was that looked at lately? Judged by the records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict, answer
from printflow_reliability.checks import CheckResult, Outcome, scope_of
from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.dumps.own_memory import chosen_with_own_memory
from printflow_reliability.dumps.snapshot import databases
from printflow_reliability.dumps.store import open_store, required
from printflow_reliability.dumps.stored import Stored, StoredDump, stored_in
from printflow_reliability.dumps.verifications import Verification, newest
from printflow_reliability.locked_objects.newest import Promise, never_verified, verification_trouble
from printflow_reliability.settings import ClusterSettings, DumpsSettings, Settings
from printflow_reliability.text import counted, seconds, shell_word


@dataclass(frozen=True)
class Known:
    """What a judgement of contents goes by.

    Attributes:
        verifications: the newest of each database, by cluster and database.
        fresh: what was found just now, as (outcome, detail), by cluster and database.
    """

    dumps: DumpsSettings
    stored: Stored
    verifications: Mapping[tuple[str, str], Verification]
    fresh: Mapping[tuple[str, str], tuple[Outcome, str]]
    now: datetime
    database: str | None = None


@dataclass(frozen=True)
class ContentReport:
    """The answer on the contents of copies that another machine verifies."""

    checks: tuple[CheckResult, ...]

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """The numbers behind the answer."""
        return self.checks[0].numbers

    def as_json(self) -> Mapping[str, object]:
        """As documents have it."""
        return {"checks": [check.as_json() for check in self.checks]}


def judge_content(
    settings: Settings, *, clusters: Sequence[str] | None = None, clock: Clock = utc_now
) -> ContentReport:
    """Judge the dumps of clusters by what the records know of their verification.

    Raises:
        ConfigError: no dumps are configured, or there is no such cluster.
        CouldNotTell: the bucket does not answer.
    """
    dumps = required(settings)
    stored = stored_in(open_store(settings))
    wanted = chosen_with_own_memory(settings, clusters, stored)
    try:
        known = Known(dumps, stored, newest(settings), {}, clock())
    except TROUBLE as away:
        return ContentReport(
            (CheckResult("dump.content", Outcome.UNKNOWN, away.sentence, scope=scope_of(cluster=clusters)),)
        )
    return ContentReport((content_answer(known, wanted, clusters),))


def content_answer(
    known: Known,
    clusters: Sequence[ClusterSettings],
    names: Sequence[str] | None,
    *,
    also: Sequence[ClusterVerdict] = (),
) -> CheckResult:
    """The answer of dump.content on these clusters.

    Args:
        known: what it goes by.
        clusters: which.
        names: those that were chosen; None for all.
        also: what else was found.
    """
    verdicts = list(also)
    for cluster in clusters:
        verdicts += _of_cluster(known, cluster)
    numbers = {"databases": len(verdicts)}
    found = answer(
        "dump.content",
        verdicts,
        numbers,
        nothing_wrong=f"{counted(len(verdicts), 'database')}: the newest dumps that were verified hold every row",
        clusters=names,
    )
    return found if known.database is None else replace(found, scope=scope_of(cluster=names, database=[known.database]))


def _of_cluster(known: Known, cluster: ClusterSettings) -> list[ClusterVerdict]:
    there = dict.fromkeys(dump.manifest.database for dump in known.stored.of(cluster.name))
    found: list[ClusterVerdict] = []
    try:
        there |= dict.fromkeys(databases(cluster))
    except TROUBLE as trouble:
        # Its dumps can be judged all the same; whether each database has one is for dump.recent to say.
        if not there:
            found.append(ClusterVerdict.unknown(cluster.name, trouble))
    return [*found, *(_verdict(known, cluster.name, name) for name in there if known.database in (None, name))]


def _verdict(known: Known, cluster: str, database: str) -> ClusterVerdict:
    subject = f'{cluster}: database "{database}"'
    again = f"printflow dump verify {shell_word(cluster)} --database {shell_word(database)}"
    dumps = known.stored.of(cluster, database)
    if not dumps:
        return ClusterVerdict(Outcome.UNKNOWN, f"{subject} has no dump to be verified; printflow dump run {cluster}")
    if (fresh := known.fresh.get((cluster, database))) is not None:
        outcome, detail = fresh
        if outcome is not Outcome.PASS:
            return ClusterVerdict(outcome, f"{subject}: {detail}")
    found = known.verifications.get((cluster, database))
    if found is None and fresh is not None:
        return ClusterVerdict(Outcome.PASS, f"{subject}: {fresh[1]}")
    promise = Promise(known.dumps.max_verification_age_seconds, known.now, again)
    before, what = f"{subject}: ", "its dumps"
    if found is None:
        return never_verified(dumps[0].manifest.taken_at, promise, subject=before, what=what)
    another = f"printflow dump run {shell_word(cluster)}"
    if (trouble := verification_trouble(found, promise, subject=before, what=what, another=another)) is not None:
        return trouble
    return _restored(known, subject, dumps, found, f"{again} --restore")


def _restored(
    known: Known, subject: str, dumps: Sequence[StoredDump], found: Verification, again: str
) -> ClusterVerdict:
    limit = timedelta(seconds=known.dumps.max_restore_age_seconds)
    since = found.restored_at or dumps[0].manifest.taken_at
    if known.now - since > limit:
        when = f"{seconds((known.now - since).total_seconds())} ago" if found.restored_at else "never"
        allowed = seconds(limit.total_seconds())
        return ClusterVerdict(
            Outcome.FAIL, f"{subject}: a dump was last restored for a trial {when}, allowed are {allowed}; {again}"
        )
    return ClusterVerdict(Outcome.PASS, f"{subject}: {found.detail}")
