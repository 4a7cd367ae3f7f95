"""`[files]`: reconciliation of references and objects."""

from typing import Literal

from pydantic import Field

from printflow_reliability.settings.section import Section


class FilesSettings(Section):
    """Reconciliation: every reference against the objects of its bucket."""

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
        description="How many objects one pass brings back by itself. What is left is a warning, and the next pass's.",
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
