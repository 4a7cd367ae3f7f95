"""A store as a dictionary: LIST of keys by prefix and delimiter, in pages of any size, as S3 answers it."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from threading import Lock

from printflow_reliability.storage.pages import Page, StoredObject

WRITTEN = datetime(2026, 11, 2, tzinfo=UTC)


def stored(key: str) -> StoredObject:
    return StoredObject(key, len(key), f"etag of {key}", WRITTEN)


class ModelStore:
    """Answers LIST; `order` sorts the keys, by their bytes unless a test says otherwise."""

    def __init__(
        self, keys: Collection[str], page_keys: int, order: Callable[[str], object] = lambda key: key.encode()
    ) -> None:
        self.keys = sorted(keys, key=order)  # type: ignore[arg-type]
        self.page_keys = page_keys
        self.asked: list[tuple[str, str]] = []
        self._lock = Lock()

    def fetch(self, prefix: str, delimiter: str, token: str | None) -> Page:
        with self._lock:
            self.asked.append((prefix, delimiter))
        names = list(dict.fromkeys(self._name(key, prefix, delimiter) for key in self.keys if key.startswith(prefix)))
        begin = int(token or 0)
        end = begin + self.page_keys
        objects = [stored(name) for name, folder in names[begin:end] if not folder]
        folders = tuple(name for name, folder in names[begin:end] if folder)
        return Page(objects, str(end) if end < len(names) else None, folders)

    @staticmethod
    def _name(key: str, prefix: str, delimiter: str) -> tuple[str, bool]:
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        return (key, False) if end < 0 else (key[: end + 1], True)
