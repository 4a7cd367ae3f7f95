"""Reading pgBackRest's configuration file as pgBackRest does: where a stanza's repository is, and how it is reached.

With `--config` it reads that file alone: neither the include folder, nor variables, since programs are given none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from printflow_reliability.errors import ConfigError

WRITES = "archive-push"
"""The command whose sections count: it is the one with which a server that archives would write."""
DEFAULTS = {"type": "posix", "path": "/var/lib/pgbackrest", "storage-port": "443"}
YES = ("y", "yes", "true", "1", "on")


@dataclass(frozen=True)
class RepositoryOptions:
    """The options of one repository.

    Attributes:
        number: the repository's.
        values: by name without "repoN-". They hold secrets.
    """

    number: int
    values: Mapping[str, str] = field(repr=False)

    def get(self, *names: str) -> str | None:
        """The first of these options that is set, or has a default."""
        for name in names:
            if value := self.values.get(name, DEFAULTS.get(name)):
                return value
        return None

    def is_on(self, *names: str, default: bool) -> bool:
        """Whether a switch is on."""
        value = self.get(*names)
        return default if value is None else value.lower() in YES

    def require(self, name: str, file: Path) -> str:
        """An option without which the repository cannot be reached.

        Raises:
            ConfigError: it is not set.
        """
        value = self.get(name)
        if value is None:
            raise ConfigError(f"{file}: repo{self.number}-{name} is not set", "set it as in production's configuration")
        return value


def repository_options(file: Path, stanza: str, number: int, command: str = WRITES) -> RepositoryOptions:
    """The options of one repository of a stanza, as a command reads them.

    Raises:
        ConfigError: the file cannot be read.
    """
    values: dict[str, str] = {}
    for key, value in command_options(file, stanza, command).items():
        prefix, _, option = key.partition("-")
        # Before there were several repositories, options began with "repo-".
        if prefix == f"repo{number}" or (prefix == "repo" and number == 1):
            values[option] = value
    return RepositoryOptions(number, values)


def command_options(file: Path, stanza: str, command: str) -> Mapping[str, str]:
    """Every option of a stanza, as a command reads them. They hold secrets.

    Raises:
        ConfigError: the file cannot be read.
    """
    sections = _sections(file)
    values: dict[str, str] = {}
    # From the weakest to the strongest, as in pgBackRest's own documentation.
    for name in ("global", f"global:{command}", stanza, f"{stanza}:{command}"):
        values |= sections.get(name, {})
    return values


def option(file: Path, stanza: str, name: str) -> str | None:
    """An option that is of no repository; None where the file does not set it.

    Raises:
        ConfigError: the file cannot be read.
    """
    sections = _sections(file)
    return next((value for section in (stanza, "global") if (value := sections.get(section, {}).get(name))), None)


def _sections(file: Path) -> Mapping[str, Mapping[str, str]]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as unreadable:
        raise ConfigError(
            f"pgBackRest's configuration {file} cannot be read: {unreadable.strerror}",
            "check its path in printflow.toml, its owner and its mode",
        ) from None
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in (raw.strip() for raw in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            current = found.setdefault(line[1:-1], {})
        elif line and not line.startswith("#") and "=" in line:
            key, _, value = line.partition("=")
            current[key.strip()] = value.strip()
    return found
