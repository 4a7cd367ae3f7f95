"""The documentation: pages that are made of the program say what it says, and what pages name exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from printflow_reliability.cli import app
from printflow_reliability_tests.commands import leaves

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted({*DOCS.rglob("*.md"), *ROOT.glob("*.md")})


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_every_path_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert [target for target in links if not (page.parent / target).exists()] == []
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|sql|sh|md))?)`", text)
    roots = [ROOT / name for name in ("", "printflow_reliability", "printflow_reliability_tests", "deploy/platform")]
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


def test_no_docstring_or_comment_cites_a_page_that_is_not_here() -> None:
    """A page is cited by its name, such as facts.md; it must lie in this repository."""
    pages = {page.name for page in PAGES}
    unknown = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in (ROOT / "printflow_reliability").rglob("*.py")
        for name in re.findall(r"\b((?:[A-Z]+|[a-z_-]+)\.md)\b", file.read_text(encoding="utf-8"))
        if name not in pages
    }
    assert unknown == set()
