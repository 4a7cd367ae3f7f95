"""What brings a paid order's artwork back, planned from what is wrong and from what was found in storage: pure.

Nothing is guessed: where two files may be meant, or whose a file is cannot be told, a person chooses, and is shown the
commands that do it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from printflow_reliability.files.kept_copies import KeptCopy
from printflow_reliability.orders.problems import REPAIRED, Kind, Problem, by_hand, last_resort, repair_command
from printflow_reliability.text import counted, shell_word

SHOWN = 10
"""Files of a folder that a person is shown; more of them are hardly one item's."""
UNFIT_SHOWN = 3


class Way(StrEnum):
    """How an item gets its artwork back."""

    RELINK = "relink"
    HEAL = "heal"
    REGENERATE = "regenerate"
    REPLACE = "replace"
    ASK = "ask"
    PERSON = "person"


class Status(StrEnum):
    """What became of a step."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"
    NEEDS_PERSON = "needs_person"


@dataclass(frozen=True)
class Choice:
    """What a person chose; nothing of it where the plan is to choose.

    Attributes:
        item: which item of the order is meant.
        key: link this file of the bucket.
        file: store and link this file of this machine.
        regenerate: ask the pdf-service, whatever else would do.
        ask: ask the customer.
    """

    item: str | None = None
    key: str | None = None
    file: Path | None = None
    regenerate: bool = False
    ask: bool = False

    @property
    def made(self) -> bool:
        """Whether any way was chosen."""
        return self.ways > 0

    @property
    def ways(self) -> int:
        """How many ways were chosen; one may be."""
        return sum((self.key is not None, self.file is not None, self.regenerate, self.ask))


@dataclass(frozen=True)
class Candidate:
    """A file of the bucket that may be an item's artwork.

    Attributes:
        size: in bytes.
        sha256: lower-case hex; None where it was not read.
        trouble: why it must not be linked; empty if it may be.
        spelled: whether the item's link means it in another spelling.
        proven: whether the database knows its content as that of the linked file.
        absent: whether it could be the item's, and is not in the bucket.
    """

    key: str
    size: int = 0
    sha256: str | None = None
    trouble: str = ""
    spelled: bool = False
    proven: bool = False
    absent: bool = False


@dataclass(frozen=True)
class Found:
    """What was found for one item.

    Attributes:
        candidates: files that may be its artwork, and those that seem to be and are not.
        copy: a copy of the linked file that is what it should be: a prior version, or the replica's.
        copy_trouble: why there is none.
        folder: the item's own prefix, if it has one that can be relied on.
        folder_trouble: why it has none.
        chosen: the file that a person chose by its key.
        unclear: why nothing may be chosen for the item: it cannot be told from another of its order, or its file was
            erased on purpose; empty if something may.
    """

    candidates: Sequence[Candidate] = ()
    copy: KeptCopy | None = None
    copy_trouble: str = ""
    folder: str | None = None
    folder_trouble: str = ""
    chosen: Candidate | None = None
    unclear: str = ""


@dataclass(frozen=True)
class Means:
    """Why something cannot be done in this installation, each empty where it can."""

    link: str = ""
    store: str = ""
    generate: str = ""
    ask: str = ""


@dataclass(frozen=True)
class Step:
    """What is or was done for one item.

    Attributes:
        was: the link as it is now.
        key: the file that the item has afterwards; None where that is not known yet.
        detail: what is done, or why nothing can be, in a sentence.
        options: commands from which a person chooses.
        copy: what is brought back.
        file: what a person gave.
    """

    way: Way
    status: Status
    problem: Problem
    detail: str
    was: str | None = None
    key: str | None = None
    options: Sequence[str] = ()
    copy: KeptCopy | None = None
    file: Path | None = None

    @property
    def item(self) -> str | None:
        """What identifies the item, where orders.paid says it."""
        return self.problem.item.item if self.problem.item else None

    def as_json(self) -> dict[str, Any]:
        """As `orders repair` prints it."""
        return {
            "item": self.item,
            "problem": self.problem.text,
            "way": self.way,
            "status": self.status,
            "was": self.was,
            "key": self.key,
            "detail": self.detail,
            "options": list(self.options),
        }


def plan_step(order: str, problem: Problem, found: Found, means: Means, choice: Choice) -> Step:
    """What to do about one problem of an order."""
    step = Step(Way.PERSON, Status.NEEDS_PERSON, problem, "", was=problem.item.key if problem.item else problem.key)
    if choice.ask:
        return _asking(order, step, means)
    tenant = problem.item.tenant if problem.item else None
    if problem.item is None or problem.kind in (Kind.REFUSED, Kind.NO_TENANT, Kind.UNKNOWN_TENANT):
        return replace(step, detail=by_hand(problem, order, tenant))
    if choice.made:
        return _chosen(order, step, found, means, choice)
    if problem.kind not in REPAIRED:
        if problem.kind is Kind.SYNTHETIC:
            return replace(step, detail=by_hand(problem, order, tenant))
        own = problem.kind in (Kind.UNREADABLE, Kind.QUARANTINED)
        what = by_hand(problem, order, tenant) if own else last_resort(order)
        return replace(step, detail=what, options=_ways_out(order, step, found, means))
    return _planned(order, step, found, means)


def _planned(order: str, step: Step, found: Found, means: Means) -> Step:
    """The first way that works: what the item had, then what lies in its folder, then a new file."""
    reasons: list[str] = []
    if found.copy is not None:
        step, why = _heal(step, found, means)
        if not why:
            return step
        reasons.append(why)
    elif found.copy_trouble:
        reasons.append(found.copy_trouble)
    usable = _distinct([candidate for candidate in found.candidates if not candidate.trouble])
    if len(usable) == 1 and not (why := found.unclear or means.link):
        return _relink(step, usable[0])
    if usable:
        several = f"{counted(len(usable), 'file')} may be its artwork"
        reasons.append(several if len(usable) > 1 else f"{usable[0].key} may be its artwork, but {why}")
    reasons += [
        f"{candidate.key} cannot be: {candidate.trouble}" for candidate in found.candidates if candidate.trouble
    ]
    if len(usable) < 2:
        why = found.unclear or means.link or found.folder_trouble or means.generate
        if not why:
            because = f" ({reasons[0]})" if reasons else ""
            return replace(
                step,
                way=Way.REGENERATE,
                status=Status.PLANNED,
                detail=f"ask the pdf-service to make the file again{because}",
                options=_ways_out(order, step, found, means),
            )
        reasons.append(why)
    options = [_option(order, step, "--key", candidate.key) for candidate in usable[:SHOWN] if not found.unclear]
    detail = "; ".join(dict.fromkeys(reason for reason in reasons if reason))
    return replace(step, detail=detail, options=(*options, *_ways_out(order, step, found, means)))


def _unfit(candidates: Sequence[Candidate]) -> list[str]:
    """Why some files cannot be the item's; of many, the first are named."""
    told = [f"{candidate.key} cannot be: {candidate.trouble}" for candidate in candidates[:UNFIT_SHOWN]]
    more = len(candidates) - UNFIT_SHOWN
    return [*told, f"{counted(more, 'other file')} cannot be either"] if more > 0 else told


