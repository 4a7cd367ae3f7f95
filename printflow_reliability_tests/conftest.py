"""What every test shares."""

from pathlib import Path

import pytest

pytest_plugins = ["printflow_reliability_tests.alarm_table", "pytester"]

LONGEST = ("test_cycle", "test_drills", "test_backups", "test_drill_robust", "test_never_fooled", "test_runbook")
"""Files that take longest, first: a worker that begins one last leaves the others idle."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; otherwise the order stays."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(Path(item.path).stem, len(LONGEST)))
