"""The table of PDFs: each kind of damage or oddity that a test inspected, its verdict and its seconds.

A test tells of one with `record_property("pdf", (kind, verdict, seconds))`. It travels with the
tests' reports, as for the alarm table.
"""

from typing import cast

import pytest
from _pytest.terminal import TerminalReporter

PROPERTY = "pdf"


class PdfTable:
    """What the passed tests of this run inspected."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, float]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A verdict counts only when its test passed."""
        if report.when == "call" and report.passed:
            for name, told in report.user_properties:
                if name == PROPERTY:
                    kind, verdict, seconds = cast("tuple[str, str, float]", told)
                    self.rows.append((kind, verdict, seconds))

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the table, the worst verdicts together."""
        if not self.rows:
            return
        terminalreporter.section("inspected PDFs")
        wide = max(len(kind) for kind, _, _ in self.rows)
        terminalreporter.write_line(f"{'kind':<{wide}}  {'verdict':<12}{'seconds':>8}")
        for kind, verdict, seconds in sorted(self.rows, key=lambda row: (row[1], row[0])):
            terminalreporter.write_line(f"{kind:<{wide}}  {verdict:<12}{seconds:>8.3f}")


def pytest_configure(config: pytest.Config) -> None:
    """Register the table for this run; with xdist it is the process that the tests report to that prints it."""
    config.pluginmanager.register(PdfTable(), "pdf_table")
