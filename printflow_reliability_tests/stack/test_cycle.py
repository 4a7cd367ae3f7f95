"""A cycle in which a server dies: what needed it says so, none of that is called healthy, and the rest goes on."""

import signal
from collections.abc import Callable

import pytest

from printflow_reliability.alerts.delivery import deliver
from printflow_reliability.alerts.outbox import Alert, raise_alert
from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.backups.wal import verify_wal
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.findings import Severity
from printflow_reliability.orders.guard import check_paid_orders
from printflow_reliability.pdf.sweep import sweep
from printflow_reliability.records.database import open_records
from printflow_reliability.register import REGISTER
from printflow_reliability.restore.phases import Phase
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

AT_FENCE = {"drill.fence", "drill.links", "drill.inventory", "drill.checksums", "drill.shrinkage"}
DRILL = {name for name in REGISTER if name.startswith("drill.")}
FILES = {"files.missing", "files.tenancy", "files.content", "files.orphans"}
LATER: tuple[Callable[[Settings], object], ...] = (verify_wal, reconcile, sweep, check_paid_orders, deliver)
"""The rest of the cycle, after the drill."""

TIMING = {*AT_FENCE, "wal.lag"}
"""What may have been answered truthfully before its server died, or from what it had left behind: WAL fetched ahead."""

HONEST = {
    # The fence is made and both clones are fetched when it dies, so that only production cannot be looked at again.
    "live_db": {"drill.isolation", "wal.lag", *FILES, "pdf.integrity", "orders.artwork"},
    "primary": {*DRILL - TIMING, "wal.continuity", *FILES, "pdf.integrity", "orders.artwork"},
    "offsite": {"drill.isolation", "wal.continuity"},
    # The drill goes on without its records; its numbers wait in a file.
    "system_db": {
        *("drill.files", "drill.rollback", "drill.printable", "files.content"),
        *("pdf.integrity", "orders.artwork", "alerts.delivery"),
    },
    "receiver": {"alerts.delivery"},
}
"""What must not be called healthy when that server died in mid-drill."""


@pytest.fixture(scope="module")
def backed_up(sandbox: StackSandbox) -> StackSandbox:
    take_base_backups(sandbox.settings, BackupRequest(type="full"))
    return sandbox


@pytest.mark.parametrize(
    "server",
    [pytest.param(name, marks=pytest.mark.exhaustive) if name in ("offsite", "receiver") else name for name in HONEST],
)
def test_a_server_that_dies_in_mid_cycle_makes_no_check_lie(backed_up: StackSandbox, server: str) -> None:
    with open_records(backed_up.settings.records) as connection:
        raise_alert(connection, backed_up.settings, Alert(f"cycle:{server}", Severity.CRITICAL, "A test", "of alerts"))

    drills = backed_up.settings.drills.model_copy(update={"phase_timeout_seconds": 20.0})
    impatient = backed_up.settings.model_copy(update={"drills": drills})

    def kill(phase: Phase) -> None:
        if phase is Phase.REPLAY_TO_FENCE:
            lifecycle.stop(backed_up.home, server, with_signal=signal.SIGKILL)

    try:
        answers = _answers("run_drill", lambda: run_drill(impatient, tell=kill))
        for step in LATER:
            answers |= _answers(step.__name__, lambda step=step: step(backed_up.settings))  # type: ignore[misc]
    finally:
        lifecycle.start(backed_up.home, server)
        with open_records(backed_up.settings.records) as connection:
            for table in ("alerts", "alert_routes"):
                connection.execute(f"DELETE FROM {table}")

    unwell = {name for name, (outcome, _) in answers.items() if outcome is not Outcome.PASS}
    surprising = {name: answers.get(name) for name in unwell ^ HONEST[server]}
    assert HONEST[server] <= unwell <= HONEST[server] | TIMING, surprising


def test_after_all_that_a_drill_passes_and_nothing_is_left_behind(backed_up: StackSandbox) -> None:
    report = run_drill(backed_up.settings)

    assert report.passed, [check.detail for check in report.checks if check.outcome is not Outcome.PASS]
    assert list(backed_up.settings.drills.directory.iterdir()) == []


def _answers(name: str, ask: Callable[[], object]) -> dict[str, tuple[Outcome, str]]:
    """What a step answers, by check; a step that cannot even answer is unknown as a whole."""
    try:
        checks: tuple[CheckResult, ...] = ask().checks  # type: ignore[attr-defined]
    except CouldNotTell as unknown:
        return {name: (Outcome.UNKNOWN, unknown.what)}
    return {check.check: (check.outcome, check.detail) for check in checks}
