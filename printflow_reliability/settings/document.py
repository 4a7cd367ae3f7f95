"""The whole of printflow.toml, typed, with the names in it resolved."""

from collections.abc import Iterable
from typing import Self, TypeVar

from pydantic import Field, PrivateAttr, model_validator

from printflow_reliability.errors import ConfigError
from printflow_reliability.personal_data import without_personal_data
from printflow_reliability.programs import Programs
from printflow_reliability.redaction import redacted
from printflow_reliability.settings.acknowledged import AcknowledgedSettings
from printflow_reliability.settings.alert_routes import AlertRouteSettings, AlertsSettings
from printflow_reliability.settings.backups import BackupsSettings
from printflow_reliability.settings.buckets import BucketSettings, twins
from printflow_reliability.settings.checkout import CheckoutSettings
from printflow_reliability.settings.clusters import ClusterSettings
from printflow_reliability.settings.config_backup import ConfigBackupSettings
from printflow_reliability.settings.copies import CopiesSettings
from printflow_reliability.settings.dagster import DagsterSettings
from printflow_reliability.settings.drills import DrillsSettings
from printflow_reliability.settings.dumps import DumpsSettings
from printflow_reliability.settings.files import FilesSettings, require_quarantine_apart
from printflow_reliability.settings.heartbeats import HeartbeatSettings
from printflow_reliability.settings.http import HttpSettings
from printflow_reliability.settings.journal import JournalSettings, require_look_back
from printflow_reliability.settings.links import LinkSettings
from printflow_reliability.settings.objectives import ObjectiveSettings
from printflow_reliability.settings.orders import OrdersSettings
from printflow_reliability.settings.pdf import PdfSettings
from printflow_reliability.settings.pdf_service import PdfServiceSettings
from printflow_reliability.settings.platform import PlatformSettings
from printflow_reliability.settings.posture import PostureSettings
from printflow_reliability.settings.programs import ProgramsSettings
from printflow_reliability.settings.queues import QueueSettings, WorkerSettings
from printflow_reliability.settings.readiness import ReadinessSettings
from printflow_reliability.settings.records import RecordsSettings
from printflow_reliability.settings.redis import RedisSettings
from printflow_reliability.settings.references import ReferenceSettings
from printflow_reliability.settings.runbook import RunbookSettings
from printflow_reliability.settings.secrets import written_in
from printflow_reliability.settings.section import Section
from printflow_reliability.settings.sentry import SentrySettings
from printflow_reliability.settings.smoke import SmokeSettings
from printflow_reliability.settings.tenancy import TenancySettings
from printflow_reliability.settings.watch import WatchSettings

Named = TypeVar("Named", ClusterSettings, BucketSettings, RedisSettings)


