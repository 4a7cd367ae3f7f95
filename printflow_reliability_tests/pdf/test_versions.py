"""Bytes that were judged before keep their verdict; any other bytes are inspected, whatever their name."""

from pathlib import Path

import pytest

from printflow_reliability.pdf.inspection import Inspection, Problem, concluded
from printflow_reliability.pdf.versions import ContentWorker
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import PdfSettings

SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""Of "abc"."""
INSPECTED = concluded([Problem("cut_off", "it is cut off")])


@pytest.mark.parametrize(
    ("body", "known", "expected"),
    [
        (b"abc", concluded([], sha256=SHA256), concluded([], sha256=SHA256)),
        (b"abd", concluded([], sha256=SHA256), INSPECTED),
        (b"abc", concluded([Problem("not_judged", "too busy")], sha256=SHA256), INSPECTED),
        (b"abc", concluded([]), INSPECTED),
    ],
)
def test_a_verdict_is_believed_of_the_very_same_bytes_alone(
    body: bytes, known: Inspection, expected: Inspection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InspectionWorker, "inspect", lambda *_, **__: INSPECTED)
    file = tmp_path / "file"
    file.write_bytes(body)
    with ContentWorker(PdfSettings()) as worker:
        worker.believe([known])
        assert worker.inspect(file) == expected
