"""What a tenant's pass keeps: its own findings, and what nobody could judge, which may be its own too."""

from datetime import UTC, datetime
from typing import Any

from printflow_reliability.files import kinds
from printflow_reliability.files.remembered import Remembered
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.records import lasting_findings, passes
from printflow_reliability_tests.files.healing import records

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def finding(kind: str, tenant: str | None, key: str | None) -> Finding:
    return Finding(kind=kind, severity=Severity.ERROR, tenant=tenant, bucket="files", key=key, detail="why", action="")


OWN, OTHERS = finding(kinds.MISSING_LOST, "1", "a"), finding(kinds.MISSING_LOST, "2", "b")
NOBODYS = finding(kinds.ORPHAN, None, "c")
WIDE, OF_A_KEY = finding(kinds.UNKNOWN, None, None), finding(kinds.UNKNOWN, None, "d")


def test_what_could_not_be_judged_of_anybody_is_kept_with_a_tenants_pass(monkeypatch: Any) -> None:
    kept: dict[str | None, list[tuple[str, str | None, str | None]]] = {}

    def store(_records: object, _check: str, *, tenant: str | None, findings: Any, **_: Any) -> int:
        kept[tenant] = [(found.kind, found.tenant, found.key) for found in findings]
        return 1

    monkeypatch.setattr(passes, "store", store)
    monkeypatch.setattr(lasting_findings, "note", lambda *_: {})
    tally: Any = type("Tally", (), {"counts": {}, "tenants": {}})
    every: Any = [OWN, OTHERS, NOBODYS, WIDE, OF_A_KEY]
    settings: Any = None
    remembered = Remembered(settings, None, NOW, tally, every, [])
    for tenant in (None, "1"):
        remembered._keep(records(), tenant)

    assert len(kept[None]) == len(every)
    assert kept["1"] == [(kinds.MISSING_LOST, "1", "a"), (kinds.UNKNOWN, "1", None)]
