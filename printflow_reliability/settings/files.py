"""`[files]`: reconciliation of references and objects."""

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
