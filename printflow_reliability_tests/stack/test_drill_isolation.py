"""What a drill must leave as it was: each change, really made while it runs, fails it."""

from contextlib import ExitStack

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.restore.phases import Phase
from printflow_reliability.sandbox import postgres
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import archive_id, detail, left_behind, outcomes
from printflow_reliability_tests.stack.repository_objects import flipped, tampered

pytestmark = pytest.mark.stack

SUBSCRIBE = "CREATE SUBSCRIPTION drill_test CONNECTION 'dbname=nowhere' PUBLICATION none WITH (connect = false)"
UNSUBSCRIBE = "ALTER SUBSCRIPTION drill_test SET (slot_name = NONE); DROP SUBSCRIPTION drill_test"


def test_subscriptions_archiving_and_the_other_repository_are_watched_too(backed_up: StackSandbox) -> None:
    archive = archive_id(backed_up, "admin_db")
    with ExitStack() as stack:
        admin = stack.enter_context(postgres.superuser(backed_up.home, "admin_db", "admin_db"))

        def tell(phase: Phase) -> None:
            if phase is not Phase.FETCH:
                return
            admin.execute(SUBSCRIBE)
            for statement in reversed(UNSUBSCRIBE.split("; ")):
                stack.callback(admin.execute, statement)
            row = admin.execute("SELECT current_setting('archive_command')").fetchone()
            assert row is not None
            admin.execute(f"ALTER SYSTEM SET archive_command = '{row[0]} '")
            admin.execute("SELECT pg_reload_conf()")
            stack.callback(admin.execute, "SELECT pg_reload_conf()")
            stack.callback(admin.execute, "ALTER SYSTEM RESET archive_command")
            stack.enter_context(tampered(backed_up, 2, "backup/admin_db/", lambda _: None))
            # As large as before: only its time tells.
            stack.enter_context(tampered(backed_up, 2, f"archive/admin_db/{archive}/", flipped))
            stack.enter_context(tampered(backed_up, 2, "backup/live_db/", lambda body: body + b"more"))

        report = run_drill(backed_up.settings, repository=1, tell=tell)
    said = detail(report, "drill.isolation")
    assert outcomes(report)["drill.isolation"] is Outcome.FAIL
    assert "subscriptions of admin_db: new drill_test (disabled)" in said
    assert "archive_mode or archive_command of admin_db changed" in said
    assert "gone in repo2 of admin_db: backup/" in said
    assert "altered in repo2 of live_db: backup/" in said
    assert f"altered in repo2 of admin_db: archive/{archive}/" in said
    assert outcomes(report)["drill.recovery"] is Outcome.PASS
    assert left_behind(backed_up) == []
