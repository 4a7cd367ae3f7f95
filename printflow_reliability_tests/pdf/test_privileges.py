"""What the isolated worker gives up, tried out by what a hostile file would try that has taken it over."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.privileges import ALLOWED, ARCHITECTURES
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import PdfSettings
from printflow_reliability_tests.pdf.files import GOOD

CALLS = {
    "x86_64": {
        "open": 2,
        "socket": 41,
        "connect": 42,
        "clone": 56,
        "fork": 57,
        "vfork": 58,
        "execve": 59,
        "kill": 62,
        "ptrace": 101,
        "mount": 165,
        "openat": 257,
        "unshare": 272,
        "process_vm_writev": 311,
        "memfd_create": 319,
        "bpf": 321,
        "userfaultfd": 323,
        "execveat": 322,
        "tgkill": 234,
        "tkill": 200,
        "ioctl": 16,
        "setuid": 105,
        "io_uring_setup": 425,
        "clone3": 435,
        "openat2": 437,
        "pidfd_open": 434,
        "pidfd_send_signal": 424,
        # The same by the numbers of the x32 interface.
        "open (x32)": 0x40000002,
        "execve (x32)": 0x40000208,
        "socket (x32)": 0x40000029,
    },
    "aarch64": {
        "openat": 56,
        "socket": 198,
        "connect": 203,
        "clone": 220,
        "execve": 221,
        "kill": 129,
        "ptrace": 117,
        "mount": 40,
        "unshare": 97,
        "process_vm_writev": 271,
        "memfd_create": 279,
        "bpf": 280,
        "execveat": 281,
        "tgkill": 131,
        "tkill": 130,
        "ioctl": 29,
        "setuid": 146,
        "userfaultfd": 282,
        "io_uring_setup": 425,
        "clone3": 435,
        "openat2": 437,
        "pidfd_open": 434,
        "pidfd_send_signal": 424,
    },
}
ESCAPES = """
import ctypes, errno, fcntl, json, os, resource, socket, subprocess, sys
from printflow_reliability.pdf.privileges import give_up

calls, plain_user = json.loads(sys.argv[1]), json.loads(sys.argv[2])
if plain_user and os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(4321, 4321, 4321)
    os.setresuid(4321, 4321, 4321)
user = os.geteuid()
given_up = dict(give_up())
parent, libc = os.getppid(), ctypes.CDLL(None, use_errno=True)
tried = {}
for name, attempt in {
    "open a file": lambda: open("/etc/passwd"),
    "connect": lambda: socket.socket(),
    "run a program": lambda: subprocess.run(["true"]),
    "fork": os.fork,
    "remove a file": lambda: os.unlink("/nowhere"),
    "list a directory": lambda: os.listdir("/"),
    "signal another process": lambda: os.kill(parent, 0),
    "limit another process": lambda: resource.prlimit(parent, resource.RLIMIT_CPU, (1, 1)),
    "have the kernel signal another process": lambda: fcntl.fcntl(1, fcntl.F_SETOWN, parent),
    "choose its signal": lambda: fcntl.fcntl(1, fcntl.F_SETSIG, 9),
}.items():
    try:
        attempt()
        tried[name] = "done"
    except OSError as refused:
        tried[name] = type(refused).__name__
for name, number in calls.items():
    ctypes.set_errno(0)
    answer = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 6)
    tried[name] = "PermissionError" if answer == -1 and ctypes.get_errno() == errno.EPERM else "done"
resource.setrlimit(resource.RLIMIT_CPU, resource.getrlimit(resource.RLIMIT_CPU))
os.close(os.dup(1))
print(json.dumps([given_up, tried, user, os.geteuid()]))
"""


@pytest.mark.skipif(platform.machine() not in CALLS, reason="no list of system calls for this machine")
@pytest.mark.parametrize("plain_user", [False, True])
def test_what_the_worker_gives_up_it_can_no_longer_do(plain_user: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ESCAPES, json.dumps(CALLS[platform.machine()]), json.dumps(plain_user)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    given_up, tried, before, after = json.loads(ran.stdout)
    assert given_up == {"other_user": before == 0, "no_network": True, "no_files": True, "no_programs": True}
    assert set(tried.values()) == {"PermissionError"}, tried
    assert after == (65534 if before == 0 else before)


def test_every_machine_with_a_filter_has_its_list() -> None:
    assert ALLOWED.keys() == ARCHITECTURES.keys() == CALLS.keys()
    for machine, allowed in ALLOWED.items():
        assert not set(allowed.values()) & set(CALLS[machine].values())


def test_a_confined_worker_has_one_thread_and_no_file_but_its_own(tmp_path: Path) -> None:
    """A filter binds the thread that sets it, and what is open before stays open."""
    path = tmp_path / "good.pdf"
    path.write_bytes(GOOD)
    with InspectionWorker(PdfSettings()) as worker:
        assert worker.inspect(path).verdict is Verdict.GOOD
        assert all(given_up for name, given_up in worker.isolation.items() if name != "other_user")
        process = worker._idle[0]._process.pid
        status = Path(f"/proc/{process}/status").read_text()
        assert "\nThreads:\t1\n" in status
        assert "\nNoNewPrivs:\t1\n" in status
        assert "\nSeccomp:\t2\n" in status
        if os.geteuid() == 0:
            assert "\nUid:\t65534\t65534\t65534\t65534\n" in status
            assert "\nCapEff:\t0000000000000000\n" in status
        opened = [str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()]
        # libffi holds the file of its own code.
        files = {name for name in opened if name.startswith("/") and "/libffi.so." not in name}
        assert files <= {"/dev/null", "/dev/urandom"}, opened
