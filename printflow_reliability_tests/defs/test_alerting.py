"""What reaches a person from Dagster: a failed run, unless its check or its held order has been told of already."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from printflow_reliability.alerts.outbox import Alert
from printflow_reliability.defs import alerting
from printflow_reliability.defs.alerting import failed_run, succeeded_run
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.reporting import plainly
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import Settings


class Unconfigured:
    """Settings of nowhere: nothing is secret, and no Sentry."""

    records = None
    sentry = None

    def redact(self, text: str) -> str:
        return text


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the alerts that are raised, and with a minus before them of those that are resolved."""
    keys: list[str] = []

    @contextmanager
    def nowhere(_records: None) -> Iterator[None]:
        yield None

    def keep(_connection: None, _settings: Settings, alert: Alert) -> None:
        keys.append(alert.dedup_key)

    monkeypatch.setattr(Configuration, "settings", lambda _self: Unconfigured())
    monkeypatch.setattr(alerting, "open_records", nowhere)
    monkeypatch.setattr(alerting, "raise_alert", keep)
    monkeypatch.setattr(alerting, "resolve_alert", lambda _connection, _settings, key: keys.append(f"-{key}"))
    return keys


def run_of(job: str, body: Callable[[], object]) -> dg.ExecuteInProcessResult:
    @dg.op
    def work() -> None:
        body()

    @dg.job(name=job)
    def ours() -> None:
        work()

    return ours.execute_in_process(raise_on_error=False)


def judged(job: str, body: Callable[[], object]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        ended = run_of(job, body)
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_run",
            dagster_event=ended.get_run_failure_event() if not ended.success else ended.get_run_success_event(),
            dagster_instance=instance,
            dagster_run=ended.dagster_run,
        )
        if ended.success:
            succeeded_run(context, configuration=Configuration())
        else:
            for event in ended.all_events:
                instance.handle_new_event(_entry(ended.dagster_run, event))
            failed_run(context.for_run_failure(), configuration=Configuration())


def _entry(run: dg.DagsterRun, event: dg.DagsterEvent) -> dg.EventLogEntry:
    return dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None, level=20, user_message="", run_id=run.run_id, timestamp=0.0, dagster_event=event
    )


def crash() -> None:
    raise RuntimeError("a defect")


def refuse() -> None:
    with plainly():
        raise CouldNotTell("live_db does not answer")


def test_a_run_that_fails_by_a_defect_or_by_a_refusal_is_told(told: list[str]) -> None:
    judged("full_backup", crash)
    judged("full_backup", refuse)

    assert told == ["run:full_backup", "run:full_backup"]


def test_a_held_orders_run_is_told_of_only_if_it_fails_by_a_defect(told: list[str]) -> None:
    judged("judge_held_order", refuse)
    assert told == []

    judged("judge_held_order", crash)
    assert told == ["run:judge_held_order"]


def test_the_next_success_resolves_it(told: list[str]) -> None:
    judged("full_backup", lambda: None)

    assert told == ["-run:full_backup"]
