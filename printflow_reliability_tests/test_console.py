"""What people read on a terminal: lines stay lines, cells stay one line, and no character acts on the terminal."""

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from printflow_reliability import console
from printflow_reliability.text import printable, readable
from printflow_reliability_tests.minimal_configuration import CONFIG

HOSTILE = {
    "an escape sequence": ("\x1b[2J", "\\x1b[2J"),
    "NUL": ("\0", "\\x00"),
    "carriage return": ("\r", "\\r"),
    "backspace": ("\b", "\\x08"),
    "C1 control": ("\x9b31m", "\\x9b31m"),
    "bidirectional override": ("\u202e", "\\u202e"),
    "zero width space": ("\u200b", "\\u200b"),
    "line separator": ("\u2028", "\\u2028"),
    "half of a surrogate pair": ("\udcff", "\\udcff"),
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_a_character_that_would_act_on_the_terminal_is_escaped_everywhere(
    text: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printable(f"a{text}b") == f"a{shown}b"
    assert readable(f"a{text}b") == f"a{shown}b"
    console.say(f"a{text}b")
    console.table(("key",), [(f"a{text}b",)])
    assert capsys.readouterr().out == f"a{shown}b\nkey\na{shown}b\n"
    console.print_json({"key": f"a{text}b"})
    document = capsys.readouterr().out
    assert document.isascii()
    assert json.loads(document) == {"key": f"a{text}b"}


def test_lines_of_a_text_stay_lines_and_a_cell_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("first\n\tsecond\r\nthird")
    assert capsys.readouterr().out == "first\n    second\nthird\n"
    console.table(("key", "size"), [("one\ntwo", "3")])
    assert capsys.readouterr().out == "key       size\none\\ntwo  3\n"


def test_text_is_never_taken_for_markup_or_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("a:key:b [bold]c[/bold] \\[d]")
    console.table(("key",), [("a:key:b [red]c",)])
    assert capsys.readouterr().out == "a:key:b [bold]c[/bold] \\[d]\nkey\na:key:b [red]c\n"


def test_a_cell_is_never_cut_or_wrapped_and_wide_characters_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    key = "tenants/" + "x" * 300
    console.table(("key", "of"), [(key, "a"), ("\u5370\u5237", "b")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"{key}  a"
    assert lines[2] == "\u5370\u5237" + " " * (len(key) - 4) + "  b"


def on_terminal(arguments: list[str]) -> tuple[int, str]:
    """Run the command line on a pseudo-terminal of 80 columns; its exit code and what stands there."""
    terminal, program_end = pty.openpty()
    program = "import sys; from printflow_reliability.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=program_end,
        stdout=program_end,
        stderr=program_end,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm"},
    ) as process:
        os.close(program_end)
        shown = io.BytesIO()
        while True:
            try:
                read = os.read(terminal, 65536)
            except OSError:  # the terminal's other end is closed
                break
            if not read:
                break
            shown.write(read)
    os.close(terminal)
    return process.returncode, shown.getvalue().decode().replace("\r\n", "\n")


@pytest.mark.stack
def test_the_runbook_on_a_terminal_is_a_page_of_lines(tmp_path: Path) -> None:
    (tmp_path / "printflow.toml").write_text(CONFIG)
    (tmp_path / "pgbackrest.conf").write_text("[live_db]\npg1-path=/var/lib/postgresql/15/live\n")
    code, plan = on_terminal(["--config", str(tmp_path / "printflow.toml"), "runbook"])
    assert code == 0, plan
    lines = plan.splitlines()
    assert lines[0] == "# Recovery of Print-Flow-360 (production)"
    assert lines.index("2. founder") == lines.index("1. on call") + 1
    assert len(lines) > 20
    assert "\\n" not in plan
    code, steps = on_terminal(["--config", str(tmp_path / "printflow.toml"), "runbook", "cluster-lost"])
    assert code == 0, steps
    command = next(line for line in steps.splitlines() if " recover --to latest" in line)
    assert command.strip() == (
        f"printflow --config {tmp_path}/printflow.toml recover --to latest --into {tmp_path}/recovery"
    )
