"""How long operations last, for Sentry: those that take minutes. What works every few seconds is never traced."""

from collections.abc import Iterator
from contextlib import contextmanager

from printflow_reliability.alerts.sentry.client import OPERATION
from printflow_reliability.alerts.sentry.loaded import is_loaded
from printflow_reliability.alerts.sentry.scrubbing import named


@contextmanager
def operation(name: str) -> Iterator[None]:
    """Trace the block under this name, which is of this program's own words; within another one, as a part of it."""
    if not is_loaded():
        yield
        return
    import sentry_sdk

    if sentry_sdk.get_current_span() is not None:
        with part(name):
            yield
        return
    named.add(name)
    with sentry_sdk.start_transaction(op=OPERATION, name=name, source="task"):
        yield


@contextmanager
def part(name: str) -> Iterator[None]:
    """Trace the block as a part of the operation that it belongs to; of none, nothing is traced."""
    if not is_loaded():
        yield
        return
    import sentry_sdk

    named.add(name)
    with sentry_sdk.start_span(op=OPERATION, name=name):
        yield
