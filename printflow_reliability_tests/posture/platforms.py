"""Small platforms as files on disk, and what posture says of them."""

from collections.abc import Mapping
from pathlib import Path

from printflow_reliability.posture.applications import Platform, find_applications
from printflow_reliability.posture.checkout import open_checkout
from printflow_reliability.posture.items import Item
from printflow_reliability.posture.report import judge


def written(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """The directory, with these files in it."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def platform_of(root: Path, files: Mapping[str, str | bytes]) -> Platform:
    """The platform that these files are."""
    return find_applications(open_checkout(written(root, files)))


def judged(root: Path, files: Mapping[str, str | bytes]) -> list[Item]:
    """Every item of the platform that these files are."""
    return judge(platform_of(root, files))
