"""Verifying dumps: read whole, decrypted, and compared with what their snapshots held; also restored for a trial.

It needs the identity, which the machine that makes dumps does not have. What is found is kept in the records.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyrage

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.dumps.archive import Archive, fetch
from printflow_reliability.dumps.content import Known, content_answer
from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.dumps.identity import identities
from printflow_reliability.dumps.manifest import Manifest
from printflow_reliability.dumps.own_memory import chosen_with_own_memory
from printflow_reliability.dumps.rows import Rows, count_rows, differences, shortened
from printflow_reliability.dumps.snapshot import snapshot
from printflow_reliability.dumps.store import open_store, required
from printflow_reliability.dumps.stored import Stored, stored_in
from printflow_reliability.dumps.throwaway import throwaway_cluster
from printflow_reliability.dumps.verifications import Verification, newest, remember
from printflow_reliability.dumps.workplace import workplace
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.decryption import DamagedObject
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.progress import Advance, Count
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.names import encoding_named
from printflow_reliability.settings import DumpsSettings, Settings
from printflow_reliability.text import counted, printable


@dataclass(frozen=True)
class VerifiedDump:
    """What was found of one dump.

    Attributes:
        outcome: pass; warn where a trial restore left out what is no row; fail for a dump that is not what it must be;
            unknown where it could not be read.
        detail: in a sentence.
        restored: whether it was restored for a trial.
    """

    manifest: Manifest
    outcome: Outcome
    detail: str
    restored: bool
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """As `dump verify --json` shows it."""
        return {
            "cluster": self.manifest.cluster,
            "database": self.manifest.database,
            "key": self.manifest.key,
            "taken_at": self.manifest.taken_at.isoformat(),
            "outcome": self.outcome,
            "detail": self.detail,
            "rows": self.manifest.content.rows,
            "restored": self.restored,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class VerificationReport:
    """What was found of all that were verified, and the answer of dump.content."""

    dumps: Sequence[VerifiedDump]
    checks: tuple[CheckResult, ...]

    @property
    def numbers(self) -> dict[str, int | float]:
        """The figures of all of them together."""
        return {
            "verified_dumps": len(self.dumps),
            "verified_rows": sum(dump.manifest.content.rows for dump in self.dumps),
            "verified_bytes": sum(dump.manifest.bytes for dump in self.dumps),
            "restored_dumps": sum(dump.restored for dump in self.dumps),
            "verification_seconds": round(sum(dump.seconds for dump in self.dumps), 3),
        }

    def as_json(self) -> dict[str, Any]:
        """The document of `dump verify --json`."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "dumps": [dump.as_json() for dump in self.dumps],
            "checks": [check.as_json() for check in self.checks],
        }


@dataclass(frozen=True)
class Reader:
    """What reading dumps needs."""

    settings: Settings
    store: LockedStore
    dumps: DumpsSettings
    programs: Programs
    keys: Sequence[pyrage.x25519.Identity]


@operation("verification of logical dumps")
def verify_dumps(
    settings: Settings,
    *,
    clusters: Sequence[str] | None = None,
    database: str | None = None,
    key: str | None = None,
    restore: bool = False,
    advance: Advance | None = None,
    clock: Clock = utc_now,
) -> VerificationReport:
    """Verify the newest dump of each database, or one that is named.

    Args:
        settings: the whole configuration.
        clusters: names; all if None.
        database: one database; all if None.
        key: one dump, of any age.
        restore: also restore it into a throwaway cluster and count there.
        advance: hears how many dumps are done.
        clock: the time that ages are counted from.

    Raises:
        ConfigError: no dumps are configured, or there is no such cluster or dump.
        CouldNotTell: the bucket does not answer.
    """
    store = open_store(settings)
    try:
        keys = identities(required(settings))
    except ConfigError as missing:
        return VerificationReport((), (CheckResult("dump.content", Outcome.UNKNOWN, missing.sentence),))
    reader = Reader(settings, store, required(settings), settings.runner(), keys)
    stored = stored_in(store)
    wanted = chosen_with_own_memory(settings, clusters, stored)
    manifests = (
        [named(stored, key)]
        if key is not None
        else [
            dumps[-1].manifest
            for cluster in wanted
            for name in dict.fromkeys(dump.manifest.database for dump in stored.of(cluster.name))
            if database in (None, name) and (dumps := stored.of(cluster.name, name))
        ]
    )
    count = Count(advance, len(manifests))
    verified = []
    for manifest in manifests:
        verified.append(verify_dump(reader, manifest, restore=restore))
        count.one_more()
    known, away = _remember(settings, verified)
    fresh = {(dump.manifest.cluster, dump.manifest.database): (dump.outcome, dump.detail) for dump in verified}
    check = content_answer(
        Known(reader.dumps, stored, known, fresh, clock(), database),
        () if key is not None else wanted,
        clusters,
        also=[*_of_key(key, verified), *away],
    )
    return VerificationReport(verified, (check,))


