"""The metrics: what is known has a sample, what is not has none, and each name says its unit."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from printflow_reliability.backups.wal import repository_scope
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.orders.holds import Hold
from printflow_reliability.overview.exposition import Gauge
from printflow_reliability.overview.facts import Drill, Facts, Watcher
from printflow_reliability.overview.metrics import metrics_of, metrics_text
from printflow_reliability.records.check_results import Answer
from printflow_reliability_tests.minimal_settings import minimal_settings
from printflow_reliability_tests.ports import closed_port

NOW = datetime(2026, 11, 2, 14, 5, tzinfo=UTC)
AT = NOW.timestamp()
SETTINGS = minimal_settings()
NOTHING = Facts(NOW, (), (), {}, {}, 0, None, ())


def answer(check: str, outcome: Outcome, scope: str = "", **numbers: float) -> Answer:
    return Answer(CheckResult(check, outcome, "so", numbers, scope=scope), NOW, 0.0)


def samples(gauges: list[Gauge], name: str) -> list[tuple[dict[str, str], float]]:
    return [(dict(labels), value) for gauge in gauges if gauge.name == name for labels, value in gauge.samples]


def test_every_outcome_has_a_value_of_its_own() -> None:
    checks = ("wal.lag", "wal.continuity", "backup.recent", "files.missing")
    answers = tuple(answer(check, outcome) for check, outcome in zip(checks, Outcome, strict=True))
    found = samples(metrics_of(SETTINGS, replace(NOTHING, answers=answers)), "printflow_check_status")

    assert sorted(value for _, value in found) == [0, 1, 2, 3]
    assert ({"check": "files.missing", "scope": ""}, 3) in found


def test_recoverable_until_is_told_for_each_repository_that_is_known() -> None:
    known = answer(
        "wal.continuity", Outcome.PASS, repository_scope("live_db", 1), recoverable_until_timestamp_seconds=AT
    )
    gone = answer("wal.continuity", Outcome.PASS, repository_scope("former", 1), recoverable_until_timestamp_seconds=AT)
    gauges = metrics_of(SETTINGS, replace(NOTHING, answers=(known, gone)))

    labels = {"cluster": "live_db", "repository": "1"}
    assert samples(gauges, "printflow_recoverable_until_timestamp_seconds") == [(labels, AT)]
    assert samples(gauges, "printflow_recoverable_from_timestamp_seconds") == []


def test_drills_holds_alerts_and_watchers_are_told() -> None:
    facts = replace(
        NOTHING,
        drills={"newest": Drill(2, NOW, "fail", 60.0, None), "passed": Drill(1, NOW, "pass", 50.0, 2.0)},
        holds=(Hold("7", None, None, "missing", (), NOW - timedelta(hours=1)), Hold("8", None, None, "m", (), NOW)),
        open_alerts={"critical": 2},
        waiting=3,
        waiting_since=NOW,
        watchers=(
            Watcher("Dagster on a", NOW, NOW, True, True),
            Watcher("printflow watch on b", NOW, NOW, False, False),
        ),
    )
    gauges = metrics_of(SETTINGS, facts)

    assert samples(gauges, "printflow_drill_status") == [({}, 2)]
    assert samples(gauges, "printflow_drill_rto_seconds") == [({}, 60.0)]
    assert samples(gauges, "printflow_drill_rpo_seconds") == []
    assert samples(gauges, "printflow_drill_passed_timestamp_seconds") == [({}, AT)]
    assert samples(gauges, "printflow_held_orders") == [({}, 2)]
    assert samples(gauges, "printflow_oldest_hold_timestamp_seconds") == [({}, AT - 3600)]
    assert ({"severity": "critical"}, 2) in samples(gauges, "printflow_open_alerts")
    assert samples(gauges, "printflow_undelivered_alerts") == [({}, 3)]
    assert samples(gauges, "printflow_watchers") == [({}, 1)]
    assert samples(gauges, "printflow_watcher_alive") == [
        ({"holder": "Dagster on a"}, 1),
        ({"holder": "printflow watch on b"}, 0),
    ]


def test_the_numbers_of_checks_are_metrics_where_their_names_can_be() -> None:
    numbers = {"wal_lag_seconds": 2.5, "table a.b": 1}
    answers = (Answer(CheckResult("wal.lag", Outcome.PASS, "so", numbers), NOW),)
    gauges = metrics_of(SETTINGS, replace(NOTHING, answers=answers))

    assert samples(gauges, "printflow_wal_lag_wal_lag_seconds") == [({"scope": ""}, 2.5)]
    assert [gauge.name for gauge in gauges if "table" in gauge.name] == []


def test_every_name_is_of_the_grammar_and_none_is_given_twice() -> None:
    names = [gauge.name for gauge in metrics_of(SETTINGS, replace(NOTHING, answers=(answer("wal.lag", Outcome.PASS),)))]

    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"printflow(_[a-z0-9]+)+", name)] == []


def test_records_that_are_away_are_a_metric() -> None:
    with closed_port() as port:
        url = f"postgresql://127.0.0.1:{port}/records"
        away = SETTINGS.model_copy(update={"records": SETTINGS.records.model_copy(update={"url": url})})
        text = metrics_text(away)
    assert text.splitlines()[-1] == "printflow_records_up 0"
