"""Identifiers of tenants and orders as this system keeps them: an index of PostgreSQL takes no entry of any length.

One that is too long is cut and ends in its checksum, so that it stays its own; what is kept is kept as it is.
"""

import re
from hashlib import sha256

MOST_BYTES = 800
"""In the name of a partition a byte may become three, and an index takes about 2,700 bytes."""
SHOWN_BYTES = 200
CUT = re.compile(r".*\.\.\.sha256:([0-9a-f]{64})", re.DOTALL)


def kept(identifier: str) -> str:
    """The identifier, or what stands for one that is too long."""
    raw = identifier.encode(errors="surrogatepass")
    if len(raw) <= MOST_BYTES:
        return identifier
    return f"{raw[:SHOWN_BYTES].decode(errors='ignore')}...sha256:{sha256(raw).hexdigest()}"


def checksum_of(identifier: str) -> str | None:
    """The SHA-256, as hex, of the identifier that was cut to this one; None if it was not cut."""
    found = CUT.fullmatch(identifier)
    return found[1] if found else None
