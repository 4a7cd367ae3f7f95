"""The weekly schedule of drills, also where the configuration leaves it nothing to choose from."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.drills import weekly_restore_drill
from printflow_reliability_tests.minimal_configuration import CONFIG

ADMIN = """
[[cluster]]
name = "admin_db"
url = "postgresql://localhost/admin_db"
pgbackrest_config = "pgbackrest.conf"
repositories = {repositories}
"""


def scheduled(tmp_path: Path, repositories: str) -> dg.RunRequest:
    file = tmp_path / "printflow.toml"
    file.write_text(CONFIG + ADMIN.format(repositories=repositories))
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 1, 3, tzinfo=UTC))
    request = weekly_restore_drill(context, configuration=Configuration(file=str(file)))
    assert isinstance(request, dg.RunRequest)
    return request


def test_a_week_has_a_target_and_a_repository_that_all_clusters_share(tmp_path: Path) -> None:
    assert scheduled(tmp_path, "[1, 2]").tags["drill/repository"] == "repo1"


@pytest.mark.parametrize("repositories", ["[2]", "[]"])
def test_without_a_repository_in_common_the_run_is_asked_for_all_the_same_and_says_why(
    tmp_path: Path, repositories: str
) -> None:
    assert scheduled(tmp_path, repositories).run_config == {}
