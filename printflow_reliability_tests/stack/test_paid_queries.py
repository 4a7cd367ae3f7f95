"""The guard with paid queries, tenants and lookups of many kinds: what is odd is named, and the rest is judged."""

from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.orders.guard import GuardReport, check_order
from printflow_reliability.platform.row_by_row import MOST_FAILING
from printflow_reliability.sandbox import postgres
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import Counter, Row, counter_of

pytestmark = pytest.mark.stack

FOLDER = "guard/guard-a/"


@pytest.fixture
def counter(sandbox: StackSandbox) -> Iterator[Counter]:
    """Two orders that are ready, one that is not, all known to the guard."""
    with counter_of(sandbox) as counter:
        counter.sell("1")
        counter.sell("2")
        counter.rows.append(Row("3"))
        assert held(counter.look()) == {"3": "print-ready file was never linked"}
        yield counter


def held(report: GuardReport) -> dict[str, str]:
    return {hold.order: hold.reason for hold in report.held}


@pytest.fixture
def bytes_only(sandbox: StackSandbox, counter: Counter) -> Iterator[Counter]:
    """The counter's orders in a database without an encoding, which holds whatever bytes were put in."""
    name = "counter_bytes"
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    cluster = sandbox.settings.cluster_named("live_db")
    url = make_conninfo(cluster.url, dbname=name)
    counter.also["cluster"] = (*sandbox.settings.cluster, cluster.model_copy(update={"name": "bytes", "url": url}))
    counter.changes |= {
        "cluster": "bytes",
        "paid": """SELECT number AS "order", 'guard-a' AS tenant, now() - interval '1 day' AS paid_at, key
            FROM orders WHERE number <> 'Müll'""",
        "lookup": """SELECT number AS "order", 'bezahlt für immer' AS status FROM orders WHERE number = %(order)s""",
    }
    try:
        with postgres.superuser(sandbox.home, "live_db", name) as connection:
            connection.execute("SET client_encoding = 'SQL_ASCII'")
            connection.execute("CREATE TABLE orders (number text, key text); GRANT SELECT ON orders TO PUBLIC")
            for number, key in (
                (b"1", f"{FOLDER}orders/1/print-ready.pdf".encode()),
                ("Größe 7".encode(), f"{FOLDER}orders/2/print-ready.pdf".encode()),
                (b"M\xfcller", None),
                (b"\xff\xfe", f"{FOLDER}gone.pdf".encode()),
                (b"latin key", FOLDER.encode() + b"M\xfcller.pdf"),
            ):
                connection.execute(
                    "INSERT INTO orders VALUES (convert_from(%s, 'SQL_ASCII'), convert_from(%s, 'SQL_ASCII'))",
                    (number, key),
                )
        yield counter
    finally:
        with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_orders_of_a_database_without_an_encoding_are_judged_each(bytes_only: Counter) -> None:
    report = bytes_only.look()
    found = held(report)
    assert found == {
        "M\\xfcller": "print-ready file was never linked",
        "\\xff\\xfe": "print-ready file is not in the bucket",
        "latin key": "print-ready file is not in the bucket",
    }
    assert report.numbers["ready_orders"] == 2
    assert held(bytes_only.look()) == found
    for order in found:
        assert not check_order(bytes_only.settings, order).ready
    assert check_order(bytes_only.settings, "Größe 7").ready

    paid = str(bytes_only.changes["paid"])
    bytes_only.changes["paid"] = f"{paid} AND number NOT LIKE 'M%'"
    kept = bytes_only.look()
    assert held(kept) == found  # it cannot be asked for, so nothing says that it is gone
    assert "its number is text in no encoding" in kept.untold


def test_rows_that_fail_in_a_database_without_an_encoding_leave_the_others(bytes_only: Counter) -> None:
    paid = str(bytes_only.changes["paid"]).replace(
        ", key", ", CASE number WHEN '1' THEN number::date::text ELSE key END AS key"
    )
    bytes_only.changes["paid"] = paid
    found = held(bytes_only.look())
    assert found.pop("1").startswith("orders.paid fails on its rows: ")
    # What cannot be asked for by name is not read either.
    assert found.keys() == {"M\\xfcller", "\\xff\\xfe", "latin key"}
    assert found["M\\xfcller"] == "orders.paid fails on its rows: its rows cannot be asked for alone"


