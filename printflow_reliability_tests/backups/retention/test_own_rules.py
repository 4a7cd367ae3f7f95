"""pgBackRest's own retention is a finding where it expires what the policy keeps, and silent where it cannot."""

from pathlib import Path

import pytest

from printflow_reliability.backups.retention.gfs import Policy
from printflow_reliability.backups.retention.own_rules import conflicts
from printflow_reliability.settings import ClusterSettings


def named(tmp_path: Path, text: str, policy: Policy | None = None) -> list[str]:
    file = tmp_path / "pgbackrest.conf"
    file.write_text(text)
    cluster = ClusterSettings(name="shop", url="host=shop", pgbackrest_config=file)
    return [finding.detail.split(" in ")[0] for finding in conflicts(cluster, 1, policy or Policy())]


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("[global]\nrepo1-retention-full=4\n", "repo1-retention-full=4"),
        ("[global:backup]\nrepo1-retention-full=4\n", "repo1-retention-full=4"),
        ("[shop]\nrepo-retention-full=4\n", "repo1-retention-full=4"),
        ("[shop:backup]\nrepo1-retention-diff=2\n", "repo1-retention-diff=2"),
        ("[global]\nrepo1-retention-archive=2\n", "repo1-retention-archive=2"),
        ("[global]\nrepo1-retention-full-type=time\nrepo1-retention-full=60\n", "repo1-retention-full=60"),
    ],
)
def test_a_setting_that_expires_more_than_the_policy_is_named(tmp_path: Path, text: str, option: str) -> None:
    assert named(tmp_path, text) == [option]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[global]\nrepo1-retention-full=9999999\n",
        "[global]\nrepo2-retention-full=2\n",
        "[other]\nrepo1-retention-full=2\n",
        "[global:expire]\nrepo1-retention-full=2\n",
        "[global]\nrepo1-retention-full=2\nexpire-auto=n\n",
        "[global]\nrepo1-retention-full=2\n[shop:backup]\nrepo1-retention-full=9999999\n",
        "[global]\nrepo1-retention-full-type=time\nrepo1-retention-full=400\n",
        "[global]\nrepo1-retention-full=nonsense\n",
        "[global]\nrepo1-retention-history=3\n",
    ],
)
def test_what_expires_nothing_that_is_kept_is_none(tmp_path: Path, text: str) -> None:
    assert named(tmp_path, text) == []


def test_a_small_policy_contradicts_less(tmp_path: Path) -> None:
    assert named(tmp_path, "[global]\nrepo1-retention-full=4\n", Policy(1, 1, 1)) == []
