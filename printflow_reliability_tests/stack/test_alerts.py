"""The outbox and its delivery: at least once, never twice for one thing, and never silent about a broken route."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from printflow_reliability.alerts.delivery import deliver
from printflow_reliability.alerts.outbox import Alert, raise_alert, recorded_alerts, resolve_alert
from printflow_reliability.alerts.results import record_results
from printflow_reliability.checks import CheckResult, Outcome, scope_of
from printflow_reliability.cli import run
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.findings import Severity
from printflow_reliability.records import check_results
from printflow_reliability.records.database import open_records
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

Record = Callable[[str, object], None]


@pytest.fixture
def outbox(sandbox: StackSandbox) -> Iterator[StackSandbox]:
    """The sandbox with an empty outbox, before and after."""
    _empty(sandbox)
    yield sandbox
    _empty(sandbox)


def _empty(sandbox: StackSandbox) -> None:
    with open_records(sandbox.settings.records) as connection:
        for table in ("alerts", "alert_routes", "alert_silences"):
            connection.execute(f"DELETE FROM {table}")


def raised(sandbox: StackSandbox, key: str | None = None, severity: Severity = Severity.CRITICAL) -> str:
    key = key or f"test:{uuid4()}"
    with open_records(sandbox.settings.records) as connection:
        raise_alert(connection, sandbox.settings, Alert(key, severity, "Something", "is wrong"))
    return key


def received(sandbox: StackSandbox, key: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{sandbox.services['receiver'].endpoint}/received").json()
    return [request["body"] for request in answer["received"] if request["body"]["dedup_key"] == key]


def behave(sandbox: StackSandbox, status: int, times: int) -> None:
    httpx.post(f"{sandbox.services['receiver'].endpoint}/behave", json={"status": status, "times": times})


def due_now(sandbox: StackSandbox) -> None:
    with open_records(sandbox.settings.records) as connection:
        for table in ("deliveries", "alert_routes"):
            connection.execute(f"UPDATE {table} SET next_attempt_at = now()")


@pytest.mark.alarm("alerts.delivery", "silent")
def test_an_alert_reaches_its_route_once_and_its_end_too(outbox: StackSandbox) -> None:
    key = raised(outbox)
    raised(outbox, key)

    first, again = deliver(outbox.settings), deliver(outbox.settings)
    with open_records(outbox.settings.records) as connection:
        assert resolve_alert(connection, outbox.settings, key)
        assert not resolve_alert(connection, outbox.settings, key)
    deliver(outbox.settings)

    assert first.checks[0].outcome is again.checks[0].outcome is Outcome.PASS
    assert first.numbers["delivered_alerts"] == 1
    assert [(alert["event"], alert["times"]) for alert in received(outbox, key)] == [("trigger", 2), ("resolve", 2)]


def test_what_holds_for_a_part_does_not_replace_what_is_known_of_the_whole(outbox: StackSandbox) -> None:
    def recorded(*results: CheckResult) -> dict[str, Outcome]:
        record_results(outbox.settings, results, alert=True)
        with open_records(outbox.settings.records) as connection:
            answers = [record.result for record in check_results.newest(connection)]
        return {answer.scope: answer.outcome for answer in answers if answer.check == "files.missing"}

    def still_open() -> list[bool]:
        with open_records(outbox.settings.records) as connection:
            return [recorded_alert.resolved_at is None for recorded_alert in recorded_alerts(connection)]

    whole = CheckResult("files.missing", Outcome.FAIL, "7 files are lost")
    part = CheckResult("files.missing", Outcome.PASS, "nothing is missing", scope=scope_of(tenant=["of one shop"]))

    assert recorded(whole)[""] is Outcome.FAIL
    both = recorded(part)
    assert (both[""], both["tenant of one shop"]) == (Outcome.FAIL, Outcome.PASS)
    assert still_open() == [True]

    recorded(replace(whole, outcome=Outcome.PASS))

    assert still_open() == [False]


@pytest.mark.alarm("alerts.delivery", "ring")
def test_a_route_that_fails_rings_and_is_tried_again_with_the_same_key(
    outbox: StackSandbox, record_property: Record
) -> None:
    key = raised(outbox)
    behave(outbox, 503, 1)
    began = time.monotonic()

    failed = deliver(outbox.settings)
    record_property("seconds_to_ring", time.monotonic() - began)
    too_early = deliver(outbox.settings)
    due_now(outbox)
    later = deliver(outbox.settings)

    assert failed.checks[0].outcome is too_early.checks[0].outcome is Outcome.FAIL
    assert "on call answered 503" in failed.checks[0].detail
    assert too_early.numbers["delivered_alerts"] == 0
    assert later.checks[0].outcome is Outcome.PASS
    assert len(received(outbox, key)) == 1


def test_a_route_that_is_down_keeps_the_alert_until_it_is_back(outbox: StackSandbox) -> None:
    key = raised(outbox)
    with outbox.stopped("receiver"):
        down = deliver(outbox.settings)
    due_now(outbox)

    assert down.checks[0].outcome is Outcome.FAIL
    assert deliver(outbox.settings).checks[0].outcome is Outcome.PASS
    assert len(received(outbox, key)) == 1


@pytest.mark.alarm("alerts.delivery", "unknown")
def test_with_the_records_away_delivery_is_unknown_and_raising_says_so(outbox: StackSandbox) -> None:
    with outbox.stopped("system_db"):
        report = deliver(outbox.settings)
        with pytest.raises(CouldNotTell, match="records database"):
            record_results(outbox.settings, [CheckResult("wal.lag", Outcome.FAIL, "late")], alert=True)
        record_results(outbox.settings, [CheckResult("wal.lag", Outcome.FAIL, "late")], alert=False)

    assert report.checks[0].outcome is Outcome.UNKNOWN


def test_two_deliverers_at_once_send_each_alert_once(outbox: StackSandbox) -> None:
    keys = [raised(outbox) for _ in range(6)]
    with ThreadPoolExecutor(max_workers=3) as pool:
        reports = list(pool.map(lambda _: deliver(outbox.settings), range(3)))

    assert sum(report.numbers["delivered_alerts"] for report in reports) == len(keys)
    assert [len(received(outbox, key)) for key in keys] == [1] * len(keys)


def test_only_a_pass_clears_what_a_check_has_raised(outbox: StackSandbox) -> None:
    def answer(outcome: Outcome) -> list[str]:
        record_results(outbox.settings, [CheckResult("wal.lag", outcome, "as it is")], alert=True)
        with open_records(outbox.settings.records) as connection:
            return [
                recorded_alert.title
                for recorded_alert in recorded_alerts(connection)
                if recorded_alert.resolved_at is None
            ]

    assert answer(Outcome.FAIL) == ["wal.lag failed"]
    assert answer(Outcome.UNKNOWN) == ["wal.lag could not tell"]
    assert answer(Outcome.WARN) == ["wal.lag could not tell"]
    assert answer(Outcome.PASS) == []


def test_a_secret_in_an_alert_is_redacted_before_it_is_kept(outbox: StackSandbox) -> None:
    secret = outbox.home.secret("receiver.token")
    with open_records(outbox.settings.records) as connection:
        raise_alert(connection, outbox.settings, Alert("leak", Severity.CRITICAL, f"token {secret}", f"again {secret}"))
        kept = recorded_alerts(connection)[0]

    assert secret not in kept.title + kept.body
    assert "[secret]" in kept.title


def test_the_commands_list_and_try_the_routes(outbox: StackSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(outbox.config)]
    key = raised(outbox)
    deliver(outbox.settings)

    assert run([*config, "alerts", "list", "--json"]) == 1  # an open alert needs a person
    listed = json.loads(capsys.readouterr().out)["alerts"]
    assert run([*config, "alerts", "list"]) == 1
    assert "Something" in capsys.readouterr().out
    assert run([*config, "alerts", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "routes": {"on call": None}}
    with outbox.stopped("receiver"):
        assert run([*config, "alerts", "test"]) == 1
    assert "cannot be reached" in capsys.readouterr().out

    assert [alert["dedup_key"] for alert in listed] == [key]
    assert listed[0]["deliveries"][0]["delivered_at"] is not None
