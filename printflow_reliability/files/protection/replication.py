"""Is there a second copy of the objects elsewhere, and how far behind is it? By the rules, and by a sample.

Rules say what is meant to happen. A sample of objects, newest and random ones of some tenants, says what does: HEAD in
the replica where printflow.toml names it, else the store's own status of each object.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.protection.configuration import BucketConfiguration
from printflow_reliability.files.protection.item import Item, as_argument, named, s3api
from printflow_reliability.files.protection.judgement import not_told
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.objects import NOT_THERE, head
from printflow_reliability.text import agreed, counted, moment, printable, seconds

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "replication"
LAG_SECONDS = 900.0
"""S3 promises replication within 15 minutes; what is younger may be on its way."""
FOLDERS, LISTED, NEWEST, ANY = 8, 1000, 4, 4
"""The sample: so many tenants' folders, one page of each, and of it so many of the newest and of all others."""
BEHIND = ("PENDING", "FAILED")


@dataclass(frozen=True)
class Sampled:
    """One object of the sample: its key, when it was written, whether the copy is there, the store's own status."""

    key: str
    modified_at: datetime
    copied: bool
    status: str = ""


@dataclass(frozen=True)
class Sample:
    """What a sample showed; `trouble` is why there is none, and `now` when it was taken."""

    objects: Sequence[Sampled]
    now: datetime
    trouble: str = ""

    @property
    def missing(self) -> list[Sampled]:
        """Those that should be copied by now and are not, the oldest first."""
        late = (found for found in self.objects if not found.copied and self._age(found) > LAG_SECONDS)
        return sorted(late, key=lambda found: found.modified_at)

    @property
    def lag_seconds(self) -> float:
        """How long the oldest object of the sample without a copy has been waiting; 0 if each has one."""
        return max((self._age(found) for found in self.objects if not found.copied), default=0.0)

    def _age(self, found: Sampled) -> float:
        return (self.now - found.modified_at).total_seconds()


NO_SAMPLE = Sample((), datetime.min.replace(tzinfo=UTC))


def take_sample(
    bucket: BucketSettings, replica: BucketSettings | None, folders: Sequence[str], dice: random.Random | None = None
) -> Sample:
    """Look for the copies of some objects.

    Args:
        bucket: where they are.
        replica: where their copies are; None: the store's own status of each tells.
        folders: prefixes of which some are looked into.
        dice: chooses, instead of chance.
    """
    dice = dice or random.Random()  # noqa: S311 - nobody gains anything by guessing the sample
    chosen = dice.sample(list(folders), min(len(folders), FOLDERS)) or [""]
    try:
        with s3_errors(bucket):
            client = s3_client(bucket)
            objects: list[tuple[str, datetime]] = []
            for folder in chosen:
                objects += _some_of(client, bucket, folder, dice)
            if not objects and "" not in chosen:
                objects += _some_of(client, bucket, "", dice)
            looked = _by_status(client, bucket, objects) if replica is None else _in_replica(replica, objects)
    except CouldNotTell as away:
        return replace(NO_SAMPLE, trouble=away.what)
    return Sample(looked, datetime.now(UTC))


def replication(
    bucket: BucketSettings, replica: BucketSettings | None, found: BucketConfiguration, sample: Sample
) -> Item:
    """Whether a second copy of every object is kept elsewhere."""
    if not found.replication.known:
        return not_told(NAME, found.replication)
    rules: Sequence[Mapping[str, Any]] = found.replication.value.get("ReplicationConfiguration", {}).get("Rules", ())
    active = [rule for rule in rules if rule.get("Status") == "Enabled"]
    mend = _set_up(bucket, replica)
    if not active and replica is None:
        why = "every replication rule is disabled" if rules else "there is no replication, and no `replica`"
        detail = f"{why}: a bucket that is lost, or deleted with its versions, takes the only copy of its objects along"
        return Item(NAME, Outcome.WARN, detail, mend)
    if sample.trouble:
        return Item(NAME, Outcome.UNKNOWN, f"whether the copies are there is not known: {sample.trouble}")
    if late := sample.missing:
        return Item(NAME, Outcome.FAIL, _late(late, sample, replica), _next(bucket, late[0], mend, active))
    if active and not any(_whole(rule) for rule in active):
        return Item(NAME, Outcome.WARN, f"only a part is replicated: {'; '.join(map(_part, active))}", mend)
    return Item(NAME, Outcome.PASS, _well(active, replica, sample))


