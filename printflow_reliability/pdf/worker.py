"""The isolated worker, seen from the outside: one process with limits, replaced when a file kills it or takes too long.

One poison file costs one verdict. The worker is reused, since a fresh process a file would cost two hundred times as
much as a small file itself.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.pdf.inspection import Inspection, Problem, Rules, concluded, from_json
from printflow_reliability.settings import PdfSettings

START_SECONDS = 30.0
LONGEST_LINE = 1024 * 1024
PROGRAM = (sys.executable, "-I", "-m", "printflow_reliability.pdf.isolated")


class InspectionWorker:
    """Inspects files one at a time in a process of its own; threads may share it."""

    def __init__(self, settings: PdfSettings, *, program: Sequence[str] = PROGRAM) -> None:
        """Take limits and rules; the process is started with the first file, and is ended by the `with` block's end.

        Args:
            settings: limits and print rules.
            program: what the process runs; another one only in tests of what a hostile file can do.
        """
        self.rules = rules_of(settings)
        self._settings = settings
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def inspect(self, path: Path) -> Inspection:
        """Judge a file; whatever it does to the process is part of the verdict.

        Raises:
            CouldNotTell: the worker cannot be started.
        """
        with self._one_at_a_time:
            process = self._process or self._start()
            try:
                answer = self._ask(process, path)
            except TimeoutError:
                self._end()
                limit = self._settings.timeout_seconds
                return concluded([Problem("timed_out", f"its inspection did not end within {limit:g} s")])
            except BaseException:
                self._end()
                raise
            if answer is None:
                self._end()
                return concluded([Problem("crashed", "it crashes what tries to open it")])
            return from_json(answer)

    def _start(self) -> subprocess.Popen[bytes]:
        settings = self._settings
        # Not through the runner: this is our own code, and it is talked to, not run to its end.
        process = subprocess.Popen(
            [*self._program, str(settings.memory_bytes), str(settings.timeout_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        self._process = process
        try:
            ready = _read_line(process, time.monotonic() + START_SECONDS)
        except TimeoutError:
            ready = None
        if ready is None:
            self._end()
            raise CouldNotTell("the worker that inspects PDFs does not start", "is pdf.memory_bytes too small?")
        return process

    def _ask(self, process: subprocess.Popen[bytes], path: Path) -> Mapping[str, Any] | None:
        """The worker's answer; None if it died of the file."""
        request = json.dumps({"path": str(path.absolute()), "rules": asdict(self.rules)})
        assert process.stdin is not None  # noqa: S101 - it was started with a pipe
        try:
            process.stdin.write(request.encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return None
        return _read_line(process, time.monotonic() + self._settings.timeout_seconds)

    def _end(self) -> None:
        """End the process and forget it; it holds nothing worth keeping."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.wait()


def rules_of(settings: PdfSettings) -> Rules:
    """The part of the settings that verdicts depend on."""
    return Rules(
        max_bytes=settings.max_bytes,
        max_pages=settings.max_pages,
        min_dpi=settings.min_dpi,
        require_embedded_fonts=settings.require_embedded_fonts,
        require_trim_box=settings.require_trim_box,
    )


def _read_line(process: subprocess.Popen[bytes], deadline: float) -> Mapping[str, Any] | None:
    """One line of JSON; None at the pipe's end, or if what comes is no answer.

    Raises:
        TimeoutError: nothing came in time.
    """
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    pipe, line = process.stdout.fileno(), b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError
        part = os.read(pipe, 65536)
        line += part
        if not part or len(line) > LONGEST_LINE:
            return None
    try:
        answer: Mapping[str, Any] = json.loads(line)
    except ValueError:
        return None
    return answer
