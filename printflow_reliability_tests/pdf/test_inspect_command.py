"""`printflow pdf inspect`: its exit code is that of the worst file, and "could not tell" is never 0."""

import json
from pathlib import Path

import pytest

from printflow_reliability.cli import run
from printflow_reliability.pdf.inspection import Inspection, Verdict
from printflow_reliability.pdf.worker import InspectionWorker


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.GOOD, Verdict.GOOD], 0),
        ([Verdict.GOOD, Verdict.UNKNOWN], 2),
        ([Verdict.UNKNOWN, Verdict.REPAIRABLE], 1),
        ([Verdict.UNKNOWN, Verdict.UNUSABLE, Verdict.GOOD], 1),
        ([Verdict.UNPRINTABLE], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst_file(
    verdicts: list[Verdict],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [tmp_path / f"{number}.pdf" for number in range(len(verdicts))]
    for file in files:
        file.write_bytes(b"%PDF")
    known = {file: Inspection(verdict, 1, (), None) for file, verdict in zip(files, verdicts, strict=True)}
    monkeypatch.setattr(InspectionWorker, "inspect", lambda _, file: known[file])
    monkeypatch.chdir(tmp_path)
    arguments = ["pdf", "inspect", *map(str, files)]
    assert run([*arguments, "--json"]) == code
    assert [file["verdict"] for file in json.loads(capsys.readouterr().out)["files"]] == verdicts
    assert run(arguments) == code
    assert capsys.readouterr().out.split()[:3] == ["verdict", "pages", "file"]
