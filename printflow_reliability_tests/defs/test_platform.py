"""The external assets are observed: each says what it answered, and one that is silent keeps no other from it."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from printflow_reliability.defs import platform
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import graph_of
from printflow_reliability.defs.platform import observable
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.observation import ObservedCluster
from printflow_reliability.settings import BucketSettings, ClusterSettings, load
from printflow_reliability.storage.observation import ObservedBucket
from printflow_reliability_tests.defs.configuration import write

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    def cluster(settings: ClusterSettings) -> ObservedCluster:
        if settings.name == "away":
            raise CouldNotTell("cluster away does not answer", "start it")
        return ObservedCluster("15.9", False, datetime(2026, 5, 1, tzinfo=UTC), 4096)

    def bucket(settings: BucketSettings) -> ObservedBucket:
        return ObservedBucket(settings.name == "reports")

    monkeypatch.setattr(platform, "observe_cluster", cluster)
    monkeypatch.setattr(platform, "observe_bucket", bucket)
    return str(tmp_path / "printflow.toml")


def observe(config: str, instance: dg.DagsterInstance, *only: str) -> dg.ExecuteInProcessResult:
    """Observe the systems of a configuration file, or some of them."""
    asset = observable(graph_of(load(Path(config)), Path(config)))
    job = dg.define_asset_job("observe", selection=list(only) or sorted(key.to_user_string() for key in asset.keys))
    return (
        dg.Definitions(assets=[asset], jobs=[job], resources={"configuration": Configuration(file=config)})
        .resolve_job_def("observe")
        .execute_in_process(instance=instance, raise_on_error=False)
    )


def observed(config: str, *assets: str) -> tuple[bool, list[dict[str, object]]]:
    with dg.DagsterInstance.ephemeral() as instance:
        done = observe(config, instance)
        found: list[dict[str, object]] = []
        for asset in assets:
            (event,) = instance.fetch_observations(dg.AssetKey([asset]), limit=3).records
            assert event.asset_observation is not None
            found.append({name: value.value for name, value in event.asset_observation.metadata.items()})
    return done.success, found


def test_each_system_says_what_it_answered(config: str) -> None:
    write(Path(config), ["shop"], ["art", "reports"])

    succeeded, (shop, art, reports) = observed(config, "shop", "art_bucket", "reports_bucket")

    assert succeeded
    assert list(shop) == ["verdict", "version", "standby", "started_at", "database_bytes"]
    assert (shop["verdict"], shop["database_bytes"]) == ("OK", 4096)
    assert (art["empty"], reports["empty"]) == (False, True)


def test_one_that_is_silent_is_named_and_keeps_no_other_from_being_looked_at(config: str) -> None:
    write(Path(config), ["away", "shop"], ["art"])

    succeeded, (away, shop, art) = observed(config, "away", "shop", "art_bucket")

    assert not succeeded
    assert away == {"verdict": "COULD NOT TELL: cluster away does not answer", "next_step": "start it"}
    assert (shop["verdict"], art["verdict"]) == ("OK", "OK")


def test_one_system_can_be_observed_alone(config: str) -> None:
    write(Path(config), ["away", "shop"], ["art"])

    with dg.DagsterInstance.ephemeral() as instance:
        assert observe(config, instance, "shop").success
        assert instance.fetch_observations(dg.AssetKey(["away"]), limit=1).records == []


def test_a_system_that_the_file_no_longer_names_is_not_green(config: str) -> None:
    write(Path(config), ["shop", "gone"], ["art"])
    graph = graph_of(load(Path(config)), Path(config))
    write(Path(config), ["shop"], ["art"])

    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"configuration": Configuration(file=config)}
        found = dg.Definitions(assets=[observable(graph)], resources=resources)
        done = found.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance, raise_on_error=False)

    assert not done.success
