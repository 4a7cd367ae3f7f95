"""What every manifest says of its object, whatever the object is a copy of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Sealed(Protocol):
    """What a manifest says of an encrypted object."""

    @property
    def key(self) -> str: ...

    @property
    def version_id(self) -> str: ...

    @property
    def bytes(self) -> int: ...

    @property
    def sha256(self) -> str: ...

    @property
    def recipients(self) -> Sequence[str]: ...


class ManifestLike(Sealed, Protocol):
    """What a manifest says of the copy that the object is."""

    @property
    def taken_at(self) -> datetime: ...

    @property
    def manifest_key(self) -> str: ...
