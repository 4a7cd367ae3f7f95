"""What drill.printable says, from the state of each open paid order: pure."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.settings import DrillsSettings
from printflow_reliability.text import agreed, counted, printable, size

CHECK = "drill.printable"
SHOWN = 5
"""Orders that are named."""


class State(StrEnum):
    """What a drill knows of one open paid order."""

    PRINTABLE = "printable"
    UNPRINTABLE = "unprintable"
    UNTOLD = "untold"
    NOT_READ = "not_read"
    WAITING = "waiting"
    ERASED = "erased"


@dataclass(frozen=True)
class Judged:
    """One order.

    Attributes:
        reason: what is wrong; empty where nothing is, or nothing was read.
        read: whether every file of it that there is was read.
        earlier: whether a file of it is an earlier version by now, or was deleted since.
    """

    order: str
    state: State
    reason: str = ""
    read: bool = False
    earlier: bool = False


def answer(
    judged: Sequence[Judged],
    *,
    held: Collection[str],
    unread: str,
    files: int,
    compared: int,
    read_bytes: int,
    limits: DrillsSettings,
) -> CheckResult:
    """The check's answer.

    Args:
        judged: every open paid order.
        held: orders of which it was known at that moment that they must not go to print.
        unread: what of the paid orders could not be read; empty if all was.
        files, read_bytes: how many files were read, and how large they are.
        compared: how many of them the ledger knew.
        limits: the budget.
    """
    count = Counter(each.state for each in judged)
    of = {state: [each for each in judged if each.state is state] for state in State}
    news = [each for each in of[State.UNPRINTABLE] if each.order not in held]
    earlier = sum(each.earlier for each in of[State.PRINTABLE])
    numbers: dict[str, int | float] = {
        "open_orders": len(judged),
        "printable_orders": count[State.PRINTABLE],
        "unprintable_orders": count[State.UNPRINTABLE],
        "unjudged_orders": count[State.UNTOLD],
        "not_read_orders": count[State.NOT_READ],
        "waiting_orders": count[State.WAITING],
        "erased_orders": count[State.ERASED],
        "earlier_version_orders": earlier,
        "print_files_read": files,
        "print_file_bytes_read": read_bytes,
    }
    parts = [_named(news, "cannot be printed"), _named(_known(of[State.UNPRINTABLE], news), "held by then already")]
    parts += [_named(of[State.UNTOLD], "could not be judged"), _named(of[State.ERASED], "erased on purpose")]
    if not_read := count[State.NOT_READ]:
        parts.append(
            f"{counted(not_read, 'order')} {agreed(not_read, 'was', 'were')} not read, as the budget ended: a later "
            f"drill begins with {agreed(not_read, 'it', 'them')}. Raise drills.printable_max_bytes "
            f"({size(limits.printable_max_bytes)}) or drills.printable_max_seconds "
            f"({limits.printable_max_seconds:g}) to read all"
        )
    if count[State.WAITING]:
        parts.append(f"{counted(count[State.WAITING], 'order')} within the grace period")
    if earlier:
        parts.append(
            f"{counted(earlier, 'order')} by an earlier version of a file: printflow files rollback brings it back"
        )
    if unread:
        parts.append(unread)
    about = tuple(f"order {each.order} held" for each in _known(of[State.UNPRINTABLE], news))
    about += tuple(f"order {each.order} erased" for each in of[State.ERASED])
    about += ("orders not read",) if count[State.NOT_READ] else ()
    read = f"{counted(files, 'file')}, {size(read_bytes)} read, {compared:,} compared with the ledger"
    said = f"{count[State.PRINTABLE]:,} of {counted(len(judged), 'open paid order')} printable ({read})"
    detail = "; ".join([said, *(part for part in parts if part)])
    return CheckResult(CHECK, _outcome(count, news, unread), printable(detail), numbers, about)


def _known(unprintable: Sequence[Judged], news: Sequence[Judged]) -> list[Judged]:
    return [each for each in unprintable if each not in news]


def _outcome(count: Counter[State], news: Sequence[Judged], unread: str) -> Outcome:
    if news:
        return Outcome.FAIL
    nothing_read = count[State.NOT_READ] and not count[State.PRINTABLE]
    if count[State.UNTOLD] or unread or nothing_read:
        return Outcome.UNKNOWN
    warned = (State.UNPRINTABLE, State.NOT_READ, State.ERASED)
    return Outcome.WARN if any(count[state] for state in warned) else Outcome.PASS


def _named(orders: Sequence[Judged], what: str) -> str:
    """Some orders with what is wrong with each; empty if there are none."""
    if not orders:
        return ""
    some = "; ".join(f"order {each.order}: {each.reason}" for each in orders[:SHOWN])
    more = f"; and {len(orders) - SHOWN:,} more" if len(orders) > SHOWN else ""
    return f"{counted(len(orders), 'order')} {what} ({some}{more})"
