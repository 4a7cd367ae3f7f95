"""A print file is accepted once for a version of its order, and only one that may be printed, on real servers."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.orders.acceptance.accept import Acceptance, accept_file
from printflow_reliability.orders.guard import check_order
from printflow_reliability.orders.judgement import UnknownOrder
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import pdfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import BUCKET, PDF, TENANTS, Counter, Row, counter_of
from printflow_reliability_tests.stack.counter_commands import LATER, PrintflowRun, run_printflow

__all__ = ["run_printflow"]
pytestmark = pytest.mark.stack

ORDER = "10482"
OTHER_PDF, THIRD_PDF = pdfs.print_pdf(2), pdfs.print_pdf(3)
HTML = b"<html>502 Bad Gateway</html>"


@pytest.fixture
def counter(sandbox: StackSandbox) -> Iterator[Counter]:
    """A paid order that still waits for its file, and another that has one."""
    with counter_of(sandbox) as counter:
        counter.rows.append(Row(ORDER))
        counter.sell("10466", "another/print-ready.pdf")
        yield counter


def accept(counter: Counter, key: str, version: str = "3") -> Acceptance:
    return accept_file(counter.settings, ORDER, version, key)


def recorded(counter: Counter) -> list[tuple[str, str, int]]:
    """Version, key and number of every accepted file."""
    with open_records(counter.settings.records) as records:
        rows = records.execute("SELECT version, key, number FROM accepted_files ORDER BY version, number").fetchall()
    return [tuple(row) for row in rows]


def test_a_file_completes_a_version_once_however_often_it_is_asked_about(counter: Counter) -> None:
    key = counter.put("a.pdf")
    first, again, next_version = accept(counter, key), accept(counter, key), accept(counter, key, "4")

    assert (first.accepted, first.new, first.key, first.verdict) == (True, True, key, "good")
    assert (again.accepted, again.new, again.accepted_at) == (True, False, first.accepted_at)
    assert (next_version.accepted, next_version.new) == (True, True)
    assert first.version_id == counter.s3.head_object(Bucket=BUCKET, Key=key)["VersionId"]
    assert recorded(counter) == [("3", key, 1), ("4", key, 1)]


def test_a_second_file_is_answered_with_the_first_ones_key_whatever_it_is(counter: Counter) -> None:
    first = accept(counter, counter.put("a.pdf"))
    good, bad = accept(counter, counter.put("b.pdf", OTHER_PDF)), accept(counter, counter.put("c.pdf", HTML))

    assert [(answer.accepted, answer.new, answer.key) for answer in (good, bad)] == [(True, False, first.key)] * 2


def test_of_many_files_at_once_one_is_accepted_and_all_hear_its_key(counter: Counter) -> None:
    keys = [counter.put(f"{number}.pdf", pdfs.print_pdf(number)) for number in range(4)]
    with ThreadPoolExecutor(max_workers=len(keys) * 2) as pool:
        answers = list(pool.map(lambda key: accept(counter, key), keys * 2))

    assert sum(answer.new for answer in answers) == 1
    (winner,) = {answer.key for answer in answers}
    assert all(answer.accepted for answer in answers)
    assert recorded(counter) == [("3", winner, 1)]


@pytest.mark.parametrize(
    ("file", "verdict", "said"),
    [
        (lambda _: "guard/guard-a/nowhere.pdf", "missing", "not in the bucket"),
        (lambda counter: counter.put("cut.pdf", PDF[: len(PDF) // 2]), "unusable", "cut off"),
        (lambda counter: counter.put("page.pdf", HTML), "unusable", "an HTML page"),
        (lambda counter: counter.put("a.pdf", tenant=TENANTS[1]), "misplaced", "outside its tenant's own path"),
        (lambda _: f"guard/{TENANTS[0]}/../{TENANTS[1]}/a.pdf", "misplaced", "outside"),
        (lambda _: f"guard/{TENANTS[0]}/", "misplaced", "outside"),
        (lambda _: f"s3://{BUCKET}/guard/{TENANTS[0]}/a.pdf", "misplaced", "outside"),
        (lambda counter: counter.rows[1].key, "misplaced", "of order 10466"),
        (lambda _: f"guard/{TENANTS[0]}/{'x' * 2_000}.pdf", "missing", "not in the bucket"),
    ],
)
def test_what_may_not_be_printed_is_not_accepted(
    counter: Counter, file: Callable[[Counter], str], verdict: str, said: str
) -> None:
    answer = accept(counter, file(counter))

    assert (answer.accepted, answer.new, answer.verdict) == (False, False, verdict)
    assert said in answer.reason
    assert recorded(counter) == []


def test_a_file_that_was_accepted_for_another_order_is_not_this_ones(counter: Counter) -> None:
    key = counter.put("shared.pdf")
    counter.rows.append(Row("10483"))
    accept_file(counter.settings, "10483", "1", key)
    refused = accept(counter, key)
    counter.rows.append(Row(ORDER, key=key))  # an order that is repeated may be linked to the same file
    repeated = accept(counter, key)

    assert (refused.verdict, refused.accepted) == ("misplaced", False)
    assert repeated.accepted


def test_of_orders_that_are_offered_one_file_at_once_it_is_accepted_for_one(counter: Counter) -> None:
    key, orders = counter.put("shared.pdf", OTHER_PDF), [f"1048{number}" for number in range(4)]
    counter.rows.extend(Row(order) for order in orders)
    with ThreadPoolExecutor(max_workers=len(orders)) as pool:
        answers = list(pool.map(lambda order: accept_file(counter.settings, order, "1", key), orders))

    (winner,) = [answer.order for answer in answers if answer.accepted]
    refused = [answer for answer in answers if not answer.accepted]
    assert {(answer.verdict, answer.reason) for answer in refused} == {
        ("misplaced", f"it is the print-ready file of order {winner}")
    }


def test_tenants_that_count_their_orders_alike_never_hear_of_each_others_files(counter: Counter) -> None:
    files = {
        TENANTS[0]: counter.put("a.pdf"),
        TENANTS[1]: counter.put("b.pdf", OTHER_PDF, tenant=TENANTS[1]),
    }
    first = accept_file(counter.settings, ORDER, "3", files[TENANTS[0]])
    counter.rows[:] = [Row(ORDER, TENANTS[1])]  # the first one's is printed by now
    unnamed = accept_file(counter.settings, ORDER, "3", files[TENANTS[1]])
    counter.rows.append(Row(ORDER, TENANTS[0], key=files[TENANTS[0]]))
    named = {tenant: accept_file(counter.settings, ORDER, "3", "x.pdf", tenant=tenant) for tenant in files}

    assert (first.new, unnamed.new) == (True, True)
    assert {tenant: answer.key for tenant, answer in named.items()} == files
    assert all(answer.accepted and not answer.new for answer in named.values())
    with pytest.raises(CouldNotTell, match="2 tenants have one"):
        accept(counter, files[TENANTS[0]])
    counter.rows.clear()
    with pytest.raises(CouldNotTell, match="2 tenants have one"):
        accept(counter, files[TENANTS[0]])


def test_an_order_is_judged_by_its_own_rows_where_another_tenant_has_one_of_that_number(
    counter: Counter, run_printflow: PrintflowRun
) -> None:
    counter.rows[:] = [Row(ORDER, TENANTS[0], counter.put("a.pdf")), Row(ORDER, TENANTS[1])]
    mine, theirs = (check_order(counter.settings, ORDER, tenant=tenant) for tenant in TENANTS)
    both = check_order(counter.settings, ORDER)
    code, _, said = run_printflow("orders", "override", ORDER, "--reason", "by phone", "--until", LATER)

    assert (mine.ready, theirs.ready, both.ready) == (True, False, False)
    assert (code, "for several tenants" in said) == (2, True)
    with pytest.raises(UnknownOrder):
        check_order(counter.settings, ORDER, tenant="nobody")


@pytest.mark.parametrize("tenant", [TENANTS[1], "nobody", ""])
def test_another_tenants_order_is_unknown_before_and_after_it_is_accepted(counter: Counter, tenant: str) -> None:
    key = counter.put("a.pdf")
    with pytest.raises(UnknownOrder):
        accept_file(counter.settings, ORDER, "3", key, tenant=tenant)
    assert accept_file(counter.settings, ORDER, "3", key, tenant=TENANTS[0]).new
    with pytest.raises(UnknownOrder):
        accept_file(counter.settings, ORDER, "3", key, tenant=tenant)


def test_an_unknown_order_has_no_file_and_one_that_is_printed_keeps_its_own(counter: Counter) -> None:
    key = counter.put("a.pdf")
    with pytest.raises(UnknownOrder):
        accept_file(counter.settings, "no such order", "3", key)
    accept(counter, key)
    counter.rows.clear()

    assert accept(counter, key).accepted


@pytest.mark.parametrize("tenants", [(None,), TENANTS])
def test_whose_order_it_is_must_be_told(counter: Counter, tenants: tuple[str | None, ...]) -> None:
    counter.rows[:] = [Row(ORDER, tenant) for tenant in tenants]
    with pytest.raises(CouldNotTell, match="whose order"):
        accept(counter, counter.put("a.pdf"))


@pytest.mark.parametrize("server", ["primary", "live_db", "system_db"])
def test_with_a_system_away_nothing_is_accepted(counter: Counter, server: str) -> None:
    key = counter.put("a.pdf")
    settings = counter.settings
    with counter.sandbox.stopped(server), pytest.raises(CouldNotTell):
        accept_file(settings, ORDER, "3", key)

    assert recorded(counter) == []


def test_an_accepted_file_that_is_gone_is_not_accepted_until_it_is_back(counter: Counter) -> None:
    key = counter.put("a.pdf")
    accept(counter, key)
    counter.s3.delete_object(Bucket=BUCKET, Key=key)
    gone = accept(counter, key)
    counter.put("a.pdf")  # the same bytes, as another version
    back = accept(counter, key)

    assert (gone.accepted, gone.verdict, gone.key) == (False, "missing", key)
    assert (back.accepted, back.new) == (True, False)
    assert recorded(counter) == [("3", key, 1)]


def test_an_accepted_file_that_was_spoiled_is_refused_and_another_takes_its_place(counter: Counter) -> None:
    key = counter.put("a.pdf")
    accept(counter, key)
    counter.put("a.pdf", HTML)
    spoiled = accept(counter, key)
    instead = accept(counter, counter.put("b.pdf", OTHER_PDF))
    again = accept(counter, key)

    assert (spoiled.accepted, spoiled.verdict) == (False, "unusable")
    assert (instead.accepted, instead.new) == (True, False)
    assert "can no longer be printed" in instead.reason
    assert again.key == instead.key
    assert recorded(counter) == [("3", key, 1), ("3", instead.key, 2)]


def test_a_file_that_was_overwritten_by_another_sound_one_is_inspected_and_recorded_anew(counter: Counter) -> None:
    key = counter.put("a.pdf")
    first = accept(counter, key)
    counter.put("a.pdf", OTHER_PDF)
    other = counter.put("b.pdf", THIRD_PDF)
    with ThreadPoolExecutor(max_workers=2) as pool:
        answers = list(pool.map(lambda offered: accept(counter, offered), (key, other)))

    assert [(answer.accepted, answer.new, answer.key) for answer in answers] == [(True, False, key)] * 2
    assert {answer.sha256 for answer in answers} != {first.sha256}
    assert recorded(counter) == [("3", key, 1), ("3", key, 2)]


def test_the_command_says_what_became_of_it(counter: Counter, run_printflow: PrintflowRun) -> None:
    good, bad = counter.put("it's\n100% [odd].pdf"), counter.put("b.pdf", HTML)
    refused = run_printflow("pdf", "accept", ORDER, "3", f"s3://{BUCKET}/{bad}", "--json")
    said = run_printflow("pdf", "accept", ORDER, "3", f"s3://{BUCKET}/{bad}")
    accepted = run_printflow("pdf", "accept", ORDER, "3", f"s3://{BUCKET}/{good}", "--json")
    again = run_printflow("pdf", "accept", ORDER, "3", f"s3://{BUCKET}/{bad}")

    assert refused[0] == 1
    assert {"order": ORDER, "version": "3", "key": bad, "verdict": "unusable", "accepted": False}.items() <= json.loads(
        refused[1]
    ).items()
    assert said[1].startswith(f"FAIL: {bad} is not accepted for version 3 of order {ORDER}: unusable: ")
    assert accepted[0] == 0
    assert json.loads(accepted[1])["key"] == good
    assert again[0] == 0
    assert again[1].startswith(f"OK: version 3 of order {ORDER} has its file: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-order", "3", f"s3://{BUCKET}/guard/guard-a/a.pdf"),
        (ORDER, "3", "s3://nowhere/a.pdf"),
        (ORDER, "3", "guard/guard-a/a.pdf"),
        (ORDER, "", f"s3://{BUCKET}/guard/guard-a/a.pdf"),
        ("", "3", f"s3://{BUCKET}/guard/guard-a/a.pdf"),
        (ORDER, "v" * 201, f"s3://{BUCKET}/guard/guard-a/a.pdf"),
    ],
)
def test_bad_arguments_end_with_two(counter: Counter, run_printflow: PrintflowRun, arguments: tuple[str, ...]) -> None:
    code, _, said = run_printflow("pdf", "accept", *arguments)

    assert code == 2
    assert said.startswith("printflow: ")
    assert "unexpected" not in said
