"""Bringing the whole sandbox up and down: everything that can run at once does, and nothing stays half-started."""

import json
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from printflow_reliability.records.migration import migrate
from printflow_reliability.sandbox import (
    config,
    credentials,
    node_pdf_service,
    pgbackrest,
    ports,
    postgres,
    receiver,
    redis,
    seaweedfs,
)
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.services import (
    Server,
    await_ready,
    end_leftovers,
    recorded,
    start_service,
    stop_service,
)

REGIONS = ("primary", "offsite")
PORTS = (
    *postgres.CLUSTERS,
    *(name for region in REGIONS for name in seaweedfs.port_names(region)),
    "redis",
    "receiver",
    node_pdf_service.NAME,
    "http",
)
USERS = (node_pdf_service.NAME,)
"""What uses the other servers: it is not ready before they are, and is stopped before them."""
OURS = {"http"}
"""Ports of what is no server of the sandbox (`printflow serve`): it keeps its port, and says so if that is taken."""


class OnProgress(Protocol):
    """Hears what is being done, in a few words."""

    def __call__(self, doing: str) -> None: ...


def _discard(doing: str) -> None:
    """Hear nothing."""


@dataclass(frozen=True)
class ServiceStatus:
    """Whether one server runs and answers; `pid` is None where no process is left of it."""

    name: str
    endpoint: str
    pid: int | None
    ok: bool

    def as_json(self) -> dict[str, Any]:
        """As `sandbox status --json` shows it."""
        return {"name": self.name, "endpoint": self.endpoint, "pid": self.pid, "ok": self.ok}


def servers(home: SandboxHome) -> Mapping[str, Server]:
    """Every server of the sandbox, by name; the ports must have been assigned."""
    every = [
        *(seaweedfs.server(home, region) for region in REGIONS),
        *(postgres.server(home, cluster) for cluster in postgres.CLUSTERS),
        redis.server(home),
        receiver.server(home),
        *(() if node_pdf_service.missing() else (node_pdf_service.server(home),)),
    ]
    return {server.name: server for server in every}


def up(home: SandboxHome, *, tell: OnProgress = _discard) -> Sequence[ServiceStatus]:
    """Bring everything up, or back up what was killed; does nothing to what runs.

    Raises:
        ConfigError: the place is taken by something else, or a program is missing.
        CouldNotTell: a server did not come up; what this call started is down again.
        LockHeld: another up or down is at work.
    """
    home.create()
    with home.locked():
        alive = {name for name, service in recorded(home).items() if service.running}
        try:
            _up(home, alive, tell)
        except BaseException:
            tell("taking down what was started")
            _stop(home, [name for name in recorded(home) if name not in alive])
            end_leftovers(home)
            raise
    return status(home)


def down(home: SandboxHome, *, remove: bool = False, tell: OnProgress = _discard) -> Sequence[str]:
    """End everything that was started here; the data stays unless `remove`. Says what was ended.

    Raises:
        LockHeld: another up or down is at work.
    """
    if not home.exists:
        return ()
    with home.locked():
        names = list(recorded(home))
        if names:
            tell(f"stopping {', '.join(names)}")
        _stop(home, names)
        end_leftovers(home)
        if remove:
            home.remove()
    return names


def status(home: SandboxHome) -> Sequence[ServiceStatus]:
    """Every server, and whether it answers; empty where no sandbox ever was."""
    if not home.path("ports.json").exists():
        return ()
    known = recorded(home)
    found = []
    every = servers(home)
    with ThreadPoolExecutor(max_workers=len(every)) as pool:
        answers = list(pool.map(_answers, every.values()))
    for server, answer in zip(every.values(), answers, strict=True):
        service = known.pop(server.name, None)
        running = service is not None and service.running
        found.append(
            ServiceStatus(
                server.name, server.endpoint, service.pid if service and running else None, running and answer
            )
        )
    found += [
        ServiceStatus(service.name, service.endpoint, service.pid if service.running else None, service.running)
        for service in known.values()
    ]
    return found


