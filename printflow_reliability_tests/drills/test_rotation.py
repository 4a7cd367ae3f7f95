"""The weekly schedule: every target meets every repository, whatever repositories there are."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.drills.rotation import TARGETS, plan_of_week
from printflow_reliability.errors import ConfigError
from printflow_reliability.restore.repositories import choose_repository, common_repositories
from printflow_reliability.settings import Settings

REPOSITORIES = st.sets(st.integers(1, 256), min_size=1, max_size=8)


@given(REPOSITORIES, st.dates(date(1, 1, 2), date(9990, 1, 1)))
def test_each_target_meets_each_repository_once_in_a_round(repositories: set[int], first: date) -> None:
    weeks = [first + timedelta(weeks=number) for number in range(len(TARGETS) * len(repositories))]
    met = Counter(plan_of_week(week, sorted(repositories)) for week in weeks)
    kinds = Counter((target if target in TARGETS else "yesterday noon", where) for target, where in met)
    assert set(kinds) == {(target, where) for target in TARGETS for where in repositories}
    assert set(met.values()) == {1}


def with_repositories(settings: Settings, *each: tuple[int, ...]) -> Settings:
    (first,) = settings.cluster
    clusters = tuple(
        first.model_copy(update={"name": f"cluster_{number}", "repositories": repositories})
        for number, repositories in enumerate(each)
    )
    return settings.model_copy(update={"cluster": clusters})


@given(st.lists(st.sets(st.integers(1, 5), max_size=5), min_size=1, max_size=4))
def test_clusters_share_repositories_or_each_of_them_is_named(each: list[set[int]]) -> None:
    asked = with_repositories(Settings.model_validate(DOCUMENT), *(tuple(numbers) for numbers in each))
    shared = set.intersection(*each)
    if shared:
        assert set(common_repositories(asked)) == shared
        assert choose_repository(asked, None) == min(shared)
        return
    with pytest.raises(ConfigError) as refused:
        common_repositories(asked)
    for number, repositories in enumerate(each):
        named = ", ".join(f"repo{repository}" for repository in repositories) or "none"
        assert f"cluster_{number} has {named}" in refused.value.what


def test_a_repository_that_one_cluster_lacks_is_refused_with_those_they_share() -> None:
    asked = with_repositories(Settings.model_validate(DOCUMENT), (1, 2), (2, 3))
    with pytest.raises(ConfigError, match="--repo: every cluster must have the repository; they share 2"):
        choose_repository(asked, 1)


DOCUMENT = {
    "platform": {"name": "Print"},
    "records": {"url": "postgresql://localhost/records"},
    "cluster": [{"name": "live_db", "url": "postgresql://localhost/live", "pgbackrest_config": "/etc/p.conf"}],
    "bucket": [{"name": "print-files", "bucket": "print-files"}],
    "tenancy": {"cluster": "live_db", "tenants": "SELECT 1"},
    "reference": [{"name": "r", "cluster": "live_db", "bucket": "print-files", "kind": "proof", "query": "SELECT 1"}],
    "orders": {"cluster": "live_db", "bucket": "print-files", "paid": "SELECT 1"},
}
