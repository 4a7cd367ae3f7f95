"""What is said of queues: a sync queue is none, a lower bound that is over the limit rings, unknown outranks a pass."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.queues.health import numbers_of, queue_checks, queue_parts
from printflow_reliability.queues.heartbeats import Heartbeat
from printflow_reliability.queues.look import check_queues
from printflow_reliability.queues.redis_durability import Durability, durability_parts
from printflow_reliability.queues.redis_keys import literal
from printflow_reliability.queues.state import OldestJob, QueueState
from printflow_reliability.queues.waiting import Claimable, waiting
from printflow_reliability_tests.minimal_settings import minimal_settings

SYNC = '[[queue]]\nname = "mails"\nkind = "sync"\n'
BULL = """
[[redis]]
name = "main"
url = "redis://localhost/0"
[[queue]]
name = "print files"
kind = "bullmq"
redis = "main"
oldest_seconds = 300
"""
WELL = {"depth": 0, "oldest": OldestJob(0.0, exact=True), "failed": 0, "growth": 0, "stalled": 0, "workers": 1}


def checks(text: str, *states: QueueState) -> dict[str, CheckResult]:
    settings = minimal_settings(text)
    return {check.check.removeprefix("queues."): check for check in queue_checks(settings, states, (), {})}


def state(**changes: object) -> QueueState:
    return QueueState(**{"name": "print files", "kind": "bullmq", **WELL, **changes})  # type: ignore[arg-type]


def test_a_queue_of_the_sync_driver_is_told_to_be_none() -> None:
    report = check_queues(minimal_settings(SYNC))
    assert report.as_json()["ok"]
    assert all("there is no queue" in check.detail for check in report.checks)
    (queue,) = report.as_json()["queues"]
    assert (queue["none"], queue["depth"]) == (True, None)


def test_without_any_section_nothing_is_said_to_be_well() -> None:
    with pytest.raises(ConfigError, match=r"no \[\[queue\]\]"):
        check_queues(minimal_settings())


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("seconds", "outcome"), [(299.0, Outcome.PASS), (301.0, Outcome.FAIL)])
def test_an_age_over_the_limit_rings_whether_exact_or_a_lower_bound(
    exact: bool, seconds: float, outcome: Outcome
) -> None:
    found = checks(BULL, state(depth=1, oldest=OldestJob(seconds, exact)))["age"]
    assert found.outcome is outcome
    assert ("at least" in found.detail) is (outcome is Outcome.FAIL and not exact)


@pytest.mark.parametrize(
    ("changes", "check", "outcome"),
    [
        ({"growth": None, "unknown": {"failed": "cluster shop is away"}}, "failed", Outcome.UNKNOWN),
        ({"growth": 1}, "failed", Outcome.FAIL),
        ({"stalled": None}, "stalled", Outcome.UNKNOWN),
        ({"workers": None, "unknown": {"workers": "refused"}}, "workers", Outcome.UNKNOWN),
        ({"workers": 0}, "workers", Outcome.FAIL),
        ({"workers": 1, "unknown": {"workers": "at least 1 is alive"}}, "workers", Outcome.PASS),
        ({"paused": True}, "age", Outcome.WARN),
        ({"junk": 1}, "age", Outcome.WARN),
    ],
)
def test_each_number_has_its_check_and_changes_no_other(
    changes: dict[str, object], check: str, outcome: Outcome
) -> None:
    found = checks(BULL, state(**changes))
    assert {name: answer.outcome for name, answer in found.items()} == {
        **dict.fromkeys(found, Outcome.PASS),
        check: outcome,
    }


def test_more_workers_than_can_be_seen_are_unknown_and_not_missing() -> None:
    unseen = state(workers=1, unknown={"workers": "at least 1 is alive"})
    assert checks(BULL + "workers = 3\n", unseen)["workers"].outcome is Outcome.UNKNOWN


def test_a_queue_whose_workers_leave_no_trace_is_unknown_until_a_heartbeat_tells() -> None:
    text = '[[queue]]\nname = "a"\nkind = "laravel-database"\ncluster = "live_db"\noldest_seconds = 5\n'
    found = checks(text, state(name="a", kind="laravel-database", workers=None))["workers"]
    assert found.outcome is Outcome.UNKNOWN
    assert "[[worker]]" in found.detail


WORKER = '[[worker]]\nname = "scheduler"\nredis = "main"\nkey = "beat"\nmax_age_seconds = 60\n'


def parts(
    text: str, states: tuple[QueueState, ...], beats: tuple[Heartbeat, ...] = ()
) -> dict[tuple[str, str], CheckResult]:
    return {(part.check, part.scope): part for part in queue_parts(minimal_settings(text), states, beats, {})}


def test_each_queue_and_worker_is_recorded_by_itself_with_its_numbers() -> None:
    other = BULL.partition("[[queue]]")[2].replace("print files", "mails")
    waits = state(depth=2, oldest=OldestJob(301.0, exact=True), workers=0, reserved=1)
    found = parts(
        f"{BULL}[[queue]]{other}{WORKER}",
        (waits, QueueState("mails", "bullmq", unreadable="away")),
        (Heartbeat("scheduler"),),
    )
    assert {key: part.outcome for key, part in found.items()} == {
        ("queues.age", "queue print files"): Outcome.FAIL,
        ("queues.failed", "queue print files"): Outcome.PASS,
        ("queues.stalled", "queue print files"): Outcome.PASS,
        ("queues.workers", "queue print files"): Outcome.FAIL,
        **{(f"queues.{name}", "queue mails"): Outcome.UNKNOWN for name in ("age", "failed", "stalled", "workers")},
        ("queues.workers", "worker scheduler"): Outcome.FAIL,
    }
    assert found["queues.age", "queue print files"].numbers == {"queued_jobs": 2, "oldest_job_seconds": 301.0}
    assert found["queues.stalled", "queue print files"].numbers == {"reserved_jobs": 1, "stalled_jobs": 0}
    assert found["queues.workers", "queue print files"].numbers == {"living_workers": 0, "needed_workers": 1}
    assert found["queues.age", "queue mails"].numbers == {}
    assert found["queues.workers", "worker scheduler"].numbers == {"heartbeat_limit_seconds": 60}


def test_what_no_queue_tells_has_no_sum() -> None:
    away = QueueState("print files", "bullmq", unreadable="away")
    assert numbers_of([away]) == {"unreadable_queues": 1}
    assert numbers_of([away, state(depth=3)])["queued_jobs"] == 3


def test_each_redis_is_recorded_by_itself_and_no_limit_is_no_number() -> None:
    servers = minimal_settings(BULL + '[[redis]]\nname = "gone"\nurl = "redis://localhost/1"\n').redis
    facts = {"aof_enabled": 1, "role": "master", "used_memory": 900, "maxmemory": 0, "evicted_keys": 0, "run_id": "a"}
    replica = {"slave0": {"ip": "10.0.0.1", "port": 6379, "state": "online", "lag": 3}}
    said = [Durability("main", facts=facts | replica), Durability("gone", "Redis gone cannot be reached")]
    main, gone = durability_parts(servers, said, {})
    assert (main.scope, gone.scope, gone.outcome) == ("redis main", "redis gone", Outcome.UNKNOWN)
    assert main.numbers == {"aof_enabled": 1, "used_memory_bytes": 900, "evicted_keys": 0, "replica_lag_seconds": 3.0}
    assert gone.numbers == {}


NO_TIMES = (None, nan, inf, -inf, 0.0, -5.0, 2e9 + 7200, 1.7e12, 1e300)
"""None, what is no time, one of another unit, and one that is still to come, though the job waits already."""
TIMES = st.sampled_from(NO_TIMES) | st.floats(min_value=1e9, max_value=2e9)


@given(st.lists(TIMES), st.dictionaries(st.integers(0, 9).map(str), st.floats(1e9, 2e9)), st.booleans())
def test_an_age_is_never_more_than_the_truth_and_exact_only_where_all_is_told(
    times: list[float | None], known: dict[str, float], whole: bool
) -> None:
    now = 2e9
    jobs = [Claimable(str(number), since) for number, since in enumerate(times)]
    found = waiting(jobs, now, known, whole=whole)
    told = [None if since in NO_TIMES else since for since in times]
    since = [min(at or now, known.get(job.job, now)) for job, at in zip(jobs, told, strict=True)]
    assert found.oldest.seconds == max((now - at for at in since), default=0.0)
    untold = {job.job for job, at, seen in zip(jobs, told, since, strict=True) if at is None or seen < at}
    assert not found.oldest.exact or (whole and not untold)
    assert found.first_seen.keys() == untold | (set() if whole else known.keys())


def test_a_job_that_goes_out_of_sight_in_a_long_line_is_as_old_when_it_comes_back() -> None:
    first = waiting([Claimable("a", None)], 100.0, {}, whole=False)
    between = waiting([Claimable("b", None)], 500.0, first.first_seen, whole=False)
    assert waiting([Claimable("a", None)], 900.0, between.first_seen, whole=False).oldest.seconds == 800
    assert "a" not in waiting([Claimable("b", None)], 500.0, first.first_seen, whole=True).first_seen


@given(st.text(st.sampled_from("ab*?[]\\^-:")))
def test_a_pattern_of_a_name_has_no_glob_left_unescaped(name: str) -> None:
    rest = literal(name)
    for character in "*?[]":
        rest = rest.replace(f"\\{character}", "")
    assert not set("*?[]") & set(rest.replace("\\\\", ""))


def test_a_time_that_was_to_come_makes_no_job_younger_once_it_has_come() -> None:
    start, ahead = 1_795_956_778.0, 7200.0
    job = Claimable("a", start + ahead)  # by a clock that is two hours ahead
    first = waiting([job], start, {}, whole=True)
    assert first.oldest == OldestJob(0.0, exact=False)
    later = waiting([job], start + ahead + 10, first.first_seen, whole=True)
    assert later.oldest == OldestJob(ahead + 10, exact=False)


@pytest.mark.parametrize("growth", [0, 5])
def test_failed_jobs_that_do_not_tell_their_order_ring_however_many_may_fail(growth: int) -> None:
    settings = minimal_settings(f"{BULL}failed_growth = 5\n")
    found = {check.check: check for check in queue_checks(settings, [state(growth=growth)], (), {"print files": 2})}
    assert found["queues.failed"].outcome is Outcome.FAIL
    assert "2 newly failed jobs may be of paid orders" in found["queues.failed"].detail
    found = {check.check: check for check in queue_checks(settings, [state(growth=growth)], (), {})}
    assert found["queues.failed"].outcome is Outcome.PASS


def test_delayed_jobs_that_will_never_be_due_are_told() -> None:
    found = checks(BULL, state(delayed=3, never=2))["age"]
    assert found.outcome is Outcome.WARN
    assert "2 delayed jobs are due at no time that will ever come" in found.detail


def test_an_age_that_only_the_records_could_tell_is_unknown_without_them() -> None:
    told = {"oldest": "the records are away"}
    assert checks(BULL, state(depth=1, oldest=OldestJob(0.0, exact=False), unknown=told))["age"].outcome is (
        Outcome.UNKNOWN
    )
    assert checks(BULL, state(depth=1, oldest=OldestJob(301.0, exact=False), unknown=told))["age"].outcome is (
        Outcome.FAIL
    )


def test_a_name_of_any_length_is_known_again() -> None:
    job = Claimable("x" * 100_000, None)
    first = waiting([job], 100.0, {}, whole=True)
    assert all(len(name) < 1000 for name in first.first_seen)
    assert waiting([job], 500.0, first.first_seen, whole=True).oldest.seconds == 400


def test_a_defect_of_a_look_at_a_queue_is_told_as_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OverflowError("int too large to convert to float")

    monkeypatch.setattr("printflow_reliability.queues.look.BullQueue", broken)
    monkeypatch.setattr("printflow_reliability.platform.redis_server.not_believable", lambda _: "")
    report = check_queues(minimal_settings(f"{BULL}{SYNC}"))
    broken_queue, other = report.queues
    assert "OverflowError" in broken_queue.unreadable
    assert other.none
    assert {check.outcome for check in report.checks if check.check.startswith("queues.")} == {Outcome.UNKNOWN}