def _heal(step: Step, found: Found, means: Means) -> tuple[Step, str]:
    """The step that brings a copy of the linked file back; and why it cannot be done, empty if it can."""
    copy = found.copy
    assert copy is not None  # noqa: S101 - whoever calls has looked
    where = f'version {copy.version_id} of bucket "{copy.bucket.name}"'
    healed = replace(step, way=Way.HEAL, status=Status.PLANNED, copy=copy)
    if means.store:
        return step, f"{where} is what it should be, but {means.store}"
    if step.problem.kind is Kind.MISSING:
        return replace(healed, key=step.was, detail=f"copy {where} back"), ""
    if why := found.unclear or means.link:
        return step, f"{where} is what it should be, but {why}"
    return replace(healed, detail=f"copy {where} to a key of its own, and link that"), ""


def _relink(step: Step, candidate: Candidate) -> Step:
    spelled = ", which the link means in another spelling" if candidate.spelled else ""
    return replace(
        step, way=Way.RELINK, status=Status.PLANNED, key=candidate.key, detail=f"link {candidate.key}{spelled}"
    )


def _chosen(order: str, step: Step, found: Found, means: Means, choice: Choice) -> Step:
    """What a person chose, if it can be done; it is inspected as everything else is."""
    if why := found.unclear or means.link:
        return replace(step, detail=why)
    if choice.key is not None:
        file = found.chosen or Candidate(choice.key, trouble="it was not looked up")
        return replace(step, detail=f"{file.key} cannot be: {file.trouble}") if file.trouble else _relink(step, file)
    if choice.regenerate:
        if why := found.folder_trouble or means.generate:
            return replace(step, detail=why, options=_ways_out(order, step, found, means))
        return replace(
            step, way=Way.REGENERATE, status=Status.PLANNED, detail="ask the pdf-service to make the file again"
        )
    why = means.store or found.folder_trouble or (found.chosen.trouble if found.chosen else "it was not inspected")
    if why:
        return replace(step, detail=f"{choice.file} cannot be its artwork: {why}" if found.chosen else why)
    detail = f"inspect {choice.file}, store it in {found.folder}, and link it"
    return replace(step, way=Way.REPLACE, status=Status.PLANNED, file=choice.file, detail=detail)


def _asking(order: str, step: Step, means: Means) -> Step:
    if means.ask:
        return replace(step, detail=means.ask)
    return replace(
        step, way=Way.ASK, status=Status.PLANNED, detail=f"have the customer asked for the artwork of order {order}"
    )


def _ways_out(order: str, step: Step, found: Found, means: Means) -> tuple[str, ...]:
    """The commands that are left to a person; PATH is a file that the person has."""
    options = []
    if not (found.unclear or means.link or means.store or found.folder_trouble):
        options.append(_option(order, step, "--file", None))
    if not means.ask:
        options.append(repair_command(order, "--ask", "--apply"))
    return tuple(options)


def _option(order: str, step: Step, name: str, value: str | None) -> str:
    item = [f"--item={shell_word(step.item)}"] if step.item is not None else []
    given = "PATH" if value is None else shell_word(value)
    return repair_command(order, *item, f"{name}={given}", "--apply")


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Each content once; of those that are proven, or else spelled like the link, no others beside them."""
    proven = [candidate for candidate in candidates if candidate.proven]
    spelled = [candidate for candidate in candidates if candidate.spelled]
    by_content: dict[str, Candidate] = {}
    for candidate in proven or spelled or candidates:
        by_content.setdefault(candidate.sha256 or candidate.key, candidate)
    return list(by_content.values())
