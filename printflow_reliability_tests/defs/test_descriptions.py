"""Everything that a person sees in the UI says what it is and, where it can be red, what red means and what to do."""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
import typer

from printflow_reliability import cli
from printflow_reliability.definitions import defs
from printflow_reliability.defs.alert_attention import Acknowledgement, Silence
from printflow_reliability.defs.backups import BaseBackupConfig
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.drills import DrillConfig, StandbyDrillConfig
from printflow_reliability.defs.order_repairs import RepairConfig
from printflow_reliability.register import REGISTER

COMMAND = re.compile(r"printflow((?: [a-z][a-z-]*)+)")
GRAPH: Any = defs.resolve_asset_graph()
REPOSITORY: Any = defs.get_repository_def()


def described() -> Iterator[tuple[str, str | None]]:
    """The name and the description of everything in the UI."""
    for key in GRAPH.get_all_asset_keys():
        yield f"asset {key.to_user_string()}", GRAPH.get(key).description
    for check in GRAPH.asset_check_keys:
        yield f"check {check.name}", GRAPH.get_check_spec(check).description
    for kind, found in (("schedule", REPOSITORY.schedule_defs), ("sensor", REPOSITORY.sensor_defs)):
        for definition in found:
            if definition.name != "default_automation_condition_sensor":
                yield f"{kind} {definition.name}", definition.description
    for job in defs.resolve_all_job_defs():
        if not job.name.startswith("__"):
            yield f"job {job.name}", job.description
    configs = (BaseBackupConfig, DrillConfig, StandbyDrillConfig, Acknowledgement, Silence, RepairConfig, Configuration)
    for config in configs:
        for name, field in config.model_fields.items():
            yield f"{config.__name__}.{name}", field.description


@pytest.mark.parametrize(("name", "description"), sorted(described(), key=str))
def test_everything_has_a_description(name: str, description: str | None) -> None:
    assert description, name
    assert len(description) > 15, name


@pytest.mark.parametrize("key", sorted(GRAPH.materializable_asset_keys), ids=str)
def test_an_asset_says_what_red_means_who_owns_it_and_what_it_is_of(key: dg.AssetKey) -> None:
    node = GRAPH.get(key)

    assert "Red: " in node.description
    assert COMMAND.search(node.description)
    assert node.owners
    assert node.kinds


@pytest.mark.parametrize("name", list(REGISTER))
def test_a_check_says_what_red_means_and_what_to_do(name: str) -> None:
    assert REGISTER[name].remedy.startswith("Red: ")
    assert REGISTER[name].remedy.endswith(".")


def is_command(words: list[str]) -> bool:
    """Whether these words begin with a whole command; what follows it is prose."""
    command: Any = typer.main.get_command(cli.app)
    for word in words:
        if not hasattr(command, "commands"):
            return True
        if word not in command.commands:
            return False
        command = command.commands[word]
    return not hasattr(command, "commands")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (name, found[1].split())
        for name, text in sorted(described(), key=str)
        for found in COMMAND.finditer(text or "")
        if not found[1].startswith(" sandbox")  # no part of the product; a placeholder names it
    ],
)
def test_a_command_that_a_description_names_exists(name: str, words: list[str]) -> None:
    assert is_command(words), f"{name}: printflow {' '.join(words)}"
