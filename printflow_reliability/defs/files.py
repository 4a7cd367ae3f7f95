"""Print files in the graph: every reference against the bucket, orphans, and whether the PDFs can be printed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import BUCKET_DAMAGED, SystemsGraph, configured
from printflow_reliability.defs.partition_names import identifier_of, partition_of
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, findings_table, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED
from printflow_reliability.defs.ticks import asked, tick_settings
from printflow_reliability.platform.tenancy import NO_ID, tenancy
from printflow_reliability.text import counted

if TYPE_CHECKING:
    from printflow_reliability.files.healing_report import HealingReport

GROUP = "files"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"s3", "postgres"},
    partitions_def=words.TENANTS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("tenant_files", "files.missing", "files.tenancy", "files.content", "files.healing"),
    description="Every reference of the databases compared with the buckets, by tenant; all tenants at once are "
    "one pass. Red: files are missing, belong to another tenant or have changed, or a system did "
    "not answer. The table lists the worst; bring back what can be: printflow files heal. With "
    "files.heal_automatically it brings back what the platform deleted although rows refer to it.",
)
def tenant_files(context: dg.AssetExecutionContext, configuration: Configuration) -> dg.MaterializeResult:
    """Reconcile the chosen tenants, then let the policy bring back what it may."""
    from printflow_reliability.files.healed_pass import with_healing
    from printflow_reliability.files.reconcile import reconcile

    chosen, settings = _chosen(context), configuration.settings()
    with as_dagster_failure():
        report = with_healing(settings, reconcile(settings, tenants=chosen, publish=True), tenants=chosen)
    _tell_each_tenant(context, report.as_json()["tenants"])
    found = findings_table(report.worst, sum(report.counts.values()), "printflow files reconcile")
    return result(
        report,
        "files.missing",
        "files.tenancy",
        "files.content",
        "files.healing",
        part=chosen is not None,
        first=("missing_files", "lost_files", "restorable_files", "wrong_tenant_files", "mismatched_files"),
        headline=({"findings": found} if report.worst else {}) | healed_table(report.healing),
    )


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"s3"},
    deps=[dg.AssetDep("tenant_files", partition_mapping=dg.AllPartitionMapping())],
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("orphaned_files", "files.orphans"),
    description="Objects that no reference names, from the newest pass over all tenants. Nothing is moved or "
    "deleted. Red: there are some, or no whole pass is known. See: printflow files orphans",
)
def orphaned_files(configuration: Configuration) -> dg.MaterializeResult:
    """Count what the newest whole pass found."""
    from printflow_reliability.files.orphans import known_orphans

    with as_dagster_failure():
        report = known_orphans(configuration.settings())
    found = findings_table(report.findings, len(report.findings), "printflow files orphans")
    return result(report, "files.orphans", headline={"findings": found} if report.findings else {})


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"s3", "pdf"},
    deps=["tenant_files"],
    partitions_def=words.TENANTS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("print_file_integrity", "pdf.integrity"),
    description="Every referenced print file, opened in an isolated worker; unchanged ones are known from the "
    "ledger. Red: files are damaged, cannot be printed or could not be judged. The table lists the "
    "worst: printflow pdf sweep",
)
def print_file_integrity(context: dg.AssetExecutionContext, configuration: Configuration) -> dg.MaterializeResult:
    """Sweep the chosen tenants' print files."""
    from printflow_reliability.pdf.sweep import sweep

    chosen = _chosen(context)
    with as_dagster_failure():
        report = sweep(configuration.settings(), tenants=chosen)
    found = findings_table(report.findings, len(report.findings), "printflow pdf sweep")
    return result(
        report, "pdf.integrity", part=chosen is not None, headline={"findings": found} if report.findings else {}
    )


