"""Finding and reading printflow.toml; a mistake in it is one message that names the file's own key."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import secrets
from printflow_reliability.settings.document import Settings
from printflow_reliability.settings.section import Section

SANDBOX_HOME = ".sandbox"
"""Where a sandbox lives unless PRINTFLOW_HOME says otherwise; its configuration is the default one."""


def default_home(environ: Mapping[str, str]) -> Path:
    """Where the sandbox of this working directory lives: PRINTFLOW_HOME, or `.sandbox`."""
    return Path(environ.get("PRINTFLOW_HOME") or SANDBOX_HOME)


def find_config(given: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The configuration file to use: the one given, then $PRINTFLOW_CONFIG, then the running sandbox's.

    Raises:
        ConfigError: none of them exists.
    """
    environ = os.environ if environ is None else environ
    if given is not None:
        return given
    if named := environ.get("PRINTFLOW_CONFIG"):
        return Path(named)
    sandbox = default_home(environ) / "printflow.toml"
    if sandbox.exists():
        return sandbox
    raise ConfigError(
        "no configuration: neither --config nor $PRINTFLOW_CONFIG is given, and no sandbox runs here",
        "printflow --config printflow.toml ..., or start a sandbox: printflow sandbox up",
    )


def notify_socket(environ: Mapping[str, str] | None = None) -> str | None:
    """The socket on which systemd wants to hear that this service is alive; None where systemd did not start it so."""
    return (os.environ if environ is None else environ).get("NOTIFY_SOCKET") or None


def load(path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check a configuration file. Relative paths in it are relative to it.

    Raises:
        ConfigError: it cannot be read, is not TOML, has an unknown or missing key, or a secret is missing.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}", "printflow --config FILE ...") from None
    except OSError as unreadable:
        raise ConfigError(f"{path} cannot be read: {unreadable.strerror}", "name another: --config FILE") from None
    except UnicodeDecodeError as other:
        raise ConfigError(f"{path} is not UTF-8 (byte {other.start})", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as broken:
        raise ConfigError(f"{path} is not TOML: {broken}", "mend the line it names") from None
    except RecursionError:
        raise ConfigError(f"{path} is not TOML that can be read: it is nested too deeply") from None
    base = path.resolve().parent
    known: set[str] = set()
    resolved = secrets.resolve(raw, "", base, os.environ if environ is None else environ, known)
    try:
        settings = Settings.model_validate(resolved)
    except ValidationError as invalid:
        raise ConfigError(f"{path}: " + "; ".join(_explain(error) for error in invalid.errors())) from None
    return _absolute_paths(settings, base).with_secrets(known)


def _explain(error: ErrorDetails) -> str:
    """One validation error in the file's own words."""
    key = ""
    for part in error["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(sorted(known))}"
        return f"{key}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{key}: is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message}" if key else message


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at this place may have; the last part of `loc` is the unknown one."""
    model: Any = Settings
    for part in loc[:-1]:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            candidates = (annotation, *getattr(annotation, "__args__", ()))
            model = next(
                candidate
                for candidate in candidates
                if isinstance(candidate, type) and issubclass(candidate, BaseModel)
            )
    return list(model.model_fields)


def _absolute_paths(settings: Settings, base: Path) -> Settings:
    """The settings with every relative path made absolute, from the folder of the file."""
    return settings.model_copy(update=_absolute_values(settings, base))


def _absolute_values(section: Section, base: Path) -> dict[str, Any]:
    """The values of a section that are or hold paths, made absolute."""

    def absolute(value: Any) -> Any:
        if isinstance(value, Path):
            return base / value
        if isinstance(value, tuple):
            return tuple(absolute(item) for item in value)
        return value.model_copy(update=_absolute_values(value, base)) if isinstance(value, Section) else value

    return {name: absolute(value) for name, value in section if isinstance(value, Path | tuple | Section)}
