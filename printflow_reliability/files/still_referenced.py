"""Asking the database again: references that it still holds, as it has them now."""

from collections.abc import Iterable, Iterator

from printflow_reliability.files.spool import batches
from printflow_reliability.platform.catalog import Catalog, Reference

BATCH = 1000


def still_referenced(catalog: Catalog, bucket: str, references: Iterable[Reference]) -> Iterator[Reference]:
    """Those references that the database still holds, as it has them now."""
    for batch in batches(references, BATCH):
        now = {
            _identity(reference): reference
            for reference in catalog.look_up(bucket, {reference.key for reference in batch})
        }
        yield from (now[_identity(reference)] for reference in batch if _identity(reference) in now)


def _identity(reference: Reference) -> tuple[str, int, str | None, str | None]:
    return reference.key, reference.entry, reference.tenant, reference.owner
