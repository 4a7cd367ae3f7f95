"""Programs whose input or output is a stream: dumps and archives, which need not fit into memory.

What such a program said is only known at its end, so that whoever reads its output must not believe it before.
"""

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from printflow_reliability.errors import PrintflowError
from printflow_reliability.programs import (
    STDERR_TAIL,
    WATCH_SECONDS,
    ProgramFailed,
    Programs,
    Watches,
    endable,
    kill_group,
    not_run,
)
from printflow_reliability.redaction import redacted

ENDING_SECONDS = 5.0
"""How long a program that reads no more may take to end by itself."""
KILLED_SECONDS = 10.0
"""How long a killed program may take to be gone."""
BUFFER = 256 * 1024
STDERR_READ = 64 * 1024
"""Bytes of the end of what a program said that are read."""


@contextmanager
def piped(
    programs: Programs,
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    fed: bool = False,
    watches: Watches = (),
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program beside the block, which reads its output to the end; at the end of the block it has ended well.

    Args:
        programs: how programs are run.
        argv: the program and its arguments; no secret may be among them.
        timeout: seconds after which it and everything it started is killed.
        env: variables on top of a minimal environment.
        fed: whether the block writes its input (and closes it), from a thread of its own where it also reads.
        watches: called now and then while it runs; what they raise ends the program.

    Raises:
        ProgramFailed: it ended with an error, or did not end in time; whatever the block made of its output is void.
        ConfigError: there is no such program.
    """
    name = Path(argv[0]).name
    with tempfile.TemporaryFile() as said, ExitStack() as running:
        process = spawn(programs, argv, env, fed, said)
        running.enter_context(endable(programs, process))
        guard = _Guard(process, name, timeout, watches)
        guard.start()
        try:
            yield process
            process.wait()
        except BaseException as error:
            if isinstance(error, BrokenPipeError):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=ENDING_SECONDS)  # it says itself why it reads no more
            kill_group(process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=KILLED_SECONDS)
            _close(process)
            guard.finish()
            # A pipe that broke is only what its other end died of.
            if guard.problem is not None and isinstance(error, Exception):
                raise guard.problem from None
            if isinstance(error, BrokenPipeError):
                raise _failed(programs, name, process.returncode, said) from None
            raise
        _close(process)
        guard.finish()
        if guard.problem is not None:
            raise guard.problem
        if process.returncode != 0:
            raise _failed(programs, name, process.returncode, said)


def spawn(
    programs: Programs, argv: Sequence[str], env: Mapping[str, str] | None, fed: bool, said: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """Start a program as `piped` does; `said` takes its stderr.

    Raises:
        ConfigError: there is no such program.
    """
    identity = None if programs.launcher else programs.identity()
    try:
        return subprocess.Popen(
            [*programs.launcher, *argv],
            bufsize=BUFFER,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=programs.environment(env),
            cwd="/",
            start_new_session=True,
            user=identity.uid if identity else None,
            group=identity.gid if identity else None,
            extra_groups=identity.groups if identity else None,
            umask=0o077,
        )
    except OSError as refused:
        raise not_run(argv[0], refused) from refused


class _Guard(threading.Thread):
    """Ends a program that takes too long, or that it is not worth waiting for."""

    def __init__(self, process: "subprocess.Popen[bytes]", name: str, timeout: float, watches: Watches) -> None:
        super().__init__(daemon=True)
        self.problem: PrintflowError | None = None
        self._process, self._name, self._timeout, self._watches = process, name, timeout, watches
        self._over = threading.Event()

    def run(self) -> None:
        left = self._timeout
        while not self._over.wait(min(left, WATCH_SECONDS)):
            left -= WATCH_SECONDS
            try:
                if left <= 0:
                    raise ProgramFailed(f"{self._name} did not end within {self._timeout:.0f} s")
                for watch in self._watches:
                    watch()
            except PrintflowError as problem:
                self.problem = problem
                kill_group(self._process)
                return

    def finish(self) -> None:
        """The program has ended: nothing is watched any more."""
        self._over.set()
        self.join(timeout=WATCH_SECONDS)


def _close(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _failed(programs: Programs, name: str, code: int, output: IO[bytes]) -> ProgramFailed:
    output.seek(0, 2)
    output.seek(max(0, output.tell() - STDERR_READ))
    said = redacted(output.read().decode("utf-8", "replace").strip(), programs.secrets)
    tail = said[-STDERR_TAIL:]
    return ProgramFailed(
        f"{name} ended with exit code {code}: {tail or 'it said nothing'}",
        exit_code=code,
        stderr_tail=tail,
        said=said,
    )