@pytest.mark.parametrize("kind", ["timestamp", "timestamp(0)", "timestamptz(0)"])
def test_a_payment_is_read_from_any_kind_of_timestamp(counter: Counter, kind: str) -> None:
    counter.rows += [Row("4", paid_at="infinity"), Row("5", paid_at="0044-03-15 BC"), Row("6", paid_at="9999-12-31")]
    counter.changes["paid"] = str(counter.settings.orders.paid).replace(
        "paid_at::timestamptz", f"paid_at::{kind} AS paid_at"
    )
    assert held(counter.look()).keys() == {"3", "4", "5", "6"}


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ('"order"::bigint', "3"),
        ('"order"::numeric(9, 2)', "3.00"),
        ('"order"::char(9)', "3"),
        ('"order"::name', "3"),
        ("""convert_to("order", 'UTF8')""", "\\x33"),
        ('json_build_array("order")', '["3"]'),
        ('ARRAY["order"]', "{3}"),
        ("""('00000000-0000-0000-0000-00000000000' || "order")::uuid""", "00000000-0000-0000-0000-000000000003"),
    ],
)
def test_an_order_may_be_known_by_a_value_of_any_type(counter: Counter, expression: str, shown: str) -> None:
    counter.rows.append(Row("4", key="division"))  # so that orders are asked for one by one
    counter.changes |= {
        "lookup": None,
        "paid": counter.settings.orders.paid.replace('"order"', f'{expression} AS "order"', 1),
    }
    found = held(counter.look())
    assert found.pop(shown) == "print-ready file was never linked"
    assert len(found) == (1 if shown == "3" else 2)  # the number 3 of before is no longer there, and nothing says why
    assert not check_order(counter.settings, shown).ready


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("paid_at::timestamptz", "paid_at"), "paid_at is text, not a timestamp"),
        (("paid_at::timestamptz", "paid_at::timestamptz AS payment"), 'returns no column "paid_at"'),
        (("SELECT", "SELECT nothing,"), "does not exist"),
        (('"order", tenant', '("order" || (1 / 0)) AS "order", tenant'), "division by zero"),
    ],
)
def test_a_query_that_is_wrong_for_every_row_changes_nothing(
    counter: Counter, wrong: tuple[str, str], said: str
) -> None:
    counter.changes["paid"] = str(counter.settings.orders.paid).replace(*wrong, 1)
    report = counter.look()
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert said in report.checks[0].detail
    assert counter.open_alerts() == {"order:3"}
    del counter.changes["paid"]
    assert held(counter.look()).keys() == {"3"}


def test_half_of_the_tenants_may_vanish_and_only_their_orders_are_held(counter: Counter) -> None:
    counter.rows.append(Row("4", "guard-b", counter.put("a.pdf", tenant="guard-b")))
    assert held(counter.look()).keys() == {"3"}
    counter.tenants = ("guard-a",)
    report = counter.look()
    assert held(report) == {
        "3": "print-ready file was never linked",
        "4": "tenancy.tenants gives its tenant guard-b no base path of its own",
    }
    assert report.numbers["ready_orders"] == 2
    counter.tenants = ("guard-a", "guard-b")
    assert held(counter.look()).keys() == {"3"}


@pytest.mark.parametrize(
    ("answer", "freed"),
    [
        ("SELECT '3', 'refunded'", True),
        ("SELECT '3', 'REFUNDED'", True),
        ("SELECT '3', 'fulfilled'", True),
        ("SELECT '3', 'cancelled'", True),
        ("SELECT '3', 'gone' WHERE false", True),
        ("VALUES ('3', 'refunded'), ('3', 'shipped')", True),
        ("VALUES ('3', 'refunded'), ('3', 'paid')", False),
        ("SELECT '3', 'paid'", False),
        ("SELECT '3', NULL", False),
        ("SELECT '3', ''", False),
        ("SELECT n::text, (1 / (n - 3))::text FROM generate_series(3, 3) AS n", False),
    ],
)
def test_a_hold_ends_only_by_what_the_lookup_says_of_that_order(counter: Counter, answer: str, freed: bool) -> None:
    others = "SELECT n::text, 'paid' FROM generate_series(1, 2) AS n"
    counter.changes["lookup"] = f"""SELECT "order", status, 'infinity'::timestamptz AS paid_at
        FROM ({others} UNION ALL {answer}) AS known ("order", status) WHERE "order" = %(order)s"""
    del counter.rows[2]
    report = counter.look()
    assert held(report).keys() == (set() if freed else {"3"}), report.untold
    assert report.numbers["ready_orders"] == 2
    assert bool(report.untold) is not freed
    if not freed:
        with pytest.raises(CouldNotTell, match="order 3 is held"):
            check_order(counter.settings, "3")


