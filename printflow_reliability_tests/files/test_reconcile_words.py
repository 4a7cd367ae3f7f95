"""What a reconciliation says: counts agree with their nouns, what was not judged is named, a cause is told once."""

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.files import commands
from printflow_reliability.files.report import ReconcileReport, Tally
from printflow_reliability.findings import Finding, Severity

KEY = "tenants/1/orders/" + "long/" * 60 + "with a space and \x1b[2J.pdf"


def finding(kind: str, *, key: str | None = KEY, reference: str | None = "print file") -> Finding:
    return Finding(
        kind=kind, severity=Severity.WARNING, detail="Refused", action="Look", key=key, reference=reference, tenant="1"
    )


def report(tally: Tally, unknown: tuple[str, ...] = ()) -> ReconcileReport:
    counts = dict.fromkeys(("missing_lost", "missing_restorable", "orphan", "unknown"), 0) | dict(tally.counts)
    return ReconcileReport(
        tally.checks(unknown), tally.references, tally.objects, counts, {}, 0, tally.worst(), 1.0, incomplete=unknown
    )


def answers(tally: Tally) -> dict[str, CheckResult]:
    return {check.check: check for check in tally.checks(())}


def test_counts_agree_with_their_nouns() -> None:
    tally = Tally(references=1, objects=1)
    assert answers(tally)["files.missing"].detail == "the only reference has its object"
    tally.add(finding("orphan", reference=None))
    assert answers(tally)["files.orphans"].detail == "1 object that nothing refers to"
    tally.add(finding("orphan", reference=None))
    assert answers(tally)["files.orphans"].detail == "2 objects that nothing refers to"


@pytest.mark.parametrize(
    ("unjudged", "concerned"),
    [
        (finding("unknown"), {"files.missing", "files.content"}),
        (finding("unknown", reference=None), {"files.orphans"}),
        (finding("unknown", key=None), {"files.missing", "files.tenancy", "files.content", "files.orphans"}),
    ],
)
def test_what_was_not_judged_is_named_by_the_checks_it_concerns(unjudged: Finding, concerned: set[str]) -> None:
    tally = Tally(references=2, objects=2)
    tally.add(unjudged)
    found = answers(tally)
    assert {name for name, check in found.items() if check.outcome is Outcome.UNKNOWN} == concerned
    for name in concerned:
        assert "Refused" in found[name].detail
    tally.add(unjudged)
    assert all("and 1 more" in answers(tally)[name].detail for name in concerned)


def test_a_certain_failure_comes_before_what_was_not_judged_and_both_are_said() -> None:
    tally = Tally(references=2, objects=2)
    tally.add(finding("unknown", reference=None))
    tally.add(finding("orphan", reference=None))
    assert answers(tally)["files.orphans"].outcome is Outcome.FAIL
    assert "Refused" in answers(tally)["files.orphans"].detail


def test_a_key_is_never_cut_and_never_moves_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(references=1, objects=1)
    tally.add(finding("orphan", reference=None))
    commands._show(report(tally), None)
    said = capsys.readouterr().out
    assert KEY.replace("\x1b", "\\x1b") in next(line for line in said.splitlines() if line.startswith("WARNING"))
    assert "1 reference and 1 object compared" in said


def test_a_pass_that_compared_nothing_says_its_cause_once(capsys: pytest.CaptureFixture[str]) -> None:
    commands._show(report(Tally(), ("bucket files did not answer",)), None)
    said = capsys.readouterr().out
    assert said.count("bucket files did not answer") == said.count("COULD NOT TELL") == 1
    assert "Nothing was compared." in said
    assert "0 " not in said
