"""What a reconciliation finds: the kinds, how bad each one is for which file, and which check it fails."""

from collections.abc import Mapping

from printflow_reliability.findings import Finding, Severity

MISSING_RESTORABLE = "missing_restorable"
MISSING_LOST = "missing_lost"
NEAR_MISS = "near_miss"
IN_QUARANTINE = "in_quarantine"
WRONG_TENANT = "wrong_tenant"
SIZE_MISMATCH = "size_mismatch"
CHECKSUM_MISMATCH = "checksum_mismatch"
ORPHAN = "orphan"
UNKNOWN = "unknown"
"""What could not be judged: one key, or what a query no longer returns."""

MISSING = (MISSING_LOST, MISSING_RESTORABLE, IN_QUARANTINE, NEAR_MISS)
WITHOUT_OBJECT = (MISSING_LOST, MISSING_RESTORABLE, IN_QUARANTINE)
"""Of these nothing is under the key, nor under one that is spelled nearly so."""
KINDS_OF_CHECK: Mapping[str, tuple[str, ...]] = {
    "files.missing": MISSING,
    "files.tenancy": (WRONG_TENANT,),
    "files.content": (SIZE_MISMATCH, CHECKSUM_MISMATCH),
    "files.orphans": (ORPHAN,),
}
KINDS = (*(kind for kinds in KINDS_OF_CHECK.values() for kind in kinds), UNKNOWN)

_C, _E, _W = Severity.CRITICAL, Severity.ERROR, Severity.WARNING
_SEVERITY: Mapping[str, Mapping[str, Severity]] = {
    # What goes to print, and what a customer drew, cannot be made again; proofs and images can, with work.
    "print-ready": dict.fromkeys((*MISSING, SIZE_MISMATCH, CHECKSUM_MISMATCH), _C),
    "design": {MISSING_LOST: _C},
    "proof": {},
    "image": {},
    "derived": dict.fromkeys((*MISSING, SIZE_MISMATCH, CHECKSUM_MISMATCH), _W),
}


def severity_of(kind: str, reference_kind: str, *, soft_deleted: bool = False) -> Severity:
    """How urgent a finding is; what is referenced only by something soft-deleted is information, unless it leaks."""
    if kind == WRONG_TENANT:
        return _C
    if soft_deleted:
        return Severity.INFO
    return _W if kind in (ORPHAN, UNKNOWN) else _SEVERITY[reference_kind].get(kind, _E)


def checks_left_open(finding: Finding) -> tuple[str, ...]:
    """The checks that cannot pass because of a finding of what could not be judged."""
    if finding.kind != UNKNOWN or finding.severity is Severity.INFO:
        return ()
    if finding.key is None and finding.reference is None and finding.bucket is None:  # a tenant without a base path
        return ("files.tenancy",)
    if finding.key is None:  # a whole query, or a tenant that was not compared
        return tuple(KINDS_OF_CHECK)
    return ("files.orphans",) if finding.reference is None else ("files.missing", "files.content")
