"""The isolated worker, seen from the outside: processes with limits, replaced when a file kills one or takes too long.

One poison file costs one verdict. Processes are reused, since a fresh one for each file would cost two hundred times as
much as a small file itself. What limits a file is time of the processor: on a busy machine a good file takes long too.
"""

import contextlib
import hashlib
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.pdf.inspection import Inspection, Problem, Rules, concluded, from_json
from printflow_reliability.settings import PdfSettings

START_SECONDS = 30.0
WALL_FACTOR = 2
"""How many times its processor time an inspection may take on the clock, before nothing can be said of the file."""
DYING_SECONDS = 0.2
"""What a process that closed its pipe has to end by itself, so that it can be seen of what it died."""
LONGEST_LINE = 1024 * 1024
PROGRAM = (sys.executable, "-I", "-m", "printflow_reliability.pdf.isolated")


class InspectionWorker:
    """Inspects files, each in a process of its own at a time; threads share the processes, one for each core.

    Attributes:
        rules: what files are judged by.
        isolation: by name, whether the processes could give up what they should; empty until one was started.
    """

    def __init__(self, settings: PdfSettings, *, program: Sequence[str] = PROGRAM) -> None:
        """Take limits and rules; a process is started with the first file, and ended by the `with` block's end.

        Args:
            settings: limits and print rules.
            program: what a process runs; another one only in tests of what a hostile file can do.
        """
        self.rules = rules_of(settings)
        self.isolation: Mapping[str, bool] = {}
        self._settings = settings
        self._program = program
        self._idle: list[_Process] = []
        self._closed = False
        self._slots = threading.Semaphore(os.cpu_count() or 1)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for process in idle:
            process.end()

    def inspect(self, path: Path, *, patience: float = math.inf, until: float = math.inf) -> Inspection:
        """Judge a file; whatever it does to the process is part of the verdict.

        Args:
            path: the file.
            patience: seconds after which it is given up as not judged, if the limit of pdf.timeout_seconds is longer.
            until: the moment of the monotonic clock at which it is given up, whenever it was begun.

        Raises:
            CouldNotTell: the worker cannot be started.
            OSError: the file cannot be opened.
        """
        with path.open("rb") as file, self._slots:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            with self._lock:
                process = self._idle.pop() if self._idle else None
            process = process or self._start()
            inspection = self._inspect(process, file, patience, until)
            return replace(inspection, sha256=sha256)

    def _inspect(self, process: "_Process", file: BinaryIO, patience: float, until: float) -> Inspection:
        limit = self._settings.timeout_seconds
        began = time.monotonic()
        deadline = began + WALL_FACTOR * limit
        allowed = min(began + patience, until)
        try:
            answer = process.ask(asdict(self.rules), file, min(deadline, allowed))
        except TimeoutError:
            process.end()
            if allowed < deadline:
                given_up = f"its inspection was given up after {max(allowed - began, 0):.0f} s, and needs longer"
                return concluded([Problem("not_judged", given_up)])
            waited = f"its inspection got less than {limit:g} s of the processor within {WALL_FACTOR * limit:g} s"
            return concluded([Problem("not_judged", f"{waited}: this machine is too busy")])
        except BaseException:
            process.end()
            raise
        if answer is not None:
            self._keep(process)
            return from_json(answer)
        if process.end() == -signal.SIGXCPU:
            return concluded([Problem("timed_out", f"its inspection needs more than {limit:g} s of the processor")])
        return concluded([Problem("crashed", "it crashes what tries to open it")])

    def _keep(self, process: "_Process") -> None:
        """Have a process for the next file, unless the block has ended while it inspected this one."""
        with self._lock:
            if not self._closed:
                self._idle.append(process)
                return
        process.end()

    def _start(self) -> "_Process":
        process = _Process([*self._program, str(self._settings.memory_bytes), str(self._settings.timeout_seconds)])
        try:
            ready = process.read(time.monotonic() + START_SECONDS)
        except TimeoutError:
            ready = None
        if ready is None:
            process.end()
            raise CouldNotTell("the worker that inspects PDFs does not start", "is pdf.memory_bytes too small?")
        self.isolation = ready.get("isolation", {})
        return process


class _Process:
    """One worker process: requests and open files go in through a socket, answers come out through a pipe."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._socket, worker_end = socket.socketpair()
        program: list[str] = list(argv)
        # Not through the runner: this is our own code, and it is talked to, not run to its end.
        with worker_end:
            self._process = subprocess.Popen(
                program,
                stdin=worker_end.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )

    def ask(self, request: Mapping[str, Any], file: BinaryIO, deadline: float) -> Mapping[str, Any] | None:
        """The answer for an open file; None if the process died of it.

        Raises:
            TimeoutError: there was none in time.
        """
        try:
            file.seek(0)  # the position is shared with the descriptor that is sent
            socket.send_fds(self._socket, [json.dumps(request).encode()], [file.fileno()])
        except (BrokenPipeError, ConnectionResetError):
            return None
        return self.read(deadline)

    def read(self, deadline: float) -> Mapping[str, Any] | None:
        """One line of JSON; None at the pipe's end, or if what comes is no answer.

        Raises:
            TimeoutError: nothing came in time.
        """
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        pipe, line = self._process.stdout.fileno(), b""
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

    def end(self) -> int:
        """End the process and forget it, since it holds nothing worth keeping; how it ended."""
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(DYING_SECONDS)
        self._process.kill()
        return self._process.wait()


def rules_of(settings: PdfSettings) -> Rules:
    """The part of the settings that verdicts depend on."""
    return Rules(
        max_bytes=settings.max_bytes,
        max_pages=settings.max_pages,
        min_dpi=settings.min_dpi,
        require_embedded_fonts=settings.require_embedded_fonts,
        require_trim_box=settings.require_trim_box,
    )