@dg.schedule(
    target=["tenant_files", "orphaned_files"],
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    tags=HARMLESS | SHORT_LIVED,
    description="Compare every reference of all tenants with the buckets in one pass, then list the orphans.",
)
def nightly_reconciliation(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """All known tenants as one range of partitions."""
    return _all_tenants(context)


@dg.schedule(
    target=["print_file_integrity"],
    cron_schedule="0 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    tags=HARMLESS | SHORT_LIVED,
    description="Inspect the print files of all tenants in one pass.",
)
def nightly_sweep(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """All known tenants as one range of partitions."""
    return _all_tenants(context)


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps one partition for each tenant that the platform knows. A failed tick means that new tenants are "
    "not looked after: its error says what does not answer (printflow files reconcile); no partition is deleted.",
)
def tenants_known(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Add the partitions of new tenants and end those of tenants that are gone."""
    with as_dagster_failure():
        known = tenancy(tick_settings())
    ids = {tenant.id for tenant in known.tenants} | (set(known.odd) - {NO_ID})
    now = {partition_of(tenant) for tenant in ids}
    before = asked(context, lambda instance: set(instance.get_dynamic_partitions(_name(words.TENANTS))))
    if before and not now:
        raise dg.Failure(f"tenancy.tenants returns no tenant, and there were {len(before)}: nothing is changed")
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if added := sorted(now - before):
        requests.append(words.TENANTS.build_add_request(added))
    if gone := sorted(before - now):
        requests.append(words.TENANTS.build_delete_request(gone))
    if not requests:
        return dg.SkipReason(f"nothing changed: there are partitions for {counted(len(now), 'tenant')}")
    return dg.SensorResult(dynamic_partitions_requests=requests)


def healed_table(healing: "HealingReport | None") -> dict[str, dg.MarkdownMetadataValue]:
    """What was brought back by itself; nothing where nothing was."""
    if healing is None or not healing.brought_back:
        return {}
    rows = [{"what": action.deed, "where": action.key, "how": action.detail} for action in healing.brought_back]
    return {"healed": shortened(rows, ("what", "where", "how"), len(rows), "printflow files reconcile")}


def _chosen(context: dg.AssetExecutionContext) -> Sequence[str] | None:
    """The tenants to look at; None where all of them are chosen, so that one pass sees the whole bucket."""
    every = set(context.instance.get_dynamic_partitions(_name(words.TENANTS)))
    return None if every <= set(context.partition_keys) else [identifier_of(name) for name in context.partition_keys]


def _tell_each_tenant(context: dg.AssetExecutionContext, found: Sequence[Mapping[str, Any]]) -> None:
    """Each tenant's own counts on its own partition; the pass may know tenants that have none yet."""
    for summary in found:
        if (partition := partition_of(summary["tenant"])) in context.partition_keys:
            context.add_asset_metadata(
                {f"{kind}_files": count for kind, count in summary["counts"].items()}, partition_key=partition
            )


def _all_tenants(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    keys = context.instance.get_dynamic_partitions(_name(words.TENANTS))
    if not keys:
        raise dg.Failure("no tenant has a partition, so nothing can be looked at: see the ticks of tenants_known")
    return dg.RunRequest(tags={RANGE_START: keys[0], RANGE_END: keys[-1]})


def _name(partitions: dg.DynamicPartitionsDefinition) -> str:
    assert partitions.name is not None  # noqa: S101 - only the deprecated form by function has none
    return partitions.name


def _divided(asset: dg.AssetsDefinition, graph: SystemsGraph) -> dg.AssetsDefinition:
    """The asset, its backfills cut into runs of as many tenants as the configuration says; else one run takes all."""
    most = graph.settings.dagster.tenants_per_run if graph.settings else None
    return asset if most is None else asset.with_attributes(backfill_policy=dg.BackfillPolicy.multi_run(most))


@dg.definitions
def definitions() -> dg.Definitions:
    """Reconciliation of the catalog of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[
            graph.place(_divided(tenant_files, graph), graph.catalog, runbook=BUCKET_DAMAGED),
            graph.place(orphaned_files, runbook=BUCKET_DAMAGED),
            graph.place(_divided(print_file_integrity, graph), runbook=BUCKET_DAMAGED),
        ],
        schedules=[nightly_reconciliation, nightly_sweep],
        sensors=[tenants_known],
    )
