"""The real systems of printflow.toml as external assets, and what of the graph depends on which of them.

The graph is read when the definitions load. Without a configuration, or with one that is wrong, a placeholder stands
for each kind of system, so that the definitions load everywhere and say what is missing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from printflow_reliability.defs.vocabulary import OWNERS, PLATFORM
from printflow_reliability.errors import ConfigError, PrintflowError
from printflow_reliability.runbook import render
from printflow_reliability.runbook.names import Facts, Names
from printflow_reliability.runbook.scenarios import scenarios
from printflow_reliability.settings import BucketSettings, ClusterSettings, Settings, find_config, load

PLACEHOLDER = "PLACEHOLDER: there is no usable configuration, so the real systems are not known. {why} Set "
PLACEHOLDER += "PRINTFLOW_CONFIG to a printflow.toml, then reload this code location."
CLUSTER_LOST, BUCKET_DAMAGED = "cluster-lost", "bucket-damaged"
"""The sections of the runbook that begin where a check of databases, or of files, is red."""
RESERVED = frozenset(
    {
        *("base_backup", "wal_archive", "backup_integrity", "recoverable_window", "backup_expiry"),
        *("logical_dump", "dump_verification", "dump_expiry", "config_backup", "config_verification", "backup_copies"),
        *("recovery_fence", "restore_drill", "recovery_objectives", "readiness"),
        *("tenant_files", "orphaned_files", "print_file_integrity", "print_file_protection"),
        *("file_deletions",),
        *("paid_orders", "held_orders", "alert_delivery"),
        *("queue_health", "redis_durability"),
        *("platform_posture", "action_plan"),
        "synthetic_checkout",
    }
)
"""The graph's own assets; a system of the same name gets another key."""


@dataclass(frozen=True)
class SystemsGraph:
    """The external assets of an installation.

    Attributes:
        clusters: the asset of each [[cluster]], by its name in the file.
        buckets: the asset of each [[bucket]], by its name in the file.
        redis: the asset of each [[redis]], by its name in the file.
        queues: the asset of each [[queue]], by its name in the file.
        settings: the configuration; None where placeholders stand for it.
        runbook: the sections of this installation's runbook, by their names.
        note: why there are placeholders; empty where there are none.
    """

    clusters: Mapping[str, dg.AssetSpec]
    buckets: Mapping[str, dg.AssetSpec]
    settings: Settings | None
    runbook: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    redis: Mapping[str, dg.AssetSpec] = field(default_factory=dict)
    queues: Mapping[str, dg.AssetSpec] = field(default_factory=dict)

    @property
    def systems(self) -> Sequence[dg.AssetSpec]:
        """Every external asset that is looked at by itself, clusters first."""
        return [*self.clusters.values(), *self.buckets.values(), *self.redis.values()]

    @property
    def all_clusters(self) -> Sequence[dg.AssetKey]:
        """What backups and drills read."""
        return [spec.key for spec in self.clusters.values()]

    @property
    def catalog(self) -> Sequence[dg.AssetKey]:
        """The clusters and buckets of the catalog: what a reconciliation reads."""
        if self.settings is None:
            return [spec.key for spec in self.systems]
        clusters = {self.settings.tenancy.cluster, *(reference.cluster for reference in self.settings.reference)}
        return [*_keys(self.clusters, clusters), *self.referenced_buckets]

    @property
    def referenced_buckets(self) -> Sequence[dg.AssetKey]:
        """The buckets that references lead to."""
        if self.settings is None:
            return [spec.key for spec in self.buckets.values()]
        return _keys(self.buckets, {reference.bucket for reference in self.settings.reference})

    @property
    def orders(self) -> Sequence[dg.AssetKey]:
        """Where paid orders and their print files are."""
        if self.settings is None:
            return [spec.key for spec in self.systems]
        orders = self.settings.orders
        return [*_keys(self.clusters, {orders.cluster}), *_keys(self.buckets, {orders.bucket})]

    def place(
        self, asset: dg.AssetsDefinition, above: Iterable[dg.AssetKey] = (), *, runbook: str = ""
    ) -> dg.AssetsDefinition:
        """The asset below these external assets, with a link to its source and its section of the runbook."""
        found = tuple(above)
        section = _section(self.runbook, runbook)
        (sourced,) = dg.with_source_code_references([asset])
        assert isinstance(sourced, dg.AssetsDefinition)  # noqa: S101 - it returns what it was given
        (placed,) = dg.map_asset_specs(lambda spec: spec.merge_attributes(deps=found, metadata=section), [sourced])
        return placed


def configured(environ: Mapping[str, str] | None = None) -> SystemsGraph:
    """The graph of the configuration file that a run would use; placeholders where there is none."""
    try:
        file = find_config(None, environ)
        return graph_of(load(file, environ), file)
    except ConfigError as missing:
        return placeholder(missing.sentence)


def placeholder(why: str) -> SystemsGraph:
    """A graph in which one asset of each kind stands for systems that are not known."""
    note = PLACEHOLDER.format(why=f"{why.rstrip('.')}.")
    cluster = _spec("unconfigured_cluster", {"postgres"}, note)
    bucket = _spec("unconfigured_bucket", {"s3"}, note, deps=[cluster.key])
    redis = _spec("unconfigured_redis", {"redis"}, note)
    queue = _spec("unconfigured_queue", {"redis"}, note, deps=[redis.key])
    return SystemsGraph({"": cluster}, {"": bucket}, None, note=note, redis={"": redis}, queues={"": queue})


