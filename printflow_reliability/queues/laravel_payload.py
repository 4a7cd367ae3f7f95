"""What a payload of Laravel's queues says: its job, when it was pushed, and whether it is one at all."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from printflow_reliability.queues.waiting import EARLIEST, LATEST
from printflow_reliability.text import storable


@dataclass(frozen=True)
class Payload:
    """One payload.

    Attributes:
        job: its uuid or id; a hash of its bytes where it has neither.
        document: None where it is junk.
    """

    job: str
    document: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The class of the job, or what it is shown as."""
        return str((self.document or {}).get("displayName") or (self.document or {}).get("job") or "")

    @property
    def turn(self) -> str:
        """The job and how often it was tried."""
        return f"{self.job}/{str((self.document or {}).get('attempts', 0))[:20]}"

    @property
    def pushed_at(self) -> float | None:
        """When it was pushed, in seconds since 1970; None where it does not tell, or was tried before.

        Horizon adds `pushedAt`; Laravel `createdAt` since 12.11, and nothing before.
        """
        document = self.document or {}
        if document.get("attempts"):
            return None
        for key in ("pushedAt", "createdAt"):
            try:
                at = float(document[key])
            except (KeyError, TypeError, ValueError, OverflowError):
                continue
            if EARLIEST < at < LATEST:
                return at
        return None


def payload_of(content: bytes | str) -> Payload:
    """The payload, whatever it holds."""
    raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    own = hashlib.sha256(raw).hexdigest()
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return Payload(own, None)
    if not isinstance(document, dict) or not isinstance(document.get("job"), str):
        return Payload(own, None)
    identity = document.get("uuid") or document.get("id")
    return Payload(storable(str(identity)) if identity else own, document)