def fill(home: SandboxHome, *, tenants: int, orders: int, seed: int, tell: OnProgress = _discard) -> bool:
    """Fill a running sandbox with data, unless that was done before; says whether it did."""
    done = home.path("seeded.json")
    if done.exists():
        return False
    # The seed draws PDFs with libraries that nothing else here needs.
    from printflow_reliability.sandbox import seed as data

    tell(f"filling it: {tenants} tenants, {orders} orders")
    data.seed(home, tenants=tenants, orders=orders, seed=seed)
    write(done, json.dumps({"tenants": tenants, "orders": orders, "seed": seed}) + "\n", mode=0o644)
    return True


def start(home: SandboxHome, name: str) -> None:
    """Start one server of a sandbox and wait until it answers.

    Raises:
        CouldNotTell: it did not come up.
    """
    end_leftovers(home)
    server = servers(home)[name]
    start_service(home, server)
    await_ready(home, server)


def stop(home: SandboxHome, name: str, *, with_signal: signal.Signals | None = None) -> None:
    """Stop one service of a sandbox, in good order unless told with which signal."""
    server = servers(home).get(name)
    if server is None:
        stop_service(home, name, with_signal=with_signal or signal.SIGTERM)
        return
    stop_service(
        home,
        name,
        with_signal=with_signal or server.stop_signal,
        grace_seconds=server.grace_seconds,
        leaves=server.leaves,
    )


def _up(home: SandboxHome, alive: set[str], tell: OnProgress) -> None:
    end_leftovers(home)
    credentials.prepare(home)
    ports.assign(home, PORTS, in_use=OURS | {name for name in PORTS if name.partition(".")[0] in alive})
    config.write_config(home)
    seaweedfs.prepare(home)
    redis.prepare(home)
    pgbackrest.prepare(home)
    every = servers(home)
    tell("starting the S3 servers, Redis and the receiver; making the clusters")
    _together(
        *(partial(_region_up, home, every[region]) for region in REGIONS),
        *(partial(_start, home, every[name]) for name in ("redis", "receiver")),
        *(partial(_prepare_cluster, home, cluster) for cluster in postgres.CLUSTERS),
    )
    if why := node_pdf_service.missing():
        tell(f"going without the pdf-service: {why}")
    tell("making the stanzas; starting the clusters")
    _together(
        *(partial(_cluster_up, home, every[cluster]) for cluster in postgres.CLUSTERS),
        *(partial(_start, home, every[name]) for name in USERS if name in every),
    )
    tell("bringing the records to their newest version")
    migrate(home.settings().records)
    seaweedfs.verify_identities(home)


def _region_up(home: SandboxHome, server: Server, give_up: threading.Event) -> None:
    _start(home, server, give_up)
    seaweedfs.make_buckets(home, server.name)


def _prepare_cluster(home: SandboxHome, cluster: str, give_up: threading.Event) -> None:
    if not give_up.is_set():
        postgres.prepare(home, cluster)


def _cluster_up(home: SandboxHome, server: Server, give_up: threading.Event) -> None:
    if server.name in postgres.PROTECTED:
        pgbackrest.create_stanza(home, server.name)
    _start(home, server, give_up)
    postgres.populate(home, server.name)


def _start(home: SandboxHome, server: Server, give_up: threading.Event) -> None:
    if not give_up.is_set():
        start_service(home, server)
        await_ready(home, server, give_up)


def _together(*tasks: Callable[[threading.Event], None]) -> None:
    """Run all at once; the first failure, or Ctrl-C, makes the others give up, and is raised when they have."""
    give_up = threading.Event()
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        try:
            for future in as_completed([pool.submit(task, give_up) for task in tasks]):
                future.result()
        except BaseException:
            give_up.set()
            raise


def _stop(home: SandboxHome, names: Iterable[str]) -> None:
    """Stop services: first what uses the clusters, then these, since they archive their last segments as they stop."""
    waves: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for name in names:
        waves[1 if name in postgres.CLUSTERS else 2 if name in PORTS and name not in USERS else 0].append(name)
    for wave in waves.values():
        if wave:
            with ThreadPoolExecutor(max_workers=len(wave)) as pool:
                list(pool.map(partial(stop, home), wave))


def _answers(server: Server) -> bool:
    try:
        server.ready()
    except Exception:
        return False
    return True
