"""Could we print tomorrow? The files of every open paid order of the clone, read as they were at its moment.

Each file's bytes are compared with the ledger's checksum, and inspected unless these very bytes were. Where the budget
does not suffice, the orders take turns from drill to drill; what was not read is said to be that, and never counts as
printable.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.checks import CheckResult
from printflow_reliability.drills.validation.files_then import FileThen, Moment, files_then
from printflow_reliability.drills.validation.printable_answer import CHECK, Judged, State, answer
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.presence import Presence
from printflow_reliability.orders.holds import held_since
from printflow_reliability.orders.judgement import OrderAnswer, check_items, keys_in_place
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.orders.vanished import known_orders
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.ledger import Ledger, checksums
from printflow_reliability.pdf.verify import Pace, PdfVerification
from printflow_reliability.pdf.versions import ContentWorker, VersionVerifier
from printflow_reliability.platform.paid_orders import PaidItem, PaidItems, paid_items
from printflow_reliability.platform.queries import Connector
from printflow_reliability.platform.tenancy import BasePaths, tenancy
from printflow_reliability.records import erasures, order_readings
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.text import counted, storable

__all__ = ["CHECK", "check_printable"]
LAST_FILE_SECONDS = 60.0
"""How much longer than the budget the last file may take that was begun within it."""
UNTOLD = (Kind.REFUSED, Kind.UNREADABLE, Kind.UNJUDGED, Kind.UNINSPECTED)
"""Kinds of problems that say nothing of the file itself."""
Records = psycopg.Connection[TupleRow]


@dataclass(frozen=True)
class Budget:
    """How much of the files of open orders may be read: bytes, and seconds from now."""

    max_bytes: int
    max_seconds: float


def check_printable(
    settings: Settings, connect_with: Connector, moment: datetime | None, recovered_at: datetime | None
) -> CheckResult:
    """Read the files of the open paid orders that the clones hold. Nothing of the bucket is changed.

    Args:
        settings: the whole configuration.
        connect_with: opens the clones.
        moment: what they stand at; None for the end of WAL.
        recovered_at: the newest moment that is proven to be in the clone with the orders; None if none is.

    Raises:
        ConfigError: a query is refused.
        CouldNotTell: the bucket, a clone or the records do not answer.
    """
    then = Moment.of(moment, recovered_at)
    paid = paid_items(settings, connect_with=connect_with)
    paths = BasePaths(tenancy(settings, connect_with=connect_with).tenants)
    with open_records(settings.records) as records:
        if not paid.items and not paid.unread and moment is None and known_orders(records):
            raise CouldNotTell(
                "orders.paid returns no order in the clone, and the guard knows some in production",
                "compare the clone's orders with production's: printflow orders held",
            )
        if paid.items and not paths.of:
            raise CouldNotTell("tenancy.tenants returns nothing in the clone", "correct the query in printflow.toml")
        return _judged(settings, records, paid, paths, then)


def _judged(settings: Settings, records: Records, paid: PaidItems, paths: BasePaths, then: Moment) -> CheckResult:
    bucket = settings.bucket_named(settings.orders.bucket)
    orders = by_order(paid.items)
    erased = erasures.in_force(records)
    gone = {key: found for key in keys_in_place(paid.items, paths) if (found := erased.of(bucket.name, key))}
    keys = sorted(keys_in_place(paid.items, paths) - gone.keys())
    there = files_then(Presence(bucket), keys, then)
    budget = Budget(settings.drills.printable_max_bytes, settings.drills.printable_max_seconds)
    chosen = within_budget(in_turn(orders, order_readings.known(records)), orders, there, budget.max_bytes)
    wanted = {key: head for order in chosen for key, head in _heads(orders[order], there)}
    began = time.monotonic()
    with ContentWorker(settings.pdf) as worker:
        reader, ledger = VersionVerifier(bucket, worker), Ledger(records, bucket.name, worker.rules.fingerprint)
        worker.believe(ledger.known(list(wanted)).values())
        known = checksums(records, bucket.name, list(wanted))
        pace = Pace(until=began + budget.max_seconds, stop=began + budget.max_seconds + LAST_FILE_SECONDS)
        read: dict[str, PdfVerification] = {}
        altered: dict[str, str] = {}
        for file in reader.read(wanted, pace):
            if _given_up(file, pace):
                continue
            read[file.key] = file
            if why := _altered(file, known):
                altered[file.key] = why
            elif file.head is not None and file.inspection is not None and _content(file) not in known:
                ledger.remember(file.key, file.head, file.inspection)
    files = {**{key: _not_read(key, file) for key, file in there.items() if file.head is None}, **read}
    answers = check_items(paid.items, paths, files, {}, then.at, settings.orders.grace_seconds)
    judged = [
        _state(answer, orders[answer.order], there, read, altered, {key: each.sentence for key, each in gone.items()})
        for answer in answers
    ]
    complete = [each.order for each in judged if each.read]
    order_readings.keep(records, complete, orders.keys())
    without = f"{counted(paid.without_order, 'paid row')} without an order's number" if paid.without_order else ""
    return answer(
        judged,
        held=held_since(records, then.at),
        unread="; ".join(filter(None, (paid.unread, without))),
        files=sum(file.inspection is not None for file in read.values()),
        compared=sum(_content(file) in known for file in read.values()),
        read_bytes=sum(file.head.size for file in read.values() if file.head and file.inspection),
        limits=settings.drills,
    )


def by_order(items: Sequence[PaidItem]) -> Mapping[str, Sequence[PaidItem]]:
    """The items of each order."""
    found: dict[str, list[PaidItem]] = {}
    for item in items:
        found.setdefault(item.order, []).append(item)
    return found


def in_turn(orders: Mapping[str, Sequence[PaidItem]], read_at: Mapping[str, datetime]) -> Sequence[str]:
    """The orders in the order in which they are read: never read first, the one paid longest ago before others."""

    def turn(order: str) -> tuple[bool, datetime, bool, datetime, str]:
        paid_at = min((item.paid_at for item in orders[order] if item.paid_at is not None), default=None)
        nothing = datetime.min.replace(tzinfo=UTC)
        last = read_at.get(order)
        return last is not None, last or nothing, paid_at is not None, paid_at or nothing, order

    return sorted(orders, key=turn)


def within_budget(
    turn: Sequence[str], orders: Mapping[str, Sequence[PaidItem]], there: Mapping[str, FileThen], max_bytes: int
) -> Sequence[str]:
    """The orders whose files may all be read; one that is too large for what is left lets smaller ones go first."""
    chosen, counted_in, left = [], set[str](), max_bytes
    for order in turn:
        heads = {key: head for key, head in _heads(orders[order], there) if key not in counted_in}
        size = sum(head.size for head in heads.values())
        if size <= left:
            chosen.append(order)
            counted_in |= heads.keys()
            left -= size
    return chosen


def _heads(items: Sequence[PaidItem], there: Mapping[str, FileThen]) -> Iterator[tuple[str, ObjectHead]]:
    """The files of an order that can be read; bytes in an archive cannot."""
    for item in items:
        file = there.get(item.key or "")
        if item.key and file is not None and file.head is not None and not file.head.archived:
            yield item.key, file.head


def _given_up(file: PdfVerification, pace: Pace) -> bool:
    """Whether a file was not read to its end since the time is over."""
    if file.inspection is None:
        return file.head is not None and time.monotonic() > pace.until
    return file.inspection.verdict is Verdict.UNKNOWN and time.monotonic() > pace.stop


def _content(file: PdfVerification) -> tuple[str, str, int] | None:
    return None if file.head is None else (storable(file.key), file.head.etag, file.head.size)


def _altered(file: PdfVerification, known: Mapping[tuple[str, str, int], str]) -> str:
    """How the bytes of a file are not those that were read before; empty if they are, or were never read."""
    content = _content(file)
    before = known.get(content) if content is not None else None
    now = file.inspection.sha256 if file.inspection is not None else None
    if before is None or now is None or before == now:
        return ""
    return f"print-ready file has other bytes than the ledger knows (SHA-256 {now[:12]} instead of {before[:12]})"


def _not_read(key: str, file: FileThen) -> PdfVerification:
    """A file of which there is nothing to read."""
    return PdfVerification(key, None, refused=file.refused)


def _state(
    answer: OrderAnswer,
    items: Sequence[PaidItem],
    there: Mapping[str, FileThen],
    read: Mapping[str, PdfVerification],
    altered: Mapping[str, str],
    gone: Mapping[str, str],
) -> Judged:
    """What is known of one order; what is certainly wrong counts before what was not read."""
    keys = {item.key for item in items if item.key}
    erased = [gone[key] for key in keys if key in gone]
    readable = {key for key, _ in _heads(items, there)}
    complete = readable <= read.keys()
    earlier = any(there[key].earlier for key in readable)
    problems = [_named(problem, there) for problem in answer.problems if problem.key not in gone]
    problems += [Problem(Kind.UNUSABLE, key, altered[key]) for key in sorted(keys & altered.keys())]
    certain = [problem for problem in problems if problem.kind not in UNTOLD]
    judged = Judged(answer.order, State.PRINTABLE, read=complete and bool(readable), earlier=earlier)
    if certain and not answer.waiting:
        return replace(judged, state=State.UNPRINTABLE, reason=certain[0].text)
    if erased:
        return replace(judged, state=State.ERASED, reason=f"print-ready file is gone: {erased[0]}")
    if certain:
        return replace(judged, state=State.WAITING, reason=certain[0].text)
    if not complete:
        return replace(judged, state=State.NOT_READ)
    return replace(judged, state=State.UNTOLD, reason=problems[0].text) if problems else judged


def _named(problem: Problem, there: Mapping[str, FileThen]) -> Problem:
    """A problem in the words of the moment."""
    file = there.get(problem.key or "")
    if file is not None and file.head is not None and file.head.archived:
        said = f"print-ready file lies in {file.head.archived}: it must be retrieved before it can be printed"
        return replace(problem, kind=Kind.MISSING, text=said)
    if file is not None and file.absent and problem.kind is Kind.MISSING:
        return replace(problem, text="print-ready file was not in the bucket at that moment")
    return problem
