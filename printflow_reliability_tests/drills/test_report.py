"""A drill's document and its page."""

from dataclasses import replace

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.report import CHECKS, ClusterReport, DrillReport, render
from printflow_reliability.settings import Settings
from printflow_reliability_tests.drills.drill_reports import BEGAN, drill, settings

__all__ = ["settings"]


def test_the_document_has_the_keys_that_programs_hold_on_to() -> None:
    document = drill().as_json()
    assert document["id"] == 31
    assert (document["passed"], document["rto_seconds"], document["rpo_seconds"]) == (True, 131.0, 2.0)
    assert document["phases"] == {"fence": 2.0, "fetch": 38.0}
    assert document["fence"] == {"matched": True, "tables": 41, "rows": 1005}
    assert (document["missing_files"], document["manual_steps"], document["report"]) == (3, 0, None)
    assert set(document["checks"][0]) >= {"name", "passed", "detail"}


@pytest.mark.parametrize(
    ("outcomes", "outcome", "word"),
    [
        ({}, Outcome.PASS, "PASSED"),
        ({"files": Outcome.WARN}, Outcome.WARN, "WARN"),
        ({"files": Outcome.UNKNOWN}, Outcome.UNKNOWN, "COULD NOT TELL"),
        ({"files": Outcome.UNKNOWN, "fence": Outcome.FAIL}, Outcome.FAIL, "FAIL"),
    ],
)
def test_the_page_says_the_verdict_in_a_word(
    outcomes: dict[str, Outcome], outcome: Outcome, word: str, settings: Settings
) -> None:
    report = drill(**outcomes)
    assert report.outcome is outcome
    assert f"<strong>{word}</strong>" in render(report.as_json(), settings)


def test_what_the_page_shows_is_escaped_and_needs_nothing_from_elsewhere(settings: Settings) -> None:
    page = render(drill().as_json(), settings)
    assert "<b>drill.fence</b>:" not in page
    assert "&lt;b&gt;drill.fence&lt;/b&gt;" in page
    assert "Print &amp; &lt;Flow&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_lines_of_a_log_stay_lines_on_the_page_and_nothing_in_them_acts(settings: Settings) -> None:
    checks = (CheckResult("drill.recovery", Outcome.UNKNOWN, "it ended:\nLOG: \x1b[31mred\u202e"), *drill().checks[2:])
    page = render(replace(drill(), checks=checks).as_json(), settings)
    assert "it ended:\nLOG: \\x1b[31mred\\u202e" in page


def test_the_page_shows_how_the_objectives_went_from_drill_to_drill(settings: Settings) -> None:
    late = {**drill().as_json(), "id": 30, "outcome": "fail", "rto_seconds": 7200.0}
    unmeasured = {**drill().as_json(), "id": 29, "outcome": "unknown", "rto_seconds": None}
    page = render(drill().as_json(), settings, [late, unmeasured])
    assert page.index("drill 29: unknown, not measured") < page.index("drill 30: fail, 2 h")
    assert 'class="fail" style="height:100.0%"' in page
    assert page.count("<hr") == 1  # the RTO's target; the RPO's is far above what was measured


def test_a_drill_that_broke_off_at_once_still_makes_a_page(settings: Settings) -> None:
    report = DrillReport(
        id=32,
        target="latest",
        moment=None,
        repository=1,
        started_at=BEGAN,
        finished_at=BEGAN,
        checks=tuple(CheckResult(name, Outcome.UNKNOWN, "live_db is away") for name in CHECKS),
        numbers={},
        phases={},
        clusters=(ClusterReport("live_db"),),
        matched=None,
    )
    page = render(report.as_json(), settings)
    assert "not known" in page
    assert "not compared" in page
