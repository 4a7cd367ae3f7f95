"""What people do about alerts: acknowledged ones are not escalated, silences end, and none hides a paid order."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from printflow_reliability.alerts.attention import OF_PAID_ORDERS, acknowledge_alert, duration, silence_alert
from printflow_reliability.alerts.delivery import deliver
from printflow_reliability.alerts.outbox import recorded_alerts
from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.definitions import defs
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.errors import ConfigError
from printflow_reliability.findings import Severity
from printflow_reliability.orders.settling import STORM
from printflow_reliability_tests.minimal_configuration import CONFIG
from printflow_reliability_tests.stack.alert_records import DOWN, Outbox, an_outbox, named

pytestmark = pytest.mark.stack

LAG = "check:wal.lag"


@pytest.fixture(scope="module")
def server() -> Iterator[Outbox]:
    with an_outbox() as made:
        yield made


@pytest.fixture
def outbox(server: Outbox) -> Outbox:
    server.clear()
    server.routes(named("pager"), escalate_minutes=15)
    return server


def silence(outbox: Outbox, key: str = LAG, lasting: timedelta = timedelta(hours=2)) -> None:
    silence_alert(outbox.connection, key, lasting, "maintenance", "anna")


def test_a_critical_alert_that_nobody_acknowledged_is_sent_to_everybody_once(outbox: Outbox) -> None:
    outbox.routes([*named("pager"), *named("page-only", min_severity="critical")], escalate_minutes=15)
    outbox.raised("check:a", Severity.ERROR)
    outbox.raised()
    outbox.round()
    outbox.later(14)
    outbox.round()
    assert "escalate" not in outbox.heard("pager", LAG)
    outbox.later(2)
    for _ in range(3):
        outbox.round()
        outbox.later()
    assert outbox.heard("pager", LAG) == outbox.heard("page-only", LAG) == ["trigger", "escalate"]
    assert "escalate" not in outbox.heard("pager", "check:a")
    message = outbox.told[-1][1]
    assert message.as_json()["escalated"]
    assert message.headline == f"ESCALATED, nobody has acknowledged it: {LAG} is wrong"


def test_a_route_that_was_not_told_at_first_hears_of_the_escalation_and_of_the_end(outbox: Outbox) -> None:
    outbox.raised()
    outbox.round()
    outbox.routes(named("pager", "new"), escalate_minutes=15)
    outbox.later(16)
    outbox.round()
    outbox.resolved()
    outbox.round()
    assert outbox.heard("new", LAG) == ["escalate", "resolve"]


def test_an_acknowledged_alert_is_not_escalated_until_it_gets_worse(outbox: Outbox) -> None:
    outbox.raised(severity=Severity.ERROR)
    acknowledge_alert(outbox.connection, LAG, "anna")
    outbox.raised(severity=Severity.ERROR)
    outbox.later()
    outbox.round()
    outbox.raised(severity=Severity.CRITICAL)
    outbox.later(14)
    outbox.round()
    assert outbox.heard("pager", LAG) == ["trigger"]
    outbox.later(2)
    outbox.round()
    assert outbox.heard("pager", LAG) == ["trigger", "escalate"]


def test_an_acknowledged_critical_alert_is_not_escalated(outbox: Outbox) -> None:
    outbox.raised()
    acknowledge_alert(outbox.connection, LAG, "anna")
    outbox.later()
    outbox.round()
    assert outbox.heard("pager", LAG) == ["trigger"]


def test_a_resolved_alert_is_not_escalated_and_a_new_one_is_acknowledged_anew(outbox: Outbox) -> None:
    outbox.raised()
    acknowledge_alert(outbox.connection, LAG, "anna")
    outbox.resolved()
    outbox.later()
    outbox.raised()
    outbox.later(16)
    outbox.round()
    assert outbox.heard("pager", LAG) == ["trigger", "resolve", "trigger", "escalate"]


def test_the_alert_about_a_route_is_escalated_to_routes_that_work_only(outbox: Outbox) -> None:
    outbox.routes(named("one", "two"), escalate_minutes=15)
    outbox.raised()
    acknowledge_alert(outbox.connection, LAG, "anna")
    for _ in range(5):
        outbox.round(lambda route, _message: DOWN if route == "one" else None)
        outbox.later(10)
    assert outbox.heard("two", "route:one") == ["trigger", "escalate"]
    outbox.round()
    assert outbox.heard("one") == [f"trigger {LAG}"]


def test_the_first_acknowledgement_counts(outbox: Outbox) -> None:
    outbox.raised()
    first = acknowledge_alert(outbox.connection, LAG, "anna")
    second = acknowledge_alert(outbox.connection, LAG, "bert")
    assert (first.before, second.before) == (False, True)
    assert (second.person, second.at) == ("anna", first.at)


def test_only_an_open_alert_is_acknowledged_and_by_somebody(outbox: Outbox) -> None:
    outbox.raised()
    with pytest.raises(ConfigError, match="needs a person"):
        acknowledge_alert(outbox.connection, LAG, " ")
    outbox.resolved()
    with pytest.raises(ConfigError, match=f"no open alert has the key {LAG}"):
        acknowledge_alert(outbox.connection, LAG, "anna")


def test_what_is_silenced_is_told_when_the_silence_ends(outbox: Outbox) -> None:
    silence(outbox)
    outbox.raised()
    outbox.raised("check:other")
    outbox.round()
    outbox.later(100)
    outbox.round()
    assert outbox.heard("pager") == ["trigger check:other", "escalate check:other"]
    assert deliver(outbox.settings).checks[0].outcome is not Outcome.UNKNOWN

    outbox.later(30)
    outbox.round()
    assert outbox.heard("pager", LAG) == ["trigger", "escalate"]


def test_what_began_and_ended_in_silence_is_never_told(outbox: Outbox) -> None:
    silence(outbox)
    outbox.raised()
    outbox.resolved()
    outbox.later()
    outbox.later()
    outbox.round()
    assert outbox.heard("pager") == []
    outbox.raised()
    outbox.round()
    assert outbox.heard("pager") == [f"trigger {LAG}"]


def test_the_end_of_what_was_told_is_told_in_silence_too(outbox: Outbox) -> None:
    outbox.raised()
    outbox.round()
    silence(outbox)
    for _ in range(12):
        outbox.raised()
    outbox.round()
    outbox.resolved()
    outbox.round()
    assert outbox.heard("pager") == [f"trigger {LAG}", f"resolve {LAG}"]


def test_a_silenced_alert_does_not_fail_delivery(outbox: Outbox) -> None:
    outbox.raised()
    outbox.round(lambda _route, _message: DOWN)
    silence(outbox)
    outbox.later(10)
    assert deliver(outbox.settings).checks[0].outcome is Outcome.PASS


@pytest.mark.parametrize("key", ["order:1", STORM, "check:orders.artwork", "run:held_orders:1"])
def test_paid_orders_are_never_silenced(outbox: Outbox, key: str) -> None:
    outbox.raised(key)
    with pytest.raises(ConfigError, match="cannot be silenced: a paid order that must not go to print would be hidden"):
        silence(outbox, key)
    with pytest.raises(psycopg.errors.CheckViolation):
        outbox.connection.execute(
            "INSERT INTO alert_silences (dedup_key, person, reason, until) VALUES (%s, 'p', 'r', 'infinity')", (key,)
        )
    assert key.startswith(OF_PAID_ORDERS)


def test_a_silence_is_of_something_that_there_is_by_somebody_and_for_a_reason(outbox: Outbox) -> None:
    hour = timedelta(hours=1)
    with pytest.raises(ConfigError, match=r"no alert with the key chek:wal\.lag was ever raised"):
        silence(outbox, "chek:wal.lag")
    for reason, person in (("", "anna"), ("known", " ")):
        with pytest.raises(ConfigError, match="needs a person and a reason"):
            silence_alert(outbox.connection, LAG, hour, reason, person)
    outbox.raised("cycle:x")
    silence(outbox, "cycle:x")


@pytest.mark.parametrize(
    ("text", "lasting"),
    [("30m", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("30d", timedelta(days=30))],
)
def test_a_duration_is_read(text: str, lasting: timedelta) -> None:
    assert duration(text) == lasting


@pytest.mark.parametrize("text", ["", "0m", "-1h", "2", "h", "1.5h", "2 h", "31d", "999999d", "٢h", "1w"])
def test_what_is_no_duration_is_said_and_what_is_too_long(text: str) -> None:
    with pytest.raises(ConfigError, match=r"no duration|longer than 30 days") as error:
        duration(text)
    assert "write 30" in str(error.value.next_step)


def test_the_commands(outbox: Outbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "printflow.toml"
    config.write_text(CONFIG.replace("postgresql://localhost/records", outbox.settings.records.url))

    def alerts(*words: str) -> tuple[int, str, str]:
        code = run(["--config", str(config), "alerts", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    def states(words: Sequence[str] = ()) -> dict[str, object]:
        code, out, _ = alerts("list", "--json", *words)
        assert code == 1
        return {alert["dedup_key"]: alert for alert in json.loads(out)["alerts"]}

    outbox.raised()
    outbox.raised("order:7")
    code, out, _ = alerts("ack", LAG, "--by", "anna", "--json")
    assert (code, json.loads(out)["by"], json.loads(out)["before"]) == (0, "anna", False)
    code, out, _ = alerts("ack", LAG, "--by", "bert")
    assert code == 0
    assert out.startswith(f"Alert {LAG} was already acknowledged by anna, 20")
    assert alerts("ack", "nothing")[::2] == (
        2,
        "printflow: no open alert has the key nothing\nnext: printflow alerts list\n",
    )
    assert "acknowledged by anna" in alerts("list")[1]
    code, out, _ = alerts("silence", LAG, "--for", "2h", "--reason", "maintenance", "--by", "anna")
    assert (code, out.startswith(f"Nobody is told of {LAG} until 20")) == (0, True)
    assert "silenced until 20" in alerts("list")[1]
    code, _, err = alerts("silence", "order:7", "--for", "2h", "--reason", "maintenance")
    assert code == 2
    assert "order:7 cannot be silenced: a paid order" in err
    listed = states()
    assert listed[LAG]["acknowledged_by"] == "anna"  # type: ignore[index]
    assert listed[LAG]["silenced_until"] is not None  # type: ignore[index]
    assert listed["order:7"]["silenced_until"] is None  # type: ignore[index]


def test_the_same_is_done_from_the_ui_and_a_refusal_fails_the_run(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Configuration, "settings", lambda _self: outbox.settings)
    outbox.raised()
    outbox.raised("order:7")

    def ran(job: str, operation: str, **config: str) -> tuple[bool, list[str | None]]:
        with dg.DagsterInstance.ephemeral() as instance:
            result = defs.resolve_job_def(job).execute_in_process(
                run_config={"ops": {operation: {"config": config}}}, instance=instance, raise_on_error=False
            )
        failures = result.filter_events(lambda event: event.is_step_failure)
        return result.success, [
            data.description for event in failures if (data := event.step_failure_data.user_failure_data)
        ]

    silence_of = {"person": "anna", "lasting": "2h", "reason": "maintenance"}
    assert ran("alert_acknowledgement", "acknowledge", key=LAG, person="anna") == (True, [])
    assert ran("alert_silence", "silence", key=LAG, **silence_of) == (True, [])
    found = {alert.dedup_key: alert for alert in recorded_alerts(outbox.connection)}
    assert found[LAG].acknowledged_by == "anna"
    assert found[LAG].silenced_until is not None

    succeeded, (said,) = ran("alert_silence", "silence", key="order:7", **silence_of)
    assert not succeeded
    assert "order:7 cannot be silenced" in str(said)
    succeeded, (said,) = ran("alert_acknowledgement", "acknowledge", key="nothing", person="anna")
    assert not succeeded
    assert "no open alert has the key nothing" in str(said)
