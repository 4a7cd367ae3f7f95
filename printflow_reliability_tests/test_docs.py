"""The pages below docs/ that are made of the program are what the program says."""

import re
import subprocess
import sys
from pathlib import Path

import typer

from printflow_reliability.cli import app
from printflow_reliability_tests.test_bad_input import leaves

DOCS = Path(__file__).parents[1] / "docs"


def test_the_commands_page_is_the_help_of_every_command() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "printflow_reliability_tests.command_reference"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    kept = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert made.stdout == kept, "run: make docs"
    headings = set(re.findall(r"^#+ printflow (.+)$", kept, re.MULTILINE))
    assert {" ".join(path) for path in leaves(typer.main.get_command(app))} <= headings
