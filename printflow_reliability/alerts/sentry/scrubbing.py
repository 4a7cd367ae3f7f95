"""What leaves for Sentry: of an event only the parts named here, with every text scrubbed.

What a library adds to events tomorrow is not sent: nobody has looked whether it holds rows, headers or secrets. What
an error says is kept only in the program's own words, since no pattern knows a customer's name.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from printflow_reliability.defects import own_words

if TYPE_CHECKING:
    from sentry_sdk.types import Breadcrumb, BreadcrumbHint, Event, Hint

OURS = "printflow_reliability"
Redact = Callable[[str], str]
AS_IT_IS = frozenset(
    {
        *("event_id", "type", "timestamp", "start_timestamp", "level", "platform", "release", "environment", "sdk"),
        *("check_in_id", "monitor_slug", "monitor_config", "status", "duration"),
    }
)
"""Made by the SDK or by this program, of nothing that comes from outside."""
PROCESSES = frozenset({"command", "watch", "Dagster", "test"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
TRACE = frozenset({"trace_id", "span_id", "parent_span_id", "op", "status", "origin"})
SPAN = TRACE | {"description", "start_timestamp", "timestamp"}
FRAME = ("filename", "function", "module", "lineno", "in_app")
MECHANISM = ("type", "handled", "synthetic", "exception_id", "parent_id", "source", "is_exception_group")
BREADCRUMB = ("type", "level", "category", "timestamp", "message")
named: set[str] = set()
"""The names of operations, which are this program's own; a library's span or transaction may be named after a row."""


class Scrubber:
    """Cleans what the SDK is about to send; whatever it cannot clean, the SDK drops."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def event(self, event: "Event", hint: "Hint") -> "Event":
        """An error, a message or a check-in, as it may be sent."""
        found: dict[str, Any] = dict(event)
        kept = self._of_every_kind(found)
        if "message" in found:
            kept["message"] = self._clean(found["message"])
        if "exception" in found:
            kept["exception"] = self._exceptions(found["exception"], hint.get("exc_info"))
        if (method := found.get("request", {}).get("method")) in METHODS:
            kept["request"] = {"method": method}
        if "breadcrumbs" in found:
            crumbs = found["breadcrumbs"].get("values", [])
            kept["breadcrumbs"] = {"values": [self._clean(_of(crumb, BREADCRUMB)) for crumb in crumbs]}
        cleaned: Event = kept  # type: ignore[assignment]  # its keys are those of an event
        return cleaned

    def transaction(self, event: "Event", _hint: "Hint") -> "Event":
        """How long an operation and its parts took, as it may be sent."""
        found: dict[str, Any] = dict(event)
        kept = self._of_every_kind(found)
        kept["transaction_info"] = {"source": "task"}
        spans = [span for span in found.get("spans", []) if span.get("description") in named]
        kept["spans"] = [self._clean(_of(span, SPAN)) for span in spans]
        cleaned: Event = kept  # type: ignore[assignment]
        return cleaned

    def breadcrumb(self, crumb: "Breadcrumb", hint: "BreadcrumbHint") -> "Breadcrumb | None":
        """A line of this program's own log, without what was put into it; nothing of any other origin."""
        record = hint.get("log_record")
        if record is None or record.name.partition(".")[0] != OURS:
            return None
        kept = _of(crumb, ("level", "category", "timestamp", "type"))
        return {**kept, "message": self._redact(str(record.msg))}

    def _of_every_kind(self, event: Mapping[str, Any]) -> dict[str, Any]:
        kept = _of(event, AS_IT_IS)
        if event.get("transaction") in named:
            kept["transaction"] = event["transaction"]
        if (process := event.get("tags", {}).get("process")) in PROCESSES:
            kept["tags"] = {"process": process}
        contexts = event.get("contexts", {})
        kept["contexts"] = {"runtime": _of(contexts.get("runtime", {}), ("name", "version"))}
        if trace := contexts.get("trace"):
            # The SDK takes the last of it out for the headers of the envelope; it names the transaction.
            kept["contexts"]["trace"] = {**self._clean(_of(trace, TRACE)), "dynamic_sampling_context": {}}
        return kept

    def _exceptions(self, exceptions: Mapping[str, Any], exc_info: Any) -> dict[str, Any]:
        error = exc_info[1] if exc_info else None
        return {"values": [self._exception(value, error) for value in exceptions.get("values", [])]}

    def _exception(self, value: Mapping[str, Any], error: BaseException | None) -> dict[str, Any]:
        said = value.get("value")
        kept: dict[str, Any] = {
            **self._clean(_of(value, ("type", "module"))),
            "value": own_words(str(said), error, self._redact) if said and error else None,
            "mechanism": self._clean(_of(value.get("mechanism") or {}, MECHANISM)),
        }
        frames = (value.get("stacktrace") or {}).get("frames", [])
        kept["stacktrace"] = {"frames": [self._clean(_of(frame, FRAME)) for frame in frames]}
        return kept

    def _clean(self, value: Any) -> Any:
        """The same structure with every text in it scrubbed."""
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, Mapping):
            return {self._redact(str(key)): self._clean(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(inner) for inner in value]
        return value if isinstance(value, int | float | None) else self._redact(str(value))


def _of(found: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: found[key] for key in keys if key in found}
