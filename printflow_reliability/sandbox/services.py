"""The sandbox's running servers: started in the background, recorded in `services/`, stopped by pid and start time.

The one place that starts what outlives its command. A record that matches no process is a server that was killed.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.programs import not_run
from printflow_reliability.sandbox import processes
from printflow_reliability.sandbox.home import SandboxHome, programs, write

READY_SECONDS = 45.0
LOG_TAIL = 12
"""Lines of a server's log that an error shows."""


@dataclass(frozen=True)
class Service:
    """A server that was started: which process it is, and where it answers.

    Attributes:
        started: the process's start time in ticks since boot.
        boot: which boot of the machine that was.
    """

    name: str
    endpoint: str
    pid: int
    started: int
    boot: str

    @property
    def running(self) -> bool:
        """Whether that very process still lives."""
        return self.boot == processes.boot_id() and processes.start_time(self.pid) == self.started


@dataclass(frozen=True)
class Server:
    """How one server is started, known to be ready, and stopped.

    Attributes:
        name: what commands and tests call it.
        endpoint: where it answers, without secrets.
        argv: the program; no secret may be among its arguments.
        ready: returns once; raises anything while the server does not answer yet.
        own_code: it is the product's own code, which runs as the caller.
        stop_signal: what ends it in good order.
        grace_seconds: how long it may take for that, before SIGKILL.
        leaves: files that it leaves behind when killed, and that would be in the way of the next one.
    """

    name: str
    endpoint: str
    argv: tuple[str, ...]
    ready: Callable[[], None]
    own_code: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)
    leaves: tuple[Path, ...] = ()


def recorded(home: SandboxHome) -> dict[str, Service]:
    """Every service that was started and not stopped since, by name, running or killed."""
    found = {}
    for file in sorted(home.path("services").glob("*.json")):
        with suppress(FileNotFoundError):  # several are stopped at once, and this one was just forgotten
            service = Service(**json.loads(file.read_text(encoding="utf-8")))
            found[service.name] = service
    return found


def start_service(home: SandboxHome, server: Server) -> bool:
    """Start a server unless it runs already; says whether it did. It may not be ready yet.

    Raises:
        ConfigError: the program is not installed, or may not be run.
    """
    service = recorded(home).get(server.name)
    if service and service.running:
        return False
    if service:
        _end_session(service)
    for left in server.leaves:
        left.unlink(missing_ok=True)
    run = programs()
    identity = None if server.own_code else run.identity()
    with log_file(home, server.name).open("ab") as log:
        try:
            process = subprocess.Popen(
                list(server.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **server.environment} if server.own_code else run.environment(server.environment),
                cwd=home.root,
                start_new_session=True,
                user=identity.uid if identity else None,
                group=identity.gid if identity else None,
                extra_groups=[] if identity else None,
                umask=0o077,
            )
        except OSError as refused:
            raise not_run(server.argv[0], refused) from refused
    _record(home, server, process.pid)
    process.returncode = 0  # it outlives us: its end is told by its pid and start time, not by this object
    return True


def await_ready(home: SandboxHome, server: Server, give_up: threading.Event | None = None) -> None:
    """Wait until a started server answers, or until told to give up.

    Raises:
        CouldNotTell: it ended, or does not answer in time; with the end of its log.
    """
    give_up = give_up or threading.Event()
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            server.ready()
            return
        except Exception as error:
            problem = _problem(home, server.name, error, time.monotonic() > deadline, give_up.is_set())
        if problem:
            raise CouldNotTell(
                f"{server.name} {problem}:\n{log_tail(home, server.name)}", f"read {log_file(home, server.name)}"
            )
        give_up.wait(0.1)


def stop_service(
    home: SandboxHome,
    name: str,
    *,
    with_signal: signal.Signals = signal.SIGTERM,
    grace_seconds: float = 10.0,
    leaves: tuple[Path, ...] = (),
) -> None:
    """End exactly the recorded process and its session, and forget it; what does not end in time is killed."""
    service = recorded(home).get(name)
    if service is None:
        return
    if service.running:
        processes.send([service.pid], with_signal)
        processes.send([service.pid], signal.SIGCONT)  # a frozen one could not obey
        if not processes.wait_gone(service.pid, service.started, grace_seconds):
            processes.send([service.pid], signal.SIGKILL)
            processes.wait_gone(service.pid, service.started, 5)
    _end_session(service)
    for left in leaves:
        left.unlink(missing_ok=True)
    home.path("services", f"{name}.json").unlink(missing_ok=True)


def end_leftovers(home: SandboxHome) -> None:
    """Kill what works in this sandbox and belongs to no recorded server; while one runs, drills and backups stay.

    Raises:
        CouldNotTell: one of them does not end.
    """
    running = {service.pid for service in recorded(home).values() if service.running}
    deadline = time.monotonic() + 10
    while True:
        left = [
            process.pid
            for process in processes.working_in(home.root)
            if not processes.descends_from(process.pid, running)
            and not (running and (process.program == "pgbackrest" or process.below(home.path("drills"))))
        ]
        if not left:
            return
        processes.send(left, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise CouldNotTell(f"processes {', '.join(map(str, left))} of the sandbox do not end", "look at them: ps")
        time.sleep(0.05)


def log_file(home: SandboxHome, name: str) -> Path:
    """Where that server's output goes."""
    return home.path("logs", f"{name}.log")


def log_tail(home: SandboxHome, name: str) -> str:
    """The last lines of that server's log."""
    try:
        lines = log_file(home, name).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return "  (it has no log)"
    return "\n".join(f"  {line}" for line in lines[-LOG_TAIL:]) or "  (its log is empty)"


def _end_session(service: Service) -> None:
    """Kill what an ended server had started and left behind.

    While one of its session lives, the kernel gives the leader's pid to nobody else.
    """
    if service.boot == processes.boot_id() and processes.start_time(service.pid) is None:
        processes.send(processes.session_members(service.pid), signal.SIGKILL)


def _problem(home: SandboxHome, name: str, error: Exception, too_late: bool, given_up: bool) -> str:
    """Why there is no point in waiting on for a server that does not answer; empty while there is."""
    service = recorded(home).get(name)
    if service is None or not service.running:
        return "ended as soon as it was started"
    if too_late:
        return f"did not become ready within {READY_SECONDS:.0f} s ({error})"
    return "was not waited for any longer, since something else failed" if given_up else ""


def _record(home: SandboxHome, server: Server, pid: int) -> None:
    started = processes.start_time(pid)
    service = Service(server.name, server.endpoint, pid, started or 0, processes.boot_id())
    write(home.path("services", f"{server.name}.json"), json.dumps(asdict(service)) + "\n", mode=0o600)
