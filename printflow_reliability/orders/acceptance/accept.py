"""Accepting a print file: it is inspected as the guard does, and completes a version of its order once.

The platform's file job asks before it says "complete", as often as it likes and from anywhere at the same time. The
answer is about the file as it is now: while the accepted content lies under its key, every other file is answered with
it. Where that content is gone or was overwritten, what is there or offered instead is inspected like a first file, and
takes its place; the version is not completed a second time.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.orders.acceptance.accepted_files import AcceptedFile, NewFile, Records, add, newest
from printflow_reliability.orders.acceptance.offered_file import MISSING, FileLook, OfferedFile
from printflow_reliability.pdf.verify import Pace
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import UNSTORABLE, moment

LONGEST_VERSION = 200
"""Characters of a version's name: it is a number, a checksum or a UUID."""
TRIES = 5
"""How often it is begun again where somebody else accepts a file at the same time."""


@dataclass(frozen=True)
class Acceptance:
    """The answer for a file of one version of an order.

    Attributes:
        key: the file that counts for the version: the accepted one, else the one that was asked about.
        verdict: of its inspection; "missing"; or "misplaced" where it is not this order's to print.
        accepted: whether the file under `key` was accepted, and is there as it was inspected.
        new: whether this very call completed the version.
        reason: why it was not accepted, or which lost file it takes the place of; empty otherwise.
        sha256: of an accepted file's bytes.
        version_id: of the object that was inspected; "null" without versioning.
        accepted_at: when the file was accepted.
    """

    order: str
    version: str
    key: str
    verdict: str
    accepted: bool
    new: bool = False
    reason: str = ""
    sha256: str | None = None
    version_id: str | None = None
    accepted_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """As `pdf accept` prints it, and as HTTP answers it."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class _Offer:
    """A file that is offered for a version of an order; the tenant is None where the caller does not name it."""

    order: str
    version: str
    key: str
    tenant: str | None


def accept_file(
    settings: Settings,
    order: str,
    version: str,
    key: str,
    *,
    tenant: str | None = None,
    worker: InspectionWorker | None = None,
    pace: Pace | None = None,
) -> Acceptance:
    """Accept a print file for a version of a paid order, once whatever is retried or runs at the same time.

    Args:
        settings: the whole file.
        order: the order's number.
        version: of the order's file, as the platform counts them.
        key: of the object in the bucket of `orders.bucket`, exactly.
        tenant: whose order the caller means; another tenant's order is unknown to it. None: it does not say.
        worker: inspects the file; one of its own otherwise.
        pace: how much time there is.

    Raises:
        UnknownOrder: no paid order has that number, or none of that tenant; nor had one when a file was accepted.
        ConfigError: an argument is empty or no text, or a query is refused.
        CouldNotTell: the database, S3 or the records do not answer, or the file cannot be judged.
    """
    for name, value in (("order", order), ("version", version), ("key", key)):
        if not value.strip() or UNSTORABLE.search(value):
            raise ConfigError(f"{name}: is empty, or holds characters that are no text", f"name the {name}")
    if len(version) > LONGEST_VERSION:
        raise ConfigError(f"version: has more than {LONGEST_VERSION} characters", "name the version by its number")
    offer = _Offer(kept(order), version, key, None if tenant is None else kept(tenant))
    own_worker = InspectionWorker(settings.pdf) if worker is None else nullcontext(worker)
    with open_records(settings.records) as records, own_worker as inspecting:
        look = FileLook(settings, records, inspecting, pace or Pace(), version)
        for _ in range(TRIES):
            answer = _answer(settings, records, look, offer)
            if answer is not None:
                return answer
    raise CouldNotTell(f"others accept files for version {version} of order {order} at the same time", "ask again")


def _answer(settings: Settings, records: Records, look: FileLook, offer: _Offer) -> Acceptance | None:
    """The answer; None where another file was accepted while this one was inspected."""
    accepted = newest(records, offer.order, offer.version)
    owner = look.tenant_of(offer.order, offer.tenant, accepted)
    before = accepted.get(owner)
    key, reason = offer.key, ""
    if before is None:
        file = look.offered(offer.order, owner, key)
    else:
        file = look.now(offer.order, owner, before.key)
        if file.head is not None and before.holds(file.head):
            return _accepted(offer, before)
        reason = f"the file accepted at {moment(before.accepted_at)}, {before.key}, {_lost(file)}"
        if file.head is None:
            file = look.offered(offer.order, owner, key)
        else:
            key = before.key
    if file.head is None or file.inspection is None:
        told = "; ".join(filter(None, (file.reason, reason)))
        return Acceptance(offer.order, offer.version, key, file.verdict, accepted=False, reason=told)
    number = max((file.number for file in accepted.values()), default=0) + 1
    linked = key in look.linked(offer.order)
    new = NewFile(number, owner, settings.orders.bucket, key, file.head, file.inspection, linked)
    added = add(records, offer.order, offer.version, new)
    return None if added is None else _accepted(offer, added, new=before is None, reason=reason)


def _accepted(offer: _Offer, file: AcceptedFile, *, new: bool = False, reason: str = "") -> Acceptance:
    return Acceptance(
        order=offer.order,
        version=offer.version,
        key=file.key,
        verdict=file.verdict,
        accepted=True,
        new=new,
        reason=reason,
        sha256=file.sha256,
        version_id=file.version_id,
        accepted_at=file.accepted_at,
    )


def _lost(file: OfferedFile) -> str:
    """What became of an accepted file that no longer is as it was."""
    if file.verdict == MISSING:
        return "is no longer there"
    return "was overwritten" if not file.reason else f"can no longer be printed ({file.reason})"
