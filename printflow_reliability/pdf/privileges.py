"""What the isolated worker gives up before it opens a file: another user, the network, the file system, other programs.

A system call that an inspection does not need is refused by the kernel (seccomp); the list says what is left. Where a
machine does not give one of these, the worker says so, and the sweep's result does.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Mapping, Sequence

NOBODY = 65534
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_EPERM = 0x00050000 | 1
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET, ARGUMENT_BYTES = 0, 4, 16, 8

ARCHITECTURES: Mapping[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "read": 0,
        "write": 1,
        "close": 3,
        "fstat": 5,
        "poll": 7,
        "lseek": 8,
        "mmap": 9,
        "mprotect": 10,
        "munmap": 11,
        "brk": 12,
        "rt_sigaction": 13,
        "rt_sigprocmask": 14,
        "rt_sigreturn": 15,
        "pread64": 17,
        "readv": 19,
        "writev": 20,
        "sched_yield": 24,
        "mremap": 25,
        "madvise": 28,
        "dup": 32,
        "nanosleep": 35,
        "getpid": 39,
        "recvfrom": 45,
        "sendto": 44,
        "sendmsg": 46,
        "recvmsg": 47,
        "exit": 60,
        "gettimeofday": 96,
        "getrlimit": 97,
        "getrusage": 98,
        "sysinfo": 99,
        "setrlimit": 160,
        "sigaltstack": 131,
        "gettid": 186,
        "futex": 202,
        "clock_gettime": 228,
        "clock_nanosleep": 230,
        "exit_group": 231,
        "newfstatat": 262,
        "set_robust_list": 273,
        "getuid": 102,
        "getgid": 104,
        "geteuid": 107,
        "getegid": 108,
        "getrandom": 318,
        "rseq": 334,
        "restart_syscall": 219,
        "sched_getaffinity": 204,
    },
    "aarch64": {
        "dup": 23,
        "close": 57,
        "lseek": 62,
        "read": 63,
        "write": 64,
        "readv": 65,
        "writev": 66,
        "pread64": 67,
        "ppoll": 73,
        "newfstatat": 79,
        "fstat": 80,
        "exit": 93,
        "exit_group": 94,
        "futex": 98,
        "set_robust_list": 99,
        "nanosleep": 101,
        "clock_gettime": 113,
        "clock_nanosleep": 115,
        "sched_getaffinity": 123,
        "sched_yield": 124,
        "restart_syscall": 128,
        "sigaltstack": 132,
        "rt_sigaction": 134,
        "rt_sigprocmask": 135,
        "rt_sigreturn": 139,
        "getrlimit": 163,
        "setrlimit": 164,
        "getrusage": 165,
        "gettimeofday": 169,
        "getpid": 172,
        "gettid": 178,
        "sysinfo": 179,
        "sendto": 206,
        "recvfrom": 207,
        "sendmsg": 211,
        "recvmsg": 212,
        "brk": 214,
        "munmap": 215,
        "mremap": 216,
        "mmap": 222,
        "mprotect": 226,
        "madvise": 233,
        "getuid": 174,
        "geteuid": 175,
        "getgid": 176,
        "getegid": 177,
        "getrandom": 278,
        "rseq": 293,
    },
}
"""Memory, time, the pipe to the parent and the file it was handed.

Nothing that opens, connects, forks, executes or signals.
"""
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030
DUPLICATIONS = (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC)
ALLOWED_WITH: Mapping[str, Sequence[tuple[int, int, Sequence[int]]]] = {
    "x86_64": ((302, 0, (0,)), (72, 1, DUPLICATIONS)),
    "aarch64": ((261, 0, (0,)), (25, 1, DUPLICATIONS)),
}
"""System calls that are allowed only with one of some values of an argument: number, argument, values.

`prlimit64` only of the process itself, and `fcntl` without what would have the kernel signal another process.
"""


def give_up() -> Mapping[str, bool]:
    """Give up all that can be given up, for good; import everything first. By name, whether each was possible."""
    other_user = _switch_to_unprivileged_user()
    filtered = _forbid_system_calls()
    return {"other_user": other_user, "no_network": filtered, "no_files": filtered, "no_programs": filtered}


def _switch_to_unprivileged_user() -> bool:
    """Become a user who owns nothing; only root may."""
    if os.geteuid() != 0:
        return False
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    return True


def _forbid_system_calls() -> bool:
    """Have the kernel refuse every system call that is not in the list; whether it takes such a list."""
    machine = platform.machine()
    if machine not in ALLOWED or os.name != "posix":
        return False
    program = filter_program(ARCHITECTURES[machine], sorted(ALLOWED[machine].values()), ALLOWED_WITH[machine])
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, and where they are.
    filter_ = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(filter_), 0, 0) == 0)


def filter_program(
    architecture: int, allowed: Sequence[int], allowed_with: Sequence[tuple[int, int, Sequence[int]]]
) -> bytes:
    """The filter in the kernel's classic BPF: another architecture's calls, and all that are not allowed, fail."""
    refuse, allow = (RETURN, 0, 0, SECCOMP_RET_EPERM), (RETURN, 0, 0, SECCOMP_RET_ALLOW)
    conditions = []
    for number, argument, values in allowed_with:
        conditions += [
            (JUMP_IF_EQUAL, 0, len(values) + 3, number),
            # Little-endian: the lower half of an argument, which is all that these calls look at, comes first.
            (LOAD_WORD, 0, 0, ARGUMENTS_OFFSET + ARGUMENT_BYTES * argument),
            *((JUMP_IF_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)),
            refuse,
            allow,
        ]
    count = len(allowed)
    lines = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_IF_EQUAL, 0, len(conditions) + count + 1, architecture),
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        *conditions,
        # From each number to the last line, over the others and the refusal.
        *((JUMP_IF_EQUAL, count - place, 0, number) for place, number in enumerate(allowed)),
        refuse,
        allow,
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