def graph_of(settings: Settings, file: Path) -> SystemsGraph:
    """The graph of these settings, which were read from that file."""
    taken = set(RESERVED)
    source = dg.CodeReferencesMetadataValue(
        code_references=[dg.LocalFileCodeReference(file_path=str(file.absolute()), label="printflow.toml")]
    )
    runbook = _runbook(settings, file)
    clusters = {
        cluster.name: _spec(
            _free(_identifier(cluster.name), taken),
            {"postgres"},
            f'PostgreSQL cluster "{cluster.name}". {_reads(settings, cluster)}',
            metadata={
                **_cluster_metadata(cluster),
                **_section(runbook, CLUSTER_LOST),
                "dagster/code_references": source,
            },
        )
        for cluster in settings.cluster
    }
    keys = {bucket.name: _free(f"{_identifier(bucket.name)}_bucket", taken) for bucket in settings.bucket}
    buckets = {
        bucket.name: _spec(
            keys[bucket.name],
            {"s3"},
            f'S3 bucket "{bucket.name}". {_holds(settings, bucket)}',
            deps=_above(settings, bucket, clusters, keys),
            metadata={
                **_bucket_metadata(bucket),
                **_section(runbook, BUCKET_DAMAGED),
                "dagster/code_references": source,
            },
        )
        for bucket in settings.bucket
    }
    redis = {
        server.name: _spec(
            _free(_identifier(server.name), taken),
            {"redis"},
            f'Redis "{server.name}". Holds {_queues_in(settings, server.name)}.',
            metadata={"dagster/code_references": source},
        )
        for server in settings.redis
    }
    queues = {
        queue.name: _spec(
            _free(f"{_identifier(queue.name)}_queue", taken),
            {"postgres" if queue.redis is None and queue.cluster else "redis"},
            f'Queue "{queue.name}", of the kind {queue.kind}.',
            deps=[*_keys(redis, {str(queue.redis)}), *_keys(clusters, {str(queue.cluster)})],
            metadata={"dagster/code_references": source},
        )
        for queue in settings.queue
    }
    return SystemsGraph(clusters, buckets, settings, runbook, redis=redis, queues=queues)


def _queues_in(settings: Settings, redis: str) -> str:
    held = [f'"{queue.name}"' for queue in settings.queue if queue.redis == redis]
    return f"the queues {', '.join(held)}" if held else "no queue that this file names"


def _runbook(settings: Settings, file: Path) -> dict[str, str]:
    """Every section as text; nothing where the configuration does not allow for one."""
    try:
        return {
            name: render.scenario_page(settings, scenario)
            for name, scenario in scenarios(Names(settings, file.absolute(), Facts())).items()
        }
    except PrintflowError:
        return {}


def _section(runbook: Mapping[str, str], name: str) -> dict[str, object]:
    """A section of the runbook as metadata, to be read in the browser; its command where there is no text of it."""
    if not name:
        return {}
    return {"runbook": dg.MetadataValue.md(runbook[name]) if name in runbook else f"printflow runbook {name}"}


def _spec(
    name: str,
    kinds: set[str],
    description: str,
    *,
    deps: Iterable[dg.AssetKey] = (),
    metadata: Mapping[str, object] | None = None,
) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        group_name=PLATFORM,
        owners=OWNERS,
        kinds=kinds,
        description=description,
        deps=deps,
        metadata=metadata,
    )


def _identifier(name: str) -> str:
    """A name as an asset's key may have it, whatever it holds."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first numbered one of it that nothing has yet; it is taken from now on."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


def _keys(specs: Mapping[str, dg.AssetSpec], names: Set[str]) -> list[dg.AssetKey]:
    """The keys of these names, in the order of the file."""
    return [spec.key for name, spec in specs.items() if name in names]


def _above(
    settings: Settings, bucket: BucketSettings, clusters: Mapping[str, dg.AssetSpec], keys: Mapping[str, str]
) -> list[dg.AssetKey]:
    """What a bucket's content follows from: the databases that refer to it, the bucket that it is a replica of."""
    referring = {reference.cluster for reference in settings.reference if reference.bucket == bucket.name}
    copied = [dg.AssetKey(keys[original.name]) for original in settings.bucket if original.replica == bucket.name]
    return [*_keys(clusters, referring), *copied]


def _reads(settings: Settings, cluster: ClusterSettings) -> str:
    parts = []
    if settings.tenancy.cluster == cluster.name:
        parts.append("tenants")
    if settings.orders.cluster == cluster.name:
        parts.append("paid orders")
    parts += [f"references: {reference.name}" for reference in settings.reference if reference.cluster == cluster.name]
    return f"Read for {', '.join(parts)}." if parts else "Backed up and restored in drills."


def _holds(settings: Settings, bucket: BucketSettings) -> str:
    referring = [reference.name for reference in settings.reference if reference.bucket == bucket.name]
    copied = [original.name for original in settings.bucket if original.replica == bucket.name]
    if referring:
        return f"Holds the objects of these references: {', '.join(referring)}."
    if copied:
        return f'Replica of the bucket "{copied[0]}".'
    if settings.dumps is not None and settings.dumps.bucket == bucket.name:
        return "Holds encrypted dumps of the databases."
    return "Holds the reports of drills." if settings.drills.reports_bucket == bucket.name else "Holds no reference."


def _cluster_metadata(cluster: ClusterSettings) -> dict[str, object]:
    repositories = ", ".join(f"repo{number}" for number in cluster.repositories)
    return {"stanza": cluster.stanza, "database": cluster.database, "repositories": repositories or "none"}


def _bucket_metadata(bucket: BucketSettings) -> dict[str, object]:
    where = {"endpoint": bucket.endpoint_url} if bucket.endpoint_url else {}
    return {"dagster/uri": f"s3://{bucket.bucket}", "region": bucket.region, **where}
