"""The secret keys of age that copies are read with; only the machine that verifies and restores has them."""

from collections.abc import Sequence
from pathlib import Path

import pyrage

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings.dumps import SECRET_KEY


def read_identities(file: Path, named: str) -> Sequence[pyrage.x25519.Identity]:
    """The secret keys of an identity file. No error shows any part of one.

    Args:
        file: as age-keygen makes it.
        named: how the person named it: a key of printflow.toml, or an option.

    Raises:
        ConfigError: there is no such file, or no key in it.
    """
    lines = _lines(file, named)
    keys = [line.strip() for line in lines if line.strip().upper().startswith(SECRET_KEY)]
    if not keys:
        raise ConfigError(f"{named}: {file} holds no secret key of age", "make one: age-keygen -o FILE")
    try:
        return [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError:
        raise ConfigError(
            f"{named}: a secret key in {file} is damaged",
            "bring the file back from its copy",
        ) from None


def _lines(path: Path, named: str) -> Sequence[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as unreadable:
        raise ConfigError(
            f"{named}: {path} cannot be read ({unreadable.strerror})", "give this user its mode 0600 file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{named}: {path} is not UTF-8", "name the file that age-keygen made") from None
