"""Fetching an encrypted object and decrypting it whole, before anybody sees a byte of it.

age tells of tampering only where it happened, after most of the plaintext was written. So an object is decrypted into a
file first, still compressed, and what reads it begins when every byte is known to be good.
"""

import hashlib
from collections.abc import Sequence
from typing import IO, Any

import pyrage
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.locked_objects.manifest import Sealed
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.locked_objects.streams import Reading, Writing

ATTEMPTS = 5
"""How often a download that broke off is taken up again without having brought a byte."""
CHUNK = 1024**2
BROKEN = (HTTPError, BotoCoreError, ConnectionError, TimeoutError)


class DamagedObject(CouldNotTell):
    """An object is not what was sent, or does not hold what it must: certain, and a finding where it is looked for."""


def decrypt(store: LockedStore, sealed: Sealed, identities: Sequence[pyrage.x25519.Identity], into: IO[bytes]) -> None:
    """Fetch an object, authenticate and decrypt it; what is in the file counts once this has returned.

    Args:
        store: the bucket.
        sealed: which object.
        identities: secret keys, one of which must fit.
        into: takes the decrypted object, which is still compressed.

    Raises:
        ConfigError: none of the keys fits.
        DamagedObject: it is not what was sent.
        CouldNotTell: the bucket does not answer.
    """
    body = _Body(store, sealed)
    source, sink = Reading(body), Writing(into)
    try:
        pyrage.decrypt_io(source, sink, list(identities))
    except (pyrage.DecryptError, OSError) as refused:
        if (problem := source.problem or sink.problem) is not None:
            raise problem from None
        # A header that was changed fits no key either, as the checksum of the whole tells.
        while source.read(CHUNK):
            pass
        raise _refused(refused, sealed, changed=body.sha256 != sealed.sha256) from None
    if source.bytes != sealed.bytes or body.sha256 != sealed.sha256:
        raise DamagedObject(f"{sealed.key} is not what was sent: its checksum is another than its manifest's")


def _refused(error: Exception, sealed: Sealed, *, changed: bool) -> PrintflowError:
    """What to say of an object that age does not decrypt."""
    if not changed and "no matching keys" in str(error).lower():
        return ConfigError(
            f"the identity file that is named here: its key does not fit {sealed.key}, which was encrypted for "
            f"{', '.join(sealed.recipients)}",
            "name the file with the secret key of one of these recipients",
        )
    return DamagedObject(f"{sealed.key} was changed or cut off since it was sent: age refuses it ({error})")


class _Body:
    """A stored object as a file to read, which goes on where a connection broke."""

    def __init__(self, store: LockedStore, sealed: Sealed) -> None:
        self._store, self._sealed = store, sealed
        self._hash = hashlib.sha256()
        self._at = 0
        self._body: Any = None

    @property
    def sha256(self) -> str:
        """Of what was read, which is all of it once decryption has ended well."""
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        data = self._read(size)
        self._hash.update(data)
        self._at += len(data)
        return data

    def _read(self, size: int) -> bytes:
        if self._at >= self._sealed.bytes:
            return b""
        for attempt in range(ATTEMPTS):
            try:
                if self._body is None:
                    self._body = self._open()
                if data := self._body.read(size):
                    return bytes(data)
            except BROKEN:
                if attempt == ATTEMPTS - 1:
                    with self._store.errors():
                        raise
            self._body = None
        raise DamagedObject(f"{self._sealed.key} ends after {self._at:,} bytes, and {self._sealed.bytes:,} were sent")

    def _open(self) -> Any:
        with self._store.errors():
            try:
                answer = self._store.client.get_object(
                    Bucket=self._store.bucket.bucket,
                    Key=self._sealed.key,
                    VersionId=self._sealed.version_id,
                    Range=f"bytes={self._at}-",
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "NoSuchVersion", "404"):
                    raise DamagedObject(f"{self._sealed.key} is not in the bucket any more") from None
                raise
        return answer["Body"]
