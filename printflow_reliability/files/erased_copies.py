"""What is left in quarantine of files that were erased on purpose: each copy and the note beside it, with the command
that deletes it.

No lifecycle rule ends such a copy, and this program deletes no object: whoever erases does. A copy that was released
since, or that a run which was killed has left, lies there too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files.carried import Lock
from printflow_reliability.files.presence import Presence, in_parallel, or_refusal
from printflow_reliability.files.quarantine.beside import SUFFIX, Notes, notes_of
from printflow_reliability.files.quarantine.place import place_of
from printflow_reliability.records import quarantine
from printflow_reliability.records.erasures import Erasures, in_force
from printflow_reliability.records.quarantine import Records
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.storage.single_keys import FAILURES, Refusal
from printflow_reliability.text import counted, moment, shell_word


@dataclass(frozen=True)
class ErasedCopy:
    """One version of a copy.

    Attributes:
        erasure: its number.
        bucket, key: what it is a copy of, the bucket by its name in printflow.toml.
        place, place_key: where it lies, the bucket by its name in printflow.toml; no key where it is not known whether
            there is a copy beside those on record.
        command: deletes it; empty where it is not known whether it is there.
        locked: why the store refuses that for now; empty if nothing is known of a lock.
        unknown: why it is not known whether it is there; empty if it is.
    """

    erasure: int
    bucket: str
    key: str
    place: str
    place_key: str
    command: str = ""
    locked: str = ""
    unknown: str = ""

    @property
    def sentence(self) -> str:
        """What is to be done about it."""
        if self.unknown and not self.place_key:
            return f'whether bucket "{self.place}" holds a copy that is in no record is not known: {self.unknown}'
        if self.unknown:
            copy = f'its copy {self.place_key} in bucket "{self.place}"'
            return f"whether {copy} is still there is not known: {self.unknown}"
        locked = f" ({self.locked})" if self.locked else ""
        return f"its copy in quarantine is still there{locked}. Next: {self.command}"

    def as_json(self) -> dict[str, Any]:
        """As `files erasure list --json` shows it."""
        return asdict(self)


def erased_copies(settings: Settings, records: Records, erasure: int | None = None) -> Sequence[ErasedCopy]:
    """The copies that are still there, or may be, of what is recorded as erased.

    Args:
        settings: the whole file.
        records: where the manifest of the quarantine is; one that was restored has forgotten younger copies, which
            their notes still name.
        erasure: only of this one, by its number; None for all that count.
    """
    known = [ErasedCopy(*row) for row in quarantine.copies_of_erased(records, erasure)]
    noted = [*_noted(settings, records, erasure)]
    named = sorted([*known, *(copy for copy in noted if not copy.unknown)], key=lambda copy: copy.place)
    there = [
        copy for place, rows in groupby(named, lambda copy: copy.place) for copy in _in_place(settings, place, rows)
    ]
    return [*there, *(copy for copy in noted if copy.unknown)]


def _noted(settings: Settings, records: Records, erasure: int | None) -> Iterator[ErasedCopy]:
    """Copies that are in no record, by the notes beside them; unknown for each erasure that such a note may be of."""
    place_name = settings.files.quarantine_bucket
    if place_name is None:
        return
    found = Erasures(each for each in in_force(records).every if erasure in (None, each.id))
    for bucket in sorted({each.bucket for each in found.every}):
        unknown = ""
        try:
            notes = notes_of(place_of(settings), bucket=bucket, known=quarantine.copies_from(records, bucket))
        except (ConfigError, CouldNotTell) as away:
            notes, unknown = Notes(), away.sentence
        for row in notes.rows:
            if (of := found.of(row.bucket, row.key)) is not None:
                yield ErasedCopy(of.id, row.bucket, row.key, row.place, row.place_key)
        if notes.unreadable:
            unknown = f"{counted(notes.unreadable, 'note')} beside copies could not be read"
        if unknown:
            of_bucket = (each for each in found.every if each.bucket == bucket)
            yield from (ErasedCopy(each.id, bucket, each.key, place_name, "", unknown=unknown) for each in of_bucket)


def _in_place(settings: Settings, place: str, known: Iterable[ErasedCopy]) -> Iterator[ErasedCopy]:
    """Those of one bucket; what it refuses for a key is that key's, and where it is away nothing more is asked."""
    known = list(known)
    try:
        bucket = settings.bucket_named(place)
        asked = [*in_parallel(or_refusal(partial(_still_there, bucket, Presence(bucket))), known)]
    except (ConfigError, CouldNotTell) as away:
        yield from (replace(copy, unknown=away.sentence) for copy in known)
        return
    for copy, found in asked:
        if isinstance(found, Refusal):
            yield replace(copy, unknown=found.reason)
        else:
            yield from found


def _still_there(bucket: BucketSettings, present: Presence, copy: ErasedCopy) -> list[ErasedCopy]:
    server = f" --endpoint-url {shell_word(bucket.endpoint_url)}" if bucket.endpoint_url else ""
    delete = f"aws s3api delete-object --bucket {shell_word(bucket.bucket)} --key"
    return [
        replace(
            copy,
            place_key=key,
            command=f"{delete} {shell_word(key)}{server} --version-id {shell_word(version.version_id)}",
            locked=_locked(bucket, key, version.version_id),
        )
        for key in (copy.place_key, copy.place_key + SUFFIX)
        for version in present.priors(key)
    ]


def _locked(bucket: BucketSettings, key: str, version: str) -> str:
    """Until when its lock keeps a version; whoever may not ask is told by the store when it refuses to delete."""
    try:
        lock = Lock.of(s3_client(bucket).head_object(Bucket=bucket.bucket, Key=key, VersionId=version))
    except FAILURES:
        return ""
    until = [f"its lock lasts until {moment(lock.until)}"] if lock.until else []
    return "; ".join([*until, *(["a legal hold keeps it"] if lock.legal_hold else [])])
