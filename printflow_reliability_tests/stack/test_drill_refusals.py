"""Drills that are refused before they begin, with the key or the argument that is wrong."""

import pytest

from printflow_reliability.drills.drill import run_drill
from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import SmokeSettings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import (
    left_behind,
)

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nothing FROM users", r"smoke\[0\].query: the database refused it: .*nothing"),
        ("DELETE FROM users RETURNING 1", r"smoke\[0\].query: the database refused it"),
    ],
)
def test_a_smoke_query_that_does_not_parse_names_its_key(backed_up: StackSandbox, query: str, said: str) -> None:
    smoke = SmokeSettings(name="bad", cluster="live_db", query=query)
    with pytest.raises(ConfigError, match=said):
        run_drill(backed_up.settings.model_copy(update={"smoke": (smoke,)}))
    assert left_behind(backed_up) == []


def test_a_drill_with_credentials_that_can_write_to_a_repository_is_refused(backed_up: StackSandbox) -> None:
    first, *rest = backed_up.settings.cluster
    writer = first.model_copy(update={"drill_pgbackrest_config": first.pgbackrest_config})
    with pytest.raises(ConfigError, match=r"drill_pgbackrest_config of cluster live_db: .* can write to repo1"):
        run_drill(backed_up.settings.model_copy(update={"cluster": (writer, *rest)}))
    assert left_behind(backed_up) == []


def test_a_target_or_repository_that_is_not_there_is_refused(backed_up: StackSandbox) -> None:
    with pytest.raises(ConfigError, match='"tomorrow" is no target'):
        run_drill(backed_up.settings, target="tomorrow")
    with pytest.raises(ConfigError, match="has no time zone"):
        run_drill(backed_up.settings, target="2026-11-02T14:05:00")
    with pytest.raises(ConfigError, match="lies in the future"):
        run_drill(backed_up.settings, target="2126-11-02T14:05:00Z")
    with pytest.raises(ConfigError, match=r"lies outside of what repo1 can restore: 20\d\d-.* to 20\d\d-.* UTC"):
        run_drill(backed_up.settings, target="2020-11-02T14:05:00Z")
    with pytest.raises(ConfigError, match=r"--repo: .* they share 1, 2"):
        run_drill(backed_up.settings, repository=7)


def test_a_heartbeat_query_that_the_database_refuses_names_the_key(backed_up: StackSandbox) -> None:
    first, *rest = backed_up.settings.cluster
    wrong = first.model_copy(update={"heartbeat": "SELECT max(when_was_it) FROM heartbeats"})
    with pytest.raises(ConfigError, match=r"cluster\[0\].heartbeat: the database refused it"):
        run_drill(backed_up.settings.model_copy(update={"cluster": (wrong, *rest)}))
