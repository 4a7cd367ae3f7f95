"""`printflow.toml` and its secrets, typed: the one place that reads configuration and environment variables.

A mistake ends with one message that names the file's own key ("cluster[0].stanzza") and says what would be right.
"""

from printflow_reliability.settings.acknowledged import AcknowledgedSettings
from printflow_reliability.settings.alert_routes import AlertRouteSettings, AlertsSettings
from printflow_reliability.settings.backups import BackupsSettings, BreakGlassSettings, RetentionSettings
from printflow_reliability.settings.buckets import BucketSettings
from printflow_reliability.settings.checkout import (
    CheckoutActionSettings,
    CheckoutSettings,
    CheckoutStepSettings,
)
from printflow_reliability.settings.clusters import ClusterSettings
from printflow_reliability.settings.config_backup import ConfigBackupSettings, RedisCopySettings
from printflow_reliability.settings.copies import CopiesSettings
from printflow_reliability.settings.dagster import DagsterSettings
from printflow_reliability.settings.document import Settings
from printflow_reliability.settings.drills import DrillsSettings, ManualStepSettings
from printflow_reliability.settings.dumps import DumpsSettings
from printflow_reliability.settings.files import FilesSettings
from printflow_reliability.settings.heartbeats import HeartbeatSettings
from printflow_reliability.settings.http import HttpSettings, HttpTokenSettings, Scope
from printflow_reliability.settings.journal import JournalSettings
from printflow_reliability.settings.links import LinkSettings
from printflow_reliability.settings.loading import default_home, find_config, load, notify_socket
from printflow_reliability.settings.objectives import ObjectiveSettings
from printflow_reliability.settings.orders import OrdersSettings, RepairSettings
from printflow_reliability.settings.origins import Origins, origins
from printflow_reliability.settings.pdf import PdfSettings
from printflow_reliability.settings.pdf_service import PdfServiceSettings
from printflow_reliability.settings.platform import PlatformSettings
from printflow_reliability.settings.posture import PostureSettings
from printflow_reliability.settings.programs import ProgramsSettings
from printflow_reliability.settings.queues import QueueOrderSettings, QueueSettings, WorkerSettings
from printflow_reliability.settings.readiness import ReadinessSettings
from printflow_reliability.settings.records import RecordsSettings
from printflow_reliability.settings.redis import RedisSettings
from printflow_reliability.settings.references import ReferenceSettings
from printflow_reliability.settings.runbook import RunbookSettings
from printflow_reliability.settings.sentry import SentrySettings
from printflow_reliability.settings.smoke import SmokeSettings
from printflow_reliability.settings.tenancy import TenancySettings, TenantRowsSettings
from printflow_reliability.settings.watch import WatchSettings

__all__ = [
    "AcknowledgedSettings",
    "AlertRouteSettings",
    "AlertsSettings",
    "BackupsSettings",
    "BreakGlassSettings",
    "BucketSettings",
    "CheckoutActionSettings",
    "CheckoutSettings",
    "CheckoutStepSettings",
    "ClusterSettings",
    "ConfigBackupSettings",
    "CopiesSettings",
    "DagsterSettings",
    "DrillsSettings",
    "DumpsSettings",
    "FilesSettings",
    "HeartbeatSettings",
    "HttpSettings",
    "HttpTokenSettings",
    "JournalSettings",
    "LinkSettings",
    "ManualStepSettings",
    "ObjectiveSettings",
    "OrdersSettings",
    "Origins",
    "PdfServiceSettings",
    "PdfSettings",
    "PlatformSettings",
    "PostureSettings",
    "ProgramsSettings",
    "QueueOrderSettings",
    "QueueSettings",
    "ReadinessSettings",
    "RecordsSettings",
    "RedisCopySettings",
    "RedisSettings",
    "ReferenceSettings",
    "RepairSettings",
    "RetentionSettings",
    "RunbookSettings",
    "Scope",
    "SentrySettings",
    "Settings",
    "SmokeSettings",
    "TenancySettings",
    "TenantRowsSettings",
    "WatchSettings",
    "WorkerSettings",
    "default_home",
    "find_config",
    "load",
    "notify_socket",
    "origins",
]
