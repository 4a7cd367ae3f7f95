"""Services are told by pid and start time, and nothing else is ever ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.sandbox import ports, processes, services
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.services import Server, await_ready, recorded, start_service, stop_service

SLEEP = (sys.executable, "-c", "import time; print('asleep', flush=True); time.sleep(60)")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SandboxHome]:
    """A home with the directories that services need; whatever runs in it is ended."""
    home = SandboxHome(tmp_path, tmp_path)
    for name in ("services", "logs"):
        home.path(name).mkdir()
    yield home
    for name in recorded(home):
        stop_service(home, name, with_signal=signal.SIGKILL)


def server(argv: tuple[str, ...] = SLEEP, *, grace_seconds: float = 5.0) -> Server:
    return Server("sleeper", "nowhere", argv, ready=lambda: None, own_code=True, grace_seconds=grace_seconds)


def test_a_started_service_is_recorded_and_a_second_start_does_nothing(home: SandboxHome) -> None:
    assert start_service(home, server())
    service = recorded(home)["sleeper"]
    assert service.running
    assert not start_service(home, server())
    assert recorded(home)["sleeper"] == service


def test_a_stopped_service_is_gone_and_forgotten(home: SandboxHome) -> None:
    start_service(home, server())
    service = recorded(home)["sleeper"]
    stop_service(home, "sleeper")
    assert not service.running
    assert recorded(home) == {}


def test_a_service_that_is_forgotten_while_others_are_looked_at_is_none(home: SandboxHome) -> None:
    start_service(home, server())
    home.path("services", "gone.json").symlink_to(home.path("services", "just forgotten"))
    assert [*recorded(home)] == ["sleeper"]


PARENT = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def child_of(home: SandboxHome) -> int:
    """Start a service that ignores SIGTERM and has a child; says the child's pid."""
    start_service(home, server((sys.executable, "-c", PARENT)))
    log = services.log_file(home, "sleeper")
    while not log.read_text().endswith("\n"):
        time.sleep(0.02)
    return int(log.read_text())


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while processes.start_time(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    return processes.start_time(pid) is None


def test_one_that_ignores_its_signal_is_killed_with_its_children(home: SandboxHome) -> None:
    child = child_of(home)
    service = recorded(home)["sleeper"]
    stop_service(home, "sleeper", grace_seconds=0.2)
    assert not service.running
    assert ends(child)


def test_children_that_a_killed_server_left_are_ended_with_it(home: SandboxHome) -> None:
    child = child_of(home)
    os.kill(recorded(home)["sleeper"].pid, signal.SIGKILL)
    assert ends(recorded(home)["sleeper"].pid)
    assert processes.start_time(child) is not None
    stop_service(home, "sleeper")
    assert ends(child)


@pytest.mark.parametrize("changed", [{"started": 1}, {"boot": "another"}])
def test_a_process_that_merely_has_the_recorded_pid_is_left_alone(
    home: SandboxHome, changed: dict[str, object]
) -> None:
    with subprocess.Popen(SLEEP) as stranger:
        record = {"name": "sleeper", "endpoint": "nowhere", "pid": stranger.pid}
        record |= {"started": processes.start_time(stranger.pid), "boot": processes.boot_id()}
        home.path("services", "sleeper.json").write_text(json.dumps(record | changed))
        assert not recorded(home)["sleeper"].running
        stop_service(home, "sleeper")
        assert stranger.poll() is None
        stranger.kill()
    assert recorded(home) == {}


def test_a_server_that_ends_at_once_is_an_error_with_the_end_of_its_log(home: SandboxHome) -> None:
    def never() -> None:
        raise ConnectionError("nobody is there")

    broken = Server(
        "broken", "nowhere", (sys.executable, "-c", "raise SystemExit('no such disk')"), never, own_code=True
    )
    start_service(home, broken)
    with pytest.raises(CouldNotTell, match=r"broken ended as soon as it was started:\n  no such disk"):
        await_ready(home, broken)


def test_a_missing_program_is_an_error_that_names_it(home: SandboxHome) -> None:
    with pytest.raises(ConfigError, match="no-such-server is not installed"):
        start_service(home, server(("no-such-server",)))


def test_files_of_a_killed_one_are_out_of_the_way_of_the_next(home: SandboxHome) -> None:
    left = home.path("old.lock")
    left.touch()
    start_service(home, Server("sleeper", "nowhere", SLEEP, ready=lambda: None, own_code=True, leaves=(left,)))
    assert not left.exists()


def test_a_process_works_below_a_place_if_it_is_there_or_names_it() -> None:
    def at(directory: str, *arguments: str) -> processes.Process:
        return processes.Process(1, "postgres", directory, "\0".join(arguments))

    place = Path("/srv/pf")
    assert at("/srv/pf/postgres/live_db").below(place)
    assert at("/", "pgbackrest", "--config=/srv/pf/pgbackrest/pgbackrest.conf").below(place)
    assert at("/", "weed", "-dir=/srv/pf").below(place)
    assert not at("/", "postgres", "-D", "/mnt/srv/pf/postgres/live_db").below(place)
    assert not at("/srv/pf2/postgres/live_db", "-D", "/srv/pf2/postgres/live_db").below(place)


def test_a_dead_process_has_no_start_time_even_before_it_is_reaped() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        deadline = time.monotonic() + 5
        while processes.start_time(ended.pid) is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert processes.start_time(ended.pid) is None
    assert processes.start_time(os.getpid()) is not None


def test_ports_are_remembered_and_a_taken_one_is_chosen_again(home: SandboxHome) -> None:
    first = ports.assign(home, ("a", "b"), in_use=())
    assert len(set(first.values())) == 2
    assert ports.assign(home, ("a", "b"), in_use=()) == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["a"]))
        taken.listen()
        assert ports.assign(home, ("a", "b"), in_use=("a",)) == first  # our own server listens there
        second = ports.assign(home, ("a", "b"), in_use=())
    assert second["a"] != first["a"]
    assert second["b"] == first["b"]
    assert home.port("a") == second["a"]