def _some_of(
    client: "S3Client", bucket: BucketSettings, folder: str, dice: random.Random
) -> Iterator[tuple[str, datetime]]:
    page = client.list_objects_v2(Bucket=bucket.bucket, Prefix=folder, MaxKeys=LISTED)
    listed = sorted(
        ((held["Key"], held["LastModified"]) for held in page.get("Contents", ())), key=lambda held: held[1]
    )
    others, newest = listed[:-NEWEST], listed[-NEWEST:]
    yield from newest
    yield from dice.sample(others, min(len(others), ANY))


def _in_replica(replica: BucketSettings, objects: Sequence[tuple[str, datetime]]) -> list[Sampled]:
    """Raises:
    CouldNotTell: the replica does not answer.
    """
    client = s3_client(replica)
    with s3_errors(replica):
        return [Sampled(key, at, head(client, replica.bucket, key) is not None) for key, at in objects]


def _by_status(client: "S3Client", bucket: BucketSettings, objects: Sequence[tuple[str, datetime]]) -> list[Sampled]:
    looked = []
    for key, at in objects:
        try:
            answer = client.head_object(Bucket=bucket.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in NOT_THERE:
                raise
            continue  # deleted since it was listed
        status = str(answer.get("ReplicationStatus", ""))
        looked.append(Sampled(key, at, status not in ("", *BEHIND), status))
    return looked


def _late(late: Sequence[Sampled], sample: Sample, replica: BucketSettings | None) -> str:
    where = f'in the replica "{replica.name}"' if replica else "replicated"
    oldest = late[0]
    status = f" ({oldest.status})" if oldest.status else ""
    return (
        f"{len(late)} of {counted(len(sample.objects), 'sampled object')} {agreed(len(late), 'is', 'are')} not {where}"
        f"; the oldest is {printable(oldest.key)}{status}, written {moment(oldest.modified_at)}"
    )


def _next(bucket: BucketSettings, oldest: Sampled, mend: str, active: Sequence[Mapping[str, Any]]) -> str:
    """Where nothing replicates, the rule that would; else what the store says of the oldest one."""
    return s3api(bucket, "head-object", "--key", oldest.key) if active else mend


def _well(active: Sequence[Mapping[str, Any]], replica: BucketSettings | None, sample: Sample) -> str:
    how = "; ".join(f"{named(rule)} copies to {_destination(rule)}" for rule in active)
    how = how or "the store replicates nothing by itself, and the copies are there"
    where = f'in the replica "{replica.name}"' if replica else "replicated"
    copied = sum(found.copied for found in sample.objects)
    if not sample.objects:
        return f"{how}; there is no object yet to look for"
    waiting = f", the others wait since at most {seconds(sample.lag_seconds)}" if copied < len(sample.objects) else ""
    return f"{how}; {copied} of {counted(len(sample.objects), 'sampled object')} {where}{waiting}"


def _whole(rule: Mapping[str, Any]) -> bool:
    return not _limits(rule)


def _part(rule: Mapping[str, Any]) -> str:
    return f"{named(rule)} copies {printable(_limits(rule))}"


def _limits(rule: Mapping[str, Any]) -> str:
    limits = rule.get("Filter", {})
    limits = limits.get("And", limits)
    prefix = limits.get("Prefix") or rule.get("Prefix")
    return str(prefix or ("what has certain tags" if "Tag" in limits or "Tags" in limits else ""))


def _destination(rule: Mapping[str, Any]) -> str:
    return printable(str(rule.get("Destination", {}).get("Bucket", "?")))


def _set_up(bucket: BucketSettings, replica: BucketSettings | None) -> str:
    """The command that replicates everything; ROLE, and the bucket where none is named, are a person's to fill in."""
    rule = {
        "ID": "printflow",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{replica.bucket if replica else 'REPLICA'}"},
    }
    configuration = as_argument({"Role": "arn:aws:iam::ACCOUNT:role/ROLE", "Rules": [rule]})
    return s3api(bucket, "put-bucket-replication", "--replication-configuration", configuration)
