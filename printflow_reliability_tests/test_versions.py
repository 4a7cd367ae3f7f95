"""Oldest supported versions: stated once for people, once for pip, and kept by what is installed here."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

from printflow_reliability.backups.pgbackrest_errors import MINIMUM_VERSION

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [Requirement(line) for line in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["sandbox"])]


def oldest(name: str) -> str:
    """The oldest version of a thing that the README supports."""
    row = re.search(rf"^\| {name} \| ([\d.]+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    return row[1]


def minimum(requirement: Requirement) -> str:
    """The oldest version that a requirement takes."""
    return next((specifier.version for specifier in requirement.specifier if specifier.operator == ">="), "")


def test_every_package_has_an_oldest_version_and_the_installed_one_fulfils_it() -> None:
    assert [requirement.name for requirement in REQUIREMENTS if not minimum(requirement)] == []
    assert [
        requirement.name
        for requirement in REQUIREMENTS
        if not requirement.specifier.contains(version(requirement.name))
    ] == []


def test_the_pinned_versions_fulfil_what_is_asked_for() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").lower().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    assert [
        requirement.name for requirement in REQUIREMENTS if not requirement.specifier.contains(pinned[requirement.name])
    ] == []


def test_people_are_told_of_the_same_versions_as_pip_and_the_program() -> None:
    (dagster,) = (requirement for requirement in REQUIREMENTS if requirement.name == "dagster")
    assert oldest("Dagster") == minimum(dagster)
    assert f">={oldest('Python')}" == PROJECT["requires-python"]
    assert oldest("pgBackRest") == ".".join(map(str, MINIMUM_VERSION))
    assert int(oldest("PostgreSQL")) >= 14, "pg_get_wal_replay_pause_state() came with 14"
