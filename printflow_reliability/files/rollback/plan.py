"""Planning a rollback: every bucket's versions are read once, what has to be done goes to disk, counts stay in memory.

Nothing is planned on what a bucket cannot know: without versioning, or with writes without versioning since the moment,
what was there then is gone, and no listing tells that it was.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files.rollback.since import Fate, Step, fate_of, histories, step_of
from printflow_reliability.files.rollback.write import is_copy_of
from printflow_reliability.moments import is_ahead
from printflow_reliability.platform.tenancy import BasePaths, Tenant
from printflow_reliability.progress import Advance
from printflow_reliability.records.erasures import Erasure, Erasures
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.sources import outermost
from printflow_reliability.storage.version_listing import Entry, list_versions
from printflow_reliability.text import moment as told

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NULL_VERSION = "null"
ADVANCE_EVERY = 1000
SHOWN = 100
"""How many of the impossible ones are named."""


class Steps:
    """Steps on disk, in the order in which they came: there may be millions."""

    def __init__(self) -> None:
        self._file: IO[str] = TemporaryFile("w+", encoding="utf-8", prefix="printflow-rollback-")  # noqa: SIM115 - closed by whoever leaves the block
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, step: Step) -> None:
        """Keep one more."""
        self._file.write(json.dumps(step.as_json()) + "\n")
        self._count += 1

    def __iter__(self) -> Iterator[Step]:
        self._file.seek(0)
        for line in self._file:
            yield Step.of_json(json.loads(line))


@dataclass(frozen=True)
class Scope:
    """What is to be as it was: when, where, and whose; `tenant` is None for everything in the buckets.

    Objects that were `erased` on purpose stay as they are.
    """

    moment: datetime
    buckets: Sequence[BucketSettings]
    paths: BasePaths
    tenant: Tenant | None = None
    erased: Erasures = field(default_factory=Erasures)


@dataclass
class Plan:
    """What a rollback would do.

    Attributes:
        steps: on disk, what can be done.
        files, bytes: how many and how large, by tenant (None is nobody's) and what became of them.
        left_alone: keys by their fate, of which nothing has to be done.
        impossible: keys that cannot come back, with the reason; the first ones.
        impossible_count: how many there are.
        erased: keys that were erased on purpose, and so do not come back, with the erasure; the first ones.
        erased_count: how many there are.
    """

    steps: Steps
    files: Counter[tuple[str | None, Fate]] = field(default_factory=Counter)
    bytes: Counter[tuple[str | None, Fate]] = field(default_factory=Counter)
    left_alone: Counter[Fate] = field(default_factory=Counter)
    impossible: list[tuple[str, str, str]] = field(default_factory=list)
    impossible_count: int = 0
    erased: list[tuple[str, str, str]] = field(default_factory=list)
    erased_count: int = 0

    def leave_erased(self, step: Step, erasure: Erasure) -> None:
        """Say of an object that it does not come back, and why."""
        self.erased_count += 1
        if len(self.erased) < SHOWN:
            self.erased.append((step.bucket, step.key, erasure.sentence))

    def take(self, step: Step) -> None:
        """Add a step, or say that it cannot be done."""
        if step.archived:
            self.impossible_count += 1
            if len(self.impossible) < SHOWN:
                why = f"its version of then lies in {step.archived} and must be retrieved first"
                self.impossible.append((step.bucket, step.key, why))
            return
        self.steps.add(step)
        self.files[step.tenant, step.fate] += 1
        self.bytes[step.tenant, step.fate] += step.size


def make_plan(scope: Scope, steps: Steps, advance: Advance | None = None) -> Plan:
    """Read the versions of every bucket, and plan.

    Raises:
        ConfigError: a bucket never kept versions, or the moment has not come yet.
        CouldNotTell: a bucket cannot be listed, or does not know what was there then.
    """
    plan, seen = Plan(steps), 0
    for bucket in scope.buckets:
        with s3_errors(bucket):
            client = s3_client(bucket)
            require_versions(client, bucket, scope.moment)
            prefixes = outermost(scope.tenant.base_paths) if scope.tenant else [""]
            looked = Looked(bucket, scope.moment, f" below {' and '.join(prefixes)}" if scope.tenant else "")
            listed = itertools.chain.from_iterable(list_versions(client, bucket.bucket, prefix) for prefix in prefixes)
            for history in histories(looked.at(listed)):
                seen += 1
                if advance is not None and seen % ADVANCE_EVERY == 0:
                    advance(seen)
                _take(plan, scope, client, bucket, history)
            looked.require_known()
    return plan


def _take(plan: Plan, scope: Scope, client: "S3Client", bucket: BucketSettings, history: tuple[Entry, ...]) -> None:
    owner = scope.paths.owner_of(history[0].key)
    if scope.tenant is not None and owner != scope.tenant.id:
        return  # another tenant's base path lies within this one
    step = step_of(bucket.name, history, scope.moment, owner)
    if step is None:
        plan.left_alone[fate_of(history, scope.moment)[0]] += 1
    elif step.fate is Fate.OVERWRITTEN and history[0].size == step.size and is_copy_of(client, bucket, step):
        plan.left_alone[Fate.UNCHANGED] += 1  # a copy of ours, whose etag is another one as it came in parts
    elif erasure := scope.erased.of(bucket.name, step.key):
        plan.leave_erased(step, erasure)
    else:
        plan.take(step)


@dataclass
class Looked:
    """What a listing shows of a bucket's memory: its first entry, and writes without versioning since the moment."""

    bucket: BucketSettings
    moment: datetime
    below: str = ""
    first: datetime | None = None
    forgotten: Entry | None = None

    def at(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        """The entries as they come, looked at."""
        for entry in entries:
            self.first = entry.at if self.first is None else min(self.first, entry.at)
            if entry.version_id == NULL_VERSION and entry.at > self.moment and self.forgotten is None:
                self.forgotten = entry
            yield entry

    def require_known(self) -> None:
        """Raises:
        CouldNotTell: the bucket does not know what was there at the moment.
        """
        name = self.bucket.name
        if self.forgotten is not None:
            raise CouldNotTell(
                f'at {told(self.moment)} bucket "{name}" kept no versions: {self.forgotten.key!r} was written at '
                f"{told(self.forgotten.at)} without, and what it replaced is gone",
                "name a moment after versioning was enabled",
            )
        if self.first is not None and self.first > self.moment:
            raise CouldNotTell(
                f'at {told(self.moment)} there was no object in bucket "{name}"{self.below}: the first was made '
                f"{told(self.first)}",
                "name a later moment: the last one before the damage",
            )


def require_versions(client: "S3Client", bucket: BucketSettings, moment: datetime) -> None:
    """Make sure that the bucket keeps what is overwritten, and that the moment has passed by the store's clock.

    Raises:
        ConfigError: it never did, or the moment has not come.
        CouldNotTell: it does not any more.
    """
    answer = client.get_bucket_versioning(Bucket=bucket.bucket)
    if (status := answer.get("Status")) == "Suspended":
        raise CouldNotTell(
            f'versioning of bucket "{bucket.name}" is suspended: what would be written now overwrites',
            "find out who suspended it, and enable it: printflow files protect has the command",
        )
    if status != "Enabled":
        raise ConfigError(
            f'bucket "{bucket.name}" has no versioning: what was overwritten or deleted cannot come back',
            "printflow files heal brings back what the replica has; for the next time: printflow files protect",
        )
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    now = parsedate_to_datetime(date) if date else datetime.now(UTC)
    if is_ahead(moment, now):
        raise ConfigError(
            f"--to {moment:%Y-%m-%dT%H:%M:%SZ} has not come yet: the store's clock says {now:%Y-%m-%dT%H:%M:%SZ}",
            "name a moment before the damage",
        )
