"""Lock files of Composer and npm: which package an application really gets, and in which version."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from printflow_reliability.posture.applications import Application, Kind, Platform, read_json
from printflow_reliability.posture.checkout import Unreadable

NPM_VERSIONS = (1, 2, 3)
"""The `lockfileVersion`s that are understood."""
OTHER_LOCKS = ("yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")


@dataclass(frozen=True)
class Locked:
    """What a lock file says.

    Attributes:
        path: the lock file, or where it should be.
        missing: whether there is none.
        versions: by package; empty where they are not known.
        why_unknown: why they are not known, as the end of a sentence about the file; empty where they are.
    """

    path: str
    missing: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    why_unknown: str = ""


def locked(platform: Platform, application: Application) -> Locked:
    """The lock file of an application; of a package in a workspace, that of the directory above that has one."""
    laravel = application.kind is Kind.LARAVEL
    roots = [application.root]
    while not laravel and roots[-1]:
        roots.append(roots[-1].rpartition("/")[0])
    for root in roots:
        for name in ("composer.lock",) if laravel else ("package-lock.json", "npm-shrinkwrap.json", *OTHER_LOCKS):
            path = f"{root}/{name}" if root else name
            if platform.checkout.has(path) or platform.checkout.why_not(path):
                return _read(platform, path)
    name = "composer.lock" if laravel else "package-lock.json"
    return Locked(application.path(name), missing=True)


def major(version: str) -> int | None:
    """The major number of "v11.2.0"; None where it has none."""
    match = re.match(r"v?(\d{1,6})(?:\.|$)", version)
    return int(match[1]) if match else None


def _read(platform: Platform, path: str) -> Locked:
    if path.endswith(OTHER_LOCKS):
        return Locked(path, why_unknown="is of another package manager than npm, and is not read")
    try:
        document = read_json(platform.checkout, path)
    except Unreadable as refused:
        return Locked(path, why_unknown=str(refused))
    versions = _composer(document) if path.endswith("composer.lock") else _npm(document)
    if versions is None:
        return Locked(path, why_unknown="has a format of another version")
    return Locked(path, versions=versions)


def _composer(document: Mapping[str, Any]) -> dict[str, str] | None:
    packages = document.get("packages")
    if not isinstance(packages, list):
        return None
    entries = [entry for entry in packages if isinstance(entry, dict)]
    return {str(entry.get("name")).lower(): str(entry.get("version")) for entry in entries}


def _npm(document: Mapping[str, Any]) -> dict[str, str] | None:
    version = document.get("lockfileVersion")
    if version not in NPM_VERSIONS:
        return None
    listed = document.get("dependencies" if version == 1 else "packages")
    if not isinstance(listed, dict):
        return None
    return {
        path.rpartition("node_modules/")[2]: str(entry.get("version"))
        for path, entry in listed.items()
        if isinstance(entry, dict) and path
    }
