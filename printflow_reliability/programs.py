"""The one way external programs are run: an argument list, a time limit, a redacted log, a typed error.

PostgreSQL refuses to run as root, so a `Programs` that runs as root starts its programs as an unprivileged user.
"""

import contextlib
import errno
import logging
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.redaction import redacted
from printflow_reliability.server_programs import candidates, installed, not_installed, parse_major

log = logging.getLogger(__name__)

STDERR_TAIL = 2000
"""Characters of a failed program's stderr that an error shows."""
WATCH_SECONDS = 10.0
"""How often to look whether it is still worth waiting for a program."""
SETPRIV_SAYS = re.compile(r"setpriv: (?:failed to execute .*: )?(.+)")
"""What it says of its own, ending with 126 or 127, where it could not become the program."""
Watches = Sequence[Callable[[], None]]
"""What raises an error when it is not."""


class ProgramFailed(CouldNotTell):
    """A program ended with a non-zero exit code.

    Attributes:
        exit_code: the program's exit code; negative for a signal, as `subprocess` gives it.
        stderr_tail: the redacted end of what it said.
        said: all of it, redacted, to look for the cause in; too long to be shown.
    """

    def __init__(
        self, what: str, next_step: str = "", *, exit_code: int = -1, stderr_tail: str = "", said: str = ""
    ) -> None:
        super().__init__(what, next_step)
        self.exit_code = exit_code
        self.stderr_tail = stderr_tail
        self.said = said or stderr_tail


@dataclass(frozen=True)
class Completed:
    """What a program that ended with 0 printed, and how long it took in seconds."""

    stdout: str
    stderr: str
    seconds: float


@dataclass(frozen=True)
class Identity:
    """An OS user by number, with all groups: a repository or a certificate may be readable by one of them alone."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class Programs:
    """Runs external programs.

    Attributes:
        run_as: the OS user programs run as when we are root; ignored otherwise.
        postgres_bin: the folder of PostgreSQL's server programs; None: wherever those of the wanted version are.
        path: the PATH that programs are found with.
        secrets: values that never appear in a log or an error.
        launcher: a program and its arguments that starts every other one; it becomes `run_as` itself.
    """

    run_as: str
    postgres_bin: Path | None = None
    path: str = os.defpath
    secrets: tuple[str, ...] = field(default=(), repr=False)
    launcher: tuple[str, ...] = field(default=(), repr=False)
    _running: set["subprocess.Popen[str] | subprocess.Popen[bytes]"] = field(
        default_factory=set, init=False, repr=False, compare=False
    )

    def postgres(self, name: str, major: int | None = None) -> str:
        """The path of a PostgreSQL server program.

        Args:
            name: such as `pg_ctl`.
            major: the major version of the cluster that it is for; None where any will do.

        Raises:
            ConfigError: it is not installed in that version.
        """
        there = set(installed()) if self.postgres_bin is None else set()
        for program, version in candidates(name, major, self.postgres_bin, self.path):
            if major is None:
                return str(program)
            version = version or self._major_of(program)
            if version == major:
                return str(program)
            there |= {version} if version else set()
        raise not_installed(name, major, there)

    def _major_of(self, program: Path) -> int | None:
        """The major version that a program says of itself; None if it says none."""
        try:
            said = self.run([str(program), "--version"], timeout=10).stdout
        except (ProgramFailed, ConfigError):
            return None
        return parse_major(said)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        accept: Sequence[int] = (0,),
        watches: Watches = (),
    ) -> Completed:
        """Run a program to its end and return what it printed.

        Args:
            argv: the program and its arguments; no secret may be among them.
            timeout: seconds after which it and everything it started is killed.
            env: variables on top of a minimal environment (PATH, LANG, HOME).
            cwd: where it runs; `/` where it does not matter.
            accept: exit codes that count as done.
            watches: called now and then while it runs; what they raise ends the program.

        Raises:
            ProgramFailed: it ended with another code, or did not end in time.
            ConfigError: there is no such program.
        """
        began = time.monotonic()
        name = Path(argv[0]).name
        identity = None if self.launcher else self.identity()
        launcher = _setpriv(identity) if identity else self.launcher
        user = None if launcher else identity
        log.debug("run %s", redacted(" ".join(argv), self.secrets))
        try:
            process = subprocess.Popen(
                [*launcher, *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=self.environment(env),
                cwd=cwd or "/",
                start_new_session=True,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=user.groups if user else None,
                umask=0o077,
            )
        except OSError as refused:
            raise not_run(argv[0], refused) from refused
        self._running.add(process)
        try:
            stdout, stderr = _output(process, timeout, watches)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            raise ProgramFailed(f"{name} did not end within {timeout:.0f} s") from None
        except BaseException:  # Ctrl-C and the like: nothing we started outlives us
            _kill_group(process)
            raise
        finally:
            self._running.discard(process)
        seconds = time.monotonic() - began
        if identity and (unborn := _not_become(process.returncode, stderr)):
            raise not_run(argv[0], unborn)
        if process.returncode not in accept:
            raise _failure(name, process.returncode, redacted(stderr.strip() or stdout.strip(), self.secrets))
        return Completed(stdout, stderr, seconds)

    def end_running(self) -> None:
        """End every program that another thread is waiting for, and all that it started; that thread sees it fail."""
        for process in tuple(self._running):
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def own(self, path: Path) -> None:
        """Give a file or folder to the user that programs run as, so that they can use it."""
        if identity := self.identity():
            os.chown(path, identity.uid, identity.gid)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """PATH, language, time zone and what is named: a program sees no secret of ours that it was not given."""
        return {
            "PATH": self.path,
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            # Where .pgpass is, and the keys of a client that signs in with a certificate.
            "HOME": _home(self.run_as),
            **(extra or {}),
        }

    def identity(self) -> Identity | None:
        """Whom programs run as; None when that is simply us."""
        if os.geteuid() != 0:
            return None
        try:
            user = pwd.getpwnam(self.run_as)
        except KeyError:
            raise ConfigError(
                f'programs.run_as: there is no user "{self.run_as}" here, and PostgreSQL does not run as root',
                "name an unprivileged user, such as postgres",
            ) from None
        return Identity(user.pw_uid, user.pw_gid, tuple(os.getgrouplist(user.pw_name, user.pw_gid)))


@contextlib.contextmanager
def endable(programs: Programs, process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Let `end_running` also end a program that was not run to its end there, for the block."""
    programs._running.add(process)
    try:
        yield
    finally:
        programs._running.discard(process)


