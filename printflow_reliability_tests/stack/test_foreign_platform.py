"""The foreign platform is what it says: each difference to the sandbox that a test may rely on."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from printflow_reliability.cli import app
from printflow_reliability_tests.stack.foreign.platform import DATABASE, SUPERUSER, ForeignPlatform

pytestmark = pytest.mark.stack

SETTINGS = """
SELECT name, setting FROM pg_settings WHERE name IN
('wal_segment_size', 'data_checksums', 'max_connections', 'password_encryption', 'archive_timeout')
"""


def test_its_cluster_differs_from_the_sandboxs_in_everything_that_initdb_decides(foreign: ForeignPlatform) -> None:
    with foreign.connect() as connection:
        settings = dict(connection.execute(SETTINGS).fetchall())
        superuser = connection.execute("SELECT rolname FROM pg_authid WHERE oid = 10").fetchone()
        provider = connection.execute(
            "SELECT datlocprovider FROM pg_database WHERE datname = %s", (DATABASE,)
        ).fetchone()
        encodings = connection.execute("SELECT DISTINCT pg_encoding_to_char(encoding) FROM pg_database").fetchall()
    assert settings == {
        "wal_segment_size": str(64 * 1024**2),
        "data_checksums": "off",
        "max_connections": "20",
        "password_encryption": "scram-sha-256",
        "archive_timeout": "300",
    }
    assert superuser == (SUPERUSER,)
    assert provider == ("i",)
    assert {name for (name,) in encodings} == {"UTF8", "LATIN1", "SQL_ASCII"}


def test_nobody_signs_in_without_a_password(foreign: ForeignPlatform) -> None:
    hba = (foreign.root / "pg data" / "pg_hba.conf").read_text()
    assert {line.split()[-1] for line in hba.splitlines()} == {"scram-sha-256"}


@pytest.mark.parametrize("by", ["owner", "reader"])
def test_its_commands_run_by_a_plain_user(foreign: ForeignPlatform, by: str) -> None:
    script = "import os; print(os.getuid(), os.geteuid(), open('/proc/self/status').read())"
    ended = foreign.python("-c", script, by=getattr(foreign, by))
    assert ended.exit_code == 0, ended.stderr
    uids, status = ended.stdout.split("Name:", 1)
    assert "0" not in uids.split()
    assert "CapEff:\t0000000000000000" in status


def test_the_reader_cannot_write_what_the_owner_has(foreign: ForeignPlatform) -> None:
    if foreign.reader == foreign.owner:
        pytest.skip("a second user needs root: there is only the one that runs these tests")
    script = "import os; print([os.access(place, os.W_OK) for place in ('repository', 'pg data', 'fast disk')])"
    assert foreign.python("-c", script, by=foreign.reader).stdout == "[False, False, False]\n"


def test_every_command_has_its_healthy_case_here() -> None:
    """A command that is new has it too: what only runs on the sandbox's platform may run nowhere else."""
    files = Path(__file__).parent.glob("test_foreign_*.py")
    tried = [words for file in files for words in words_of(ast.parse(file.read_text(encoding="utf-8")))]
    missing = [command for command in commands(typer.main.get_command(app)) if not is_tried(command, tried)]
    assert missing == [], "commands that no test runs on the foreign platform"


def commands(group: Any, *above: str) -> Iterator[tuple[str, ...]]:
    """The words of every command of the product."""
    if not hasattr(group, "commands"):
        # `sandbox` and `demo` are no part of it; a test may have added them.
        if not group.callback.__module__.startswith("printflow_reliability.sandbox"):
            yield above
        return
    for name, command in group.commands.items():
        yield from commands(command, *above, name)


def words_of(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    """What stands first in calls and tuples, as far as it is constant."""
    for node in ast.walk(tree):
        given = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
        yield tuple(str(argument.value) for argument in given if isinstance(argument, ast.Constant))


def is_tried(command: tuple[str, ...], tried: list[tuple[str, ...]]) -> bool:
    return any(words[: len(command)] == command for words in tried)
