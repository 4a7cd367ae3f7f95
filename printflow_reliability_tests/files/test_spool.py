"""A findings file bears its name only when it is whole."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.files.spool import FindingsFile, Spool
from printflow_reliability.findings import Finding, Severity

FINDING = Finding(
    kind="orphan", severity=Severity.WARNING, detail="d", action="a", bucket="b", key="new\nline \u2028é\r.pdf"
)


def test_a_whole_file_has_one_finding_a_line_with_its_key_intact(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    with FindingsFile(path) as file:
        file.write(FINDING)
        file.write(FINDING)
        assert not path.exists()
        file.complete()
        assert list(file) == [FINDING, FINDING]
    lines = path.read_text(encoding="utf-8").strip().split("\n")
    assert [json.loads(line)["key"] for line in lines] == [FINDING.key] * 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("broken", [True, False])
def test_a_pass_that_breaks_off_leaves_no_file_and_keeps_an_older_one(tmp_path: Path, broken: bool) -> None:
    path = tmp_path / "findings.jsonl"
    path.write_text("older\n")
    with suppress(RuntimeError), FindingsFile(path) as file:
        file.write(FINDING)
        if broken:
            raise RuntimeError("the server died")
    assert path.read_text() == "older\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"), FindingsFile(tmp_path / "no/such/folder.jsonl"):
        pass


def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "findings.jsonl"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/null")):
        with pytest.raises(ConfigError, match="is no plain file"), FindingsFile(path):
            pass
    assert pipe.is_fifo()
    assert [*tmp_path.iterdir()] == [pipe]


def test_a_spool_gives_back_what_it_got_also_from_disk() -> None:
    spool: Spool[str] = Spool(str, str)
    for n in range(3):
        spool.append(f"{n}\n\u2028é")
    assert list(spool) == list(spool) == ["0\n\u2028é", "1\n\u2028é", "2\n\u2028é"]
    spool.append("x" * 5_000_000)
    assert len(list(spool)) == len(spool) == 4
    spool.close()
