"""The secret keys of age that dumps are read with; only the machine that verifies and restores has them."""

from collections.abc import Sequence
from pathlib import Path

import pyrage

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import DumpsSettings
from printflow_reliability.settings.dumps import SECRET_KEY

NO_IDENTITY = "dumps.identity_file is not set here, so that no dump can be read"
ELSEWHERE = "run this on the machine that verifies dumps, whose printflow.toml names dumps.identity_file"


def identities(dumps: DumpsSettings) -> Sequence[pyrage.x25519.Identity]:
    """The secret keys of the identity file. No error shows any part of one.

    Raises:
        ConfigError: there is no such file, or no key in it.
    """
    if dumps.identity_file is None:
        raise ConfigError(NO_IDENTITY, ELSEWHERE)
    lines = _lines(dumps.identity_file)
    keys = [line.strip() for line in lines if line.strip().upper().startswith(SECRET_KEY)]
    if not keys:
        raise ConfigError(
            f"dumps.identity_file: {dumps.identity_file} holds no secret key of age", "make one: age-keygen -o FILE"
        )
    try:
        return [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError:
        raise ConfigError(
            f"dumps.identity_file: a secret key in {dumps.identity_file} is damaged",
            "bring the file back from its copy",
        ) from None


def _lines(path: Path) -> Sequence[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as unreadable:
        raise ConfigError(
            f"dumps.identity_file: {path} cannot be read ({unreadable.strerror})", "give this user its mode 0600 file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"dumps.identity_file: {path} is not UTF-8", "name the file that age-keygen made") from None
