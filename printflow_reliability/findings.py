"""A finding: one thing that is wrong, where, on what evidence, and what to do about it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a finding is; the order of the members is the order of urgency."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 3 for critical."""
        return list(Severity).index(self)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong. `detail` and `action` are sentences for a person; tenants are UUIDs, never names.

    `kind` is a stable word, such as those of `files/kinds.py`; `reference` is the name of the catalog entry that led
    here, and `owner` what the database calls the thing ("order 10482"). Of an object that nothing refers to, `bytes`
    and `written_at` (ISO 8601) are known, and `superseded_by` is the key of the newer file in its place, if there is
    one.
    """

    kind: str
    severity: Severity
    detail: str
    action: str
    tenant: str | None = None
    bucket: str | None = None
    key: str | None = None
    version_id: str | None = None
    reference: str | None = None
    owner: str | None = None
    bytes: int | None = None
    written_at: str | None = None
    superseded_by: str | None = None

    def as_json(self) -> Mapping[str, Any]:
        """The finding for programs: every key present, null where it does not apply."""
        return asdict(self)


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Findings ordered by falling severity, otherwise as they came."""
    return sorted(findings, key=lambda finding: -finding.severity.rank)
