"""The alarm table: a check that cannot fail is worse than none, so every registered check must be seen three ways.

A test says with `@pytest.mark.alarm("wal.continuity", "ring")` that it makes the check ring by a planted fault;
"silent" and "unknown" stand for a healthy system and for one that is away. A whole run ends with the table and fails
when a registered check lacks one of the three. A test that knows the seconds from the fault to the verdict says so
with `record_property("seconds_to_ring", seconds)`; otherwise its own duration is shown.

Claims travel with the tests' reports: with several workers (xdist) only those see the tests, and only the process that
they report to sees all of them.
"""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from _pytest.terminal import TerminalReporter

from printflow_reliability.register import REGISTER

CLAIM = "alarm"
SIGHTINGS = ("ring", "silent", "unknown")
FIRST_MEMBERS = "not exhaustive"
"""What `make test` runs. It is a whole run: further members of a kind are no reason to miss a check."""


class AlarmTable:
    """What the passed tests of this run saw of each check."""

    def __init__(self) -> None:
        self.whole_run = False
        self.seen: dict[tuple[str, str], list[float]] = defaultdict(list)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """A worker of xdist sees a part of the tests, so it is never a whole run."""
        config = session.config
        some = config.option.markexpr not in ("", FIRST_MEMBERS)
        narrowed = some or config.option.keyword or config.args != config.getini("testpaths")
        self.whole_run = not narrowed and not config.option.collectonly and not hasattr(config, "workerinput")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read the markers; a marker naming no registered check is a mistake in the test."""
        for item in items:
            item.user_properties += [(CLAIM, self._claim(item, marker)) for marker in item.iter_markers("alarm")]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A sighting counts only when its test passed."""
        if report.when == "call" and report.passed:
            timed = dict(report.user_properties).get("seconds_to_ring", report.duration)
            for name, claim in report.user_properties:
                if name == CLAIM:
                    check, _, sighting = str(claim).partition(" ")
                    self.seen[check, sighting].append(float(str(timed)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A whole run with an incomplete table has failed."""
        if self.whole_run and self.lacking() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the table of a whole run, then what it lacks."""
        if not self.whole_run:
            return
        terminalreporter.section("alarm table")
        for line in self.lines():
            terminalreporter.write_line(line)
        for check, sighting in self.lacking():
            terminalreporter.write_line(f"LACKING  no passed test sees {check} {sighting}", red=True)

    def lines(self) -> Iterator[str]:
        """The table, a check a line; the seconds are those of the fastest test that made it ring."""
        yield f"{'check':<22}{'rang':>6}{'silent':>8}{'unknown':>9}{'seconds to ring':>17}"
        for check in REGISTER:
            counts = [len(self.seen[check, sighting]) for sighting in SIGHTINGS]
            rang = self.seen[check, "ring"]
            took = f"{min(rang):.1f}" if rang else "-"
            yield f"{check:<22}{counts[0]:>6}{counts[1]:>8}{counts[2]:>9}{took:>17}"

    def lacking(self) -> list[tuple[str, str]]:
        """The (check, sighting) pairs that no passed test covers."""
        return [(check, sighting) for check in REGISTER for sighting in SIGHTINGS if not self.seen[check, sighting]]

    @staticmethod
    def _claim(item: pytest.Item, marker: pytest.Mark) -> str:
        check, sees = marker.args
        if check not in REGISTER or sees not in SIGHTINGS:
            raise pytest.UsageError(f"{item.nodeid}: alarm({check!r}, {sees!r}) names no check, or none of {SIGHTINGS}")
        return f"{check} {sees}"


def pytest_configure(config: pytest.Config) -> None:
    """Register the table for this run."""
    config.pluginmanager.register(AlarmTable(), "alarm_table")
