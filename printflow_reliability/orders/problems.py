"""What can be wrong with a paid order's artwork, in words, each with the command that mends it."""

from dataclasses import dataclass
from enum import StrEnum

from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.text import shell_word


class Kind(StrEnum):
    """Kinds of problems; the last three say that nothing could be told, which holds an order after the grace period."""

    REFUSED = "refused"
    UNLINKED = "unlinked"
    NO_TENANT = "no_tenant"
    UNKNOWN_TENANT = "unknown_tenant"
    MISPLACED = "misplaced"
    MISSING = "missing"
    UNUSABLE = "unusable"
    ROLLED_BACK = "rolled_back"
    QUARANTINED = "quarantined"
    SYNTHETIC = "synthetic"
    UNREADABLE = "unreadable"
    UNJUDGED = "unjudged"
    UNINSPECTED = "uninspected"


REPAIRED = (Kind.UNLINKED, Kind.MISPLACED, Kind.MISSING, Kind.UNUSABLE)
"""What `orders repair` looks for an artwork for; the others are about rows, settings or rights, and a person's."""


@dataclass(frozen=True)
class Problem:
    """One item's artwork is not right; `key` is None where none was linked."""

    kind: Kind
    key: str | None
    text: str
    item: PaidItem | None = None


def check_command(order: str) -> str:
    """The command that looks at one order again, and inspects its files in full."""
    return f"printflow orders check {_argument(order)}"


def accept_command(order: str, version: str, file: str) -> str:
    """The command that accepts a file, given as s3://BUCKET/KEY, and inspects it for as long as that takes."""
    words = [shell_word(word) for word in (order, version, file)]
    options_end = ["--"] if any(word.startswith("-") for word in (order, version)) else []
    return " ".join(["printflow pdf accept", *options_end, *words])


def repair_command(order: str, *options: str) -> str:
    """The command that plans an order's repair; with options, the one that carries a choice out."""
    return " ".join(["printflow orders repair", *options, _argument(order)])


def next_step(problem: Problem, order: str, tenant: str | None) -> str:
    """What a person does about it: a command that works for this very problem, or what to do before checking again."""
    if problem.kind in REPAIRED:
        return repair_command(order)
    return by_hand(problem, order, tenant)


def by_hand(problem: Problem, order: str, tenant: str | None) -> str:
    """What a person does where no command can, and the command that looks again."""
    check = check_command(order)
    match problem.kind:
        case Kind.REFUSED:
            return f"correct the order's rows, or the query orders.paid in printflow.toml, then: {check}"
        case Kind.UNLINKED:
            return f"have the platform generate the print file and link it, then: {check}"
        case Kind.NO_TENANT:
            return f"say in orders.paid whose order it is, then: {check}"
        case Kind.UNKNOWN_TENANT:
            return f"have tenancy.tenants return the tenant with a base path of its own, then: {check}"
        case Kind.MISPLACED:
            return f"correct the key in the database, then: {check}"
        case Kind.MISSING if tenant is not None:
            return f"printflow files heal --tenant {shell_word(tenant)} --apply"
        case Kind.UNREADABLE:
            return f"let the access key of printflow.toml read the file, or upload it again, then: {check}"
        case Kind.UNUSABLE:
            return f"generate the print file again from its design, then: {check}"
        case Kind.QUARANTINED if problem.key is not None:
            return f"printflow files release {shell_word(problem.key)} --apply"
        case Kind.SYNTHETIC:
            return "nothing; printflow checkout cancels it through the platform"
        case Kind.ROLLED_BACK:
            return f"compare the file with what the customer approved; {last_resort(order)}"
    return check


def last_resort(order: str) -> str:
    """What a person does who has just checked an order whose file cannot be judged."""
    return (
        "open the file; if it prints as it should: "
        f"printflow orders override --reason TEXT --until TIME {_argument(order)}"
    )


def _argument(order: str) -> str:
    """An order as an argument; what begins with a dash would be taken for an option."""
    return ("-- " if order.startswith("-") else "") + shell_word(order)
