"""What copies of the configuration prove: config.recent and config.changes, from what the bucket says alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict, answer
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.config_backup.manifest import Copies, Entry, Manifest
from printflow_reliability.config_backup.members import CLUSTERS, FILES, Trouble
from printflow_reliability.config_backup.store import whole
from printflow_reliability.dumps.recent import Look, database_verdict
from printflow_reliability.locked_objects.newest import Promise, age_trouble, lock_trouble
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.settings import AcknowledgedSettings, ClusterSettings, ConfigBackupSettings
from printflow_reliability.text import counted, moment, printable, seconds

AGAIN = "printflow config backup"
MOST_NAMED = 10
"""Paths that one sentence names; all of them are in the JSON document."""


@dataclass(frozen=True)
class Judged:
    """What is looked at.

    Attributes:
        store, section, copies: the bucket, its section, and what lies there.
        memory: our own databases.
        dumps: how their dumps are looked at.
        accepted: warnings that printflow.toml acknowledges.
        now: the time.
    """

    store: LockedStore
    section: ConfigBackupSettings
    copies: Copies
    memory: Sequence[ClusterSettings]
    dumps: Look
    accepted: Sequence[AcknowledgedSettings]
    now: datetime


@dataclass(frozen=True)
class Change:
    """What differs between two copies: `changed`, `vanished` or `added`, and what of it."""

    path: str
    what: str
    detail: str


def checks_of(judged: Judged) -> tuple[CheckResult, ...]:
    """The answers of both checks."""
    return recent(judged), changes_answer(judged.copies)


def recent(judged: Judged) -> CheckResult:
    """Is there a recent copy, whole and locked, and are there dumps of our own memory?"""
    manifests = whole(judged.copies)
    troubles = manifests[-1].troubles if manifests else ()
    verdicts = list(_newest(judged))
    verdicts += [database_verdict(judged.dumps, own.name, own.database, again=AGAIN) for own in judged.memory]
    verdicts += [ClusterVerdict(Outcome.WARN, f"the manifest {printable(why)}") for why in judged.copies.unreadable]
    # What is no trouble of the copy itself is nobody's intention.
    meant = all(verdict.outcome is not Outcome.WARN for verdict in verdicts)
    verdicts += [ClusterVerdict(trouble.outcome, f"not in the newest copy: {trouble.why}") for trouble in troubles]
    numbers: dict[str, int | float] = {"config_copies": len(manifests)}
    nothing_wrong = ""
    if manifests:
        age = max((judged.now - manifests[-1].taken_at).total_seconds(), 0)
        numbers |= {"newest_config_seconds": round(age, 1)}
        nothing_wrong = (
            f"the newest copy is {seconds(age)} old, holds {counted(manifests[-1].files, 'file')}, and nobody can "
            f"delete it before {moment(manifests[-1].locked_until)}"
        )
    found = answer("config.recent", verdicts, numbers, nothing_wrong=nothing_wrong, clusters=None)
    about = tuple(trouble.path for trouble in troubles if trouble.outcome is Outcome.WARN) if meant else ()
    return acknowledge(replace(found, about=about), judged.accepted)


def _newest(judged: Judged) -> Iterator[ClusterVerdict]:
    present = [copy for copy in judged.copies.copies if copy.present]
    if not present:
        yield ClusterVerdict(Outcome.FAIL, f"there is no copy of the configuration; {AGAIN}")
        return
    newest, what = present[-1], "the newest copy"
    promise = Promise(judged.section.max_age_seconds, judged.now, AGAIN)
    if (trouble := age_trouble(newest.manifest.taken_at, promise, what=what)) is not None:
        yield trouble
    try:
        trouble = lock_trouble(judged.store, newest, judged.now, what=what)
    except TROUBLE as away:
        trouble = ClusterVerdict(Outcome.UNKNOWN, away.sentence)
    yield ClusterVerdict(Outcome.PASS, "it is locked") if trouble is None else trouble


def changes_answer(copies: Copies) -> CheckResult:
    """Is the configuration what it was in the copy before?"""
    manifests = whole(copies)
    if not manifests:
        return CheckResult("config.changes", Outcome.UNKNOWN, f"there is no copy to compare with; {AGAIN}")
    if len(manifests) == 1:
        return CheckResult("config.changes", Outcome.PASS, "there is one copy; the next is compared with it")
    before, now = manifests[-2:]
    since = f"since {moment(before.taken_at)}"
    if before.secret_id != now.secret_id:
        detail = f"what changed {since} cannot be told: config_backup.fingerprint_secret is another"
        return CheckResult("config.changes", Outcome.UNKNOWN, detail)
    found = changes(before, now)
    verdicts = [
        ClusterVerdict(outcome, f"{what} {since}: {_named(paths)}")
        for what, outcome in (("vanished", Outcome.FAIL), ("changed", Outcome.WARN))
        if (paths := [_with_detail(change) for change in found if change.what == what])
    ]
    if lost := [trouble for trouble in now.troubles if trouble.outcome is Outcome.UNKNOWN and _is_compared(trouble)]:
        verdicts.append(ClusterVerdict(Outcome.UNKNOWN, f"not compared: {'; '.join(trouble.why for trouble in lost)}"))
    numbers = {
        f"{what}_files": sum(change.what == what for change in found) for what in ("changed", "vanished", "added")
    }
    nothing_wrong = f"nothing changed or vanished {since}"
    if not verdicts:
        verdicts = [ClusterVerdict(Outcome.PASS, nothing_wrong)]
    return answer("config.changes", verdicts, numbers, nothing_wrong=nothing_wrong, clusters=None)


def changes(before: Manifest, now: Manifest) -> tuple[Change, ...]:
    """What differs between two copies that were made with the same secret; what could not be read is no change."""
    earlier = {entry.path: entry for entry in before.entries if entry.fingerprint is not None}
    later = {entry.path: entry for entry in now.entries if entry.fingerprint is not None}
    found = [Change(path, "vanished", "") for path in earlier if path not in later and not _troubled(path, now)]
    found += [Change(path, "added", "") for path in later if path not in earlier and not _troubled(path, before)]
    for path, entry in later.items():
        if path in earlier and (detail := _difference(earlier[path], entry)):
            found.append(Change(path, "changed", detail))
    return tuple(sorted(found, key=lambda change: change.path))


def _troubled(path: str, manifest: Manifest) -> bool:
    """Whether a copy lacks this path because it could not be read; a file that is not there any more has vanished."""
    return any(
        not trouble.absent and (path == trouble.path or path.startswith(f"{trouble.path}/"))
        for trouble in manifest.troubles
    )


def _is_compared(trouble: Trouble) -> bool:
    return trouble.path.partition("/")[0] in (FILES, CLUSTERS)


def _difference(before: Entry, now: Entry) -> str:
    parts = []
    if before.kind is not now.kind:
        parts.append(f"{now.kind} instead of {before.kind}")
    elif before.fingerprint != now.fingerprint:
        parts.append("content")
    if before.mode != now.mode:
        parts.append(f"mode {now.mode} instead of {before.mode}")
    if (before.owner, before.group) != (now.owner, now.group):
        parts.append(f"owner {now.owner}:{now.group} instead of {before.owner}:{before.group}")
    return ", ".join(parts)


def _with_detail(change: Change) -> str:
    return f"{printable(change.path)} ({change.detail})" if change.detail else printable(change.path)


def _named(paths: Sequence[str]) -> str:
    more = len(paths) - MOST_NAMED
    return ", ".join(paths[:MOST_NAMED]) + (f", and {more:,} more" if more > 0 else "")
