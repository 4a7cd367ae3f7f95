"""Where a sandbox lives: one directory with its servers' data, configuration, secrets, logs and process records.

Root's servers run as an unprivileged user, who may not be able to enter the checkout; the sandbox then really lives
under /var/lib/printflow-sandbox and the wished path is a symlink to it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from printflow_reliability.errors import ConfigError, LockHeld
from printflow_reliability.identities import Identity
from printflow_reliability.programs import Programs
from printflow_reliability.settings import Settings, default_home, load

SERVER_USER = "postgres"
"""Whom the servers run as when we are root."""
ELSEWHERE = Path("/var/lib/printflow-sandbox")
"""Where root's sandboxes live when the wished path will not do."""
LONGEST_PATH = 60
"""A Unix socket's path holds 107 bytes, and a drill's clone has its socket some 45 below the home."""
MARKER = "sandbox.json"
DIRECTORIES = (
    *((name, 0o700, False) for name in ("services", "secrets")),
    *((name, 0o755, False) for name in ("bin", "certs", "logs", "seaweedfs")),
    *((name, 0o700, True) for name in ("sockets", "postgres", "redis", "pgbackrest")),
    *((name, 0o700, True) for name in ("seaweedfs/primary", "seaweedfs/offsite")),
    # Our own code and the servers both enter this one; each owns what it makes in it.
    ("drills", 0o711, True),
)
"""Each directory of a sandbox, its mode, and whether it belongs to the servers' user."""


@dataclass(frozen=True)
class SandboxHome:
    """The paths of one sandbox.

    Attributes:
        wished: where the person asked for it; what the commands are told.
        root: where it really is.
    """

    wished: Path
    root: Path

    @classmethod
    def locate(cls, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> "SandboxHome":
        """The sandbox of this working directory: PRINTFLOW_HOME, or `.sandbox`.

        Raises:
            ConfigError: no server could run there (a path too long for sockets, and we are not root).
        """
        environ = os.environ if environ is None else environ
        return cls.at((cwd or Path.cwd()) / default_home(environ))

    @classmethod
    def at(cls, wished: Path) -> "SandboxHome":
        """The sandbox wished for at this path.

        Raises:
            ConfigError: no server could run there.
        """
        wished = Path(os.path.abspath(wished))  # noqa: PTH100 - resolve() would follow the very symlink we make
        real = wished.resolve()
        if real.parent == ELSEWHERE:
            return cls(wished, real)
        identity = programs().identity()
        fits = len(os.fsencode(real)) <= LONGEST_PATH
        if fits and (identity is None or reachable(real.parent, identity)):
            return cls(wished, real)
        if identity is None:
            raise ConfigError(
                f"{real} is too long a path for a sandbox: sockets below it allow {LONGEST_PATH} bytes",
                "choose a shorter one: PRINTFLOW_HOME=/tmp/printflow printflow sandbox up",
            )
        return cls(wished, ELSEWHERE / hashlib.sha256(os.fsencode(real)).hexdigest()[:12])

    @property
    def config(self) -> Path:
        """The configuration file that the product reads."""
        return self.root / "printflow.toml"

    @property
    def verification_config(self) -> Path:
        """The configuration file of the machine that verifies dumps, which alone can read them."""
        return self.root / "verification.toml"

    @property
    def exists(self) -> bool:
        """Whether there is a sandbox here, running or not."""
        return (self.root / MARKER).is_file()

    def settings(self) -> Settings:
        """The product's settings for this sandbox."""
        return load(self.config)

    def path(self, *parts: str) -> Path:
        """A path below the home."""
        return self.root.joinpath(*parts)

    def secret(self, name: str) -> str:
        """The secret of that name; `secrets.prepare` made it.

        Raises:
            ConfigError: there is no sandbox here, so there are no secrets.
        """
        try:
            return self.path("secrets", name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise ConfigError(f"the sandbox at {self.wished} has no secret {name}", "printflow sandbox up") from None

    def port(self, name: str) -> int:
        """The port of that name; `ports.assign` chose it.

        Raises:
            ConfigError: there is no sandbox here, so there are no ports.
        """
        try:
            ports = json.loads(self.path("ports.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"there is no sandbox at {self.wished}", "printflow sandbox up") from None
        return int(ports[name])

    def create(self) -> None:
        """Make the directories, each for whoever uses it; nothing that is there already is lost.

        Raises:
            ConfigError: something else is at the wished path.
        """
        self._claim()
        run = programs()
        for name, mode, owned in DIRECTORIES:
            directory = self.path(name)
            directory.mkdir(exist_ok=True)
            directory.chmod(mode)  # whatever the umask says
            if owned:
                run.own(directory)

    def remove(self) -> None:
        """Delete the directory, and the symlink to it.

        Raises:
            ConfigError: what is there is not a sandbox.
        """
        if not self.exists:
            raise ConfigError(f"{self.wished} is not a sandbox; nothing was removed")
        shutil.rmtree(self.root)
        if self.wished.is_symlink():
            self.wished.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One `up` or `down` at a time; the kernel frees the lock of a killed one.

        Raises:
            LockHeld: another is at work.
        """
        with self.path(MARKER).open("a") as marker:
            try:
                fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockHeld(
                    f"another sandbox up or down is at work on {self.wished}", "wait for it to end, then try again"
                ) from None
            yield

    def _claim(self) -> None:
        if not self.exists:
            for place in {self.wished, self.root}:
                _require_free(place)
        for missing in reversed([place for place in (self.root, *self.root.parents) if not place.exists()]):
            missing.mkdir()
            missing.chmod(0o755)  # whatever the umask says, the servers' user must get in
        if self.wished.resolve() != self.root.resolve():
            self.wished.parent.mkdir(parents=True, exist_ok=True)
            if self.wished.is_symlink():
                self.wished.unlink()
            elif self.wished.is_dir():
                self.wished.rmdir()
            self.wished.symlink_to(self.root)
        marker = self.path(MARKER)
        if not marker.exists():
            write(marker, json.dumps({"wished": str(self.wished)}) + "\n", mode=0o644)


def programs() -> Programs:
    """The runner of the sandbox's programs, as the user its servers run as."""
    return Programs(run_as=SERVER_USER, path=os.environ.get("PATH", os.defpath))


def _require_free(place: Path) -> None:
    if place.is_symlink() and not place.exists():
        return
    # An up that was killed at its very first step leaves the marker's beginnings.
    sandbox_files = {MARKER, _partial(Path(MARKER)).name}
    if place.exists() and not (place.is_dir() and {entry.name for entry in place.iterdir()} <= sandbox_files):
        raise ConfigError(
            f"{place} exists and is not a sandbox; it was left alone",
            "name another place: PRINTFLOW_HOME=DIRECTORY printflow sandbox up",
        )


def reachable(directory: Path, identity: Identity) -> bool:
    """Whether that user may enter a directory and everything above it; what does not exist yet will be enterable."""
    for place in (directory, *directory.parents):
        try:
            info = place.stat()
        except FileNotFoundError:
            continue
        if info.st_uid == identity.uid:
            bit = stat.S_IXUSR
        elif info.st_gid == identity.gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not info.st_mode & bit:
            return False
    return True


def write(path: Path, text: str, *, mode: int, owner: Programs | None = None) -> None:
    """Replace a file in one step, so that a kill leaves the old one or the new one.

    Args:
        path: the file.
        text: what it will hold.
        mode: its permissions, from the first moment on.
        owner: the runner whose user shall own it; ours if None.
    """
    partial = _partial(path)
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    if owner is not None:
        owner.own(partial)
    partial.replace(path)


def _partial(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(f".{path.name}.partial")
