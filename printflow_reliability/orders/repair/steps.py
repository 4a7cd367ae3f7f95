"""Carrying one step of a repair out: what is stored is inspected first, what is linked is inspected where it lies."""

import re
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from printflow_reliability.errors import PrintflowError, Refused
from printflow_reliability.files.choose import fetch
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.heal_write import carry_out as heal
from printflow_reliability.files.new_objects import store
from printflow_reliability.orders.acceptance.accept import accept_file
from printflow_reliability.orders.problems import repair_command
from printflow_reliability.orders.repair import pdf_service, record
from printflow_reliability.orders.repair.given_file import inspected, private_copy
from printflow_reliability.orders.repair.plan import Candidate, Status, Step, Way
from printflow_reliability.orders.repair.record import Begun, Records
from printflow_reliability.orders.repair.search import Search
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.order_writes import NewLink, ask_customer, write_link
from printflow_reliability.platform.paid_orders import PaidItem, paid_items
from printflow_reliability.settings import Settings
from printflow_reliability.text import moment

APPEARING_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""How long to wait, each time, for a file that the pdf-service says it has made."""
READING_SECONDS = (0.5, 2.0)
"""How long to wait, each time, for a link that was written: what is read may be a standby."""
LONGEST_STEM = 80
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
"""What a name is better without; the key of a file that a person gives is ours to choose."""


class Rejected(Refused):
    """A file was made for the item, and must not be used; `key` is what the pdf-service calls it."""

    def __init__(self, key: str, what: str, next_step: str) -> None:
        super().__init__(what, next_step)
        self.key = key


@dataclass(frozen=True)
class Repair:
    """What every step of one order's repair needs.

    Attributes:
        search: finds and judges files; None where nothing is to be linked.
        person: who does it.
    """

    settings: Settings
    records: Records
    worker: InspectionWorker
    search: Search | None
    order: str
    person: str

    def judged(self, item: PaidItem, key: str) -> Candidate:
        """Whether a file may be an item's artwork, as it is now."""
        assert self.search is not None  # noqa: S101 - what is to be linked was searched for
        return self.search.judged(item, key)


def carry_out(repair: Repair, step: Step) -> Step:
    """Do what a step plans, and record it; a failure is the step's own."""
    begun = record.begin(repair.records, repair.order, step, repair.person)
    outcome = "done"
    try:
        done = _ask(repair, step, begun) if step.way is Way.ASK else _WAYS[step.way](repair, step)
    except PrintflowError as failed:
        outcome = "rejected" if isinstance(failed, Rejected) else "failed"
        key = failed.key if isinstance(failed, Rejected) else step.key
        done = replace(step, status=Status.FAILED, detail=repair.settings.redact(failed.sentence), key=key)
    record.end(repair.records, begun, outcome, done)
    return done


def _relink(repair: Repair, step: Step) -> Step:
    assert step.key is not None  # noqa: S101 - a relinking names its file
    candidate = repair.judged(_item(step), step.key)
    if candidate.trouble:
        raise Refused(f"{candidate.key} cannot be linked: {candidate.trouble}", repair_command(repair.order))
    return _linked(repair, step, candidate)


def _heal(repair: Repair, step: Step) -> Step:
    copy, bucket = step.copy, repair.settings.bucket_named(repair.settings.orders.bucket)
    assert copy is not None  # noqa: S101 - a healing names its copy
    assert step.was is not None  # noqa: S101 - and the link that it is of
    if step.key == step.was:
        tenant, owner = _item(step).tenant, f"order {repair.order}"
        where = (copy.bucket.name, copy.version_id, copy.size)
        action = HealAction(HealStatus.PLANNED, bucket.name, step.was, tenant, owner, step.detail, *where)
        done = heal(repair.settings, repair.records, action)
        if done.deed not in (HealStatus.HEALED, HealStatus.THERE):
            raise Refused(done.detail)
        return replace(step, status=Status.DONE, detail=done.detail)
    with tempfile.NamedTemporaryFile(prefix="printflow-repair-") as file:
        fetch(step.was, copy, file)
        folder, _, name = step.was.rpartition("/")
        return _stored(repair, step, file, f"{folder}/", Path(name).stem)


def _replace(repair: Repair, step: Step) -> Step:
    assert step.file is not None  # noqa: S101 - a replacement names its file
    with private_copy(step.file, repair.worker.rules.max_bytes) as file:
        return _stored(
            repair, step, file, _item(step).folder or "", UNSAFE.sub("-", step.file.stem).strip("-.") or "file"
        )


