"""The rule 3-2-1-1-0, digit by digit, from what is known of each copy. Plain data: nothing is asked.

What cannot be seen is not counted, and is not called missing either: a digit that might hold by it is unknown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from printflow_reliability.checks import Outcome, worst
from printflow_reliability.text import agreed, counted

COPIES, MEDIA = 3, 2


class Medium(StrEnum):
    """What a copy is kept on; a fault that takes all disks, or a whole object store, leaves the other."""

    DISK = "a file system"
    OBJECTS = "object storage"
    UNKNOWN = "a place that cannot be seen from here"


@dataclass(frozen=True)
class Place:
    """Where a copy is kept.

    Attributes:
        endpoint: scheme, host and port of an object store; None of a file system.
        region: as its configuration calls it; None where it has none.
    """

    medium: Medium
    endpoint: str | None = None
    region: str | None = None

    def elsewhere(self, home: "Place") -> bool:
        """Whether it is surely another region's: another server and another region than the platform's own."""
        return None not in (self.endpoint, self.region) and (
            self.endpoint != home.endpoint and self.region != home.region
        )


ANYWHERE = (Place(Medium.DISK, "?", "?"), Place(Medium.OBJECTS, "?", "?"))
"""Where a copy may be of which that cannot be seen."""


@dataclass(frozen=True)
class Copy:
    """One copy of a cluster's data, or of a bucket's print files.

    Attributes:
        cluster: whose, as sentences call it.
        name: which, such as "repo2".
        place: where it is.
        state: pass, if it was verified; fail, if it is damaged, too old or gone; unknown, if it could not be asked.
        evidence: what that was seen by.
        locked: whether nobody can delete it before its time, as its store says; None where it could not be asked.
    """

    cluster: str
    name: str
    place: Place
    state: Outcome
    evidence: str
    locked: bool | None = False


@dataclass(frozen=True)
class Digit:
    """One digit of the rule for one cluster.

    Attributes:
        cluster: which, as sentences call it.
        name: which digit.
        outcome: whether it holds.
        found: what was found for it, in a sentence.
        missing: the copies that do not count for it.
    """

    cluster: str
    name: str
    outcome: Outcome
    found: str
    missing: tuple[Copy, ...] = ()

    @property
    def evidence(self) -> str:
        """What was found, and why which copies do not count."""
        return self.found + "".join(f"; {copy.name} does not count: {copy.evidence}" for copy in self.missing)


def digits(
    cluster: str, copies: Sequence[Copy], home: Place, lock: tuple[Outcome, str], errors: Sequence[tuple[Outcome, str]]
) -> tuple[Digit, ...]:
    """The five digits for one cluster.

    Args:
        cluster: which.
        copies: what there is, or should be.
        home: where the platform itself is.
        lock: what came of trying the lock, and a sentence.
        errors: what verification, continuity and the last drill say, each with a sentence.
    """

    locked = [
        replace(copy, state=worst((copy.state, Outcome.UNKNOWN))) if copy.locked is None else copy
        for copy in copies
        if copy.locked is not False
    ]
    return (
        _digit(cluster, "copies", copies, lambda seen: len(seen) >= COPIES, _count),
        _digit(cluster, "media", copies, _on_two_media, _media),
        _digit(
            cluster, "offsite", copies, lambda seen: any(copy.place.elsewhere(home) for copy in seen), _offsite(home)
        ),
        _immutable(cluster, locked, lock),
        _errors(cluster, errors),
    )


def _digit(
    cluster: str,
    name: str,
    copies: Sequence[Copy],
    holds: Callable[[Sequence[Copy]], bool],
    words: Callable[[Sequence[Copy]], str],
) -> Digit:
    """Whether something holds of the copies that were verified; unknown if it might by those that were not seen."""
    seen = [copy for copy in copies if copy.state is Outcome.PASS]
    if holds(seen):
        return Digit(cluster, name, Outcome.PASS, words(seen))
    left = [copy for copy in copies if copy.state is not Outcome.FAIL]
    hidden = [number for number, copy in enumerate(left) if copy.place.medium is Medium.UNKNOWN]
    might = any(
        holds([replace(copy, place=places.get(number, copy.place)) for number, copy in enumerate(left)])
        for anywhere in product(ANYWHERE, repeat=len(hidden))
        for places in [dict(zip(hidden, anywhere, strict=True))]
    )
    outcome = Outcome.UNKNOWN if might else Outcome.FAIL
    missing = tuple(copy for copy in copies if copy.state is not Outcome.PASS)
    return Digit(cluster, name, outcome, words(seen), missing)


def _on_two_media(copies: Sequence[Copy]) -> bool:
    return len({copy.place.medium for copy in copies} - {Medium.UNKNOWN}) >= MEDIA


def _count(copies: Sequence[Copy]) -> str:
    named = ", ".join(copy.name for copy in copies) or "none"
    return f"{counted(len(copies), 'copy', 'copies')} that {agreed(len(copies), 'was', 'were')} verified: {named}"


def _media(copies: Sequence[Copy]) -> str:
    kinds = sorted({copy.place.medium.value for copy in copies if copy.place.medium is not Medium.UNKNOWN})
    return f"verified copies on {' and on '.join(kinds) or 'no medium that can be seen'}"


def _offsite(home: Place) -> Callable[[Sequence[Copy]], str]:
    def words(copies: Sequence[Copy]) -> str:
        named = ", ".join(f"{copy.name} ({copy.place.region})" for copy in copies if copy.place.elsewhere(home))
        return f"in another region: {named or 'no verified copy whose server and region both differ from the platform'}"

    return words


def _immutable(cluster: str, locked: Sequence[Copy], lock: tuple[Outcome, str]) -> Digit:
    tried, said = lock
    found = _digit(
        cluster, "immutable", locked, bool, lambda seen: f"locked: {', '.join(c.name for c in seen) or 'no copy'}"
    )
    if found.outcome is not Outcome.PASS:
        return found
    return Digit(cluster, "immutable", tried, f"{found.evidence}; {said}")


def _errors(cluster: str, errors: Sequence[tuple[Outcome, str]]) -> Digit:
    for outcome in (Outcome.FAIL, Outcome.UNKNOWN):
        if wrong := [said for verdict, said in errors if verdict is outcome]:
            return Digit(cluster, "errors", outcome, "; ".join(wrong))
    return Digit(cluster, "errors", Outcome.PASS, "no error: " + "; ".join(said for _, said in errors))
