"""What a reconciliation finds: the kinds, how bad each one is for which file, and which check it fails."""

from collections.abc import Mapping

from printflow_reliability.findings import Severity

MISSING_RESTORABLE = "missing_restorable"
MISSING_LOST = "missing_lost"
NEAR_MISS = "near_miss"
WRONG_TENANT = "wrong_tenant"
SIZE_MISMATCH = "size_mismatch"
CHECKSUM_MISMATCH = "checksum_mismatch"
ORPHAN = "orphan"

MISSING = (MISSING_LOST, MISSING_RESTORABLE, NEAR_MISS)
KINDS_OF_CHECK: Mapping[str, tuple[str, ...]] = {
    "files.missing": MISSING,
    "files.tenancy": (WRONG_TENANT,),
    "files.content": (SIZE_MISMATCH, CHECKSUM_MISMATCH),
    "files.orphans": (ORPHAN,),
}
KINDS = tuple(kind for kinds in KINDS_OF_CHECK.values() for kind in kinds)

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
    return _W if kind == ORPHAN else _SEVERITY[reference_kind].get(kind, _E)
