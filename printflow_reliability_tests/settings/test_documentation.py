"""docs/configuration.md is what `printflow config reference` prints, and says something of every key."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import Field, create_model

from printflow_reliability.cli import run
from printflow_reliability.settings import Settings, documentation, load
from printflow_reliability.settings.documentation import SMALLEST, as_json, tables
from printflow_reliability.settings.section import Section

KEPT = Path(__file__).parents[2] / "docs" / "configuration.md"


def keys_of(schema: dict[str, object]) -> Iterator[str]:
    """The keys that the file may have, as pydantic's own JSON schema tells them: tables and keys alike."""
    sections = schema["$defs"]
    assert isinstance(sections, dict)
    for name, section in (("", schema), *sections.items()):
        for key in section.get("properties", {}):
            yield f"{name}.{key}"


def test_every_key_has_a_description() -> None:
    undescribed = [
        f"{table.header} {key.name}" for table in tables() for key in table.keys if len(key.description.split()) < 3
    ]
    assert undescribed == []
    assert [table.header for table in tables() if not table.description] == []


def test_a_key_without_a_description_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = create_model("bare", __base__=Section, silent=(int, Field(default=1)))
    monkeypatch.setattr(documentation, "Settings", create_model("file", __base__=Section, bare=(bare, bare())))
    (table,) = tables()
    assert [key.description for key in table.keys] == [""]


def test_no_key_of_the_file_is_left_out() -> None:
    documented = len(tables()) + sum(len(table.keys) for table in tables())
    assert documented == len(list(keys_of(Settings.model_json_schema())))


def test_the_kept_documentation_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "reference"]) == 0
    assert capsys.readouterr().out == KEPT.read_text(encoding="utf-8"), (
        "run: printflow config reference > docs/configuration.md"
    )


def test_the_documentation_for_programs_has_the_same_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "reference", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(as_json()))
    assert [table["header"] for table in printed["tables"]] == [table.header for table in tables()]


def test_the_smallest_file_of_the_documentation_is_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "printflow.toml"
    path.write_text(SMALLEST, encoding="utf-8")
    urls = dict.fromkeys(("PRINTFLOW_RECORDS_URL", "LIVE_DB_URL"), "postgresql://printflow:s3cret@localhost/db")
    settings = load(path, urls)
    assert settings.cluster_named("live_db").superuser == "postgres"
    # Every table and key that must be there is, and hardly another.
    required = {table.header.strip("[]") for table in tables() if table.required}
    required -= {name for name in required if name.partition(".")[0] not in required}  # of a table that need not be
    assert set(tomllib.loads(SMALLEST)) == required
