"""Telling Sentry of a defect, wherever it is met. Where Sentry is not configured, or away, nothing happens."""

import logging

from printflow_reliability.alerts.sentry.client import options
from printflow_reliability.alerts.sentry.loaded import is_loaded
from printflow_reliability.alerts.sentry.recent import Recent
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)


def report_error(error: BaseException) -> None:
    """Send an unexpected error; one that a person can act on is none, and the same one is sent once in a while."""
    if not is_loaded():
        return
    import sentry_sdk

    try:
        sentry_sdk.capture_exception(error)
    except Exception as unsent:  # whatever Sentry's client meets, the work goes on
        log.warning("Sentry was not told: %s", type(unsent).__name__)


def report_message(message: str) -> None:
    """Send what went wrong where there is no error at hand; the message is made of this program's own words."""
    if not is_loaded():
        return
    import sentry_sdk

    try:
        sentry_sdk.capture_message(message, level="error")
    except Exception as unsent:
        log.warning("Sentry was not told: %s", type(unsent).__name__)


def refusal_of_test(settings: Settings) -> str | None:
    """Send a test event now, and wait for the answer: why Sentry did not take it, or None if it did.

    Raises:
        ValueError: there is no [sentry] in the settings.
    """
    if settings.sentry is None:
        raise ValueError("there is no [sentry]")
    import sentry_sdk

    from printflow_reliability.alerts.sentry.transport import REQUEST_SECONDS, BoundedTransport

    try:
        client = sentry_sdk.Client(**options(settings, settings.sentry, Recent()))
    except Exception as unusable:
        return f"its client cannot be made ({type(unusable).__name__})"
    transport = client.transport
    assert isinstance(transport, BoundedTransport)  # noqa: S101 - the options say so
    with sentry_sdk.new_scope() as scope:
        scope.set_client(client)
        scope.set_tag("process", "test")
        sentry_sdk.capture_message("Test event: nothing is wrong. Sent by printflow alerts test.", level="info")
    client.close(timeout=2 * REQUEST_SECONDS)
    if transport.taken:
        return None
    return transport.refusal or f"it did not answer within {2 * REQUEST_SECONDS} s"
