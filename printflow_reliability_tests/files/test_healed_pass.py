"""What `files.missing` says after the policy: a pass only where nothing that the pass found missing is left."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.files import healed_pass, kinds, recheck
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.healing_report import HealingReport
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability_tests.files.healing import records

HEALED = {kinds.MISSING_RESTORABLE: 1}
SETTINGS: Any = SimpleNamespace(records=None)


def missing_after(
    monkeypatch: pytest.MonkeyPatch,
    found: Mapping[str | None, Mapping[str, int]],
    tenants: Sequence[str] | None,
    numbers: Sequence[int] = (),
) -> tuple[Outcome, list[Sequence[int]]]:
    """The answer after a pass that found so much of each tenant, all that the records keep being back."""
    asked: list[Sequence[int]] = []
    noted = records()
    noted.execute.return_value.fetchall.return_value = [(number,) for number in numbers]
    noted.execute.return_value.fetchone.return_value = (0,)
    healing = HealingReport(applied=True)
    healing.brought_back.append(HealAction(HealStatus.HEALED, "files", "a.png", "1", "order 7", "back"))
    monkeypatch.setattr(healed_pass, "heal_deleted", lambda *_, **__: healing)
    monkeypatch.setattr(healed_pass, "open_records", lambda _: nullcontext(noted))
    monkeypatch.setattr(healed_pass, "recheck", lambda _, these: asked.append(these))
    report = ReconcileReport(
        checks=(CheckResult("files.missing", Outcome.FAIL, "of 9 references: some"),),
        references=9,
        objects=9,
        counts=sum((Counter(counts) for counts in found.values()), Counter()),
        tenants={tenant: counts for tenant, counts in found.items() if tenant is not None},
        orphan_bytes=0,
        worst=(),
        seconds=0.0,
    )
    after = healed_pass.with_healing(SETTINGS, report, tenants=tenants)
    return next(check.outcome for check in after.checks if check.check == "files.missing"), asked


def test_a_tenants_pass_is_well_once_all_that_it_found_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_after(monkeypatch, {"1": HEALED}, ["1"])[0] is Outcome.PASS


@pytest.mark.parametrize("whose", [None, "2"])
def test_a_lost_file_of_a_row_that_is_not_the_tenants_own_still_fails_its_pass(
    whose: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"1": HEALED, whose: {kinds.MISSING_LOST: 1}}
    assert missing_after(monkeypatch, found, ["1"])[0] is Outcome.FAIL


def test_a_whole_pass_is_told_by_the_records_which_keep_rows_of_nobody_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_after(monkeypatch, {None: HEALED}, None)[0] is Outcome.PASS


def test_findings_are_asked_about_again_so_many_at_a_time_and_none_is_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healed_pass, "MOST", 2)
    assert missing_after(monkeypatch, {"1": HEALED}, ["1"])[1] == []
    assert missing_after(monkeypatch, {"1": HEALED}, ["1"], [3, 4, 5])[1] == [[3, 4], [5]]


def test_to_ask_about_no_finding_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(_records: object) -> None:
        raise AssertionError("the records were asked")

    monkeypatch.setattr(recheck, "open_records", opened)
    assert recheck.recheck(SETTINGS, []) == ()
