"""Single objects: is it there now, was it there before, does the replica have it.

Only a real 404 means that an object is not there. A 403, a 5xx or silence is "could not tell", never "missing".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TOLD = ("ETag", "ContentLength", "LastModified")
NOT_THERE = ("404", "NoSuchKey", "NotFound")
ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose bytes cannot be read before they were retrieved."""
INTELLIGENT = "INTELLIGENT_TIERING"
"""The class that moves what nobody reads into archives of its own."""
EXPIRY = re.compile('expiry-date="([^"]+)"')


class NotOfS3(BotoCoreError):
    """An answer that only another kind of server gives, such as the login page of a proxy, with 200."""

    fmt = "it is answered as by no S3 server"


@dataclass(frozen=True)
class ObjectHead:
    """What HEAD says of an object; `size` in bytes, `etag` without quotes, `version_id` "null" without versioning.

    `etag_opaque` tells that the ETag is no MD5 though it may look like one: the object is encrypted with a key of its
    own, or lies in a directory bucket. `archived` names the storage class whose bytes must be retrieved before they can
    be read, `retrieving` that this was asked for and is under way, `readable_until` when what was retrieved is archived
    again; `prior` tells that it is not what the key holds now.
    """

    version_id: str
    etag: str
    size: int
    modified_at: datetime
    etag_opaque: bool = False
    archived: str = ""
    prior: bool = False
    retrieving: bool = False
    readable_until: datetime | None = None


@dataclass(frozen=True)
class Version:
    """One version of a key. A delete marker has no bytes; while it is the newest, the object is not there.

    `storage_class` is as the store calls it; empty where it does not say.
    """

    version_id: str
    etag: str
    size: int
    modified_at: datetime
    delete_marker: bool = False
    storage_class: str = ""

    @property
    def may_be_archived(self) -> bool:
        """Whether only HEAD can tell that its bytes can be read: of Intelligent-Tiering, no listing tells."""
        return self.storage_class in (*ARCHIVED, INTELLIGENT)


def head(client: "S3Client", bucket: str, key: str, version_id: str | None = None) -> ObjectHead | None:
    """What HEAD says of an object, or of one version of it; None only for a real 404 of an existing bucket.

    Raises:
        ClientError: any other refusal; `storage.clients.s3_errors` turns it into "could not tell".
    """
    found = head_in_existing(client, bucket, key, version_id)
    if found is None:
        # HEAD has no body to say what was not found; a bucket that is gone must not read as a missing object.
        client.head_bucket(Bucket=bucket)
    return found


def head_in_existing(client: "S3Client", bucket: str, key: str, version_id: str | None = None) -> ObjectHead | None:
    """The same in a bucket that is known to exist.

    Raises:
        ClientError: as `head`.
        NotOfS3: what answers is no S3 server.
    """
    try:
        if version_id is None:
            answer = client.head_object(Bucket=bucket, Key=key)
        else:
            answer = client.head_object(Bucket=bucket, Key=key, VersionId=version_id)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in NOT_THERE:
            raise
        return None
    if any(name not in answer for name in TOLD):
        raise NotOfS3
    encrypted = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    return ObjectHead(
        answer.get("VersionId", "null"),
        answer["ETag"].strip('"'),
        answer["ContentLength"],
        answer["LastModified"],
        encrypted or answer.get("StorageClass") == "EXPRESS_ONEZONE",
        _archived(answer),
        version_id is not None,
        'ongoing-request="true"' in answer.get("Restore", ""),
        _readable_until(answer),
    )


def _archived(answer: Mapping[str, Any]) -> str:
    """Where the bytes lie that must be retrieved first; empty where they can be read, if only for some days."""
    if 'ongoing-request="false"' in answer.get("Restore", ""):
        return ""
    storage_class = answer.get("StorageClass", "")
    return str(answer.get("ArchiveStatus", "") or (storage_class if storage_class in ARCHIVED else ""))


def _readable_until(answer: Mapping[str, Any]) -> datetime | None:
    told = EXPIRY.search(answer.get("Restore", ""))
    try:
        return parsedate_to_datetime(told[1]) if told else None
    except ValueError:
        return None


UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML cannot hold: a store lists keys with U+FFFD instead."""


def versions(client: "S3Client", bucket: str, key: str) -> tuple[Version, ...]:
    """Every version and delete marker of exactly this key, newest first."""
    # What begins with this key and is listed by that name is this key: a longer one would have a longer name.
    names = {key, UNWRITABLE.sub("\ufffd", key)}
    found: list[Version] = []
    latest = None
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        found += [
            Version(
                version["VersionId"],
                version["ETag"].strip('"'),
                version["Size"],
                version["LastModified"],
                storage_class=version.get("StorageClass", ""),
            )
            for version in page.get("Versions", ())
            if version["Key"] in names
        ]
        found += [
            Version(marker["VersionId"], "", 0, marker["LastModified"], delete_marker=True)
            for marker in page.get("DeleteMarkers", ())
            if marker["Key"] in names
        ]
        both = (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        latest = next(
            (version["VersionId"] for version in both if version["Key"] in names and version["IsLatest"]), latest
        )
        # Longer keys with this one at their front come after it, and there may be millions.
        if any(version["Key"] > key and version["Key"] not in names for version in both):
            break
    # S3 dates versions to the second; within one, only the latest is known, and the store's own order.
    return tuple(sorted(found, key=lambda version: (version.version_id == latest, version.modified_at), reverse=True))


def prior_versions(client: "S3Client", bucket: str, key: str) -> tuple[Version, ...]:
    """The versions of a key that hold bytes, newest first: what a missing object can be brought back from."""
    return tuple(version for version in versions(client, bucket, key) if not version.delete_marker)
