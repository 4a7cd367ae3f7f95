"""The synthetic checkout in the graph: there where the configuration names a shop, on the configuration's schedule."""

from pathlib import Path

import dagster as dg
import pytest

from printflow_reliability.checkout import run
from printflow_reliability.checkout.report import report_of
from printflow_reliability.checkout.steps import Carried
from printflow_reliability.defs import checkout
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability_tests.checkout.configured import CHECKOUT, TENANT, checkout_settings
from printflow_reliability_tests.checkout.fakes import STEPS, tried
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


def test_each_step_is_kept_with_its_time_its_errors_and_its_picture_on_a_bad_day_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threw = Carried(
        False, "#pay did not appear", exceptions=("ReferenceError: pay",), console_errors=("404",), seconds=2
    )
    made = tried(lambda made: made.browser.goes_wrong.update(pay=threw))
    journey, cleaned = made.go(), made.clean_up()
    report = report_of(
        *(checkout_settings()[0], journey, cleaned),
        names=[step.name for step in STEPS],
        tenant=TENANT,
        screenshots={"pay": "s3://reports/checkout/1/03-pay.png"},
        took=3.0,
        browser="156",
    )
    monkeypatch.setattr(run, "run_checkout", lambda _settings: report)
    done = dg.materialize(
        [checkout.synthetic_checkout],
        resources={"configuration": Configuration(file=str(with_checkout(tmp_path, CHECKOUT)))},
    )

    answers = {found.check_name: found.passed for found in done.get_asset_check_evaluations()}
    assert answers == {"checkout__journey": False, "checkout__clean_up": True}
    (kept,) = done.asset_materializations_for_node("synthetic_checkout")
    (row,) = [line for line in str(kept.metadata["journey"].value).splitlines() if line.startswith("| pay ")]
    assert row == (
        "| pay | fail | 2 | #pay did not appear | ReferenceError: pay; 404 | s3://reports/checkout/1/03-pay.png |"
    )
    assert "| download | not reached |" in str(kept.metadata["journey"].value)
    assert (kept.metadata["exceptions"].value, kept.metadata["browser"].value) == (1, "156")
