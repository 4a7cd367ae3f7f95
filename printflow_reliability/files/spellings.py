"""Which objects references may mean under another spelling: such an object is needed, and never an orphan."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from printflow_reliability.files.near_miss import variants
from printflow_reliability.files.presence import Presence
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.platform.spelling import folded, has_parent_segment
from printflow_reliability.platform.tenancy import BasePaths, above

SPELLED_BATCH = 20_000
"""How many references are looked for under other spellings at a time."""


@dataclass
class Spellings:
    """The normal forms of what references without an object may mean."""

    paths: BasePaths
    bucket: str
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def add(self, reference: Reference) -> None:
        """Note what a reference may mean, unless it is so wide that it names nothing."""
        for reading in self.paths.readings(reference.key, self.bucket):
            if not self.paths.too_wide(reading, self.bucket):
                (self.folders if reading.endswith("/") else self.files).add(folded(reading, self.bucket))

    def form_of(self, key: str) -> str | None:
        """The normal form of an object's key if anything may mean the object, else None."""
        form = folded(key, self.bucket)
        meant = form in self.files or (self.folders and any(folder in self.folders for folder in above(form)))
        return form if meant else None


class MeantObjects:
    """Objects that nothing names exactly and that something may mean all the same."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self._by_form: dict[str, list[str]] = {}

    def note(self, spellings: Spellings, keys: Iterable[str]) -> None:
        """Keep those of these keys that the references may mean."""
        for key in keys:
            if (form := spellings.form_of(key)) is not None and key not in self.keys:
                self.keys.add(key)
                self._by_form.setdefault(form, []).append(key)

    def of_form(self, form: str) -> list[str]:
        """The keys with this normal form."""
        return self._by_form.get(form, [])


@dataclass
class Nearest:
    """Finds the object that a reference without one probably means."""

    present: Presence
    paths: BasePaths
    meant: MeantObjects
    look_into_folders: bool

    def to(self, reference: Reference) -> str | None:
        """The key, or the folder, that a reference means; None if there is none.

        Raises:
            KeyRefused: the store does not answer for one that it may be.
        """
        bucket = self.present.bucket.bucket
        readings = self.paths.readings(reference.key, bucket)
        if reference.key.endswith("/"):
            fitting = (reading for reading in readings if self._may_be(reference, reading))
            return next((reading for reading in fitting if self.present.any_below(reading)), None)
        found = [key for reading in readings for key in self.meant.of_form(folded(reading, bucket))]
        candidates = dict.fromkeys((*found, *variants(reference.key, readings, bucket), *self._beside(readings)))
        return next(
            (key for key in candidates if self._may_be(reference, key) and self.present.head(key) is not None), None
        )

    def _beside(self, readings: tuple[str, ...]) -> Iterator[str]:
        """Keys in the same folder: what is meant may be referred to by others, so that the pass did not keep it."""
        bucket = self.present.bucket.bucket
        for number, reading in enumerate(readings if self.look_into_folders else ()):
            folder = reading.rpartition("/")[0]
            if folder and (number == 0 or self.paths.owner_of(f"{folder}/") is not None):
                form = folded(reading, bucket)
                yield from (key for key in self.present.some_in(f"{folder}/") if folded(key, bucket) == form)

    def _may_be(self, reference: Reference, key: str) -> bool:
        """Whether a key is another one than the reference's, and not out of its tenant's reach."""
        if key == reference.key or has_parent_segment(key) or self.paths.too_wide(key, self.present.bucket.bucket):
            return False
        return reference.tenant is None or self.paths.owner_of(key) in (None, reference.tenant)
