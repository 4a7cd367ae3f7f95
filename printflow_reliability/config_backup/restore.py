"""Bringing a copy of the configuration back into a directory, which is there whole or not at all."""

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyrage

from printflow_reliability.config_backup.archive import opened
from printflow_reliability.config_backup.extraction import Extracted, extract, require_inside
from printflow_reliability.config_backup.manifest import Manifest
from printflow_reliability.config_backup.store import NEWEST, chosen, stored_in
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.paths import is_directory, is_there

ANOTHER = "name another directory: --into DIR"


@dataclass(frozen=True)
class ConfigRestore:
    """A restore, planned or done.

    Attributes:
        manifest: of the copy.
        into: the directory.
        done: what was written; None if it was only planned.
    """

    manifest: Manifest
    into: Path
    done: Extracted | None = None

    @property
    def needs_person(self) -> bool:
        """Whether the copy lacks something, or what was written is not yet its owners'."""
        return bool(self.manifest.troubles) or bool(self.done and self.done.unowned)

    def as_json(self) -> dict[str, Any]:
        """The document of `config restore --json`."""
        return {
            "key": self.manifest.key,
            "taken_at": self.manifest.taken_at.isoformat(),
            "host": self.manifest.host,
            "config": self.manifest.config,
            "into": str(self.into),
            "plan": [
                {"path": entry.path, "kind": entry.kind, "mode": entry.mode, "owner": f"{entry.owner}:{entry.group}"}
                for entry in self.manifest.entries
            ],
            "not_copied": [{"path": trouble.path, "detail": trouble.why} for trouble in self.manifest.troubles],
            "dumps": dict(self.manifest.dumps),
            "restored": None if self.done is None else self.done.files,
            "bytes": None if self.done is None else self.done.bytes,
            "unowned": None if self.done is None else self.done.unowned,
        }


def restore_config(
    store: LockedStore,
    identities: Sequence[pyrage.x25519.Identity],
    into: Path,
    *,
    name: str,
    key: str = NEWEST,
    add: bool = False,
    apply: bool = False,
) -> ConfigRestore:
    """Write a copy into a directory, or plan it.

    Args:
        store: the bucket; its credentials need only list and read.
        identities: secret keys of age, one of which must fit.
        into: a directory that is empty or not there; it gets mode 0700.
        name: what the copies of the machine are called.
        key: which copy; the newest by default.
        add: write beside what is in the directory; nothing there is replaced.
        apply: do it; otherwise only plan.

    Raises:
        ConfigError: there is no such copy, no key fits, or the directory will not do.
        CouldNotTell: the bucket does not answer, or the copy was tampered with; nothing was written.
    """
    into = Path(os.path.abspath(into))  # noqa: PTH100 - a link stays the link that it is
    manifest = chosen(stored_in(store, name), key)
    planned = ConfigRestore(manifest, into)
    _require_usable(into, {entry.path.partition("/")[0] for entry in manifest.entries}, add=add)
    if not apply:
        return planned
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=into.parent))
    except OSError as refused:
        raise ConfigError(f"{into.parent} cannot be written to: {refused.strerror}", ANOTHER) from None
    try:
        with opened(store, manifest, identities, partial) as copy:
            require_inside(copy.members(), manifest)
            done = extract(copy.members(), partial)
        _put_in_place(partial, into)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return replace(planned, done=done)


def _require_usable(into: Path, names: set[str], *, add: bool) -> None:
    """Raises:
    ConfigError: it is no directory, or something in it would be replaced.
    """
    if into.is_symlink() or (is_there(into) and not is_directory(into)):
        raise ConfigError(f"{into} is no directory", ANOTHER)
    there = {entry.name for entry in into.iterdir()} if is_there(into) else set()
    if there and not add:
        raise ConfigError(f"{into} is not empty", f"{ANOTHER}, or --add to write beside what is there")
    if taken := sorted(there & names):
        raise ConfigError(f"{into} has {', '.join(taken)} already, and nothing there is replaced", ANOTHER)


def _put_in_place(partial: Path, into: Path) -> None:
    """Give what was written its name, at once where the directory is new."""
    try:
        if is_directory(into) and any(into.iterdir()):
            for entry in partial.iterdir():
                mode = stat.S_IMODE(entry.stat().st_mode)
                entry.chmod(mode | stat.S_IRWXU)  # a directory that nobody may write to cannot be moved
                entry.rename(into / entry.name).chmod(mode)
            return
        partial.rename(into)  # it may take the place of an empty directory
    except OSError as refused:
        raise ConfigError(f"{into} cannot be written to: {refused.strerror}", ANOTHER) from None
