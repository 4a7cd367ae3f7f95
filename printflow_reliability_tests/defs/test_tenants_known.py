"""The partitions of tenants follow the platform, and a query that falls to nothing deletes none of them."""

from dataclasses import replace

import dagster as dg
import pytest

from printflow_reliability.defs import files
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import placeholder
from printflow_reliability.platform.tenancy import Tenancy, Tenant
from printflow_reliability_tests.minimal_settings import minimal_settings


@pytest.mark.parametrize(("now", "added", "gone"), [((), 0, 0), (("1",), 0, 1), (("1", "2", "3"), 1, 0)])
def test_partitions_are_added_and_deleted_but_never_all_of_them(
    monkeypatch: pytest.MonkeyPatch, now: tuple[str, ...], added: int, gone: int
) -> None:
    monkeypatch.setattr(Configuration, "settings", lambda _self: None)
    known = Tenancy(tuple(Tenant(name, f"{name}/") for name in now if name != "2"), {"2": "odd"} if "2" in now else {})
    monkeypatch.setattr(files, "tenancy", lambda _settings: known)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(words.TENANTS.name or "", ["1", "2"])
        context = dg.build_sensor_context(instance=instance)
        if not now:
            with pytest.raises(dg.Failure, match="nothing is changed"):
                files.tenants_known(context)
            return
        answer = files.tenants_known(context)
    requests = answer.dynamic_partitions_requests or [] if isinstance(answer, dg.SensorResult) else []
    kinds = [type(request).__name__ for request in requests]
    assert kinds == ["AddDynamicPartitionsRequest"] * added + ["DeleteDynamicPartitionsRequest"] * gone


@pytest.mark.parametrize("asset", [files.tenant_files, files.print_file_integrity], ids=lambda asset: asset.op.name)
def test_a_backfill_is_cut_into_runs_of_as_many_tenants_as_the_configuration_says(asset: dg.AssetsDefinition) -> None:
    graph = placeholder("a test")
    assert files._divided(asset, graph).backfill_policy == dg.BackfillPolicy.single_run()
    several = replace(graph, settings=minimal_settings("[dagster]\ntenants_per_run = 5\n"))
    assert files._divided(asset, several).backfill_policy == dg.BackfillPolicy.multi_run(5)
