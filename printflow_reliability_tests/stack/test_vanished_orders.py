"""Orders that are no longer paid, and overrides: a hold ends for a reason that is known."""

import json
from collections.abc import Iterator

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.orders.guard import GuardReport
from printflow_reliability.records.database import open_records
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import Counter, Row, counter_of
from printflow_reliability_tests.stack.counter_commands import LATER, PrintflowRun, run_printflow

__all__ = ["run_printflow"]
pytestmark = pytest.mark.stack


@pytest.fixture
def counter(sandbox: StackSandbox) -> Iterator[Counter]:
    """A good order, one whose object is missing, and one without artwork; all three known to the guard."""
    with counter_of(sandbox) as counter:
        counter.sell("1")
        counter.rows += [Row("2", key="guard/guard-a/missing.pdf"), Row("3")]
        assert counter.look().numbers["held_orders"] == 2
        yield counter


def orders(report: GuardReport) -> set[str]:
    return {hold.order for hold in report.held}


def holds(counter: Counter) -> set[str]:
    return orders(counter.look())


def test_a_status_that_was_renamed_lifts_no_hold_and_is_named(counter: Counter, run_printflow: PrintflowRun) -> None:
    counter.statuses = dict.fromkeys("123", "payment received")
    counter.rows.clear()
    report = counter.look()

    assert report.checks[0].outcome is Outcome.FAIL  # since two are held
    assert "3 orders that were paid are no longer returned by orders.paid" in report.untold
    assert '"payment received"' in report.untold
    assert (report.numbers["lifted"], report.numbers["held_orders"], report.numbers["unexplained_orders"]) == (0, 2, 3)
    assert {"order:2", "order:3"} <= counter.open_alerts()
    code, out, _ = run_printflow("orders", "held")
    assert code == 1
    assert out.count("no longer returned") == 1
    code, out, err = run_printflow("orders", "check", "2")
    assert (code, out) == (2, "")
    assert "order 2 is held" in err
    assert "printflow orders override" in err


def test_an_order_that_ended_or_is_gone_loses_its_hold(counter: Counter) -> None:
    counter.statuses = {"1": "paid", "2": "Refunded"}
    del counter.rows[1:]
    report = counter.look()

    assert report.checks[0].outcome is Outcome.PASS, report.checks[0].detail
    assert (report.numbers["lifted"], report.numbers["unexplained_orders"]) == (2, 0)
    assert counter.open_alerts() == set()


def test_no_paid_order_is_health_once_each_is_explained(counter: Counter) -> None:
    counter.rows.clear()
    counter.statuses = {}  # the lookup sees nothing either, as under another schema
    blind = counter.look()
    counter.statuses = {"1": "shipped", "2": "cancelled"}
    told = counter.look()

    assert (blind.numbers["lifted"], blind.numbers["held_orders"]) == (0, 2)
    assert "orders.lookup finds none" in blind.untold
    assert told.checks[0].outcome is Outcome.PASS
    assert told.checks[0].detail == "no paid order is waiting for print"
    assert told.numbers["lifted"] == 2


def test_without_a_lookup_only_a_person_lifts_the_hold_of_an_order_that_vanished(
    counter: Counter, run_printflow: PrintflowRun
) -> None:
    counter.statuses = None
    del counter.rows[1:]
    report = counter.look()
    assert (report.numbers["lifted"], report.numbers["held_orders"]) == (0, 2)
    assert "without orders.lookup nothing says why" in report.untold

    for order in "23":
        arguments = ("orders", "override", order, "--reason", "refunded by phone", "--by", "Ada", "--until", LATER)
        assert run_printflow(*arguments)[0] == 0
    code, out, _ = run_printflow("orders", "held")
    assert code == 0, out
    assert counter.open_alerts() == set()


def test_a_lookup_that_fails_for_one_order_or_for_all_leaves_the_other_answers(counter: Counter) -> None:
    counter.sell("a5")
    counter.look()
    counter.changes["lookup"] = (
        """SELECT n AS "order", 'refunded' AS status FROM generate_series(1, 3) AS n WHERE n = %(order)s::int"""
    )
    counter.rows[1:] = [Row("4")]
    for_one = counter.look()
    counter.changes["lookup"] = 'SELECT 1 AS "order" FROM nowhere WHERE %(order)s = 1'
    counter.rows.pop()
    for_all = counter.look()

    assert orders(for_one) == orders(for_all) == {"4"}
    assert 'orders.lookup says of order a5: "invalid input syntax' in for_one.untold
    assert for_all.numbers["ready_orders"] == 1
    assert 'relation "nowhere" does not exist' in for_all.untold


def test_tenants_that_fall_to_nothing_change_nothing(counter: Counter, run_printflow: PrintflowRun) -> None:
    counter.rows.append(Row("4"))
    every_tenant, counter.tenants = counter.tenants, ()
    report = counter.look()
    code, _, err = run_printflow("orders", "held")
    counter.tenants = every_tenant

    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert "tenancy.tenants returns nothing" in report.checks[0].detail
    assert code == 2
    assert err.count("tenancy.tenants returns nothing") == 1
    assert counter.open_alerts() == {"order:2", "order:3"}
    assert holds(counter) == {"2", "3", "4"}


def test_an_override_ends_and_names_who_and_why(counter: Counter, run_printflow: PrintflowRun) -> None:
    override = ("orders", "override", "3", "--reason", "proof by phone", "--by", "Ada", "--until")
    code, out, _ = run_printflow(*override, LATER, "--json")
    assert (code, json.loads(out)["by"]) == (0, "Ada")
    assert holds(counter) == {"2"}
    assert counter.open_alerts() == {"order:2"}
    code, out, _ = run_printflow("orders", "check", "3")
    assert code == 0
    assert "Ada allows it until 2999-11-02 14:05:00 UTC (proof by phone)" in out

    for wrong in (("2020-01-01T00:00:00Z",), ("soon",), ("2999-01-01T00:00:00",)):
        assert run_printflow(*override, *wrong)[0] == 2
    assert run_printflow("orders", "override", "33", "--reason", "a typo", "--until", LATER)[0] == 2
    assert run_printflow("orders", "override", "3", "--reason", " ", "--until", LATER)[0] == 2


def test_an_override_that_is_over_holds_again(counter: Counter, run_printflow: PrintflowRun) -> None:
    run_printflow("orders", "override", "3", "--reason", "proof by phone", "--until", LATER)
    assert holds(counter) == {"2"}
    with open_records(counter.settings.records) as records:
        records.execute("UPDATE order_overrides SET until = now()")
    assert holds(counter) == {"2", "3"}


def test_held_orders_are_counted_in_the_right_number_and_no_key_is_cut(
    counter: Counter, run_printflow: PrintflowRun
) -> None:
    long = f"guard/guard-a/{'long name ' * 20}.pdf"
    counter.statuses = {"1": "paid", "3": "refunded"}
    counter.rows[1:] = [Row("2", key=long)]
    code, out, _ = run_printflow("orders", "held")
    assert code == 1
    assert out.startswith("FAIL: 1 paid order must not go to print\n")
    code, out, _ = run_printflow("orders", "check", "2")
    assert code == 1
    assert f"print-ready file is not in the bucket: {long}\n" in out
    counter.rows.pop()
    counter.statuses |= {"2": "refunded"}
    code, out, _ = run_printflow("orders", "held")
    assert (code, out) == (0, "OK: 1 paid order has its artwork\n")
