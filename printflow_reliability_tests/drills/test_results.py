"""An error of a statement of ours is said of our statement; only damage in a clone says something of the backups."""

import psycopg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.results import Results
from printflow_reliability.restore.phases import Phase
from printflow_reliability.settings import DrillsSettings

DAMAGE = (
    psycopg.errors.DataCorrupted,
    psycopg.errors.IndexCorrupted,
    psycopg.errors.UndefinedFile,
    psycopg.errors.IoError,
)
OURS = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.DivisionByZero,
    psycopg.errors.OutOfMemory,
    psycopg.InterfaceError,
)


def recovery(error: type[psycopg.Error], *, of_clone: bool) -> CheckResult:
    results = Results()
    results.reached = Phase.VALIDATE
    results.refused(error("what the server said"), of_clone=of_clone, again="printflow drill run")
    return next(check for check in results.conclude({}, DrillsSettings()) if check.check == "drill.recovery")


@pytest.mark.parametrize("error", DAMAGE)
def test_damage_that_a_clone_met_is_a_failure_and_the_same_of_production_is_not_known_to_be_one(
    error: type[psycopg.Error],
) -> None:
    judged = recovery(error, of_clone=True)
    assert judged.outcome is Outcome.FAIL
    assert judged.detail == "a clone is damaged: what the server said. Next: printflow backup verify"
    assert recovery(error, of_clone=False).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("error", OURS)
@pytest.mark.parametrize(("of_clone", "who"), [(True, "a clone"), (False, "production")])
def test_any_other_error_is_one_of_our_statement_and_nothing_is_known(
    error: type[psycopg.Error], of_clone: bool, who: str
) -> None:
    judged = recovery(error, of_clone=of_clone)
    assert judged.outcome is Outcome.UNKNOWN
    assert f"validate broke off: {who} refused a statement of the drill: what the server said" in judged.detail
    assert "damaged" not in judged.detail
