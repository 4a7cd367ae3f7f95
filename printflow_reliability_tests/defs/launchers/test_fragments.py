"""The fragments of deploy/launchers, put into dagster.yaml, are what Dagster and the launchers' own schemas take."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from dagster._config import process_config, validate_config
from dagster._core.instance.config import dagster_instance_config_schema

ROOT = Path(__file__).parents[3]
FRAGMENTS = sorted((ROOT / "deploy" / "launchers").glob("*.yaml"))
NAMED = re.compile(r"PRINTFLOW_[A-Z_]+|AWS_[A-Z_0-9]+")
BLOCKS = {"run_launcher", "run_coordinator", "concurrency", "run_monitoring"}


def merged(fragment: Path) -> dict[str, Any]:
    """The project's dagster.yaml with the blocks of a fragment."""
    merged_file: dict[str, Any] = {}
    for file in (ROOT / "dagster.yaml", fragment):
        merged_file |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return merged_file


def launcher_of(fragment: Path) -> tuple[Any, dict[str, Any]]:
    """The launcher's class and its settings."""
    block = merged(fragment)["run_launcher"]
    pytest.importorskip(block["module"].partition(".")[0])
    return getattr(import_module(block["module"]), block["class"]), block["config"]


def test_there_is_a_fragment_for_each_of_the_launchers() -> None:
    assert [fragment.stem for fragment in FRAGMENTS] == ["celery", "ecs", "kubernetes"]


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.stem)
def test_dagster_takes_the_merged_file(fragment: Path) -> None:
    assert set(yaml.safe_load(fragment.read_text(encoding="utf-8"))) == BLOCKS
    taken = validate_config(dict(dagster_instance_config_schema()), merged(fragment))
    assert taken.success, taken.errors


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.stem)
def test_the_launcher_takes_its_settings_and_no_misspelled_one(fragment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher, settings = launcher_of(fragment)
    for name in set(NAMED.findall(fragment.read_text(encoding="utf-8"))):
        monkeypatch.setenv(name, "a-value")
    schema = launcher.config_type()
    taken = process_config(schema, settings)
    assert taken.success, taken.errors
    assert not validate_config(schema, {**settings, "resources_of_runs": {}}).success


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.stem)
def test_orders_keep_their_limit_and_dead_runs_are_noticed_as_in_the_file_that_it_changes(fragment: Path) -> None:
    base, changed = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8")), merged(fragment)
    assert changed["concurrency"]["pools"] == base["concurrency"]["pools"]
    limits = (file["concurrency"]["runs"]["tag_concurrency_limits"] for file in (base, changed))
    assert len({str(limit) for limit in limits}) == 1
    assert changed["run_monitoring"]["enabled"]
    assert changed["run_retries"] == base["run_retries"]


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.stem)
def test_secrets_are_named_and_never_written_down(fragment: Path) -> None:
    settings = yaml.safe_dump(yaml.safe_load(fragment.read_text(encoding="utf-8")))
    assert re.search(r"(postgresql|rediss?|amqps?)://|password|arn:aws", settings, re.IGNORECASE) is None