def test_odd_orders_do_not_make_a_lookup_look_blind(counter: Counter) -> None:
    counter.rows += [Row(f" {n} is no number") for n in range(5)]
    for n in range(30):
        counter.rows.append(counter.rows[0]._replace(order=f"{100 + n}"))
    counter.changes["lookup"] = (
        """SELECT n AS "order", 'paid' AS status FROM generate_series(100, 130) AS n WHERE n = %(order)s::int"""
    )
    assert len(held(counter.look())) == 6
    counter.rows[:] = [row for row in counter.rows if row.order != "3"]  # which the lookup does not know: it is gone
    assert held(counter.look()).keys() == {f" {n} is no number" for n in range(5)}


def test_where_no_tenant_has_a_usable_base_path_nothing_is_held_and_nothing_is_freed(counter: Counter) -> None:
    counter.rows.append(Row("4"))
    counter.tenants, counter.odd_paths = (), (("guard-a", "guard/guard-a"), ("guard-b", None))
    report = counter.look()
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert "tenant guard-a has the base path" in report.checks[0].detail
    assert counter.open_alerts() == {"order:3"}


CONDITION = """1 / CASE "order" WHEN 'odd' THEN 0 ELSE 1 END > 0"""


def with_condition(counter: Counter) -> None:
    """The paid query leaves rows out, by a condition that fails on an order of the name odd."""
    counter.changes.pop("paid", None)
    counter.changes["paid"] = f"SELECT * FROM ({counter.settings.orders.paid}) AS paid WHERE {CONDITION}"


@pytest.mark.parametrize("tenant", ["guard-b", None, "a stranger"])
def test_where_the_condition_fails_on_an_order_all_other_tenants_orders_are_judged(
    counter: Counter, tenant: str | None
) -> None:
    counter.rows.append(Row("4", "guard-b", counter.put("a.pdf", tenant="guard-b")))
    with_condition(counter)
    counter.changes["lookup"] = None
    healthy = counter.look()
    assert held(healthy).keys() == {"3"}
    assert (healthy.numbers["ready_orders"], healthy.untold) == (3, "")

    counter.rows.append(Row("odd", tenant))
    with_condition(counter)
    mixed = counter.look()
    others = 2 if tenant == "guard-b" else 3
    assert held(mixed).keys() == {"3"}
    assert mixed.numbers["ready_orders"] == others
    assert "orders.paid fails on rows" in mixed.untold
    assert "division by zero" in mixed.untold
    assert mixed.numbers["unexplained_orders"] == 3 - others, "nothing says that order 4 is fulfilled"
    assert check_order(counter.settings, "1").ready
    with pytest.raises(CouldNotTell, match="division by zero"):
        check_order(counter.settings, "odd")
    counter.rows[2] = counter.rows[0]._replace(order="3")
    with_condition(counter)
    mended = counter.look()
    assert (mended.held, mended.checks[0].outcome) == ((), Outcome.UNKNOWN)

    del counter.rows[-1]
    with_condition(counter)
    assert counter.look().numbers["ready_orders"] == 4


def test_of_a_tenant_whose_condition_holds_only_the_orders_that_fail_are_held(counter: Counter) -> None:
    counter.rows += [Row("odd", "guard-b"), Row("failing", key="division")]
    with_condition(counter)
    report = counter.look()
    assert held(report) == {
        "3": "print-ready file was never linked",
        "failing": "orders.paid fails on its rows: division by zero",
    }
    assert report.numbers["ready_orders"] == 2
    assert "tenant guard-b" in report.untold


def test_many_orders_that_fail_are_held_each_and_all_others_are_judged(counter: Counter) -> None:
    failing = [str(number) for number in range(100, 101 + MOST_FAILING)]
    counter.rows += [Row(number, key="division") for number in failing]
    report = counter.look()
    assert held(report).keys() == {"3", *failing}
    assert report.numbers["ready_orders"] == 2
