"""The command, the server and the guard say the same of every order: there is one judgement, and no second path."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg.rows import TupleRow

from printflow_reliability.errors import PrintflowError
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.http import judging
from printflow_reliability.http.app import application
from printflow_reliability.http.endpoint import Asked
from printflow_reliability.http.health import Health
from printflow_reliability.http.judging import GuardJudgement
from printflow_reliability.http.limits import Threads
from printflow_reliability.orders import guard, guard_pass, overrides, rolled_back
from printflow_reliability.orders.guard import check_order, check_paid_orders
from printflow_reliability.orders.judgement import Override, UnknownOrder
from printflow_reliability.orders.problems import Kind
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.records import passes, quarantine
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import HttpSettings, HttpTokenSettings, Scope
from printflow_reliability.storage.workers import Workers
from printflow_reliability_tests.pdf.poison import PROGRAM as POISON
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import Counter, Row, counter_of

pytestmark = pytest.mark.stack

TOKEN = "t" * 40
HTML = b"<html>502 Bad Gateway</html>"
READY, WAITING, HELD, UNTOLD = "ready", "waiting", "held", "could not tell"


def just_now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True)
class Case:
    """An order as the database has it, and what is said of it; `kind` is what is wrong, if anything."""

    row: Callable[[Counter, str], Row]
    said: str
    kind: Kind | None = None


def put(counter: Counter, order: str, body: bytes) -> str:
    return counter.put(f"{order}.pdf", body)


CASES: Mapping[str, Case] = {
    "ready": Case(lambda counter, order: Row(order, key=counter.put(f"{order}.pdf")), READY),
    "its rows fail": Case(lambda _, order: Row(order, key="division"), HELD, Kind.REFUSED),
    "never linked": Case(lambda _, order: Row(order), HELD, Kind.UNLINKED),
    "nobody's": Case(lambda counter, order: Row(order, None, counter.put("n.pdf")), HELD, Kind.NO_TENANT),
    "a stranger's": Case(lambda _, order: Row(order, "guard-z", "guard/a.pdf"), HELD, Kind.UNKNOWN_TENANT),
    "a neighbour's": Case(
        lambda counter, order: Row(order, key=counter.put("b.pdf", tenant="guard-b")), HELD, Kind.MISPLACED
    ),
    "lost": Case(lambda _, order: Row(order, key="guard/guard-a/nowhere.pdf"), HELD, Kind.MISSING),
    "a web page": Case(lambda counter, order: Row(order, key=put(counter, order, HTML)), HELD, Kind.UNUSABLE),
    "sealed": Case(lambda counter, order: Row(order, key=counter.put_sealed("sealed.pdf")), HELD, Kind.UNREADABLE),
    "waiting": Case(lambda _, order: Row(order, paid_at=just_now()), WAITING, Kind.UNLINKED),
    "taken back": Case(lambda counter, order: Row(order, key=counter.put("t.pdf")), HELD, Kind.ROLLED_BACK),
    "moved aside": Case(lambda _, order: Row(order, key="guard/guard-a/aside.pdf"), HELD, Kind.QUARANTINED),
    "overridden": Case(lambda _, order: Row(order), READY, Kind.UNLINKED),
    "paid at no time": Case(lambda _, order: Row(order, paid_at="infinity"), HELD, Kind.UNLINKED),
    "a number with 2/slashes & \"quotes'": Case(lambda _, order: Row(order), HELD, Kind.UNLINKED),
}


@pytest.fixture
def counter(sandbox: StackSandbox) -> Iterator[Counter]:
    with counter_of(sandbox) as counter:
        yield counter


def by_command(counter: Counter, order: str) -> tuple[str, tuple[str, ...]]:
    """What `printflow orders check` goes by, and the reasons."""
    try:
        answer = check_order(counter.settings, order)
    except PrintflowError as untold:
        return "unknown order" if isinstance(untold, UnknownOrder) else UNTOLD, ()
    said = READY if answer.ready else WAITING if answer.waiting else HELD
    return said, tuple(problem.text for problem in answer.problems)


def by_server(counter: Counter, orders: list[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What the server answers of each order."""
    http = HttpSettings(token=(HttpTokenSettings(name="t", token=TOKEN, scopes=(Scope.ORDERS_READ,)),))
    judgement = GuardJudgement()
    settings = counter.settings.model_copy(update={"http": http})
    works_with = Asked(lambda: settings, judgement, Threads(Workers(2), 2), Health())
    app = application(works_with, lambda error: pytest.fail(str(error)))

    async def asked() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=headers) as client:
            paths = [f"http://localhost/orders/{quote(order, safe='')}/artwork" for order in orders]
            return [await client.get(path, timeout=60) for path in paths]

    try:
        answers = asyncio.run(asked())
    finally:
        judgement.close()
    told = {}
    for order, answer in zip(orders, answers, strict=True):
        document = answer.json()
        said = {200: READY, 409: HELD, 404: "unknown order", 503: UNTOLD}[answer.status_code]
        assert document.get("ready", False) == (said == READY), "the body says what the status says"
        told[order] = (WAITING if document.get("waiting") else said, tuple(document.get("reasons", ())))
    return told


