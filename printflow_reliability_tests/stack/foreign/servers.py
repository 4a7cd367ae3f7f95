"""The foreign platform's servers: two PostgreSQL clusters and an S3 server, children that end when the tests do."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from printflow_reliability.sandbox import processes
from printflow_reliability_tests.stack.foreign.plain_user import PlainUser

READY_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A started server: its process, and the signal that ends it in good order."""

    name: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    log: Path

    def stop(self, seconds: float = 15) -> None:
        """End it, by SIGKILL if it does not end in time, and whatever it started."""
        session = self.process.pid
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
        # The leader's pid stays ours until it is waited for, and a session's while one of its members lives.
        processes.send(processes.session_members(session), signal.SIGKILL)
        self.process.wait()

    def await_ready(self, ready: Callable[[], object]) -> None:
        """Wait until it answers.

        Args:
            ready: raises anything while the server does not answer yet.
        """
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                ready()
                return
            except Exception as error:
                ended = self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                    raise RuntimeError(f"the foreign platform's {self.name} is not ready: {error}\n{tail}") from error
            time.sleep(0.1)


def start(
    user: PlainUser, name: str, argv: Sequence[str], *, root: Path, stop_signal: signal.Signals = signal.SIGTERM
) -> Server:
    """Start a server as the user, in the platform's directory; it may not be ready yet."""
    log = root / "log" / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            # Not by its own good order: nobody would wait for that after the tests were killed.
            user.command(argv, dies_by="QUIT" if name != "s3" else "KILL"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=root,
            env=user_environment(root / "home" / user.name),
            start_new_session=True,
            umask=0o027,
        )
    return Server(name, process, stop_signal, log)


def user_environment(home: Path) -> dict[str, str]:
    """What the user's processes see: a home with a .pgpass, another time zone than UTC, no UTF-8 locale."""
    return {
        "HOME": str(home),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": "America/St_Johns",
        "LANG": "C",
    }
