"""The platform's source in the graph: there where the configuration names it, and the bad days are recorded too."""

from pathlib import Path

import dagster as dg
import pytest

from printflow_reliability.defs import posture
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.posture_checks import POSTURE_CHECKS
from printflow_reliability_tests.platform_elsewhere import configured
from printflow_reliability_tests.posture.as_found import AS_FOUND
from printflow_reliability_tests.posture.platforms import written
from printflow_reliability_tests.posture.well_kept import WELL_KEPT

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


def assets(config: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    monkeypatch.setenv("PRINTFLOW_CONFIG", str(config))
    found = posture.definitions().assets or ()
    return {key.to_user_string() for asset in found if isinstance(asset, dg.AssetsDefinition) for key in asset.keys}


def with_source(folder: Path, files: dict[str, str]) -> Path:
    written(folder / "source", files)
    config = configured(folder)
    config.write_text(config.read_text() + '[posture]\nsource = "source"\n')
    return config


def test_the_assets_are_there_only_where_a_source_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert assets(configured(tmp_path), monkeypatch) == set()
    assert assets(with_source(tmp_path, {}), monkeypatch) == {"platform_posture", "action_plan"}


@pytest.mark.parametrize(("files", "passed"), [(AS_FOUND, False), (WELL_KEPT, True)], ids=["as found", "well kept"])
def test_each_check_is_answered_and_the_plan_is_measured(files: dict[str, str], passed: bool, tmp_path: Path) -> None:
    done = dg.materialize(
        [posture.platform_posture, posture.action_plan],
        resources={"configuration": Configuration(file=str(with_source(tmp_path, files)))},
    )
    assert done.success
    answers = {evaluation.check_name: evaluation.passed for evaluation in done.get_asset_check_evaluations()}
    assert answers == {check.name.replace(".", "__"): passed for check in POSTURE_CHECKS}
    (plan,) = done.asset_materializations_for_node("action_plan")
    assert "P0-1" in str(plan.metadata["plan"].value)
    assert "P2-5" in str(plan.metadata["plan"].value)
