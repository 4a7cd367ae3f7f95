"""What reaches a person of a failed run: once, under the key of its asset, however the run was launched."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest

from printflow_reliability.alerts.outbox import Alert
from printflow_reliability.defs import run_alerts
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.reporting import as_dagster_failure
from printflow_reliability.defs.run_alerts import failed_run
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.settings import Settings
from printflow_reliability.settings.dagster import DagsterSettings

STARTED = 1.0
"""When the daemon started the sensor."""


class Unconfigured:
    """Settings of nowhere: nothing is secret, and no Sentry."""

    records = None
    sentry = None
    dagster = DagsterSettings(url="https://dagster.example/")

    def runner(self) -> "Unconfigured":
        return self

    def redact(self, text: str) -> str:
        return text


class AlertChanges:
    """The keys of the alerts that are raised, and with a minus before them of those that are resolved."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.bodies: list[str] = []
        self.open: list[str] = []


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch) -> AlertChanges:
    found = AlertChanges()
    # The instances here keep runs, and no ticks.
    monkeypatch.setattr(run_alerts, "tell_of_failed_ticks", lambda _context: None)

    @contextmanager
    def without_records(_records: None) -> Iterator[None]:
        yield None

    def keep(_connection: None, _settings: Settings, alert: Alert) -> None:
        found.keys.append(alert.dedup_key)
        found.bodies.append(alert.body)

    monkeypatch.setattr(Configuration, "settings", lambda _self: Unconfigured())
    monkeypatch.setattr(run_alerts, "open_records", without_records)
    monkeypatch.setattr(run_alerts, "raise_alert", keep)
    monkeypatch.setattr(run_alerts, "open_alerts", lambda _connection, prefix: [k for k in found.open if prefix in k])
    monkeypatch.setattr(run_alerts, "resolve_alert", lambda _connection, _settings, key: found.keys.append(f"-{key}"))
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def asset_of(name: str, body: Callable[[], object], **more: Any) -> dg.AssetsDefinition:
    def made() -> None:
        body()

    asset: dg.AssetsDefinition = dg.asset(name=name, **more)(made)
    return asset


def run(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, *, job: str | None = None, **more: Any) -> None:
    """Run an asset by hand, or by a job of that name."""
    jobs = [dg.define_asset_job(job, selection=[asset])] if job else []
    resolved = dg.Definitions(assets=[asset], jobs=jobs).resolve_job_def(job or "__ASSET_JOB")
    resolved.execute_in_process(instance=instance, raise_on_error=False, **more)


def tick(instance: dg.DagsterInstance, cursor: str | None, *, started: float | None = STARTED) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor, last_sensor_start_time=started)
    answer = failed_run(context)
    assert isinstance(answer, dg.SensorResult)
    return answer


def watched(instance: dg.DagsterInstance, *runs: Callable[[], None]) -> str:
    """The cursor after a first tick, these runs, and a tick for them."""
    cursor = tick(instance, None).cursor
    for execute in runs:
        execute()
    return tick(instance, cursor).cursor or ""


def crash() -> None:
    raise RuntimeError("a defect")


def refuse() -> None:
    with as_dagster_failure():
        raise CouldNotTell("the cluster does not answer")


def nothing() -> None:
    pass


@pytest.mark.parametrize("body", [crash, refuse])
@pytest.mark.parametrize("job", [None, "nightly"])
def test_a_failed_run_has_the_same_key_by_hand_and_by_its_job(
    alerts: AlertChanges, instance: dg.DagsterInstance, body: Callable[[], None], job: str | None
) -> None:
    watched(instance, lambda: run(instance, asset_of("backup", body), job=job))

    assert alerts.keys == ["run:backup"]
    assert ("does not answer" in alerts.bodies[0]) == (body is refuse)
    assert re.search(r"\nNext: open https://dagster\.example/runs/[0-9a-f-]{36}$", alerts.bodies[0])


@pytest.mark.parametrize("job", [None, "nightly"])
def test_its_next_success_resolves_it_however_it_was_launched(
    alerts: AlertChanges, instance: dg.DagsterInstance, job: str | None
) -> None:
    watched(
        instance,
        lambda: run(instance, asset_of("backup", crash), job="nightly"),
        lambda: run(instance, asset_of("backup", nothing), job=job),
    )

    assert alerts.keys == ["run:backup", "-run:backup"]


