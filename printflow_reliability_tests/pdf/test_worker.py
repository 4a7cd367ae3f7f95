"""The isolated worker: one poison file costs one verdict, and nothing else."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.pdf.inspect import inspect_file
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import PdfSettings
from printflow_reliability_tests.pdf.files import AS_IT_IS, GOOD, changed
from printflow_reliability_tests.pdf.image_files import WHOLE
from printflow_reliability_tests.pdf.poison import PROGRAM as POISON

pytestmark = pytest.mark.stack


@pytest.fixture
def poisoned() -> Iterator[InspectionWorker]:
    with InspectionWorker(PdfSettings(timeout_seconds=1), program=POISON) as worker:
        yield worker


def test_a_good_file_is_good_and_the_worker_is_reused(tmp_path: Path) -> None:
    file = tmp_path / "good.pdf"
    file.write_bytes(GOOD)

    with InspectionWorker(PdfSettings()) as worker:
        assert worker.isolation == {}
        first, second = worker.inspect(file), worker.inspect(file)

    assert first == second
    assert first.verdict is Verdict.GOOD


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(what: str) -> Path:
        path = tmp_path / f"{what}.pdf"
        path.write_text(what)
        return path

    return write


@pytest.mark.parametrize(
    ("what", "verdict", "code"),
    [
        ("spins", Verdict.UNUSABLE, "timed_out"),
        ("crashes", Verdict.UNUSABLE, "crashed"),
        ("babbles", Verdict.UNUSABLE, "crashed"),
        # No time of the processor was used: that the clock ran out says nothing of the file.
        ("waits", Verdict.UNKNOWN, "not_judged"),
    ],
)
def test_a_file_that_breaks_the_worker_has_its_verdict_and_the_next_one_is_judged(
    poisoned: InspectionWorker, file: Callable[[str], Path], what: str, verdict: Verdict, code: str
) -> None:
    before = poisoned.inspect(file("good")).pages
    broken = poisoned.inspect(file(what))
    after = poisoned.inspect(file("good"))

    assert (broken.verdict, [problem.code for problem in broken.problems]) == (verdict, [code])
    assert broken.sha256 == hashlib.sha256(what.encode()).hexdigest()  # so that it can be remembered
    assert after.verdict is Verdict.GOOD
    assert after.pages != before  # the process that answers is another one


def test_the_worker_sees_nothing_of_our_environment(
    poisoned: InspectionWorker, file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_DB_URL", "postgresql://secret")

    seen = json.loads(str(poisoned.inspect(file("secrets")).pages))

    assert "LIVE_DB_URL" not in seen
    assert "PATH" in seen


def test_no_process_is_left_behind(file: Callable[[str], Path]) -> None:
    with InspectionWorker(PdfSettings(), program=POISON) as worker:
        pid = worker.inspect(file("good")).pages

    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_a_worker_whose_parent_is_killed_ends_by_itself(file: Callable[[str], Path]) -> None:
    program = (
        "import os, signal; from pathlib import Path\n"
        "from printflow_reliability.pdf.worker import InspectionWorker\n"
        "from printflow_reliability.settings import PdfSettings\n"
        f"worker = InspectionWorker(PdfSettings(), program={POISON!r}).__enter__()\n"
        f"print(worker.inspect(Path({str(file('good'))!r})).pages, flush=True)\n"
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


def test_a_poster_of_more_pixels_than_the_memory_holds_is_good(tmp_path: Path) -> None:
    """Raw and behind a predictor: what is only counted needs no memory."""
    side = 9000
    plain, predicted = (
        b"".join((*(rows.compress(row) for _ in range(side)), rows.flush()))
        for row, rows in ((bytes(4 * side), zlib.compressobj(1)), (bytes(4 * side + 1), zlib.compressobj(1)))
    )
    parameters = pikepdf.Dictionary(Predictor=15, Colors=4, Columns=side)

    def placed(pdf: pikepdf.Pdf) -> None:
        image = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image, "ColorSpace": pikepdf.Name.DeviceCMYK}
        for name, data in (("/A", plain), ("/B", predicted)):
            poster = pdf.make_stream(b"", Width=side, Height=side, BitsPerComponent=8, **image)
            poster.write(data, filter=pikepdf.Name.FlateDecode, decode_parms=parameters if name == "/B" else None)
            pdf.pages[0].obj.Resources.XObject[name] = poster
            pdf.pages[0].contents_add(f"q 99 0 0 99 0 0 cm {name} Do Q".encode())

    file = tmp_path / "poster.pdf"
    file.write_bytes(changed(placed, **AS_IT_IS))
    with InspectionWorker(PdfSettings(memory_bytes=300_000_000)) as worker:
        found = worker.inspect(file)
    assert found.verdict is Verdict.GOOD, found


def test_a_worker_that_does_not_start_is_no_verdict(file: Callable[[str], Path]) -> None:
    with (
        InspectionWorker(PdfSettings(), program=(sys.executable, "-c", "pass")) as worker,
        pytest.raises(CouldNotTell, match="does not start"),
    ):
        worker.inspect(file("good"))


def test_a_real_worker_says_what_it_gave_up_and_judges_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "good.pdf"
    path.write_bytes(GOOD)
    path.chmod(0o600)  # it is handed over open: the worker's user could not open it
    with InspectionWorker(PdfSettings()) as worker:
        assert worker.inspect(path).verdict is Verdict.GOOD
        assert worker.isolation["no_network"]


def test_a_confined_worker_says_what_an_inspection_without_limits_says(tmp_path: Path) -> None:
    """Nothing is loaded late, from files that a confined process cannot open: no image decoder, no cipher."""
    contents = [content for content, _ in WHOLE.values()]
    for version in (2, 3, 4, 6):
        modern = version >= 4
        cipher = pikepdf.Encryption(owner="owner", user="", R=version, aes=modern, metadata=modern)
        contents.append(changed(encryption=cipher))
    path = tmp_path / "file.pdf"
    with InspectionWorker(PdfSettings()) as worker:
        for content in contents:
            path.write_bytes(content)
            with path.open("rb") as file:
                unconfined = inspect_file(file, worker.rules)
            assert replace(worker.inspect(path), sha256=None) == unconfined