class Settings(Section):
    """The whole file."""

    platform: PlatformSettings
    records: RecordsSettings
    programs: ProgramsSettings = ProgramsSettings()
    cluster: tuple[ClusterSettings, ...] = Field(min_length=1)
    bucket: tuple[BucketSettings, ...] = Field(min_length=1)
    tenancy: TenancySettings
    reference: tuple[ReferenceSettings, ...] = Field(min_length=1)
    link: tuple[LinkSettings, ...] = ()
    smoke: tuple[SmokeSettings, ...] = ()
    orders: OrdersSettings
    redis: tuple[RedisSettings, ...] = ()
    queue: tuple[QueueSettings, ...] = ()
    worker: tuple[WorkerSettings, ...] = ()
    backups: BackupsSettings = BackupsSettings()
    dumps: DumpsSettings | None = None
    config_backup: ConfigBackupSettings | None = None
    copies: CopiesSettings = CopiesSettings()
    drills: DrillsSettings = DrillsSettings()
    objective: tuple[ObjectiveSettings, ...] = ()
    runbook: RunbookSettings = RunbookSettings()
    files: FilesSettings = FilesSettings()
    journal: JournalSettings | None = None
    pdf: PdfSettings = PdfSettings()
    pdf_service: PdfServiceSettings | None = None
    posture: PostureSettings | None = None
    checkout: CheckoutSettings | None = None
    acknowledged: tuple[AcknowledgedSettings, ...] = ()
    alerts: AlertsSettings = AlertsSettings()
    alert_route: tuple[AlertRouteSettings, ...] = ()
    watch: WatchSettings = WatchSettings()
    http: HttpSettings = HttpSettings()
    readiness: ReadinessSettings = ReadinessSettings()
    heartbeat: tuple[HeartbeatSettings, ...] = ()
    sentry: SentrySettings | None = None
    dagster: DagsterSettings = DagsterSettings()
    _secrets: tuple[str, ...] = PrivateAttr(default=())

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that came through a secret indirection or belongs to a secret key, longest first."""
        return self._secrets

    def with_secrets(self, secrets: Iterable[str]) -> Self:
        """The same settings, which never show these."""
        copy = self.model_copy()
        known = {*secrets, *written_in(self)}
        copy._secrets = tuple(sorted(known, key=len, reverse=True))
        return copy

    def redact(self, text: str) -> str:
        """The text as it may leave this machine: every secret of the file replaced, and what is personal data."""
        return without_personal_data(redacted(text, self.secrets))

    def cluster_named(self, name: str) -> ClusterSettings:
        """The cluster of that name.

        Raises:
            ConfigError: there is none; the message lists those there are.
        """
        return _named(self.cluster, name, "cluster")

    def bucket_named(self, name: str) -> BucketSettings:
        """The bucket that this file calls by that name.

        Raises:
            ConfigError: there is none; the message lists those there are.
        """
        return _named(self.bucket, name, "bucket")

    def redis_named(self, name: str) -> RedisSettings:
        """The Redis of that name.

        Raises:
            ConfigError: there is none; the message lists those there are.
        """
        return _named(self.redis, name, "redis")

    def runner(self) -> Programs:
        """The runner of external programs that this configuration describes."""
        return self.programs.runner(self.secrets)

    def _of_queues(self, clusters: set[str]) -> list[tuple[str, str, set[str]]]:
        """What queues and workers name: the key, the name, and the names that there are."""
        servers = {server.name for server in self.redis}
        places: list[tuple[str, QueueSettings | WorkerSettings]] = [
            *((f"queue[{index}]", queue) for index, queue in enumerate(self.queue)),
            *((f"worker[{index}]", worker) for index, worker in enumerate(self.worker)),
        ]
        uses = [(f"{place}.cluster", entry.cluster, clusters) for place, entry in places if entry.cluster is not None]
        return uses + [(f"{place}.redis", entry.redis, servers) for place, entry in places if entry.redis is not None]

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        clusters = {cluster.name for cluster in self.cluster}
        buckets = {bucket.name for bucket in self.bucket}
        _unique(self)
        uses: list[tuple[str, str, set[str]]] = [
            ("tenancy.cluster", self.tenancy.cluster, clusters),
            ("orders.cluster", self.orders.cluster, clusters),
            ("orders.bucket", self.orders.bucket, buckets),
        ]
        for index, elsewhere in enumerate(self.tenancy.elsewhere):
            uses.append((f"tenancy.elsewhere[{index}].cluster", elsewhere.cluster, clusters))
        for index, reference in enumerate(self.reference):
            uses.append((f"reference[{index}].cluster", reference.cluster, clusters))
            uses.append((f"reference[{index}].bucket", reference.bucket, buckets))
            uses += [
                (f"reference[{index}].disk[{number}].bucket", disk.bucket, buckets)
                for number, disk in enumerate(reference.disk)
                if disk.bucket is not None
            ]
        for index, link in enumerate(self.link):
            uses.append((f"link[{index}].cluster", link.cluster, clusters))
            uses.append((f"link[{index}].target_cluster", link.target_cluster, clusters))
        for index, smoke in enumerate(self.smoke):
            uses.append((f"smoke[{index}].cluster", smoke.cluster, clusters))
        for index, bucket in enumerate(self.bucket):
            if bucket.replica is not None:
                uses.append((f"bucket[{index}].replica", bucket.replica, buckets))
            if bucket.inventory_bucket is not None:
                uses.append((f"bucket[{index}].inventory_bucket", bucket.inventory_bucket, buckets))
        uses += self._of_queues(clusters)
        if self.journal is not None:
            uses.append(("journal.cluster", self.journal.cluster, clusters))
        if self.drills.reports_bucket is not None:
            uses.append(("drills.reports_bucket", self.drills.reports_bucket, buckets))
        if self.dumps is not None:
            uses.append(("dumps.bucket", self.dumps.bucket, buckets))
        if self.config_backup is not None:
            if self.dumps is None:
                raise ValueError("config_backup: needs [dumps], which says who can read copies of the records")
            uses.append(("config_backup.bucket", self.config_backup.bucket or self.dumps.bucket, buckets))
        for key, name, known in uses:
            if name not in known:
                raise ValueError(f'{key}: nothing is named "{name}" here; there is {_listed(known)}')
        of_files = {self.orders.bucket, *(reference.bucket for reference in self.reference)}
        of_files |= {disk.bucket for reference in self.reference for disk in reference.disk if disk.bucket is not None}
        if two := twins(self.bucket, of_files):
            raise ValueError(
                f'bucket: "{two[0]}" and "{two[1]}" are the same bucket on the same server: files that rows name in '
                f'one of them look like orphans of the other; use one name, "{two[0]}", in orders, reference and disk'
            )
        require_quarantine_apart(self.files, self.bucket, (self.orders, *self.reference))
        if self.journal is not None:
            require_look_back(self.journal, self.bucket)
        return self


def _unique(settings: Settings) -> None:
    for kind, names in (
        ("cluster", settings.cluster),
        ("bucket", settings.bucket),
        ("reference", settings.reference),
        ("redis", settings.redis),
        ("queue", settings.queue),
        ("worker", settings.worker),
        ("alert_route", settings.alert_route),
        ("config_backup.redis", settings.config_backup.redis if settings.config_backup else ()),
    ):
        seen: set[str] = set()
        for entry in names:
            if entry.name in seen:
                raise ValueError(f'{kind}: the name "{entry.name}" is given twice; names are unique')
            seen.add(entry.name)
    tiers = [objective.tier for objective in settings.objective]
    if twice_set := next((tier for tier in tiers if tiers.count(tier) > 1), None):
        raise ValueError(f'objective: the tier "{twice_set}" is given twice')
    parts = [heartbeat.of for heartbeat in settings.heartbeat]
    if twice := next((part for part in parts if parts.count(part) > 1), None):
        raise ValueError(f'heartbeat: "{twice}" has two; one watcher hears of each part')


def _named(entries: tuple[Named, ...], name: str, kind: str) -> Named:
    for entry in entries:
        if entry.name == name:
            return entry
    raise ConfigError(f'there is no {kind} named "{name}"', f"use one of: {_listed({entry.name for entry in entries})}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
