"""What an object carries besides its bytes, and a copy of it must carry too: headers, metadata, tags, its lock.

Metadata is kept as S3 returns it. What is no ASCII comes from S3 encoded as RFC 2047 says, and S3 decodes that again;
other stores return the bytes themselves, which no client may send.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from printflow_reliability.storage.refusals import reason_for_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HEADERS = (
    "ContentType",
    "ContentEncoding",
    "ContentDisposition",
    "ContentLanguage",
    "CacheControl",
    "WebsiteRedirectLocation",
)
NO_TAGS_HERE = ("NotImplemented", "MethodNotAllowed", "NoSuchTagSet")
"""What a store answers that has no tags, or none of this object."""


@dataclass(frozen=True)
class Lock:
    """How a version is locked: `mode` GOVERNANCE, COMPLIANCE or empty, until when, and whether by a legal hold."""

    mode: str = ""
    until: datetime | None = None
    legal_hold: bool = False

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Lock":
        """What HEAD or GET tells whoever may know it."""
        held = answer.get("ObjectLockLegalHoldStatus") == "ON"
        return cls(answer.get("ObjectLockMode", ""), answer.get("ObjectLockRetainUntilDate"), held)


def headers_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The headers and the metadata of an object, by HEAD or GET, as a request that writes it again takes them."""
    kept: dict[str, Any] = {name: answer[name] for name in HEADERS if answer.get(name)}
    if metadata := answer.get("Metadata"):
        kept["Metadata"] = {name: mail_safe(value) for name, value in metadata.items()}
    return kept


def mail_safe(value: str) -> str:
    """Metadata that a request may hold: what is no ASCII as an encoded word of RFC 2047, as S3 itself shows it."""
    if value.isascii():
        return value
    try:
        text = value.encode("latin-1").decode("utf-8")  # http.client takes the bytes of a header for Latin-1
    except UnicodeError:
        text = value
    return f"=?UTF-8?B?{b64encode(text.encode()).decode()}?="


def tagging_of(client: "S3Client", bucket: str, key: str, version_id: str) -> tuple[str, str]:
    """The tags of a version, as the parameter of a request that writes; and why they cannot be told, if so."""
    try:
        found = client.get_object_tagging(Bucket=bucket, Key=key, VersionId=version_id)["TagSet"]
    except ClientError as refused:
        code = refused.response.get("Error", {}).get("Code")
        return "", "" if code in NO_TAGS_HERE else f"its tags could not be read: {reason_for_key(refused)}"
    return urlencode([(tag["Key"], tag["Value"]) for tag in found]), ""


def keep_lock(client: "S3Client", bucket: str, key: str, version_id: str, was: Lock, now: datetime) -> str:
    """Lock a new version at least as the one that it was made of; why that failed, empty if it did not.

    A default retention that lasts longer stays: a lock is only ever made longer.
    """
    place = {"Bucket": bucket, "Key": key, "VersionId": version_id}
    try:
        if was.mode and was.until is not None and was.until > now:
            has = Lock.of(client.head_object(**place))  # type: ignore[arg-type]
            longer = max(was.until, has.until) if has.until else was.until
            mode = "COMPLIANCE" if "COMPLIANCE" in (was.mode, has.mode) else was.mode
            if (mode, longer) != (has.mode, has.until):
                retention: Any = {"Mode": mode, "RetainUntilDate": longer}
                client.put_object_retention(**place, Retention=retention)  # type: ignore[arg-type]
        if was.legal_hold:
            client.put_object_legal_hold(**place, LegalHold={"Status": "ON"})  # type: ignore[arg-type]
    except ClientError as refused:
        return f"it could not be locked as it was: {reason_for_key(refused)}"
    return ""
