"""`[files]`: reconciliation of references and objects, and the quarantine of what nothing refers to."""

from collections.abc import Collection
from typing import Literal, Self

from pydantic import Field, model_validator

from printflow_reliability.settings.buckets import BucketSettings
from printflow_reliability.settings.orders import OrdersSettings
from printflow_reliability.settings.references import ReferenceSettings
from printflow_reliability.settings.section import Section


class FilesSettings(Section):
    """Reconciliation: every reference against the objects of its bucket. What nothing refers to can be moved aside."""

    orphan_grace_seconds: float = Field(
        default=24 * 3600,
        ge=0,
        description="How old an object without a reference must be to count as an orphan. Keep it above the longest "
        "time between an upload and the row that refers to it.",
    )
    max_missing_fraction: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Fraction of a bucket's references that may miss their object. A pass that finds more is refused "
        "as a likely misconfiguration. Raise it only when the files are really gone and are to be listed.",
    )
    heal_automatically: bool = Field(
        default=False,
        description="Whether the pass of the asset `tenant_files` brings back what the platform deleted although rows "
        "refer to it: delete markers alone, over a version that is what its row or the ledger knows. Never what was "
        "erased on purpose, and nothing while a query fell or a bucket looks misconfigured. It needs the bucket's "
        "`heal_access_key_id`. See what it would do: `printflow files heal --by-policy`.",
    )
    heal_at_most: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="How many objects are brought back by themselves within 20 hours, by however many passes. What is "
        "left is a warning, and a later pass's.",
    )
    heal_after_seconds: float = Field(
        default=3600,
        ge=0,
        description="How long an object must have been deleted before it is brought back by itself. Keep it above the "
        "time that the platform needs to delete a file and write the next one.",
    )
    heal_retention_days: float = Field(
        default=90,
        gt=0,
        description="How long the platform keeps an order's files. A file that was written longer ago is not brought "
        "back by itself, since its deletion may be the platform's own rule.",
    )
    retrieval_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description="How long the bytes of an archived version (GLACIER, DEEP_ARCHIVE) can be read after `printflow "
        "files heal --apply` has asked for their retrieval. Intelligent-Tiering keeps them.",
    )
    retrieval_tier: Literal["Expedited", "Standard", "Bulk"] = Field(
        default="Standard",
        description="How fast a retrieval is, and what it costs: minutes, hours, or up to two days. DEEP_ARCHIVE knows "
        "no Expedited, and gets Standard.",
    )
    quarantine_bucket: str | None = Field(
        default=None,
        description="The `name` of the [[bucket]] that `files quarantine` moves orphans into: one that no reference "
        "points into, with a key that may write (`heal_access_key_id`, else `access_key_id`), and whose lifecycle "
        "lets objects live for longer than the longest backup retention. Absent: nothing is moved.",
    )
    quarantine_prefix: str = Field(
        default="quarantine/",
        description="What the keys of moved objects begin with there; it ends in a slash. No base path of a tenant "
        "may lie within it, nor it within a base path.",
    )
    max_orphan_fraction: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Fraction of the objects of a pass that may be orphans for `files quarantine` to move any. More "
        "of them look like a reference query that is missing. Raise it only when they really are orphans.",
    )
    storage_price_per_gb_month: float | None = Field(
        default=None,
        ge=0,
        description="What a GB (10^9 bytes) costs in a month, in any currency: the reports of orphans then say what "
        "they cost in a year. Absent: they say bytes only.",
    )

    @model_validator(mode="after")
    def _prefix_is_a_folder(self) -> Self:
        prefix = self.quarantine_prefix
        if not prefix.endswith("/") or prefix.startswith("/") or "//" in prefix or ".." in prefix.split("/"):
            raise ValueError("quarantine_prefix: must end in a slash, not begin with one, and hold no empty part")
        return self


def require_quarantine_apart(
    files: FilesSettings, buckets: Collection[BucketSettings], users: Collection[OrdersSettings | ReferenceSettings]
) -> None:
    """What is moved aside must lie where nothing of the platform, and no copy of it, is listed.

    Args:
        files: the section.
        buckets: of the file.
        users: the sections that files lie in the buckets of; the replicas of these count too.

    Raises:
        ValueError: there is no such place, or it is one of these, or another name of one.
    """
    name = files.quarantine_bucket
    if name is None:
        return
    place = next((bucket for bucket in buckets if bucket.name == name), None)
    if place is None:
        known = ", ".join(sorted(bucket.name for bucket in buckets))
        raise ValueError(f'files.quarantine_bucket: nothing is named "{name}" here; there is {known}')
    used = {*(user.bucket for user in users), *(bucket.replica for bucket in buckets)}
    for bucket in buckets:
        if bucket.store == place.store and bucket.name in used:
            raise ValueError(
                f'files.quarantine_bucket: "{name}" is listed for files of the platform, as bucket "{bucket.name}"; '
                "name a bucket that neither references nor replicas use"
            )
