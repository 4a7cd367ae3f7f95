"""What a sweep says of the process that opened the files."""

import json
import subprocess
import sys

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.pdf.commands import ISOLATION, _show
from printflow_reliability.pdf.sweep import SweepReport

GIVEN = dict.fromkeys(ISOLATION, True)


def report(isolation: dict[str, bool]) -> SweepReport:
    check = CheckResult("pdf.integrity", Outcome.PASS, "3 print files good", {})
    return SweepReport((check,), 3, 0, 0, {"good": 3}, (), 1.0, isolation=isolation)


@pytest.mark.parametrize("name", ISOLATION)
def test_what_a_machine_does_not_give_is_said(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _show(report({**GIVEN, name: False}))
    assert f"did not give the process that opens the files {ISOLATION[name]}" in capsys.readouterr().out
    assert report({**GIVEN, name: False}).as_json()["isolation"][name] is False


@pytest.mark.parametrize("isolation", [GIVEN, {}])
def test_where_all_is_given_or_no_file_was_opened_nothing_is_said(
    isolation: dict[str, bool], capsys: pytest.CaptureFixture[str]
) -> None:
    _show(report(isolation))
    assert "isolation" not in capsys.readouterr().out


def test_a_machine_without_a_filter_of_its_own_gives_no_bar_and_says_so() -> None:
    program = (
        "import json, platform; platform.machine = lambda: 'riscv64'\n"
        "from printflow_reliability.pdf.privileges import give_up\n"
        "print(json.dumps(dict(give_up())))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    given = json.loads(ran.stdout)
    assert given.keys() == ISOLATION.keys()
    assert not any(given[name] for name in ("no_network", "no_files", "no_programs"))