def _regenerate(repair: Repair, step: Step) -> Step:
    item = _item(step)
    version = record.file_version(repair.records, repair.order, step)
    asked = pdf_service.FileRequest(repair.order, item.item, item.tenant or "", version)
    key = pdf_service.generate(repair.settings, asked)
    candidate = _appeared(repair, item, key)
    why = candidate.trouble
    if not why and not key.startswith(item.folder or "/"):
        why = "it does not lie in the item's own folder"
    if why:
        what = f"the pdf-service says that it made {key}, but {why}; nothing was linked"
        raise Rejected(key, what, pdf_service.LOOK_AT_THE_SERVICE)
    accepted = accept_file(repair.settings, repair.order, version, key, tenant=item.tenant, worker=repair.worker)
    if accepted.key != key:  # a service that forgets made another file for the same request
        candidate = repair.judged(item, accepted.key)
    if not accepted.accepted or candidate.trouble:
        raise Rejected(
            key, f"{key} is not accepted: {accepted.reason or candidate.trouble}", repair_command(repair.order)
        )
    return _linked(repair, step, candidate)


def _appeared(repair: Repair, item: PaidItem, key: str) -> Candidate:
    """A file that was made; some services answer before their upload is done, and would be asked for another."""
    for pause in APPEARING_SECONDS:
        candidate = repair.judged(item, key)
        if not candidate.absent:
            return candidate
        time.sleep(pause)
    return repair.judged(item, key)


def _ask(repair: Repair, step: Step, begun: Begun) -> Step:
    order, before = repair.order, record.asked_before(repair.records, repair.order)
    done = replace(step, status=Status.DONE, detail=f"the customer of order {order} is asked for the artwork")
    if ask_customer(repair.settings, order):
        return done
    if begun.resumed:
        return replace(done, detail="an interrupted try had the customer asked, or the order has another status since")
    if before is None:
        raise Refused(
            f"orders.repair.ask changed nothing: order {order} has another status than it changes",
            f"look at the order, then: {repair_command(order)}",
        )
    at, person = before
    return replace(done, detail=f"{person} had the customer asked at {moment(at)}; the status was not changed again")


def _stored(repair: Repair, step: Step, file: IO[bytes], folder: str, stem: str) -> Step:
    """Store a file of this machine under a key of its own content, and link it."""
    sha256, why = inspected(repair.worker, file)
    if why:
        raise Refused(f"the file must not be printed: {why}; nothing was stored", repair_command(repair.order))
    key = f"{folder}{stem[:LONGEST_STEM]}-{sha256[:16]}.pdf"
    file.seek(0)
    store(repair.settings.bucket_named(repair.settings.orders.bucket), key, file, sha256)
    return _relink(repair, replace(step, key=key))


def _linked(repair: Repair, step: Step, candidate: Candidate) -> Step:
    """Write the link, unless it is written by now: by an earlier try, or by the platform itself; and read it back."""
    item = _item(step)
    link = NewLink(
        repair.order, item.item, item.tenant, item.key, candidate.key, candidate.size, candidate.sha256 or ""
    )
    done = replace(step, status=Status.DONE, key=candidate.key, detail=f"linked {candidate.key}")
    written = write_link(repair.settings, link)
    for pause in (*(READING_SECONDS if written else ()), None):
        now = [paid.key for paid in paid_items(repair.settings, [repair.order]).items if _same_item(paid, item)]
        if candidate.key in now or (written and not now):
            return done if written else replace(done, detail=f"{candidate.key} is linked")
        if pause is not None:
            time.sleep(pause)
    if written:
        raise Refused(
            f"orders.repair.link changed a row, and orders.paid still does not return {candidate.key} for the item",
            "correct orders.repair.link in printflow.toml, or look for a trigger on that table",
        )
    raise Refused(
        f"the link of order {repair.order} is no longer what it was, or orders.repair.link does not find it; "
        "nothing was changed",
        repair_command(repair.order),
    )


def _same_item(paid: PaidItem, item: PaidItem) -> bool:
    return (paid.tenant, paid.item) == (item.tenant, item.item)


def _item(step: Step) -> PaidItem:
    item = step.problem.item
    assert item is not None  # noqa: S101 - only an item's step is planned
    return item


_WAYS = {Way.RELINK: _relink, Way.HEAL: _heal, Way.REPLACE: _replace, Way.REGENERATE: _regenerate}
