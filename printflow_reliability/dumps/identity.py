"""The secret keys of age that dumps are read with; only the machine that verifies and restores has them."""

from collections.abc import Sequence

import pyrage

from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.identity import read_identities
from printflow_reliability.settings import DumpsSettings

NO_IDENTITY = "dumps.identity_file is not set here, so that no copy can be read"
ELSEWHERE = "run this on the machine that verifies dumps, whose printflow.toml names dumps.identity_file"


def identities(dumps: DumpsSettings) -> Sequence[pyrage.x25519.Identity]:
    """The secret keys of the identity file. No error shows any part of one.

    Raises:
        ConfigError: there is no such file, or no key in it.
    """
    if dumps.identity_file is None:
        raise ConfigError(NO_IDENTITY, ELSEWHERE)
    return read_identities(dumps.identity_file, "dumps.identity_file")
