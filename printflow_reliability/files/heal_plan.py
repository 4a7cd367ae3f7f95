"""What is missing now, and from what each object can be brought back.

The missing are what a reconciliation finds, each object once, however many references name it. A key that cannot be
judged stays that key's, and a bucket that does not answer that bucket's: the others are planned.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.files import kinds, retrieval
from printflow_reliability.files.choose import Archived, Choice, Chooser, archived_choice
from printflow_reliability.files.heal_report import HealAction, HealStatus, Option
from printflow_reliability.files.heal_write import overwriting
from printflow_reliability.files.held import held_of
from printflow_reliability.files.kept_copies import KeptCopy, expected_by
from printflow_reliability.files.presence import Presence, in_parallel
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.files.scan import out_of_place
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.catalog import Catalog, Reference, open_catalog
from printflow_reliability.platform.tenancy import BasePaths, tenancy
from printflow_reliability.records.erasures import Erasure, Erasures
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.settings import Settings
from printflow_reliability.text import printable, shell_word

BACK = (kinds.MISSING_RESTORABLE, kinds.IN_QUARANTINE)
"""Of these something is left that can be brought back."""
COPIED = (HealStatus.PLANNED, HealStatus.RETRIEVE)
"""Where a copy is chosen that will be written."""
KINDS = (kinds.MISSING_LOST, *BACK, kinds.NEAR_MISS)
FOLDER = "it names a whole folder, and the database does not tell which objects belong there"


@dataclass(frozen=True)
class Chosen:
    """What a person chose to bring a key back from: a version, and the bucket that has it (None: the key's own).

    `bucket` is the only one that it is brought back into; None for each that misses it.
    """

    key: str
    version_id: str | None = None
    source: str | None = None
    bucket: str | None = None


@dataclass(frozen=True)
class Plan:
    """One action for each missing object; `unknown` says what else could not be told."""

    actions: Sequence[HealAction]
    unknown: str = ""


def plan(settings: Settings, tenants: Sequence[str] | None, chosen: Chosen | None, erased: Erasures) -> Plan:
    """Find what is missing, and choose a copy of each; what was erased on purpose is left as it is.

    Raises:
        ConfigError: a person chose a version of a key that several buckets miss, and no bucket that has it, or it would
            be written into several.
        CouldNotTell: a database or every bucket is unreachable, so that nothing is known to be missing.
    """
    with tempfile.TemporaryDirectory(prefix="printflow-heal-") as directory:
        files, away = _compared(settings, tenants, Path(directory))
        found: dict[str, dict[str, Finding]] = defaultdict(dict)
        not_judged: list[Finding] = []
        for finding in chain.from_iterable(map(_read, files)):
            if chosen is not None and _others(chosen, finding):
                continue
            if "files.missing" in kinds.checks_left_open(finding):
                not_judged.append(finding)
            elif finding.bucket and finding.key and _missing(finding):
                found[finding.bucket].setdefault(finding.key, finding)
    unknown = "; ".join(filter(None, (*away, _unknown_sentence(not_judged))))
    if not found:
        return Plan((), unknown)
    _require_source(chosen, sorted(found))
    catalog, paths = open_catalog(settings), BasePaths(tenancy(settings).tenants)
    actions = [_left_erased(finding, erasure) for finding, erasure in _take_erased(found, erased)]
    with InspectionWorker(settings.pdf) as worker:
        for bucket, findings in sorted(found.items()):
            actions += _of_one_bucket(settings, catalog, paths, worker, bucket, list(findings.values()), chosen)
    _require_bucket(chosen, actions)
    return Plan(actions, unknown)


def _others(chosen: Chosen, finding: Finding) -> bool:
    """Whether a finding is of another key or bucket than the chosen."""
    elsewhere = chosen.bucket is not None and finding.bucket not in (None, chosen.bucket)
    return elsewhere or finding.key not in (None, chosen.key)


def _require_source(chosen: Chosen | None, buckets: Sequence[str]) -> None:
    """A version's id means another file in each bucket; "null" is an id in all of them."""
    if chosen is None or chosen.version_id is None or chosen.source is not None or len(buckets) < 2:
        return
    named = " and ".join(f'"{bucket}"' for bucket in buckets)
    again = f"printflow files heal --key {shell_word(chosen.key)} --version {shell_word(chosen.version_id)}"
    raise ConfigError(
        f"{chosen.key!r} is missing in buckets {named}, and version {chosen.version_id} may be another file in each",
        f"name the bucket that has the version: {again} --source {shell_word(buckets[0])}",
    )


def _require_bucket(chosen: Chosen | None, actions: Sequence[HealAction]) -> None:
    """Buckets may share a replica, and its version is the file of one of them."""
    if chosen is None or chosen.version_id is None:
        return
    copies = [action for action in actions if action.deed in COPIED and action.quarantine is None]
    buckets = sorted(action.bucket for action in copies if action.version_id == chosen.version_id)
    if len(buckets) < 2:
        return
    named = " and ".join(f'"{bucket}"' for bucket in buckets)
    again = f"printflow files heal --key {shell_word(chosen.key)} --version {shell_word(chosen.version_id)}"
    source = f" --source {shell_word(chosen.source)}" if chosen.source else ""
    raise ConfigError(
        f"{chosen.key!r} is missing in buckets {named}, and version {chosen.version_id} would be written into each",
        f"name the bucket whose file it is: {again}{source} --bucket {shell_word(buckets[0])}",
    )


def _compared(
    settings: Settings, tenants: Sequence[str] | None, directory: Path
) -> tuple[Sequence[Path], Sequence[str]]:
    """Files with all findings of the buckets that answer, and why the others are not known.

    Raises:
        CouldNotTell: there are no others.
    """
    file = directory / "findings.jsonl"
    whole = reconcile(settings, tenants=tenants, findings_file=file)
    if whole.findings_file is not None:
        return [file], ()
    files: list[Path] = []
    away = [*dict.fromkeys(whole.incomplete)]
    buckets = open_catalog(settings, tenants=tenants).buckets
    for number, bucket in enumerate(buckets if len(buckets) > 1 else ()):
        file = directory / f"{number}.jsonl"
        try:
            part = reconcile(settings, tenants=tenants, buckets=[bucket], findings_file=file)
        except Refused as refused:
            away.append(refused.sentence)
            continue
        away += [reason for reason in part.incomplete if reason not in away]
        files += [file] if part.findings_file is not None else []
    if not files:
        raise CouldNotTell(f"what is missing cannot be told: {'; '.join(away)}")
    return files, away


def _read(file: Path) -> Iterator[Finding]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            yield Finding(**{**document, "severity": Severity(document["severity"])})


def _missing(finding: Finding) -> bool:
    """Whether somebody has to do something for a missing object; what only a deleted row refers to is no such one."""
    idle = finding.kind not in BACK and finding.severity is Severity.INFO
    return finding.kind in KINDS and not idle


def _unknown_sentence(not_judged: Sequence[Finding]) -> str:
    """What could not be judged, in a sentence; empty if all was."""
    if not not_judged:
        return ""
    first, more = not_judged[0], len(not_judged) - 1
    said = first.detail if first.key is None else f"{printable(first.key)} ({first.detail})"
    return f"{said} and {more:,} more" if more else said


def _take_erased(found: Mapping[str, dict[str, Finding]], erased: Erasures) -> Iterator[tuple[Finding, Erasure]]:
    """Take out of what is missing all that was erased."""
    for bucket, findings in found.items():
        for key in [*findings]:
            if erasure := erased.of(bucket, key):
                yield findings.pop(key), erasure


def _left_erased(finding: Finding, erasure: Erasure) -> HealAction:
    where = (finding.bucket or "", finding.key or "", finding.tenant, finding.owner)
    return HealAction(HealStatus.ERASED, *where, f"{erasure.sentence}: nothing brings it back")


def _of_one_bucket(
    settings: Settings,
    catalog: Catalog,
    paths: BasePaths,
    worker: InspectionWorker,
    bucket: str,
    findings: Sequence[Finding],
    chosen: Chosen | None,
) -> Iterator[HealAction]:
    own = settings.bucket_named(bucket)
    replica = Presence(settings.bucket_named(own.replica)) if own.replica else None
    chooser = Chooser(Presence(own), replica, worker)
    restorable = {finding.key for finding in findings if finding.kind == kinds.MISSING_RESTORABLE and finding.key}
    known = references_to(catalog, paths, bucket, restorable)
    held = held_of(settings, bucket)({finding.key or "" for finding in findings if finding.kind == kinds.IN_QUARANTINE})

    def action(finding: Finding) -> HealAction:
        key = finding.key or ""
        asked = HealAction(HealStatus.UNHEALABLE, bucket, key, finding.tenant, finding.owner, finding.action)
        if finding.kind == kinds.MISSING_LOST:
            return asked
        if finding.kind == kinds.IN_QUARANTINE:
            return _from_quarantine(asked, held.get(key))
        if finding.kind == kinds.NEAR_MISS:
            return replace(asked, deed=HealStatus.UNDECIDED)
        if key.endswith("/"):
            return replace(asked, deed=HealStatus.UNDECIDED, detail=FOLDER)
        if not known.get(key):
            return replace(
                asked, deed=HealStatus.UNDECIDED, detail="no row refers to it any more; run the command again"
            )
        try:
            return _chosen(settings, asked, chooser, known[key], chosen)
        except CouldNotTell as refused:
            return replace(asked, deed=HealStatus.FAILED, detail=refused.sentence)

    for _, planned in in_parallel(action, findings):
        yield planned


def _from_quarantine(action: HealAction, row: Quarantined | None) -> HealAction:
    if row is None:
        return replace(action, deed=HealStatus.UNDECIDED, detail="it is in quarantine no more; run the command again")
    return replace(
        action,
        deed=HealStatus.PLANNED,
        detail=f"release it: it is {row.sentence}",
        source=row.place,
        version_id=row.place_version,
        size=row.bytes,
        quarantine=row.id,
    )


def references_to(catalog: Catalog, paths: BasePaths, bucket: str, keys: Collection[str]) -> dict[str, list[Reference]]:
    """Who refers to each key now, and rightly: what a stranger's row says of an object does not count."""
    found: dict[str, list[Reference]] = defaultdict(list)
    for reference in catalog.look_up(bucket, keys):
        if not out_of_place(reference, paths):
            found[reference.key].append(reference)
    return found


def _chosen(
    settings: Settings, action: HealAction, chooser: Chooser, references: Sequence[Reference], chosen: Chosen | None
) -> HealAction:
    copies = chooser.copies(action.key)
    if chosen is not None and chosen.version_id is not None:
        choice = _by_a_person(chooser, action.key, copies, chosen, action.bucket)
    else:
        choice = chooser.choose(action.key, copies, expected_by(references))
    copy = choice.copy
    own = {kept.version_id for kept in copies if kept.bucket.name == action.bucket}
    if copy is not None and (why := overwriting(chooser.present, action, own)):
        return replace(action, deed=HealStatus.UNDECIDED, detail=why)
    if choice.retrieve is not None and choice.there is not None:
        kept, there = choice.retrieve, choice.there
        found = replace(action, source=kept.bucket.name, version_id=kept.version_id, size=kept.size)
        return retrieval.planned(settings, found, there.archived, there.retrieving)
    if copy is None:
        options = [Option(kept.bucket.name, kept.version_id, kept.size, kept.modified_at) for kept in copies]
        return replace(action, deed=HealStatus.UNDECIDED, detail=choice.reason, options=options)
    return replace(
        action,
        deed=HealStatus.PLANNED,
        detail=f'copy version {copy.version_id} of bucket "{copy.bucket.name}" back',
        source=copy.bucket.name,
        version_id=copy.version_id,
        size=copy.size,
    )


def _by_a_person(chooser: Chooser, key: str, copies: Sequence[KeptCopy], chosen: Chosen, bucket: str) -> Choice:
    source = chosen.source or bucket
    for copy in copies:
        if (copy.bucket.name, copy.version_id) == (source, chosen.version_id):
            try:
                return Choice(chooser.readable(key, copy, ()))
            except Archived as found:
                return archived_choice(found)
    return Choice(None, f'bucket "{source}" has no version {chosen.version_id} of it')
