"""`printflow pdf inspect`: its exit code is that of the worst file, and "could not tell" is never 0."""

import json
from pathlib import Path

import pytest

from printflow_reliability.cli import run
from printflow_reliability.pdf.inspection import Inspection, Verdict
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability_tests.platform_elsewhere import configured


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


def test_a_file_that_cannot_be_had_costs_its_own_verdict_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "good.pdf"
    good.write_bytes(b"%PDF")
    monkeypatch.setattr(InspectionWorker, "inspect", lambda *_: Inspection(Verdict.GOOD, 1, (), None))
    config = str(configured(tmp_path))
    arguments = ["--config", config, "pdf", "inspect", str(tmp_path / "gone.pdf"), "s3://nowhere/a.pdf", str(good)]
    assert run([*arguments, "--json"]) == 2
    verdicts = [file["verdict"] for file in json.loads(capsys.readouterr().out)["files"]]
    assert verdicts == [Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.GOOD]
    assert run(arguments) == 2
    shown = capsys.readouterr().out
    assert "there is no file" in shown
    assert 'there is no bucket named "nowhere"' in shown


@pytest.mark.parametrize("address", ["s3://print-files", "s3://print-files/", "s3://"])
def test_an_address_without_a_key_names_no_object(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(configured(tmp_path)), "pdf", "inspect", address]) == 2
    assert capsys.readouterr().err.startswith(f"printflow: {address} names no object")
