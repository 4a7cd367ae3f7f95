"""The alarm table itself must be able to fail."""

from pathlib import Path

import pytest

from printflow_reliability.register import REGISTER

pytestmark = pytest.mark.stack

PLUGIN = 'pytest_plugins = ["printflow_reliability_tests.alarm_table"]'
INI = """
[pytest]
testpaths = .
markers = alarm(check, sees): seen
"""


def marked(*sightings: tuple[str, str], body: str = "pass") -> str:
    marks = "\n".join(f"@pytest.mark.alarm({check!r}, {sees!r})" for check, sees in sightings)
    return f"import pytest\n{marks}\ndef test_one(record_property):\n    {body}\n"


ALL = [(check, sees) for check in REGISTER for sees in ("ring", "silent", "unknown")]


@pytest.fixture(autouse=True)
def _this_package_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    pytester.makeconftest(PLUGIN)
    pytester.makeini(INI)
    pytester.makepyfile(source)
    return pytester.runpytest_subprocess(*arguments)


WORKERS = pytest.mark.parametrize("workers", [("-p", "no:xdist"), ("-n", "1")], ids=["alone", "in a worker"])


@WORKERS
def test_a_whole_run_that_sees_every_check_three_ways_passes(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    result = run(pytester, marked(*ALL, body='record_property("seconds_to_ring", 4.2)'), *workers)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*wal.continuity*1*1*1*4.2"])


@WORKERS
def test_a_whole_run_that_never_saw_a_check_ring_fails_and_names_it(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    result = run(pytester, marked(*(mark for mark in ALL if mark != ("wal.continuity", "ring"))), *workers)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["LACKING  no passed test sees wal.continuity ring"])


def test_a_run_without_further_members_is_a_whole_one(pytester: pytest.Pytester) -> None:
    seen = marked(*(mark for mark in ALL if mark != ("wal.continuity", "ring")))
    result = run(pytester, seen, "-m", "not exhaustive")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["LACKING  no passed test sees wal.continuity ring"])


def test_a_failed_test_counts_for_nothing(pytester: pytest.Pytester) -> None:
    result = run(pytester, marked(*ALL, body="assert False"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["LACKING  no passed test sees orders.artwork unknown"])


def test_a_narrowed_run_is_not_judged(pytester: pytest.Pytester) -> None:
    result = run(pytester, marked(("wal.continuity", "ring")), "-k", "test_one")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*alarm table*")


def test_a_marker_for_an_uncheck_entry_is_refused(pytester: pytest.Pytester) -> None:
    result = run(pytester, marked(("wal.colour", "ring")))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
