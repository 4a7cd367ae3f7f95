"""Sentry, where it is configured: unexpected errors of this program itself, without anybody's secrets or data."""

from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.transport import Transport

from printflow_reliability.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint


def report_error(settings: Settings, error: BaseException, *, transport: Transport | None = None) -> bool:
    """Send one unexpected error; says whether Sentry is configured. A Sentry that is away is nobody's failure."""
    return _report(settings, transport, lambda: sentry_sdk.capture_exception(error))


def report_message(settings: Settings, message: str, *, transport: Transport | None = None) -> bool:
    """Send one message, such as why a run failed; says whether Sentry is configured."""
    return _report(settings, transport, lambda: sentry_sdk.capture_message(message, level="error"))


def _report(settings: Settings, transport: Transport | None, capture: Any) -> bool:
    if settings.sentry is None:
        return False
    redact = settings.redact

    def scrub(event: "Event", hint: "Hint") -> "Event":
        del hint
        cleaned: Event = _redacted(event, redact)
        return cleaned

    client = sentry_sdk.Client(
        dsn=settings.sentry.dsn,
        environment=settings.platform.environment,
        transport=transport,
        include_local_variables=False,  # they hold rows and secrets
        include_source_context=False,
        default_integrations=False,
        server_name="",
        before_send=scrub,
    )
    with sentry_sdk.new_scope() as scope:
        scope.set_client(client)
        capture()
        client.close(timeout=5)
    return True


def _redacted(value: Any, redact: Any) -> Any:
    """The same structure with every secret in every string replaced."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item, redact) for item in value]
    return value
