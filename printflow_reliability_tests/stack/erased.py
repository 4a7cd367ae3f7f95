"""A file that was erased on purpose, as far as the records know, for a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from printflow_reliability.files.erasure import record_erasure
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings


@contextmanager
def erased(settings: Settings, key: str, bucket: str = "print-files") -> Iterator[int]:
    """An erasure of this key; its number. The records know nothing of it afterwards."""
    made = record_erasure(settings, key, tenant=None, bucket=bucket, reason="asked for", person="ada")
    try:
        yield made.id
    finally:
        with open_records(settings.records) as records:
            records.execute("DELETE FROM erasures WHERE id = %s", (made.id,))
