"""What is left of an item's artwork: copies of its file, and files of its own folder, each inspected before it counts.

A file of another tenant, of another order, or of another kind by the catalog is told of as such and never taken.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.choose import Chooser
from printflow_reliability.files.kept_copies import Expected, KeptCopy, expected_by
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.spellings import MeantObjects, Nearest
from printflow_reliability.orders.judgement import in_place, problem_of
from printflow_reliability.orders.paid_rows import PaidRows
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.orders.repair.given_file import inspected, private_copy
from printflow_reliability.orders.repair.plan import Candidate, Choice, Found
from printflow_reliability.pdf.ledger import Verdicts
from printflow_reliability.pdf.verify import PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.catalog import Reference, open_catalog
from printflow_reliability.platform.paid_orders import PaidItem, connect_for_orders, paid_items
from printflow_reliability.platform.tenancy import BasePaths, tenancy
from printflow_reliability.records.erasures import Erasures
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.pages import list_pages
from printflow_reliability.storage.single_keys import possible
from printflow_reliability.text import UNSTORABLE

MOST_IN_A_FOLDER = 1_000
"""A folder with more objects is hardly that of one item."""
NEVER_PRINTED = ("proof", "image", "derived")
"""Kinds of the catalog. A design may be the print file itself: platforms copy its key into the order at checkout."""
PRINT_READY = "print-ready"


class FolderTooWide(CouldNotTell):
    """A folder of `orders.paid` is hardly one item's."""


