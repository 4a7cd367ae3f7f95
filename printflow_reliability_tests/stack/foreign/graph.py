"""The graph on the foreign platform, in a process of one of its plain users with the platform's own configuration."""

import json
from collections.abc import Mapping
from typing import Any

from printflow_reliability_tests.stack.foreign.plain_user import PlainUser
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

MATERIALIZE = """
import json, sys
import dagster as dg
from printflow_reliability.definitions import defs

partitions, run_config = json.loads(sys.argv[1]), json.loads(sys.argv[2])
wanted = {dg.AssetKey(name) for name in sys.argv[3:]}
assets = [one for one in defs.assets if isinstance(one, dg.AssetsDefinition) and one.keys & wanted]
succeeded = {}
with dg.DagsterInstance.ephemeral() as instance:
    for one in assets:
        key = None
        if one.partitions_def is not None:
            key = partitions[one.key.to_user_string()]
            if isinstance(one.partitions_def, dg.DynamicPartitionsDefinition):
                instance.add_dynamic_partitions(one.partitions_def.name, [key])
        done = dg.materialize(
            [one],
            resources=defs.resources,
            instance=instance,
            partition_key=key,
            run_config=run_config,
            raise_on_error=False,
        )
        checks = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
        succeeded[one.key.to_user_string()] = {"success": done.success, "checks": checks}
print(json.dumps(succeeded))
"""
"""Materialize assets, each in a run of its own. Arguments: the partition of each that has some, the run's config."""
OBSERVE = """
import json
import dagster as dg
from printflow_reliability.definitions import defs

with dg.DagsterInstance.ephemeral() as instance:
    job = defs.resolve_job_def("__anonymous_asset_job_systems_every_half_hour")
    done = job.execute_in_process(instance=instance, raise_on_error=False)
    observed = {}
    for spec in defs.resolve_all_asset_specs():
        for record in instance.fetch_observations(spec.key, limit=1).records:
            observed[spec.key.to_user_string()] = record.asset_observation.metadata["verdict"].value
print(json.dumps({"success": done.success, "observed": observed}))
"""
"""Observe the external assets; what each answered."""
NAMES = """
import json
from printflow_reliability.definitions import defs

graph = defs.resolve_asset_graph()
keys = {"observable": graph.observable_asset_keys, "materializable": graph.materializable_asset_keys}
print(json.dumps({kind: sorted(key.to_user_string() for key in found) for kind, found in keys.items()}))
"""
"""What the graph is made of."""


def materialize(
    foreign: ForeignPlatform,
    *assets: str,
    by: PlainUser,
    partitions: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Materialize assets in a process of that user; whether each run succeeded, and its checks."""
    ended = foreign.python("-c", MATERIALIZE, json.dumps(partitions or {}), json.dumps(config or {}), *assets, by=by)
    assert ended.exit_code == 0, ended
    answer: dict[str, Any] = json.loads(ended.stdout)
    assert set(answer) == set(assets)
    return answer


def observe(foreign: ForeignPlatform) -> dict[str, Any]:
    """Observe the real systems; whether all answered, and what each said."""
    ended = foreign.python("-c", OBSERVE)
    assert ended.exit_code == 0, ended
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def names(foreign: ForeignPlatform) -> dict[str, list[str]]:
    """The assets of the graph that Dagster observes, and those that it makes."""
    ended = foreign.python("-c", NAMES)
    assert ended.exit_code == 0, ended
    answer: dict[str, list[str]] = json.loads(ended.stdout)
    return answer