def taken_back(records: psycopg.Connection[TupleRow], row: Row) -> None:
    """A rollback of files that concerned the order of a row."""
    now = datetime.now(UTC)
    found = Finding(
        kind=rolled_back.FINDING,
        severity=Severity.CRITICAL,
        detail="its artwork is older",
        action="printflow orders held",
        tenant=row.tenant,
        key=row.key,
        owner=row.order,
    )
    passes.store(records, rolled_back.KIND, tenant=None, started_at=now, finished_at=now, counts={}, findings=[found])


def moved_aside(records: psycopg.Connection[TupleRow], counter: Counter, row: Row) -> int:
    """What `files quarantine` notes of an order's file; its number."""
    texts = dict.fromkeys(("version_id", "etag", "reason", "place", "place_key", "person"), "a test")
    bucket = counter.settings.orders.bucket
    made = quarantine.begin(
        records, bucket=bucket, key=row.key, tenant=row.tenant, bytes=1, superseded_by=None, **texts
    )
    quarantine.moved(records, made.id)
    return made.id


def test_there_is_a_case_of_every_kind() -> None:
    # What depends on the time that a look has, and the orders of the synthetic checkout (test_checkout.py).
    apart = {Kind.UNJUDGED, Kind.UNINSPECTED, Kind.SYNTHETIC}
    assert {case.kind for case in CASES.values()} == {*Kind, None} - apart


def test_all_three_say_the_same_of_every_order(counter: Counter) -> None:
    counter.rows += [case.row(counter, name) for name, case in CASES.items()]
    with open_records(counter.settings.records) as records:
        until = datetime.now(UTC) + timedelta(hours=1)
        overrides.override(records, "overridden", Override("eve", "by phone", until))
        taken_back(records, next(row for row in counter.rows if row.order == "taken back"))
        number = moved_aside(records, counter, next(row for row in counter.rows if row.order == "moved aside"))
    try:
        report = check_paid_orders(counter.settings)
        told = by_server(counter, [*CASES])
        by_hand = {name: by_command(counter, name) for name in CASES}
    finally:
        with open_records(counter.settings.records) as records:
            records.execute("DELETE FROM quarantine WHERE id = %s", (number,))

    assert {name: said for name, (said, _) in told.items()} == {name: case.said for name, case in CASES.items()}
    assert by_hand == told
    assert "in quarantine" in told["moved aside"][1][0]
    reasons = {name: reasons for name, (said, reasons) in told.items() if said == HELD}
    assert {hold.order: (hold.reason,) for hold in report.held} == reasons
    assert {name: bool(reasons) for name, (_, reasons) in told.items()} == {
        name: case.kind is not None for name, case in CASES.items()
    }


def test_what_cannot_be_judged_in_time_goes_on_nowhere(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (guard, judging):
        monkeypatch.setattr(module, "InspectionWorker", partial(InspectionWorker, program=POISON))
    for name, seconds in {"PATIENCE": 0.2, "INSPECTING": 0.5, "STOP": 1.0}.items():
        monkeypatch.setattr(guard_pass, f"{name}_SECONDS", seconds)
    counter.also["pdf"] = counter.settings.pdf.model_copy(update={"timeout_seconds": 0.2})
    counter.rows.append(Row("poison", key=counter.put("poison.pdf", b"waits")))
    (hold,) = check_paid_orders(counter.settings).held

    assert "could not be judged" in hold.reason
    for said, (reason,) in (by_command(counter, "poison"), by_server(counter, ["poison"])["poison"]):
        assert said == HELD
        assert "could not be judged" in reason


def test_an_order_that_is_held_and_no_longer_returned_goes_on_nowhere(counter: Counter) -> None:
    counter.sell("good")
    counter.rows.append(Row("gone"))
    check_paid_orders(counter.settings)
    counter.rows.pop()
    counter.statuses = {"gone": "pending", "good": "paid"}

    assert [hold.order for hold in check_paid_orders(counter.settings).held] == ["gone"]
    assert by_command(counter, "gone") == by_server(counter, ["gone"])["gone"] == (UNTOLD, ())
    counter.statuses = {"gone": "cancelled", "good": "paid"}
    assert by_command(counter, "gone") == by_server(counter, ["gone"])["gone"] == ("unknown order", ())


def test_an_order_that_comes_late_is_changed_or_is_opened_again_is_judged_as_it_is_now(counter: Counter) -> None:
    key = counter.sell("good")
    assert check_paid_orders(counter.settings).held == ()
    counter.rows.append(Row("late", paid_at="2020-01-05 10:00+00"))  # paid long before the orders that are known
    assert [hold.order for hold in check_paid_orders(counter.settings).held] == ["late"]

    counter.rows[0] = counter.rows[0]._replace(key="guard/guard-b/other.pdf")
    changed = {hold.order for hold in check_paid_orders(counter.settings).held}
    counter.rows[0] = counter.rows[0]._replace(key=key)
    counter.put("orders/good/print-ready.pdf", HTML)  # the same key, and other bytes
    overwritten = {hold.order for hold in check_paid_orders(counter.settings).held}
    assert changed == overwritten == {"late", "good"}

    rows, counter.rows = counter.rows, [Row("other", key=counter.put("other.pdf"))]
    counter.statuses = {"late": "fulfilled", "good": "fulfilled", "other": "paid"}
    assert check_paid_orders(counter.settings).held == ()
    counter.rows += rows  # opened again
    assert {hold.order for hold in check_paid_orders(counter.settings).held} == {"late", "good"}
