"""Dagster keeps no secret and nobody's data of a run that fails, and Sentry hears of a defect once."""

from collections.abc import Iterator

import dagster as dg
import pytest

from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.defs.reporting import Defect, as_dagster_failure
from printflow_reliability.errors import CouldNotTell
from printflow_reliability_tests.alerts.planted import PARTS, PERSONAL, everything, leaks
from printflow_reliability_tests.alerts.sentry.configured import SECRETS, configured
from printflow_reliability_tests.alerts.sentry.server import SentryServer, sentry_server


@pytest.fixture
def server() -> Iterator[SentryServer]:
    with sentry_server() as found:
        sentry.start(configured(found.dsn), "Dagster")
        yield found
        sentry.stop()


def event_log(error: Exception) -> tuple[str, dg.ExecuteInProcessResult]:
    """Every event of a run whose step meets this error, as Dagster stores it."""

    @dg.op
    def work() -> None:
        with as_dagster_failure():
            try:
                int(everything(SECRETS))
            except ValueError as wrong:
                raise error from wrong

    @dg.job
    def job() -> None:
        work()

    with dg.DagsterInstance.ephemeral() as instance:
        ended = job.execute_in_process(instance=instance, raise_on_error=False)
        records = instance.get_records_for_run(ended.run_id).records
        return "\n".join(dg.serialize_value(record.event_log_entry) for record in records), ended


def test_a_defect_is_kept_in_own_words_and_told_to_sentry(server: SentryServer) -> None:
    log, ended = event_log(RuntimeError(everything(SECRETS)))
    sentry.stop(20)

    assert not ended.success
    assert leaks(log, SECRETS) == []
    assert Defect.__name__ in log
    assert "in work" in log  # its traceback leads there
    (event,) = server.inbox.of_kind("event")
    assert event["exception"]["values"][-1]["type"] == "RuntimeError"
    assert leaks(server.inbox.raw, SECRETS) == []


def test_what_a_person_can_act_on_is_kept_without_personal_data_and_sentry_hears_nothing(server: SentryServer) -> None:
    log, ended = event_log(CouldNotTell(f"the server refused {' and '.join(PERSONAL)}", "printflow status"))
    sentry.stop(20)

    assert not ended.success
    assert "the server refused" in log
    assert leaks(log, (), parts=[part for part in PARTS if any(part in text for text in PERSONAL)]) == []
    assert server.asked == 0
