"""`[[bucket]]`: the S3 buckets, and how to reach them."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from printflow_reliability.addresses import EndpointUrl
from printflow_reliability.settings.section import SECRET, Section


def twins(buckets: Iterable["BucketSettings"], names: Collection[str]) -> tuple[str, str] | None:
    """Two of these names that are one bucket; None if each is one of its own."""
    known: dict[tuple[str, str], str] = {}
    for bucket in buckets:
        if bucket.name in names and known.setdefault(bucket.store, bucket.name) != bucket.name:
            return known[bucket.store], bucket.name
    return None


class BucketSettings(Section):
    """One S3 bucket and how to reach it. At least one is needed; the drills' reports may go into one of their own."""

    name: str = Field(description="What this file, the commands and the findings call the bucket; unique.")
    bucket: str = Field(
        description="What S3 calls the bucket. Of the names that `orders`, `reference` and `disk` use, no two may be "
        "the same bucket."
    )
    endpoint_url: EndpointUrl | None = Field(
        default=None,
        description="Address of the S3 server, such as https://s3.example.org:8333, without user or query. "
        "Absent: AWS.",
    )
    region: str = Field(
        default="us-east-1", description="The bucket's region; servers other than AWS mostly ignore it."
    )
    access_key_id: str | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Access key. It only needs to list and read, except for the buckets of the drills' reports "
        "and of dumps. Absent: the AWS SDK's own chain (environment, profile, instance role).",
    )
    secret_access_key: str | None = Field(
        json_schema_extra=SECRET, default=None, description="The secret of `access_key_id`."
    )
    heal_access_key_id: str | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Access key that may write. Only `files heal --apply`, `files rollback --apply`, "
        "`files quarantine --apply`, `files release --apply`, `orders repair --apply` and `tenant restore --apply` "
        "use it.",
    )
    heal_secret_access_key: str | None = Field(
        json_schema_extra=SECRET, default=None, description="The secret of `heal_access_key_id`."
    )
    audit_access_key_id: str | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Access key that may read the bucket's configuration, and no object. `files protect` uses it, and "
        "`files quarantine` for `files.quarantine_bucket`: its lifecycle, its policy and its ACL must be known. "
        "Absent: `access_key_id`.",
    )
    audit_secret_access_key: str | None = Field(
        json_schema_extra=SECRET, default=None, description="The secret of `audit_access_key_id`."
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the server's certificate. Absent: the system's authorities.",
    )
    replica: str | None = Field(
        default=None,
        description="The `name` of another [[bucket]] that holds copies of this one. Missing files are looked for "
        "there, and brought back from there, when this bucket has no version of them. `copies` counts it, and its own "
        "replica after it.",
    )

    listing: Literal["objects", "versions", "inventory"] = Field(
        default="objects",
        description='What `files reconcile` reads the bucket from: "objects" is LIST; "versions" is the listing of '
        'versions, for a key that may list nothing else; "inventory" is the newest S3 Inventory, where LIST takes '
        "hours. What an inventory does not show is asked for before it counts as missing; what was deleted since is "
        "found by the next one. One tenant's files are always listed.",
    )
    listing_requests: int = Field(
        default=8,
        ge=1,
        le=32,
        description="How many LIST requests run side by side where a bucket has many objects. Lower it for a store "
        'that answers "slow down".',
    )
    inventory_bucket: str | None = Field(
        default=None,
        description="The `name` of the [[bucket]] that S3 delivers inventories of this one into; its key must be "
        "allowed to list and read there.",
    )
    inventory_prefix: str = Field(
        default="",
        description="Where they are in it: what precedes the dated folders, "
        "such as `inventory/print-files/every-object/`.",
    )
    inventory_age_seconds: float = Field(
        default=48 * 3600,
        gt=0,
        description="How old the newest inventory may be. An older one is not used, and the checks are unknown. "
        "Raise it to more than a week for weekly inventories.",
    )

    journal_silence_seconds: float | None = Field(
        default=None,
        gt=0,
        description="How old this bucket's newest event in the object journal may be, where it is quieter than others; "
        "at most `journal.look_back_seconds`. Absent: `journal.max_silence_seconds`.",
    )

    @model_validator(mode="after")
    def _place_of_inventory(self) -> Self:
        if self.listing == "inventory" and self.inventory_bucket is None:
            raise ValueError('inventory_bucket: is missing, and listing = "inventory" needs it')
        return self

    @property
    def store(self) -> tuple[str, str]:
        """What tells the bucket from every other: the address of its server, empty for AWS, and its name there."""
        address = urlsplit(self.endpoint_url or "")
        host, default = (address.hostname or "").rstrip("."), {"https": 443, "http": 80}.get(address.scheme)
        if host.endswith(".amazonaws.com"):  # under whatever address: no two buckets of AWS have one name
            host = ""
        port = "" if not host or address.port in (None, default) else f":{address.port}"
        return f"{host}{port}", self.bucket

    @property
    def label(self) -> str:
        """Its name as errors say it, and what S3 calls it where that is another."""
        return self.name if self.name == self.bucket else f"{self.name} ({self.bucket})"