def verify_dump(reader: Reader, manifest: Manifest, *, restore: bool) -> VerifiedDump:
    """Read one dump whole and compare it with what its snapshot held."""
    began = time.monotonic()
    try:
        outcome, detail = _verified(reader, manifest, restore=restore)
    except DamagedObject as damaged:
        outcome, detail = Outcome.FAIL, damaged.sentence
    except ProgramFailed as failed:
        # A time limit, or a signal, says nothing of the dump.
        outcome = Outcome.FAIL if failed.exit_code > 0 else Outcome.UNKNOWN
        detail = f"{manifest.key} cannot be read as an archive: {failed.what}"
    except TROUBLE as trouble:
        outcome, detail = Outcome.UNKNOWN, trouble.sentence
    return VerifiedDump(manifest, outcome, detail, restore, round(time.monotonic() - began, 3))


def _of_key(key: str | None, verified: Sequence[VerifiedDump]) -> list[ClusterVerdict]:
    """The verdict on a dump that was named, which need not be a newest one."""
    return [] if key is None else [ClusterVerdict(dump.outcome, f"{key}: {dump.detail}") for dump in verified]


def named(stored: Stored, key: str) -> Manifest:
    """The manifest of the dump with this key.

    Raises:
        ConfigError: there is no such dump.
    """
    for dump in stored.dumps:
        if dump.manifest.key == key and dump.present:
            return dump.manifest
    raise ConfigError(f"there is no whole dump {printable(key)}", "printflow dump list")


def _verified(reader: Reader, manifest: Manifest, *, restore: bool) -> tuple[Outcome, str]:
    content = manifest.content
    with workplace(reader.dumps.directory) as place:
        archive = fetch(reader.store, manifest, reader.keys, place)
        found = read_rows(reader, archive)
        if wrong := differences(content, found):
            return Outcome.FAIL, f"{manifest.key} does not hold what the database held: {shortened(wrong)}"
        if restore:
            outcome, detail = _restored(reader, archive)
            if outcome is not Outcome.PASS:
                return outcome, detail
    if content.uncounted:
        table, why = next(iter(content.uncounted.items()))
        return Outcome.WARN, f"{manifest.key}: nothing proves the rows of {table}, which were not counted ({why})"
    kept = "restored, " if restore else ""
    return Outcome.PASS, f"{kept}{counted(content.rows, 'row')} of {counted(len(content.tables), 'table')}, all equal"


def read_rows(reader: Reader, archive: Archive) -> Rows:
    """Count the rows of an archive, which reads all of it."""
    limit = reader.dumps.timeout_seconds
    with archive.read_by(reader.programs, "--data-only", "--file=-", timeout=limit) as script:
        return count_rows(script, encoding_named(archive.manifest.content.encoding))


def _restored(reader: Reader, archive: Archive) -> tuple[Outcome, str]:
    """Restore an archive for a trial and count what is there then."""
    manifest = archive.manifest
    with throwaway_cluster(reader.programs, reader.dumps, manifest.content) as server:
        left_out = server.restore(archive)
        # Own memory is dumped like a cluster, and is none of printflow.toml.
        cluster = server.as_cluster(reader.settings.cluster[0].model_copy(update={"name": manifest.cluster}))
        with snapshot(cluster, None, seconds=reader.dumps.timeout_seconds) as taken:
            there = taken.count()
    wrong = differences(manifest.content, Rows(dict(there.tables), there.large_objects))
    if wrong:
        why = f" ({left_out.splitlines()[0]})" if left_out else ""
        return Outcome.FAIL, f"{manifest.key}, once restored, differs: {shortened(wrong)}{why}"
    if left_out:
        # An error has many causes in a dump, or one cause many errors: each is told once.
        errors = list(dict.fromkeys(printable(line) for line in left_out.splitlines() if "error:" in line.lower()))
        return Outcome.WARN, (
            f"{manifest.key} was restored with every row, but not all around them: {shortened(errors)}"
            if errors
            else f"{manifest.key} was restored with every row; pg_restore said: {printable(left_out[:300])}"
        )
    return Outcome.PASS, ""


def _remember(
    settings: Settings, verified: Sequence[VerifiedDump]
) -> tuple[dict[tuple[str, str], Verification], list[ClusterVerdict]]:
    """Keep what was found; what is known now, or that the records could not be asked."""
    certain = [dump for dump in verified if dump.outcome is not Outcome.UNKNOWN]
    try:
        with open_records(settings.records) as records:
            for dump in certain:
                good = dump.outcome is not Outcome.FAIL
                remember(records, dump.manifest, restored=dump.restored, good=good, detail=dump.detail)
        return dict(newest(settings)), []
    except TROUBLE as away:
        return {}, [ClusterVerdict(Outcome.UNKNOWN, f"what was found could not be kept: {away.sentence}")]
