"""Would a rollback of the buckets to the recovered moment give every file that the clone refers to?

Planned by the rollback's own rules, for the files that are not as they were; a few files are copied into a scratch
bucket where there is one, and nothing is written elsewhere. What was compared before is not listed again, so that a
bucket of any size costs a few requests for each file that changed.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice, takewhile

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.validation.files_then import Moment
from printflow_reliability.drills.validation.recovered_files import RecoveredFiles
from printflow_reliability.drills.validation.scratch import FILES, Sample, Tried, scratch_bucket, try_writing
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.presence import in_parallel
from printflow_reliability.files.rollback.plan import require_versions
from printflow_reliability.files.rollback.since import Fate, fate_of, step_of
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, open_catalog
from printflow_reliability.platform.queries import Connector
from printflow_reliability.records import erasures
from printflow_reliability.records.database import open_records
from printflow_reliability.records.erasures import Erasures
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.version_listing import list_versions
from printflow_reliability.text import agreed, counted, printable

CHECK = "drill.rollback"
SHOWN = 5
UNTOUCHED = (Fate.UNCHANGED, Fate.NEWER)
"""What lies under these keys stays, and is there."""


@dataclass(frozen=True)
class Proven:
    """What a rollback would do about one file that is not as it was.

    Attributes:
        back: whether the file of then comes back.
        there: whether there is a file under its key afterwards.
        why: what keeps it from coming back; empty if nothing does.
        erased: whether that is an erasure.
        version_id: of what comes back.
    """

    back: bool = False
    there: bool = True
    why: str = ""
    erased: bool = False
    version_id: str | None = None


def check_rollback(settings: Settings, connect_with: Connector, found: RecoveredFiles, moment: Moment) -> CheckResult:
    """Plan the rollback of what the comparison of the clones' references found changed or missing.

    Args:
        settings: the whole configuration.
        connect_with: opens the clones.
        found: that comparison.
        moment: what the clones stand at.

    Raises:
        ConfigError: a query is refused.
        CouldNotTell: a bucket, a clone or the records do not answer, or versioning of a bucket is suspended.
    """
    if found.result.outcome is Outcome.UNKNOWN:
        return CheckResult(CHECK, Outcome.UNKNOWN, f"not known, as the files are not: {found.result.detail}")
    catalog = open_catalog(settings, connect_with=connect_with)
    names = catalog.buckets
    without: list[str] = []
    for bucket in (settings.bucket_named(name) for name in names):
        with s3_errors(bucket):
            try:
                require_versions(s3_client(bucket), bucket, moment.at)
            except ConfigError:
                without.append(bucket.name)
    with open_records(settings.records) as records:
        erased = erasures.in_force(records)
    changed = {(each.bucket, each.key): each for each in found.plan if each.bucket and each.key}
    asked = [each for each in changed.values() if each.bucket not in without]
    proven = list(in_parallel(lambda each: _proven(settings, each, moment, erased), asked))
    tried = None
    if (scratch := scratch_bucket(settings, names)) is not None:
        back = (Sample(found.bucket or "", found.key or "", each.version_id) for found, each in proven if each.back)
        same = (sample for sample in _referenced(catalog) if (sample.bucket, sample.key) not in changed)
        wanted = (sample for sample in chain(back, same) if not erased.of(sample.bucket, sample.key))
        tried = try_writing(settings, scratch, islice(wanted, FILES))
    numbers = found.result.numbers
    return judge(proven, numbers.get("references", 0), numbers.get("lost_files", 0), without, tried)


def judge(
    proven: Sequence[tuple[Finding, Proven]],
    references: float,
    lost: float,
    without: Sequence[str],
    tried: Tried | None = None,
) -> CheckResult:
    """The check's answer.

    Args:
        proven: each file that is not as it was, with what a rollback would do about it.
        references: how many the clones hold.
        lost: of how many of them no version is left.
        without: buckets that keep no versions.
        tried: what came of trying it in the scratch bucket; None where there is none.
    """
    back, erased = sum(each.back for _, each in proven), [found for found in proven if found[1].erased]
    absent = [(finding, each) for finding, each in proven if not each.there and not each.erased]
    other = [(finding, each) for finding, each in proven if each.there and each.why]
    numbers = {"rollback_files": back, "rollback_absent_files": len(absent) + int(lost)}
    parts = [
        f"{counted(int(references), 'reference')}: a rollback would bring back {counted(back, 'file')} and "
        "leave the others as they are"
    ]
    if absent:
        some = "; ".join(f"{finding.key}: {each.why}" for finding, each in absent[:SHOWN])
        parts.append(f"{counted(len(absent), 'file')} would still be missing ({some})")
    if other:
        some = "; ".join(f"{finding.key}: {each.why}" for finding, each in other[:SHOWN])
        parts.append(f"{counted(len(other), 'file')} would not be that of then ({some})")
    if lost:
        parts.append(f"{counted(int(lost), 'file')} {agreed(int(lost), 'has', 'have')} no version at all")
    if erased:
        some = "; ".join(f"{finding.key}: {each.why}" for finding, each in erased[:SHOWN])
        parts.append(f"{counted(len(erased), 'file')} {agreed(len(erased), 'stays', 'stay')} erased ({some})")
    if without:
        parts.append(f"bucket {', '.join(without)} keeps no versions, so that nothing of it can go back")
    if tried is None:
        parts.append("planned only: drills.scratch_bucket names no bucket to try it in")
    else:
        numbers["rollback_tried_files"] = tried.written
        parts.append(f"{counted(tried.written, 'file')} copied into the scratch bucket and read back the same")
        parts += [f"not the same: {'; '.join(tried.failed)}"] if tried.failed else []
        parts += [f"not to be told: {'; '.join(tried.untold)}"] if tried.untold else []
    outcome = Outcome.WARN if without else Outcome.PASS
    if absent or other or lost or (tried and tried.failed):
        outcome = Outcome.FAIL
    elif tried and tried.untold:
        outcome = Outcome.UNKNOWN
    about = tuple(f"{name} versioning" for name in without)
    return CheckResult(CHECK, outcome, printable("; ".join(parts)), numbers, about)


def _proven(settings: Settings, finding: Finding, moment: Moment, erased: Erasures) -> Proven:
    bucket, key = settings.bucket_named(finding.bucket or ""), finding.key or ""
    if erasure := erased.of(bucket.name, key):
        return Proven(there=False, why=erasure.sentence, erased=True)
    return _by_history(bucket, key, moment)


def _by_history(bucket: BucketSettings, key: str, moment: Moment) -> Proven:
    with s3_errors(bucket):
        listed = takewhile(lambda entry: entry.key <= key, list_versions(s3_client(bucket), bucket.bucket, key))
        history = tuple(entry for entry in listed if entry.key == key)
    if not history:
        return Proven(there=False, why="no version of it is left")
    step = step_of(bucket.name, history, moment.at, None)
    if step is None:
        fate, _ = fate_of(history, moment.at)
        gone = fate not in UNTOUCHED
        return Proven(there=not gone, why="it was not there at that moment: printflow files heal" if gone else "")
    if step.archived:
        why = f"its version of then lies in {step.archived} and must be retrieved first"
        return Proven(there=step.fate is Fate.OVERWRITTEN, why=why)
    return Proven(back=True, version_id=step.version_id)


def _referenced(catalog: Catalog) -> Iterator[Sample]:
    """The first files that the clones refer to, bucket by bucket; the rest of a query is not read."""
    for bucket in catalog.buckets:
        with closing(catalog.references(bucket)) as references:
            keys = (found.key for found in references if not found.key.endswith("/") and not found.soft_deleted)
            yield from [Sample(bucket, key) for key in islice(keys, FILES)]
