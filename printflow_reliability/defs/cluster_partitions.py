"""What is made for each cluster: an asset with a partition a cluster, all of them in one run by schedule."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from printflow_reliability.defs.graph import SystemsGraph
from printflow_reliability.defs.partition_names import identifier_of, partition_of

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
UNCONFIGURED = "unconfigured_cluster"


def cluster_partitions(graph: SystemsGraph) -> dg.StaticPartitionsDefinition:
    """A partition for each cluster of the configuration."""
    names = [cluster.name for cluster in graph.settings.cluster] if graph.settings else [UNCONFIGURED]
    return dg.StaticPartitionsDefinition([partition_of(name) for name in names])


def chosen_clusters(
    context: dg.AssetExecutionContext, partitions: dg.StaticPartitionsDefinition
) -> tuple[str, ...] | None:
    """The clusters of a run's partitions; None where all of them are chosen."""
    keys = context.partition_keys
    everything = set(partitions.get_partition_keys()) <= set(keys)
    return None if everything else tuple(identifier_of(key) for key in keys)


def schedule_of_all_clusters(
    name: str,
    cron: str,
    asset: dg.AssetsDefinition,
    description: str,
    *,
    config: Mapping[str, Any] | None = None,
) -> dg.ScheduleDefinition:
    """A schedule that materializes all partitions of an asset as one range, in one run; times are UTC.

    Args:
        name: of the schedule.
        cron: when.
        asset: with the partitions of `cluster_partitions`.
        description: what it starts.
        config: of the asset.
    """
    assert asset.partitions_def is not None  # noqa: S101 - it was made with some
    keys = asset.partitions_def.get_partition_keys()
    key = asset.key.to_user_string()
    request = dg.RunRequest(
        tags={RANGE_START: keys[0], RANGE_END: keys[-1]},
        run_config={"ops": {asset.op.name: {"config": dict(config)}}} if config else None,
    )

    @dg.schedule(
        name=name,
        target=[key],
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def every_cluster(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return request

    return every_cluster
