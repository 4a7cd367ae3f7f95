"""The real systems at the top of the graph: where data starts. Dagster looks at them, it does not make them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import Outcome
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import SystemsGraph, configured, graph_of
from printflow_reliability.defs.reporting import plainly
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED
from printflow_reliability.errors import PrintflowError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.platform.observation import observe_cluster
from printflow_reliability.storage.observation import observe_bucket

Observed = Mapping[str, Any]
"""What one look at a system found, as metadata: the verdict first."""


@dg.op(description="Look at every cluster and bucket once, and record what each answered on its asset.")
def look_at_systems(context: dg.OpExecutionContext, configuration: Configuration) -> None:
    """One observation for each system; one that does not answer keeps no other from being looked at."""
    with plainly():
        graph = graph_of(configuration.settings(), configuration.path())
    looks = _looks(graph)
    found = run_parallel([partial(_observed, look) for look in looks.values()], give_up=lambda: None)
    silent = []
    for key, (answered, metadata) in zip(looks, found, strict=True):
        context.log_event(dg.AssetObservation(key, metadata=metadata))
        if not answered:
            silent.append(key.to_user_string())
    if silent:
        raise dg.Failure(f"no answer from {', '.join(silent)}: the observation of each says why", allow_retries=False)


@dg.job(
    description="Look at the real systems. Red: one of them did not answer; its asset says why. Nothing that needs it "
    "can be told meanwhile.",
    tags=HARMLESS | SHORT_LIVED,
)
def observe_systems() -> None:
    """Observe every external asset."""
    look_at_systems()


def _looks(graph: SystemsGraph) -> dict[dg.AssetKey, Callable[[], Any]]:
    assert graph.settings is not None  # noqa: S101 - it was made from them
    looks: dict[dg.AssetKey, Callable[[], Any]] = {}
    for cluster in graph.settings.cluster:
        looks[graph.clusters[cluster.name].key] = partial(observe_cluster, cluster)
    for bucket in graph.settings.bucket:
        looks[graph.buckets[bucket.name].key] = partial(observe_bucket, bucket)
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


@dg.definitions
def definitions() -> dg.Definitions:
    """The clusters and buckets of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=graph.systems,
        jobs=[observe_systems],
        schedules=[
            dg.ScheduleDefinition(
                name="systems_every_half_hour",
                job=observe_systems,
                cron_schedule="*/30 * * * *",
                execution_timezone="UTC",
                description="Look at every cluster and bucket once.",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        ],
    )
