"""The one place where Sentry is set up, in every process of this program alike, and where it ends."""

import json
import logging
import platform
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from printflow_reliability.addresses import is_loopback
from printflow_reliability.alerts.sentry.recent import Recent
from printflow_reliability.alerts.sentry.scrubbing import OURS, Scrubber
from printflow_reliability.errors import PrintflowError
from printflow_reliability.settings import SentrySettings, Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

log = logging.getLogger(__name__)

PACKAGE = "printflow-reliability"
FLUSH_SECONDS = 3.0
"""How long the end of a process waits for what is being sent."""
CHANGE_SECONDS = 1.0
"""The same where the settings changed and the process goes on."""
OPERATION = "operation"
"""The kind of a transaction that is traced; see `tracing.py`."""
MOST_BREADCRUMBS = 30
EXPECTED = (PrintflowError, KeyboardInterrupt, BrokenPipeError, SystemExit)
"""What a person acts on, or did: no defect of this program."""


_NO_PROXY = {"http_proxy": "", "https_proxy": ""}
"""What stays on this machine is shown to no proxy of the environment."""


@dataclass(frozen=True)
class _Set:
    """What Sentry was set up with."""

    sentry: SentrySettings
    environment: str
    secrets: tuple[str, ...]
    process: str


_lock = threading.Lock()
_current: _Set | None = None
"""The SDK keeps one client a process; this is what that one was made of."""


def start(settings: Settings, process: str) -> None:
    """Set Sentry up as the settings say, also where they changed since; without [sentry], nothing is sent.

    Args:
        settings: the configuration as it is now.
        process: which program this is, as a tag of every event: "command", "watch", "Dagster".
    """
    global _current
    with _lock:
        if settings.sentry is None:
            _end(CHANGE_SECONDS)
            return
        wanted = _Set(settings.sentry, settings.platform.environment, settings.secrets, process)
        if wanted == _current:
            return
        _end(CHANGE_SECONDS)
        import sentry_sdk  # see loaded.py

        try:
            client = sentry_sdk.Client(**options(settings, settings.sentry, Recent()))
        except Exception as unusable:  # whatever Sentry's client meets, the work goes on
            log.warning("Sentry is told nothing, its client cannot be made: %s", type(unusable).__name__)
            return
        scope = sentry_sdk.get_global_scope()
        scope.set_client(client)
        scope.set_tag("process", process)
        scope.set_context("runtime", {"name": platform.python_implementation(), "version": platform.python_version()})
        _current = wanted


def stop(timeout: float = FLUSH_SECONDS) -> None:
    """Wait a little for what is being sent, and send nothing more."""
    with _lock:
        _end(timeout)


def _end(timeout: float) -> None:
    global _current
    if _current is None:
        return
    import sentry_sdk

    scope = sentry_sdk.get_global_scope()
    client, _current = scope.client, None
    scope.set_client(None)
    if client is not None:
        client.close(timeout=timeout)


def options(settings: Settings, sentry: SentrySettings, recent: Recent) -> dict[str, Any]:
    """What the SDK's client is made with. Every default that sends more than an error is turned off by name."""
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration
    from sentry_sdk.integrations.threading import ThreadingIntegration

    from printflow_reliability.alerts.sentry.transport import MOST_WAITING, BoundedTransport

    scrubber = Scrubber(settings.redact)

    def before_send(event: "Event", hint: "Hint") -> "Event | None":
        cleaned = scrubber.event(event, hint)
        return cleaned if event.get("type") == "check_in" or recent.is_new(cleaned) else None

    def traces_sampler(context: Mapping[str, Any]) -> float:
        return sentry.traces_sample_rate if context["transaction_context"].get("op") == OPERATION else 0.0

    class Transport(BoundedTransport):
        def __init__(self, options: dict[str, Any]) -> None:
            super().__init__(options)
            self.lost = recent.forget

    return {
        "dsn": sentry.dsn,
        "release": sentry.release or installed_release(),
        "environment": settings.platform.environment,
        "server_name": "",
        "transport": Transport,
        "transport_queue_size": MOST_WAITING,
        **(_NO_PROXY if is_loopback(urlsplit(sentry.dsn).hostname or "") else {}),
        "shutdown_timeout": FLUSH_SECONDS,
        "before_send": before_send,
        "before_send_transaction": scrubber.transaction,
        "before_breadcrumb": scrubber.breadcrumb,
        "traces_sampler": traces_sampler,
        "trace_propagation_targets": [],
        "ignore_errors": list(EXPECTED),
        "in_app_include": [OURS],
        "max_breadcrumbs": MOST_BREADCRUMBS,
        "default_integrations": False,
        "auto_enabling_integrations": False,
        "integrations": [
            AtexitIntegration(callback=lambda _pending, _timeout: None),
            ExcepthookIntegration(),
            ThreadingIntegration(),
            LoggingIntegration(event_level=None, sentry_logs_level=None),
        ],
        "include_local_variables": False,
        "include_source_context": False,
        "max_request_body_size": "never",
        "auto_session_tracking": False,
        "send_client_reports": False,
        "enable_backpressure_handling": False,
        "enable_logs": False,
        "spotlight": False,
        "debug": False,
    }


def installed_release() -> str:
    """The version of the installed package, and its revision in git where pip noted one (PEP 610)."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:  # a copy of its folder alone
        return PACKAGE
    revision = _revision(package)
    return f"{PACKAGE}@{package.version}" + (f"+{revision[:12]}" if revision else "")


def _revision(package: Distribution) -> str:
    try:
        origin = json.loads(package.read_text("direct_url.json") or "{}")
        return str(origin.get("vcs_info", {}).get("commit_id") or "")
    except (OSError, ValueError, AttributeError):
        return ""
