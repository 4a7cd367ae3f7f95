"""The real systems at the top of the graph: where data starts. Dagster looks at them, it does not make them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import Outcome
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import SystemsGraph, configured, graph_of
from printflow_reliability.defs.reporting import as_dagster_failure
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED, schedule
from printflow_reliability.errors import PrintflowError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.platform.observation import observe_cluster
from printflow_reliability.platform.redis_server import observe_redis
from printflow_reliability.storage.observation import observe_bucket

Observed = Mapping[str, Any]
"""What one look at a system found, as metadata: the verdict first."""


def observe(keys: set[dg.AssetKey], configuration: Configuration) -> Iterator[dg.ObserveResult]:
    """Look at these systems; one that does not answer keeps no other from being looked at, and fails the run."""
    with as_dagster_failure():
        graph = graph_of(configuration.settings(), configuration.path())
    looks = {key: look for key, look in _looks(graph).items() if key in keys}
    found = run_parallel([partial(_observed, look) for look in looks.values()])
    silent = sorted(
        (keys - looks.keys()) | {key for key, (answered, _) in zip(looks, found, strict=True) if not answered}
    )
    for key, (_, metadata) in zip(looks, found, strict=True):
        yield dg.ObserveResult(asset_key=key, metadata=metadata)
    if silent:
        names = ", ".join(key.to_user_string() for key in silent)
        raise dg.Failure(f"no answer from {names}: the observation of each says why", allow_retries=False)


def _looks(graph: SystemsGraph) -> dict[dg.AssetKey, Callable[[], Any]]:
    assert graph.settings is not None  # noqa: S101 - it was made from them
    looks: dict[dg.AssetKey, Callable[[], Any]] = {}
    for cluster in graph.settings.cluster:
        looks[graph.clusters[cluster.name].key] = partial(observe_cluster, cluster)
    for bucket in graph.settings.bucket:
        looks[graph.buckets[bucket.name].key] = partial(observe_bucket, bucket)
    for server in graph.settings.redis:
        looks[graph.redis[server.name].key] = partial(observe_redis, server)
    return looks


def _observed(look: Callable[[], Any]) -> tuple[bool, Observed]:
    """Whether the system answered, and what."""
    try:
        facts = asdict(look())
    except PrintflowError as away:
        word = OUTCOME_WORDS[Outcome.UNKNOWN]
        return False, {"verdict": f"{word}: {away.what}", **({"next_step": away.next_step} if away.next_step else {})}
    shown = {name: fact.isoformat() if isinstance(fact, datetime) else fact for name, fact in facts.items()}
    return True, {"verdict": OUTCOME_WORDS[Outcome.PASS], **shown}


def observable(graph: SystemsGraph) -> dg.AssetsDefinition:
    """The systems of the graph as assets that Dagster observes."""

    def observe_systems(context: dg.AssetExecutionContext, configuration: Configuration) -> Iterator[dg.ObserveResult]:
        yield from observe(set(context.selected_asset_keys), configuration)

    observed: dg.AssetsDefinition = dg.multi_observable_source_asset(
        specs=graph.systems,
        name="observe_systems",
        can_subset=True,
        description="Look at the real systems. Red: one of them did not answer; its last observation says why. Nothing "
        "that needs it can be told meanwhile.",
    )(observe_systems)
    return observed


@dg.definitions
def definitions() -> dg.Definitions:
    """The clusters, buckets, Redis servers and queues of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[observable(graph), *graph.queues.values()],
        schedules=[
            schedule(
                "systems_every_half_hour",
                "*/30 * * * *",
                [spec.key.to_user_string() for spec in graph.systems],
                "Look at every cluster, bucket and Redis once.",
                tags=HARMLESS | SHORT_LIVED,
            )
        ],
    )
