"""The isolated worker: one poison file costs one verdict, and nothing else."""

import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import PdfSettings
from printflow_reliability_tests.pdf.files import GOOD, changed

POISON = (sys.executable, str(Path(__file__).with_name("poison.py")))


@pytest.fixture
def poisoned() -> Iterator[InspectionWorker]:
    with InspectionWorker(PdfSettings(timeout_seconds=1), program=POISON) as worker:
        yield worker


def test_a_good_file_is_good_and_the_worker_is_reused(tmp_path: Path) -> None:
    file = tmp_path / "good.pdf"
    file.write_bytes(GOOD)

    with InspectionWorker(PdfSettings()) as worker:
        first, second = worker.inspect(file), worker.inspect(file)

    assert first == second
    assert first.verdict is Verdict.GOOD


@pytest.mark.parametrize(("file", "code"), [("spins", "timed_out"), ("crashes", "crashed"), ("babbles", "crashed")])
def test_a_file_that_breaks_the_worker_is_unusable_and_the_next_one_is_judged(
    poisoned: InspectionWorker, file: str, code: str
) -> None:
    before = poisoned.inspect(Path("good")).pages
    broken = poisoned.inspect(Path(file))
    after = poisoned.inspect(Path("good"))

    assert (broken.verdict, [one.code for one in broken.problems]) == (Verdict.UNUSABLE, [code])
    assert after.verdict is Verdict.GOOD
    assert after.pages != before  # the process that answers is another one


def test_the_worker_sees_nothing_of_our_environment(
    poisoned: InspectionWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_DB_URL", "postgresql://secret")

    seen = json.loads(poisoned.inspect(Path("secrets")).sha256 or "{}")

    assert "LIVE_DB_URL" not in seen
    assert "PATH" in seen


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    with InspectionWorker(PdfSettings(), program=POISON) as worker:
        pid = worker.inspect(Path("good")).pages

    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_a_worker_whose_parent_is_killed_ends_by_itself() -> None:
    program = (
        "import os, signal; from pathlib import Path\n"
        "from printflow_reliability.pdf.worker import InspectionWorker\n"
        "from printflow_reliability.settings import PdfSettings\n"
        f"worker = InspectionWorker(PdfSettings(), program={POISON!r}).__enter__()\n"
        "print(worker.inspect(Path('good')).pages, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    pid = int(ran.stdout)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        signal.sigtimedwait([signal.SIGUSR1], 0.05)
    pytest.fail("the worker outlived its parent")


def test_a_bomb_ends_at_the_limits_of_memory(tmp_path: Path) -> None:
    def armed(pdf: pikepdf.Pdf) -> None:
        packed = zlib.compress(b"\0" * 900_000_000, 9)
        twice = zlib.compress(packed, 9)
        pdf.pages[0].obj.Contents = pikepdf.Stream(
            pdf, twice, Filter=pikepdf.Array([pikepdf.Name.FlateDecode, pikepdf.Name.FlateDecode])
        )

    file = tmp_path / "bomb.pdf"
    file.write_bytes(changed(armed, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none))
    assert file.stat().st_size < 1_000_000

    with InspectionWorker(PdfSettings(memory_bytes=600_000_000, timeout_seconds=20)) as worker:
        bomb = worker.inspect(file)
        file.write_bytes(GOOD)
        after = worker.inspect(file)

    assert bomb.verdict is Verdict.UNUSABLE
    assert after.verdict is Verdict.GOOD


def test_a_worker_that_does_not_start_is_no_verdict() -> None:
    with (
        InspectionWorker(PdfSettings(), program=(sys.executable, "-c", "pass")) as worker,
        pytest.raises(CouldNotTell, match="does not start"),
    ):
        worker.inspect(Path("good"))
