"""The note beside each copy: what it is a copy of, so that it comes back where the records know of it no more.

It is written before the delete marker. Records that were restored to an older state have forgotten younger rows.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from printflow_reliability.files.new_objects import NULL_VERSION
from printflow_reliability.files.presence import in_parallel
from printflow_reliability.files.quarantine.copies import Belongings, digest_of, send
from printflow_reliability.files.quarantine.place import Place
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.storage.clients import s3_errors

SUFFIX = ".json"
TEXTS = (
    *("bucket", "key", "tenant", "version_id", "etag", "reason", "place_key", "place_version", "sha256", "person"),
)
NOT_YET = {"id": 0, "quarantined_at": None, "marker_version": None}
"""What nobody knows when the note is written."""


@dataclass(frozen=True)
class Notes:
    """What the notes of a place say, and how many could not be read."""

    rows: tuple[Quarantined, ...] = ()
    unreadable: int = 0


def noted(place: Place, row: Quarantined, place_version: str, sha256: str, belongings: Belongings) -> bool:
    """Write the note of a copy, and read it back; whether it reads as it must.

    Raises:
        ClientError: the store refuses.
    """
    known = replace(row, place_version=place_version, sha256=sha256, headers=belongings.as_json())
    fields = {name: value for name, value in asdict(known).items() if name not in NOT_YET}
    body = json.dumps({**fields, "begun_at": row.begun_at.isoformat()}, sort_keys=True).encode()
    key, client = row.place_key + SUFFIX, place.client
    version = send(place.bucket, client, key, BytesIO(body), {"ContentType": "application/json"})
    if version is None:  # a request whose answer was lost was carried out all the same
        version = client.head_object(Bucket=place.bucket.bucket, Key=key).get("VersionId", NULL_VERSION)
    return digest_of(place.bucket, client, key, version) == hashlib.sha256(body).hexdigest()


def notes_of(place: Place, keys: Collection[str] = (), bucket: str | None = None, known: Collection[str] = ()) -> Notes:
    """What the place itself knows of these keys and this bucket; empty is all. The rows have no number.

    Notes beside copies that are `known`, by their keys in the place, are not read.

    Raises:
        CouldNotTell: the place does not answer.
    """
    rows, unreadable = [], 0
    with s3_errors(place.bucket):
        asked = (key for key in _listed(place, bucket) if key.removesuffix(SUFFIX) not in known)
        for _, row in in_parallel(lambda key: _read(place, key), asked):
            if row is None:
                unreadable += 1
            elif (not keys or row.key in keys) and bucket in (None, row.bucket):
                rows.append(row)
    return Notes(tuple(rows), unreadable)


def _listed(place: Place, bucket: str | None) -> Iterator[str]:
    below = place.prefix + (f"{quote(bucket, safe='')}/" if bucket is not None else "")
    pages = place.client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket.bucket, Prefix=below)
    return (item["Key"] for page in pages for item in page.get("Contents", ()) if item["Key"].endswith(SUFFIX))


def _read(place: Place, key: str) -> Quarantined | None:
    """What a note says; None if it is refused or says nothing that can be believed."""
    try:
        body = place.client.get_object(Bucket=place.bucket.bucket, Key=key)["Body"].read()
        row = _row(json.loads(body), place.bucket.name)
    except (ClientError, ValueError, KeyError, TypeError):
        return None
    return row if row.place_key + SUFFIX == key else None  # else it was written, or moved, by somebody else


def _row(said: Any, place: str) -> Quarantined:
    """Raises:
    ValueError, KeyError, TypeError: it is no note.
    """
    Belongings(**said["headers"])
    if not all(isinstance(said[name], str) for name in TEXTS) or not isinstance(said["bytes"], int):
        raise TypeError
    begun_at = datetime.fromisoformat(said["begun_at"])
    if begun_at.tzinfo is None:
        raise ValueError
    return Quarantined(**{**said, **NOT_YET, "place": place, "begun_at": begun_at})