def _setpriv(identity: Identity) -> tuple[str, ...]:
    """What becomes a user and then the program; nothing where it is not installed (BusyBox's cannot change the user).

    Where Python changes the user itself, it forks: that copies the page tables of a process of several hundred MB.
    """
    program = shutil.which("setpriv", path=os.defpath)
    if program is None or Path(program).resolve().name != "setpriv":
        return ()
    groups = ",".join(map(str, identity.groups))
    return (
        program,
        f"--reuid={identity.uid}",
        f"--regid={identity.gid}",
        f"--groups={groups}" if groups else "--clear-groups",
    )


def _failure(name: str, exit_code: int, said: str) -> ProgramFailed:
    tail = said[-STDERR_TAIL:]
    what = f"{name} ended with exit code {exit_code}: {tail or 'it said nothing'}"
    return ProgramFailed(what, exit_code=exit_code, stderr_tail=tail, said=said)


def _not_become(exit_code: int, stderr: str) -> OSError | None:
    """Why setpriv could not become the program; None where it did."""
    if exit_code not in (126, 127) or (said := SETPRIV_SAYS.match(stderr)) is None:
        return None
    return (FileNotFoundError if said[1] == os.strerror(errno.ENOENT) else OSError)(0, said[1])


def not_run(program: str, refused: OSError) -> ConfigError:
    """What to tell a person when a program cannot even be started."""
    name = Path(program).name
    if isinstance(refused, FileNotFoundError):
        return ConfigError(f"{name} is not installed here", f"install its package, on Debian: apt-get install {name}")
    return ConfigError(
        f"{name} cannot be run: {refused.strerror}", "let the user that runs programs enter every folder of PATH"
    )


def _home(run_as: str) -> str:
    """The home of whom programs run as: the user's own, or ours where that is simply us."""
    try:
        return str(Path.home()) if os.geteuid() != 0 else pwd.getpwnam(run_as).pw_dir
    except (KeyError, RuntimeError):  # a user by number alone
        return "/nonexistent"


def _output(process: subprocess.Popen[str], timeout: float, watches: Sequence[Callable[[], None]]) -> tuple[str, str]:
    """What a program printed by its end.

    Raises:
        TimeoutExpired: it did not end in time.
    """
    deadline = time.monotonic() + timeout
    while watches and deadline - time.monotonic() > WATCH_SECONDS:
        try:
            return process.communicate(timeout=WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            for watch in watches:
                watch()
    return process.communicate(timeout=deadline - time.monotonic())


def _kill_group(process: subprocess.Popen[str]) -> None:
    kill_group(process)
    process.communicate()


def kill_group(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    """Kill a program and everything that it started."""
    if process.returncode is None:  # a pid that was waited for may be another's by now
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
