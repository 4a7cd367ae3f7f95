"""What every test shares."""

import gc
import importlib
import signal
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

pytest_plugins = [
    "printflow_reliability_tests.alarm_table",
    "printflow_reliability_tests.kept",
    "printflow_reliability_tests.pdf_table",
    "pytester",
]

# A script's background jobs ignore SIGINT, and so would every program that a test starts and interrupts. Set before
# Dagster is imported, which gives SIGTERM the handler of SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The definitions are made as they are imported: of no configuration, whatever sandbox runs in this checkout and
# whatever file the environment names.
with pytest.MonkeyPatch.context() as elsewhere:
    elsewhere.delenv("PRINTFLOW_CONFIG", raising=False)
    elsewhere.setenv("PRINTFLOW_HOME", "/nonexistent")
    importlib.import_module("printflow_reliability.definitions")

# A machine that is busy is no fault of what is tested. `make test-all` names the profile that searches for long.
for profile, examples in (("tests", 40), ("exhaustive", 200)):
    hypothesis.settings.register_profile(
        profile, deadline=None, max_examples=examples, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
hypothesis.settings.load_profile("tests")

# Looking for garbage after every 700 objects costs a fifth of the collection of the tests, and much of the tests.
gc.set_threshold(50_000, 20, 20)

WAITING = ("test_silent_servers.py", "test_cycle.py", "test_foreign_files.py", "test_bad_input.py", "test_drills.py")
"""Modules that mostly wait for servers that are away; begun first, the others have the processors meanwhile."""

FOREIGN = ("/test_foreign_", "/test_known_content.py", "/test_second_configuration.py")
"""Modules that need the foreign platform."""


STACK = Path(__file__).parent / "stack"
"""Where every test needs servers."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without the tests that need servers, their modules are not read either: that would take each worker seconds."""
    return True if collection_path == STACK and config.option.markexpr == "not stack" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the modules that wait begin first; all others keep their order."""
    items.sort(key=lambda item: WAITING.index(item.path.name) if item.path.name in WAITING else len(WAITING))


class OneForeignPlatform(LoadFileScheduling):  # type: ignore[misc]
    """Each module to one worker, and all that need the foreign platform to the same: to build it takes a minute."""

    def _split_scope(self, nodeid: str) -> str:
        module: str = super()._split_scope(nodeid)
        return "foreign" if any(name in module for name in FOREIGN) else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneForeignPlatform:
    """What `--dist=loadfile` distributes tests by."""
    return OneForeignPlatform(config, log)
