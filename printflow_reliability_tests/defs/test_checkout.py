"""The synthetic checkout in the graph: there where the configuration names a shop, on the configuration's schedule."""

from pathlib import Path

import dagster as dg
import pytest

from printflow_reliability.defs import checkout
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability_tests.checkout.configured import CHECKOUT
from printflow_reliability_tests.platform_elsewhere import configured

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
SCHEDULED = CHECKOUT.replace("[checkout.test_mode]", 'schedule = "20 * * * *"\n[checkout.test_mode]')


def with_checkout(folder: Path, more: str) -> Path:
    config = configured(folder)
    config.write_text(config.read_text() + more)
    return config


def defined(config: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[dg.AssetSpec], dict[str, object]]:
    monkeypatch.setenv("PRINTFLOW_CONFIG", str(config))
    made = checkout.definitions()
    specs = [spec for asset in made.assets or () if isinstance(asset, dg.AssetsDefinition) for spec in asset.specs]
    schedules = [found for found in made.schedules or () if isinstance(found, dg.ScheduleDefinition)]
    return specs, {found.name: found.cron_schedule for found in schedules}


def test_the_asset_is_there_only_where_a_shop_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert defined(configured(tmp_path), monkeypatch) == ([], {})


def test_without_a_schedule_it_is_started_by_hand_and_never_overdue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spec,), schedules = defined(with_checkout(tmp_path, CHECKOUT), monkeypatch)
    assert (spec.freshness_policy, schedules) == (None, {})
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {"live_db", "print_files_bucket"}


def test_its_schedule_is_that_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (spec,), schedules = defined(with_checkout(tmp_path, SCHEDULED), monkeypatch)
    assert spec.freshness_policy is not None
    assert schedules == {"synthetic_checkout_as_configured": "20 * * * *"}


def test_a_browser_that_is_not_installed_fails_the_run_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = dg.materialize(
        [checkout.synthetic_checkout],
        resources={"configuration": Configuration(file=str(with_checkout(tmp_path, CHECKOUT)))},
        raise_on_error=False,
    )
    assert not done.success
    (failure,) = done.get_step_failure_events()
    assert "no browser is installed here" in str(failure.step_failure_data.user_failure_data)