def test_a_run_is_told_of_once_and_what_came_before_the_first_tick_not_at_all(
    alerts: AlertChanges, instance: dg.DagsterInstance
) -> None:
    run(instance, asset_of("early", crash))
    cursor = watched(instance, lambda: run(instance, asset_of("backup", crash)))
    tick(instance, cursor)

    assert alerts.keys == ["run:backup"]


def test_a_held_orders_run_is_told_of_only_if_it_fails_by_a_defect(
    alerts: AlertChanges, instance: dg.DagsterInstance
) -> None:
    watched(instance, lambda: run(instance, asset_of("held_orders", refuse)))
    assert alerts.keys == []

    watched(instance, lambda: run(instance, asset_of("held_orders", crash)))
    assert alerts.keys == ["run:held_orders"]


def test_a_run_that_failed_by_its_check_alone_is_told_of_by_the_check(
    alerts: AlertChanges, instance: dg.DagsterInstance
) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="backup", blocking=True)])
    def backup() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="whole", passed=False)])

    watched(instance, lambda: run(instance, backup))

    assert alerts.keys == []


TENANTS = dg.DynamicPartitionsDefinition(name="tenants")


def tags(first: str, last: str) -> Mapping[str, str]:
    return {run_alerts.RANGE_START: first, run_alerts.RANGE_END: last}


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_a_pass_over_many_tenants_resolves_what_failed_for_each_of_them_and_for_no_other(
    alerts: AlertChanges, instance: dg.DagsterInstance
) -> None:
    instance.add_dynamic_partitions("tenants", ["a", "b", "c"])
    one_pass = {"partitions_def": TENANTS, "backfill_policy": dg.BackfillPolicy.single_run()}
    alerts.open = ["run:files:a", "run:files:b", "run:files:c", "run:other:a"]

    watched(instance, lambda: run(instance, asset_of("files", crash, **one_pass), partition_key="a"))
    watched(instance, lambda: run(instance, asset_of("files", nothing, **one_pass), tags=tags("a", "b")))

    assert alerts.keys == ["run:files:a", "-run:files", "-run:files:a", "-run:files:b"]


def test_where_the_records_are_away_the_tick_fails_and_the_next_one_tells(
    alerts: AlertChanges, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = tick(instance, None).cursor
    run(instance, asset_of("backup", crash))
    with monkeypatch.context() as away:
        away.setattr(Configuration, "settings", lambda _self: (_ for _ in ()).throw(ConfigError("records.url: empty")))
        with pytest.raises(dg.Failure, match=r"records\.url"):
            tick(instance, cursor)
    tick(instance, cursor)

    assert alerts.keys == ["run:backup"]


def test_a_preview_tells_nobody_and_moves_nothing(alerts: AlertChanges, instance: dg.DagsterInstance) -> None:
    cursor = tick(instance, None).cursor
    run(instance, asset_of("backup", crash))

    shown = tick(instance, cursor, started=None)

    assert alerts.keys == []
    assert shown.cursor is None
    assert "1 ended run" in str(shown.skip_reason)
    assert json.loads(cursor or "")


def test_the_cursor_of_an_earlier_release_is_understood(alerts: AlertChanges, instance: dg.DagsterInstance) -> None:
    run(instance, asset_of("early", crash))
    newest = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records[0].storage_id
    earlier = json.dumps({"__class__": "RunStatusSensorCursor", "record_id": newest, "update_timestamp": "2026-05-01"})
    run(instance, asset_of("backup", crash))

    tick(instance, earlier)

    assert alerts.keys == ["run:backup"]


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
@pytest.mark.parametrize("job", [None, "nightly"])
def test_what_only_observes_has_one_key_too(
    alerts: AlertChanges, instance: dg.DagsterInstance, job: str | None
) -> None:
    silent = True

    def look() -> Iterator[dg.ObserveResult]:
        yield dg.ObserveResult(asset_key="cluster")
        if silent:
            crash()

    observe: dg.AssetsDefinition = dg.multi_observable_source_asset(specs=[dg.AssetSpec("cluster")], name="observe")(
        look
    )

    def answers() -> None:
        nonlocal silent
        silent = False
        run(instance, observe)

    watched(instance, lambda: run(instance, observe, job=job), answers)

    assert alerts.keys == ["run:observe", "-run:cluster", "-run:observe"]
