"""Dagster's kept instance: one connection for many questions, and one more where its server restarted meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.instance.ref import InstanceRef
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import DBAPIError

from printflow_reliability.defs.kept_instance import KeptInstance
from printflow_reliability_tests.stack.plain import PORT, PlainCluster, plain_cluster

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def server() -> Iterator[PlainCluster]:
    """A server of its own, since it is restarted."""
    with plain_cluster(archiving=False) as cluster:
        yield cluster


@pytest.fixture
def ref(server: PlainCluster, tmp_path: Path) -> InstanceRef:
    """An instance whose storage is that server."""
    url = f"postgresql://postgres@/postgres?host={server.home}&port={PORT}"
    return InstanceRef.from_dir(
        str(tmp_path), overrides={"storage": {"postgres": {"postgres_url": url}}, "telemetry": {"enabled": False}}
    )


def session(instance: dg.DagsterInstance) -> object:
    """Which session of the server answers."""
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        return connection.execute(sqlalchemy.text("SELECT pg_backend_pid()")).scalar()


def partitions(instance: dg.DagsterInstance) -> list[str]:
    return list(instance.get_dynamic_partitions("tenants"))


def test_questions_share_a_session_and_a_restart_costs_one_more(server: PlainCluster, ref: InstanceRef) -> None:
    kept = KeptInstance()
    with dg.DagsterInstance.from_ref(ref) as instance:
        instance.add_dynamic_partitions("tenants", ["1"])
    first = kept.ask(ref, session)

    assert kept.ask(ref, session) == first
    assert kept.ask(ref, partitions) == ["1"]

    server.restart()

    assert kept.ask(ref, partitions) == ["1"]
    assert kept.ask(ref, session) == kept.ask(ref, session)


def test_a_server_that_is_away_is_no_answer_and_is_asked_again_once_it_is_back(
    server: PlainCluster, ref: InstanceRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_postgres.utils.time.sleep", lambda _seconds: None)
    kept = KeptInstance()
    before = kept.ask(ref, partitions)
    server.stop()
    for _ in range(2):
        with pytest.raises((DBAPIError, DagsterPostgresException)):
            kept.ask(ref, partitions)
    server.start()

    assert kept.ask(ref, partitions) == before


def test_a_question_that_the_server_refuses_is_asked_once(server: PlainCluster, ref: InstanceRef) -> None:
    kept, asked = KeptInstance(), []

    def refused(instance: dg.DagsterInstance) -> object:
        asked.append(instance)
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            return connection.execute(sqlalchemy.text("SELECT 1 / 0")).scalar()

    with pytest.raises(DBAPIError, match="division by zero"):
        kept.ask(ref, refused)
    assert len(asked) == 1
