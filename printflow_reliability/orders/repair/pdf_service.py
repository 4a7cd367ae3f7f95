"""Asking the platform's pdf-service to make a print-ready file again: its answer is a claim, and is never believed.

One file is asked for under one key however often that is tried, so that a service that keeps its promise makes one.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.posting import NotAnswered, Post, Poster, Reply, posting
from printflow_reliability.redaction import redacted
from printflow_reliability.settings import PdfServiceSettings, Settings
from printflow_reliability.text import printable

AT_WORK = 202
MADE = (200, 201)
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""What may pass by itself: asked again under the same key."""
PAUSE_SECONDS = 1.0
"""Between two questions; longer each time, up to LONGEST_PAUSE_SECONDS."""
LONGEST_PAUSE_SECONDS = 5.0
LONGEST_KEY = 1024
SHOWN = 200
"""Characters of a service's own words that are shown."""
LOOK_AT_THE_SERVICE = "look at the pdf-service and its log, then run the command again"


@dataclass(frozen=True)
class FileRequest:
    """The print-ready file that is asked for.

    Attributes:
        item: None where orders.paid does not say.
        version: stands for this file and no other: the same at each try, another once a file was rejected.
    """

    order: str
    item: str | None
    tenant: str
    version: str

    @property
    def idempotency_key(self) -> str:
        """What tells the service that it has been asked for this very file before."""
        return f"printflow-{self.version}"


def generate(settings: Settings, request: FileRequest, *, sleep: Callable[[float], None] = time.sleep) -> str:
    """Ask for a file, and wait until the service says that it is there; the key that it claims.

    Raises:
        ConfigError: [pdf_service] is missing or cannot be used.
        CouldNotTell: the service is unreachable, hangs, refuses, or answers what is no key.
    """
    service = settings.pdf_service
    if service is None:
        raise ConfigError("[pdf_service] is missing, so that no file can be made", "add it to printflow.toml")
    try:
        with posting(service.ca_file) as post:
            return _asked(service, request, post, sleep)
    except OSError as unreadable:
        raise ConfigError(
            f"pdf_service.ca_file: cannot be used ({unreadable.strerror})", "name the authority's certificate"
        ) from None


def _asked(service: PdfServiceSettings, request: FileRequest, post: Poster, sleep: Callable[[float], None]) -> str:
    body = json.dumps(asdict(request)).encode()
    headers = {"Authorization": f"Bearer {service.token}", "Idempotency-Key": request.idempotency_key}
    deadline, pause = time.monotonic() + service.timeout_seconds, PAUSE_SECONDS
    limit = f"within {service.timeout_seconds:g} s"
    last = f"did not answer {limit}"
    while (left := deadline - time.monotonic()) > 0:
        try:
            reply = post(Post(service.url, body, headers), left)
        except NotAnswered as silent:
            if not silent.speakable:
                raise ConfigError(
                    "pdf_service: its url or token cannot be sent as it is", "correct it in printflow.toml"
                ) from None
            if not silent.late:
                last = silent.reason
            if silent.untrusted:
                break
        else:
            if reply.status in MADE:
                return _claimed(reply)
            if reply.status != AT_WORK and reply.status not in BUSY:
                raise CouldNotTell(
                    f"the pdf-service refused: it answered {reply.status}{_words(service, reply)}", _step(reply)
                )
            busy = f"answered {reply.status}{_words(service, reply)}"
            last = busy if reply.status in BUSY else f"did not make the file {limit}"
        pause = min(pause, max(deadline - time.monotonic(), 0))
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    raise CouldNotTell(f"the pdf-service {last}", LOOK_AT_THE_SERVICE)


def _claimed(reply: Reply) -> str:
    """The key of an answer that says that the file is there."""
    if reply.is_page:
        raise CouldNotTell(f"the pdf-service answered {reply.status} with a web page, and no file", LOOK_AT_THE_SERVICE)
    document = reply.document()
    key = document.get("key") if isinstance(document, dict) else None
    if not isinstance(key, str) or not key or len(key) > LONGEST_KEY:
        raise CouldNotTell(f"the pdf-service answered {reply.status} without the key of a file", LOOK_AT_THE_SERVICE)
    return key


def _words(service: PdfServiceSettings, reply: Reply) -> str:
    """What an answer says of its error, if it does; never the token, should it say that."""
    document = reply.document()
    said = document.get("error") if isinstance(document, dict) else None
    if not isinstance(said, str) or not said:
        return ""
    return f" ({printable(redacted(said, [service.token])[:SHOWN])})"


def _step(reply: Reply) -> str:
    if reply.status in (401, 403):
        return "correct pdf_service.token in printflow.toml"
    if reply.status in (404, 405) or 300 <= reply.status < 400:
        return "correct pdf_service.url in printflow.toml"
    return LOOK_AT_THE_SERVICE
