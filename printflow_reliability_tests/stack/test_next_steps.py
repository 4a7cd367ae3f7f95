"""What a person is told to do about a held order works for that very problem: each step is run as it is printed."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import pytest

from printflow_reliability.alerts.outbox import recorded_alerts
from printflow_reliability.orders import guard, guard_pass
from printflow_reliability.orders.problems import Kind
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.records.database import open_records
from printflow_reliability_tests.pdf.poison import PROGRAM as POISON
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import BUCKET, Counter, Row, counter_of
from printflow_reliability_tests.stack.counter_commands import LATER, PrintflowRun, run_printflow

__all__ = ["run_printflow"]
pytestmark = pytest.mark.stack

ORDER = "-o'd\n100% $HOME"
NAME = "it's\n100% [odd].pdf"
HTML = b"<html>502 Bad Gateway</html>"


class Case(NamedTuple):
    """A problem of the order, and what a person does about it beside running the command."""

    spoiled: Callable[[Counter], Row]
    mend: Callable[[Counter, Row], Row]
    """Gives the corrected row."""


def linked(counter: Counter, row: Row) -> Row:
    return row._replace(key=counter.put("mended.pdf"))


def uploaded(counter: Counter, row: Row) -> Row:
    counter.put(NAME)
    return row


def known(counter: Counter, row: Row) -> Row:
    counter.tenants = (*counter.tenants, "guard-z")
    return row._replace(key=counter.put("a.pdf", tenant="guard-z"))


def deleted(counter: Counter) -> Row:
    key = counter.put(NAME)
    counter.s3.delete_object(Bucket=BUCKET, Key=key)
    return Row(ORDER, key=key)


def misspelled(counter: Counter) -> Row:
    return Row(ORDER, key=counter.put("a folder/a.pdf").replace("a.pdf", "A.PDF"))


CASES: Mapping[str, tuple[Kind, Case]] = {
    "its rows fail": (Kind.REFUSED, Case(lambda _: Row(ORDER, key="division"), linked)),
    "never linked": (Kind.UNLINKED, Case(lambda _: Row(ORDER), linked)),
    "nobody's": (
        Kind.NO_TENANT,
        Case(lambda counter: Row(ORDER, None, counter.put(NAME)), lambda _, row: row._replace(tenant="guard-a")),
    ),
    "a stranger's": (Kind.UNKNOWN_TENANT, Case(lambda counter: Row(ORDER, "guard-z", counter.put(NAME)), known)),
    "a neighbour's": (
        Kind.MISPLACED,
        Case(lambda counter: Row(ORDER, key=counter.put(NAME, tenant="guard-b")), linked),
    ),
    "deleted": (Kind.MISSING, Case(deleted, lambda _, row: row)),
    "lost": (Kind.MISSING, Case(lambda _: Row(ORDER, key=f"guard/guard-a/{NAME}"), uploaded)),
    "another spelling": (Kind.MISSING, Case(misspelled, linked)),
    "a web page": (Kind.UNUSABLE, Case(lambda counter: Row(ORDER, key=counter.put(NAME, HTML)), uploaded)),
    "sealed": (Kind.UNREADABLE, Case(lambda counter: Row(ORDER, key=counter.put_sealed(NAME)), uploaded)),
}


SAID = {
    "never linked": "orders.paid returns no folder for the item",
    "lost": "no version of it is left in the bucket or its replica",
    "another spelling": "a folder/a.pdf, which the link means in another spelling",
}
"""What a repair says of an order whose rows are in printflow.toml alone, so that it can write no link."""


@pytest.fixture
def counter(sandbox: StackSandbox) -> Iterator[Counter]:
    with counter_of(sandbox) as counter:
        counter.sell("good")
        yield counter


def words(command: str) -> list[str]:
    """The words of a command as bash takes them."""
    ended = subprocess.run(["/bin/bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True)
    return ended.stdout.decode().split("\0")[:-1]


def command(step: str) -> list[str]:
    """What comes after `printflow` in the command that a step ends in."""
    return words(step[step.rindex("printflow ") :])[1:]


def body_of_the_page(counter: Counter) -> str:
    with open_records(counter.settings.records) as records:
        (alert,) = [alert for alert in recorded_alerts(records) if alert.resolved_at is None]
    return alert.body


def test_every_kind_of_problem_has_a_case() -> None:
    # What a rollback made older is sound: only a person can tell (test_rollback.py).
    # What is released from quarantine is back as it was (test_quarantine.py).
    # A synthetic checkout's order is never printed, whatever its artwork is (test_checkout.py).
    by_a_person = {Kind.UNJUDGED, Kind.UNINSPECTED, Kind.ROLLED_BACK, Kind.QUARANTINED, Kind.SYNTHETIC}
    assert {kind for kind, _ in CASES.values()} == {*Kind} - by_a_person


@pytest.mark.parametrize("case", CASES)
def test_the_step_that_is_told_works_and_the_hold_ends(
    counter: Counter, run_printflow: PrintflowRun, case: str
) -> None:
    _, (spoiled, mend) = CASES[case]
    row = spoiled(counter)
    counter.rows.append(row)
    (hold,) = counter.look().held
    step = hold.action

    # The page, the list and the check say the same, and nothing of it is cut.
    assert body_of_the_page(counter).endswith(f"\nNext: {step}")
    code, out, err = run_printflow("orders", "held")
    assert (code, err) == (1, "")
    assert out.splitlines()[-1].endswith(f"  {hold.reason}  {step}")
    code, out, err = run_printflow("orders", "check", "--", ORDER)
    assert (code, err) == (1, "")
    assert hold.reason in out
    assert f"\n  Next: {step}\n" in out

    code, out, err = run_printflow(*command(step))
    assert (code, err) == (1, ""), out
    assert hold.reason in out
    assert SAID.get(case, "") in out
    if case == "deleted":  # the plan ends in the command that carries it out
        code, out, err = run_printflow(*command(out.splitlines()[-1]))
    else:
        counter.rows[-1] = mend(counter, row)
        code, out, err = run_printflow(*command(step))
    assert (code, err) == (0, ""), out
    report = counter.look()
    assert report.held == ()
    assert report.numbers["lifted"] == (0 if case == "deleted" else 1), "a repair lifts the hold itself"
    assert counter.open_alerts() == set()


def test_a_file_that_was_not_inspected_yet_is_inspected_by_the_step(
    counter: Counter, run_printflow: PrintflowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_pass, "INSPECTING_SECONDS", -1.0)
    reports = counter.look().held
    assert [hold.order for hold in reports] == ["good"]
    code, out, err = run_printflow(*command(reports[0].action))
    assert (code, err) == (0, ""), out
    assert counter.look().held == ()


def test_a_file_that_cannot_be_judged_is_left_to_a_named_person(
    counter: Counter, run_printflow: PrintflowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.look()
    monkeypatch.setattr(guard, "InspectionWorker", partial(InspectionWorker, program=POISON))
    for name, seconds in {"PATIENCE": 0.2, "INSPECTING": 0.5, "STOP": 1.0}.items():
        monkeypatch.setattr(guard_pass, f"{name}_SECONDS", seconds)
    limits = counter.settings.pdf.model_copy(update={"timeout_seconds": 0.2})
    counter.also["pdf"] = limits
    counter.rows.append(Row(ORDER, key=counter.put(NAME, b"waits")))
    (hold,) = counter.look().held
    code, out, err = run_printflow(*command(hold.action))
    assert (code, err) == (1, ""), out
    step = next(line for line in out.splitlines() if line.startswith("  Next: "))
    assert step.startswith("  Next: open the file; if it prints as it should: printflow orders override ")
    filled = step.replace(" TEXT ", " 'the proof is right' ").replace(" TIME ", f" {LATER} ")
    code, out, err = run_printflow(*command(filled))
    assert (code, err) == (0, ""), out
    assert counter.look().held == ()


def test_a_storm_is_told_with_a_step_that_lists_every_order(counter: Counter, run_printflow: PrintflowRun) -> None:
    counter.rows += [Row(f"{number}") for number in range(20)]
    assert len(counter.look().held) == 20
    code, out, err = run_printflow(*command(body_of_the_page(counter)))
    assert (code, err) == (1, "")
    assert out.startswith("FAIL: 20 paid orders must not go to print\n")
    assert len(out.splitlines()) == 22
