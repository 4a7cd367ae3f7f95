"""What jobs say of themselves: counted by what they say, a sample said to be one, and judged by posture."""

from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.posture.bullmq_jobs import judge_queued, judge_state
from printflow_reliability.queues import commands
from printflow_reliability.queues.job_options import MOST_KINDS, SampledOptions, laravel_options, sampled
from printflow_reliability.queues.look import QueuesReport
from printflow_reliability.queues.state import QueueState
from printflow_reliability.settings import QueueSettings
from printflow_reliability_tests.minimal_settings import minimal_settings
from printflow_reliability_tests.platform_elsewhere import configured

GOOD: dict[str, Any] = {
    "attempts": 5,
    "backoff": {"type": "exponential", "delay": 1000, "jitter": 0.5},
    "removeOnFail": {"age": 604800},
}


def queue(options: SampledOptions | None, unreadable: str = "") -> QueueState:
    return QueueState("print", "bullmq", unreadable, options=options)


def judged(**changes: Any) -> dict[str, Outcome]:
    state = queue(sampled([("make", GOOD), ("make", GOOD | changes)], whole=True))
    return {item.rule.name.removeprefix("bullmq_"): item.outcome for item in judge_state(state)}


WELL = dict.fromkeys(("attempts", "backoff", "remove_on_fail"), Outcome.PASS)


def test_jobs_with_a_bound_are_good() -> None:
    assert judged() == WELL


@pytest.mark.parametrize(
    ("option", "value", "kind", "outcome"),
    [
        ("attempts", None, "attempts", Outcome.FAIL),
        ("attempts", 1, "attempts", Outcome.FAIL),
        ("attempts", True, "attempts", Outcome.UNKNOWN),
        ("attempts", "five", "attempts", Outcome.UNKNOWN),
        ("backoff", None, "backoff", Outcome.FAIL),
        ("backoff", 0, "backoff", Outcome.FAIL),
        ("backoff", 1000, "backoff", Outcome.WARN),
        ("backoff", {"type": "fixed"}, "backoff", Outcome.FAIL),
        ("backoff", {"type": "fixed", "delay": 1000}, "backoff", Outcome.WARN),
        ("backoff", {"type": "exponential", "delay": "soon"}, "backoff", Outcome.FAIL),
        ("backoff", {"type": "our own"}, "backoff", Outcome.PASS),
        ("backoff", "not readable", "backoff", Outcome.UNKNOWN),
        ("removeOnFail", None, "remove_on_fail", Outcome.PASS),
        ("removeOnFail", False, "remove_on_fail", Outcome.PASS),
        ("removeOnFail", True, "remove_on_fail", Outcome.FAIL),
        ("removeOnFail", 0, "remove_on_fail", Outcome.FAIL),
        ("removeOnFail", 1000, "remove_on_fail", Outcome.PASS),
        ("removeOnFail", {"age": 3600}, "remove_on_fail", Outcome.FAIL),
        ("removeOnFail", {"count": 100}, "remove_on_fail", Outcome.PASS),
        ("removeOnFail", {"age": "long"}, "remove_on_fail", Outcome.UNKNOWN),
        ("removeOnFail", "not readable", "remove_on_fail", Outcome.UNKNOWN),
    ],
)
def test_a_job_with_another_option_is_told_beside_good_ones(
    option: str, value: Any, kind: str, outcome: Outcome
) -> None:
    assert judged(**{option: value}) == WELL | {kind: outcome}


def test_jobs_that_cannot_be_read_are_unknown_and_no_job_is_nothing_to_tell() -> None:
    assert judge_state(queue(sampled([], whole=True))) == []
    (unread,) = judge_state(queue(sampled([("", None)], whole=True)))
    (away,) = judge_state(queue(None, "Redis queues does not answer"))
    assert {unread.outcome, away.outcome} == {Outcome.UNKNOWN}
    assert away.found.endswith("Redis queues does not answer")


def test_a_sample_is_said_to_be_one() -> None:
    items = judge_state(queue(sampled([("make", {})] * 3, whole=False)))
    assert items[0].found == "3 jobs of a sample of 3 tried once only"


def test_a_redis_that_is_away_leaves_the_options_unknown() -> None:
    settings = minimal_settings('[[redis]]\nname = "main"\nurl = "redis://127.0.0.1:1/0"\n')
    entry = {"name": "print", "kind": "bullmq", "redis": "main", "oldest_seconds": 300}
    settings = settings.model_copy(update={"queue": (QueueSettings.model_validate(entry),)})
    (item,) = judge_queued(settings)
    assert (item.outcome, item.subject) == (Outcome.UNKNOWN, "queue print")


def test_only_so_many_kinds_are_told_and_every_job_is_counted() -> None:
    made = sampled([(f"job {number}", {"attempts": number}) for number in range(200)], whole=True)
    assert (made.looked_at, len(made.kinds)) == (200, MOST_KINDS)


def test_names_and_options_of_strangers_are_plain_text() -> None:
    hostile = {"displayName": "A\x1b[2J\u202e" + "x" * 500, "maxTries": {"a": ["deep"]}, "timeout": "\x00" * 3}
    (kind,) = laravel_options([hostile], whole=True).kinds
    assert kind.job.isprintable()
    assert len(kind.job) <= 120
    assert kind.options["maxTries"] == "not readable"
    assert kind.options["timeout"].isprintable()


def test_the_view_shows_a_payload_that_says_other_than_its_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class_says = {"displayName": "App\\Jobs\\Make", "maxTries": 5, "timeout": 300}
    options = laravel_options([class_says, class_says, {**class_says, "maxTries": 1, "timeout": None}], whole=False)
    state = QueueState("default", "horizon", depth=3, options=options)
    report = QueuesReport(queues=(state,), checks=(CheckResult("queues.age", Outcome.PASS, "so"),))
    monkeypatch.setattr(commands, "check_queues", lambda _settings: report)
    assert run(["--config", str(configured(tmp_path)), "queues"]) == 0
    out = capsys.readouterr().out
    assert "default: 3 jobs looked at" in out
    assert "  2 jobs App\\Jobs\\Make: maxTries 5, timeout 300" in out
    assert "  1 job App\\Jobs\\Make: maxTries 1, no timeout" in out
