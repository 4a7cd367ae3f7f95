"""The sandbox that all stack tests share: real servers with seeded data, up once per test run."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.programs import Programs
from printflow_reliability.redaction import redacted
from printflow_reliability.restore.plan import backups_in
from printflow_reliability.sandbox import ports, postgres, processes
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.services import Service, recorded
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.foreign.build import foreign_platform
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform
from printflow_reliability_tests.stack.standing import standing

TENANTS = 3
ORDERS = 24
SHORTEST_SECRET = 8
"""Of a password such as "shop", every argument with that word would be one."""
PORTS_EACH = 1_000
"""Of the sandbox's range, what each process that runs tests has to itself."""


@dataclass(frozen=True)
class StackSandbox:
    """An up and seeded sandbox, and ways to take one of its servers away for a while."""

    home: SandboxHome
    settings: Settings

    @property
    def config(self) -> Path:
        """Its printflow.toml."""
        return self.home.config

    @property
    def services(self) -> Mapping[str, Service]:
        """Its running services by name: live_db, admin_db, system_db, primary, offsite, redis, receiver."""
        return recorded(self.home)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Kill a server for the block, and bring it back afterwards."""
        lifecycle.stop(self.home, name, with_signal=signal.SIGKILL)
        try:
            yield
        finally:
            lifecycle.start(self.home, name)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Freeze a server for the block: it takes connections and answers nothing."""
        service = self.services[name]
        pids = [service.pid, *processes.children(service.pid)]
        processes.send(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            processes.send(pids, signal.SIGCONT)


MADE = pytest.StashKey[tuple[StackSandbox, Mapping[str, Sequence[str]]]]()


@pytest.fixture(scope="session", autouse=True)
def _own_ports() -> Iterator[None]:
    """No other process that runs tests on this machine chooses a port that a server of ours has or is about to take."""
    with socket.socket(socket.AF_UNIX) as claim, pytest.MonkeyPatch.context() as patch:
        for lowest in range(ports.LOWEST, ports.HIGHEST - PORTS_EACH + 1, PORTS_EACH):
            try:
                claim.bind(f"\0printflow-tests-{lowest}")  # an abstract name: free again when we end, however we end
            except OSError:
                continue
            patch.setattr(ports, "LOWEST", lowest)
            patch.setattr(ports, "HIGHEST", lowest + PORTS_EACH - 1)
            break
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_secret_in_arguments() -> Iterator[None]:
    """Whatever the product starts while these tests run, nobody on the machine reads a secret in its arguments."""
    shown: set[str] = set()
    start = Programs.start

    def watched(programs: Programs, argv: Sequence[str], *places: Any, **pipes: Any) -> "subprocess.Popen[Any]":
        secrets = [secret for secret in programs.secrets if len(secret) >= SHORTEST_SECRET]
        if any(redacted(argument, secrets) != argument for argument in argv):
            shown.add(redacted(" ".join(argv), secrets))
        return start(programs, argv, *places, **pipes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Programs, "start", watched)
        yield
    assert shown == set()


@contextmanager
def new_home() -> Iterator[SandboxHome]:
    """A place for a sandbox, taken down and removed at the end."""
    # Below /tmp itself: pytest's own tmp_path is too long for sockets, and closed to the servers' user.
    with tempfile.TemporaryDirectory(prefix="pf-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101, S103 - the servers' user must get in
        home = SandboxHome.at(Path(directory) / "sb")
        try:
            yield home
        finally:
            lifecycle.down(home, remove=True)


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest) -> Iterator[StackSandbox]:
    """The shared sandbox. A test that breaks something in it mends that again."""
    with new_home() as home:
        lifecycle.up(home)
        lifecycle.fill(home, tenants=TENANTS, orders=ORDERS, seed=1)
        made = StackSandbox(home, home.settings())
        request.config.stash[MADE] = made, standing(home)
        yield made
        del request.config.stash[MADE]


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """A module of tests leaves the shared sandbox's clusters as they were."""
    yield
    if made := request.config.stash.get(MADE, None):
        sandbox, before = made
        assert standing(sandbox.home) == before


@pytest.fixture(autouse=True)
def _heartbeat(request: pytest.FixtureRequest) -> None:
    """The shared sandbox has no traffic that beats for it, and a heartbeat that stands still is a finding."""
    if "sandbox" not in request.fixturenames:
        return
    shared: StackSandbox = request.getfixturevalue("sandbox")
    for cluster in postgres.PROTECTED:
        with postgres.superuser(shared.home, cluster, cluster) as connection:
            connection.execute("UPDATE heartbeats SET at = clock_timestamp() WHERE id = 1")


@pytest.fixture(scope="session")
def backed_up(sandbox: StackSandbox) -> StackSandbox:
    """The sandbox with a base backup of each cluster in each repository."""
    for cluster in sandbox.settings.cluster:
        for number in cluster.repositories:
            try:
                backups_in(PgBackRest(cluster, sandbox.settings.runner()), number)
            except CouldNotTell:
                take_base_backups(sandbox.settings, clusters=[cluster.name], backup_type="full")
    return sandbox


@pytest.fixture(scope="session")
def foreign() -> Iterator[ForeignPlatform]:
    """Another installation: unlike the sandbox in everything that may differ, its commands run by a plain user."""
    with foreign_platform() as platform:
        yield platform