class Search:
    """Looks for the artwork of items of paid orders, as the databases and the bucket are when it is made."""

    def __init__(self, settings: Settings, ledger: Verdicts, worker: InspectionWorker, erased: Erasures) -> None:
        """Read the paid orders, the tenants and the catalog.

        Args: the whole file, what is known of files, what inspects the others, and what was erased on purpose.

        Raises:
            ConfigError: a query is refused.
            CouldNotTell: a database is unreachable.
        """
        self._settings = settings
        self._bucket = settings.bucket_named(settings.orders.bucket)
        self._paths = BasePaths(tenancy(settings, connect_with=connect_for_orders).tenants)
        self._rows = PaidRows(paid_items(settings).items, self._paths)
        self._catalog = open_catalog(settings)
        self._verifier = PdfVerifier(self._bucket, ledger, worker)
        self._worker = worker
        self._erased = erased

    def found(self, problem: Problem, choice: Choice) -> Found:
        """What there is for the item of a problem.

        Raises:
            CouldNotTell: the bucket or a database does not answer.
        """
        item = problem.item
        if item is None or item.tenant is None or item.tenant not in self._paths.of:
            return Found()
        trouble = self._rows.folder_trouble(item)
        found = Found(folder=None if trouble else item.folder, folder_trouble=trouble, unclear=self._rows.unclear(item))
        if choice.key is not None:
            (chosen,) = self._judged(item, [choice.key], found.folder)
            return replace(found, chosen=chosen)
        if choice.file is not None:
            with private_copy(choice.file, self._worker.rules.max_bytes) as file:
                _, why = inspected(self._worker, file)
            return replace(found, chosen=Candidate(str(choice.file), trouble=why))
        if choice.made:
            return found
        if erasure := self._erased.of(self._bucket.name, item.key or ""):
            # Neither a copy of it nor a file that is made anew from the same design: a person decides.
            return replace(found, unclear=f"{erasure.sentence}, and nothing brings it back")
        linked = [item.key] if item.key else []
        expected = expected_by(chain.from_iterable(self._references(linked).values()))
        spelled = self._spelled(item)
        try:
            in_folder = _pdfs_in(self._bucket, found.folder, item.order)
        except FolderTooWide as wide:  # the item's own trouble: the order's others are repaired
            in_folder, found = [], replace(found, folder=None, folder_trouble=wide.sentence)
        linked_already = self._rows.linked(item.order)
        unlinked = [key for key in in_folder if key not in linked_already]
        keys = dict.fromkeys([*([spelled] if spelled else []), *unlinked])
        known = {expectation.sha256 for expectation in expected if expectation.sha256}
        candidates = [
            replace(file, spelled=file.key == spelled, proven=file.sha256 in known)
            for file in self._judged(item, [*keys], found.folder)
        ]
        copy, why = self._copy(problem, expected)
        return replace(found, candidates=candidates, copy=copy, copy_trouble=why)

    def judged(self, item: PaidItem, key: str) -> Candidate:
        """Whether a file may be an item's artwork.

        Raises:
            CouldNotTell: the bucket or a database does not answer.
        """
        (candidate,) = self._judged(item, [key], None if self._rows.folder_trouble(item) else item.folder)
        return candidate

    def _judged(self, item: PaidItem, keys: Sequence[str], folder: str | None) -> list[Candidate]:
        """Each of these files with why it may not be the item's; read only where nothing else is against it."""
        tenant = item.tenant or ""
        placed = [key for key in keys if _is_key(key) and in_place(key, tenant, self._paths)]
        references = self._references(placed)
        troubles = {
            key: "it lies outside the tenant's own path" if _is_key(key) else "S3 has no such keys" for key in keys
        }
        troubles |= {key: self._stranger(item, key, folder, references.get(key, ())) for key in placed}
        own = [key for key, trouble in troubles.items() if not trouble]
        candidates = {key: Candidate(key, trouble=trouble) for key, trouble in troubles.items()}
        for file in self._verifier.verify(own):
            trouble = problem_of(replace(item, key=file.key), self._paths, {file.key: file})
            size, sha256 = file.head.size if file.head else 0, file.inspection.sha256 if file.inspection else None
            why = trouble.text if trouble else "" if sha256 else "print-ready PDF could not be read to its end"
            absent = trouble is not None and trouble.kind is Kind.MISSING
            candidates[file.key] = Candidate(file.key, size, sha256, why, absent=absent)
        return list(candidates.values())

    def _stranger(self, item: PaidItem, key: str, folder: str | None, references: Iterable[Reference]) -> str:
        """Why a file of the tenant is not this item's, whatever it holds; empty if nothing says so."""
        if trouble := self._rows.taken(item, key):
            return trouble
        inside = folder is not None and key.startswith(folder)
        for reference in references:
            kind = self._settings.reference[reference.entry].kind
            if kind in NEVER_PRINTED:
                return f"the catalog knows it as {kind} of {reference.owner}"
            if kind == PRINT_READY and not inside and key != item.key:
                return f"{reference.owner} refers to it, and it does not lie in the item's own folder"
        return ""

    def _references(self, keys: Sequence[str]) -> Mapping[str, Sequence[Reference]]:
        found: dict[str, list[Reference]] = defaultdict(list)
        for reference in self._catalog.look_up(self._bucket.name, keys) if keys else ():
            found[reference.key].append(reference)
        return found

    def _spelled(self, item: PaidItem) -> str | None:
        """The file that the item's link means in another spelling."""
        if not item.key or item.key.endswith("/"):
            return None
        nearest = Nearest(Presence(self._bucket), self._paths, MeantObjects(), look_into_folders=True)
        meant = Reference(item.key, 0, item.tenant, None, self._bucket.name, None, None, False)
        return nearest.to(meant)

    def _copy(self, problem: Problem, expected: Sequence[Expected]) -> tuple[KeptCopy | None, str]:
        """A copy of the linked file that is what it should be, and why there is none."""
        key = problem.key
        if key is None or problem.kind not in (Kind.MISSING, Kind.UNUSABLE):
            return None, ""
        replica = self._bucket.replica
        present = Presence(self._bucket)
        chooser = Chooser(present, Presence(self._settings.bucket_named(replica)) if replica else None, self._worker)
        try:
            copies = list(chooser.copies(key))
            if problem.kind is Kind.UNUSABLE:
                # What is there now is the newest version, and what came before may be an earlier design.
                now = present.head(key)
                copies = [copy for copy in copies if now is None or (copy.etag, copy.size) != (now.etag, now.size)]
                if copies and not any(expectation.content for expectation in expected):
                    return None, "it has other versions, and the database does not know the content of the right one"
            if not copies:
                return None, "no version of it is left in the bucket or its replica"
            choice = chooser.choose(key, copies, expected)
        except CouldNotTell as refused:
            return None, refused.sentence
        return choice.copy, choice.reason


def _pdfs_in(bucket: BucketSettings, folder: str | None, order: str) -> list[str]:
    """The PDFs of an item's own folder.

    Raises:
        FolderTooWide: it holds too many objects.
        CouldNotTell: the bucket does not answer.
    """
    found: list[str] = []
    for page in list_pages(bucket, folder) if folder is not None else ():
        found += [stored.key for stored in page if stored.key.startswith(folder or "")]
        if len(found) > MOST_IN_A_FOLDER:
            raise FolderTooWide(
                f"the folder {folder} of order {order} holds more than {MOST_IN_A_FOLDER:,} objects",
                "have orders.paid return the item's own folder",
            )
    return [key for key in found if key.lower().endswith(".pdf")]


def _is_key(key: str) -> bool:
    """Whether an object can have this key, and a database hold it: a key that somebody names may be anything."""
    return possible(key) and UNSTORABLE.search(key) is None
