"""What can be wrong with a paid order's artwork, in words, each with the command that mends it."""

import shlex
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of problems; the last two say that nothing could be told, which holds an order after the grace period."""

    UNLINKED = "unlinked"
    MISPLACED = "misplaced"
    MISSING = "missing"
    UNUSABLE = "unusable"
    UNJUDGED = "unjudged"
    NO_TENANT = "no_tenant"


@dataclass(frozen=True)
class Problem:
    """One item's artwork is not right; `key` is None where none was linked."""

    kind: Kind
    key: str | None
    text: str


def next_step(problem: Problem, order: str, tenant: str | None, bucket: str) -> str:
    """What a person does about it: a command that works for this very problem, or what to do before checking again."""
    check = f"printflow orders check {shlex.quote(order)}"
    match problem.kind:
        case Kind.UNLINKED:
            return f"have the platform generate the print file and link it, then: {check}"
        case Kind.MISPLACED:
            return f"correct the key in the database, then: {check}"
        case Kind.MISSING if tenant is not None:
            return f"printflow files heal --tenant {shlex.quote(tenant)} --apply"
        case Kind.UNUSABLE:
            return f"generate the print file again from its design, then: {check}"
        case Kind.UNJUDGED if problem.key is not None:
            return f"printflow pdf inspect {shlex.quote(f's3://{bucket}/{problem.key}')}"
    return f"say in orders.paid whose order it is, then: {check}"
