"""Partitions on Dagster's own PostgreSQL storage: no tenant's and no order's name ends anything for the others."""

import random
import string
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest

from printflow_reliability.definitions import defs
from printflow_reliability.defs import files, order_sensor
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.partition_names import identifier_of, partition_of
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.sandbox import dagster_services
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import Counter, Row, counter_of

pytestmark = pytest.mark.stack

ODD = (
    *(
        "a\nb",
        "a,b",
        "1...2",
        "[1...2]",
        "../..",
        "/",
        "a/b",
        "a\\b",
        "\x01\x1b[2J",
        "\x7f",
        "'; DROP",
        '"',
        "%",
        "%2E",
    ),
    *(" ", "-x", "NULL", "Größe 7", "\u202e", "\ufeff", "{}", "\U0001f600", "'", "a|b", "<b>", "x" * 2000, "ß" * 400),
)
EMPTY = ""
JUDGE_HELD_ORDER = defs.resolve_job_def("judge_held_order")


def drawn(number: int) -> list[str]:
    """Names of random characters and lengths, which no compression makes short."""
    chance = random.Random(number)
    letters = string.printable + "äß€\u0085\u2028\u0301\U0001f600"
    return ["".join(chance.choices(letters, k=length)) for length in (1, 3, 30, 300, 799, 3000, 9000)]


@pytest.fixture
def instance(sandbox: StackSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps what it knows where the sandbox's own would."""
    (tmp_path / "dagster.yaml").write_text(
        "storage:\n  postgres:\n    postgres_url:\n      env: PRINTFLOW_DAGSTER_URL\ntelemetry:\n  enabled: false\n"
    )
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("PRINTFLOW_DAGSTER_URL", dagster_services.environment(sandbox.home)["PRINTFLOW_DAGSTER_URL"])
    with dg.DagsterInstance.get() as instance:
        yield instance
        for partitions in (words.TENANTS, words.HELD_ORDERS):
            for name in instance.get_dynamic_partitions(partitions.name or ""):
                instance.delete_dynamic_partition(partitions.name or "", name)


@pytest.fixture
def counter(sandbox: StackSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """A counter that the graph takes for the platform."""
    with counter_of(sandbox) as counter:
        monkeypatch.setattr(Configuration, "settings", lambda _self: counter.settings)
        yield counter


def ticked(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    """What a tick asks for, after its partitions were made and ended as the daemon does it."""
    # Without a time of its start a tick is a preview.
    context = dg.build_sensor_context(instance=instance, cursor=cursor, last_sensor_start_time=time.time())
    answer = sensor(context)
    assert isinstance(answer, dg.SensorResult), answer
    for request in answer.dynamic_partitions_requests or ():
        if isinstance(request, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        else:
            for name in request.partition_keys:
                instance.delete_dynamic_partition(request.partitions_def_name, name)
    return answer


def all_ticks(instance: dg.DagsterInstance, cursor: str | None) -> tuple[str | None, list[dg.RunRequest]]:
    """The runs that the guard asks for, a few at each tick, until it asks for no more."""
    asked: list[dg.RunRequest] = []
    while True:
        tick = ticked(order_sensor.paid_orders_guard, instance, cursor)
        cursor = tick.cursor
        if not tick.run_requests:
            return cursor, asked
        asked += tick.run_requests


def ran(instance: dg.DagsterInstance, job: dg.JobDefinition, **options: object) -> dg.ExecuteInProcessResult:
    return job.execute_in_process(instance=instance, raise_on_error=False, **options)  # type: ignore[arg-type]


def test_tenants_of_any_name_have_their_partitions_and_no_run_ends_for_their_sake(
    counter: Counter, instance: dg.DagsterInstance
) -> None:
    names = [*ODD, *drawn(1)]
    counter.tenants = (*counter.tenants, EMPTY, *names)
    counter.sell("7")
    ticked(files.tenants_known, instance)
    partitions = instance.get_dynamic_partitions(words.TENANTS.name or "")
    known = {"guard-a", "guard-b", *map(kept, names)}
    assert {identifier_of(partition) for partition in partitions} == known
    with dg.build_schedule_context(instance=instance) as context:
        wanted = files.nightly_reconciliation(context)
    assert isinstance(wanted, dg.RunRequest)

    for schedule in ("nightly_reconciliation", "nightly_sweep"):
        job = defs.resolve_job_def(f"__anonymous_asset_job_{schedule}")
        assert ran(instance, job, tags=dict(wanted.tags)).success, job.name
        few: Sequence[str] = ["guard-a", *random.Random(1).sample(sorted(known), 2)]
        for name in few:
            assert ran(instance, job, partition_key=partition_of(name)).success, (job.name, name)

    counter.tenants = ("guard-a", "guard-b")
    ticked(files.tenants_known, instance)
    assert set(instance.get_dynamic_partitions(words.TENANTS.name or "")) == {"guard-a", "guard-b"}


def test_orders_of_any_name_are_run_and_their_runs_end_with_their_holds(
    counter: Counter, instance: dg.DagsterInstance
) -> None:
    names = [*ODD, *drawn(2)]
    counter.sell("7")
    counter.rows += [Row(name) for name in names]
    cursor, asked = all_ticks(instance, None)
    requested = {identifier_of(run.partition_key or ""): run for run in asked}
    assert requested.keys() == set(map(kept, names))
    sample = random.Random(1).sample(sorted(requested), 4)
    for name in sample:
        ended = ran(instance, JUDGE_HELD_ORDER, partition_key=requested[name].partition_key)
        assert not ended.success, name

    counter.rows[1:] = [row._replace(key=counter.rows[0].key) for row in counter.rows[1:]]
    _, asked = all_ticks(instance, cursor)
    assert {identifier_of(run.partition_key or "") for run in asked} == requested.keys()
    for name in sample:
        assert ran(instance, JUDGE_HELD_ORDER, partition_key=requested[name].partition_key).success, name
