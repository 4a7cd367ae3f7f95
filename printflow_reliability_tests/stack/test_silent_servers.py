"""A server that takes connections and answers nothing: every command says so within a minute, and Ctrl-C ends it.

The commands are those that there are; which of them need no S3 is listed, so that a new one is tried too.
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from printflow_reliability.platform.connect import connect
from printflow_reliability.sandbox import processes
from printflow_reliability.sandbox.faults import planted
from printflow_reliability_tests.commands import COMMANDS
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.limited_proxy import LimitedProxy, limited_proxy

pytestmark = [pytest.mark.stack, pytest.mark.exhaustive]

SECONDS = 60.0
INTERRUPT_SECONDS = 5.0
SLACK_SECONDS = 30.0
"""What other tests on the machine may cost; what waits in vain does so for minutes."""
BESIDES = {"backup run": 45.0, "copies": 30.0}
"""What a command does in earnest besides: it backs up another repository, it tries the locks of other buckets."""
WITHOUT_S3 = {
    *("files erasure record", "files erasure list", "files erasure withdraw"),  # with no copy in quarantine
    *("files orphans", "drill fence", "drill list", "drill show", "drill objectives"),
    *("files show", "files acknowledge", "files recheck"),  # with nothing to ask about
    "files release",  # with nothing in quarantine
    *("queues", "posture"),
    *("wal acknowledge", "alerts list", "alerts test", "alerts ack", "alerts silence", "records migrate", "runbook"),
}
ARGUMENTS = {
    "backup before-migrate": ("--name", "silent-{order}"),
    "recover": ("--to", "latest", "--into", "{home}/recovered-from-a-silent-server"),
    "wal acknowledge": ("live_db", "0" * 23 + "1", "0" * 23 + "1", "--reason", "known"),
    "dump restore": ("--database", "live_db", "--into", "postgresql://localhost/elsewhere"),
    "config restore": ("--into", "{home}/restored-configuration"),
    "tenant restore": ("{tenant}", "--to", "{moment}"),
    "drill show": ("1",),
    "drill report": ("1", "--into", "{home}/report.html"),
    "files heal": ("--apply",),
    "files acknowledge": ("1", "--reason", "known"),
    "pdf inspect": ("s3://print-files/{key}",),
    "pdf sweep": ("--all",),
    "orders check": ("{order}",),
    "watch": ("--once",),
    "alerts ack": ("check:wal.lag",),
    "alerts silence": ("check:files.orphans", "--for", "1m", "--reason", "known"),
    "pdf accept": ("{order}", "1", "s3://print-files/{key}"),
    "orders repair": ("{order}",),
    "backup undelete": ("--before", "{moment}"),
    "files erasure record": ("{key}.never-there", "--bucket", "print-files", "--reason", "a test", "--by", "ada"),
    "files erasure withdraw": ("1", "--by", "ada"),
    "posture": ("--source", "{checkout}"),
    "files rollback": ("--to", "{moment}"),
    "files release": ("--needed",),
    "orders override": ("{order}", "--reason", "approved", "--until", "2999-11-02T14:05:00Z"),
}
OFFSITE = {"drill report", *(command for command in COMMANDS if command.startswith(("dump ", "config ")))}
"""What needs nothing of the primary region."""
ELSEWHERE = {"serve", "files deletions", "checkout"}
"""They have tests of their own: `serve` tells others of a silent server, `files deletions` needs a [journal], and a
shop without S3 is truly down."""
CERTAIN = {"copies"}
"""There is no dump here that nobody could delete, whatever else is not known."""
OF_EVERYTHING = {"ready", "status"}
"""What they say of other systems may be certain, and then outranks what is not known."""
FROZEN = {
    "primary": tuple(command for command in COMMANDS if command not in {*OFFSITE, *ELSEWHERE}),
    "offsite": ("drill report", "backup list", "files heal", "dump run", "dump list", "config backup", "config list"),
    "live_db": (
        *("backup run", "drill run", "files reconcile", "files protect", "files rollback", "orders held"),
        *("config backup", "queues", "ready", "status", "checkout"),
    ),
    "system_db": (
        "drill run",
        "files heal",
        "files protect",
        "orders held",
        "alerts list",
        "queues",
        "posture",
        "checkout",
        "ready",
    ),
    "redis": ("queues", "ready", "status", "config backup"),
}
"""Each server, and the commands that are tried without it; offsite are reports, dumps and the replica."""
WITHOUT_RECORDS = {"queues", "files protect", "posture"}
"""What needs no records to look, and says that it could not keep what it found."""
SAID = {"live_db": 'cluster "?live_db', "system_db": "the records database", "redis": 'Redis "?redis'}
"""How a server is called that is not named by its address."""
MIDWAY = {
    "files reconcile": 12_000,
    "files heal": 12_000,
    "pdf sweep": 150_000,
    "orders held": 12_000,
    "backup verify": 200_000,
    "wal verify": 8_000,
    "drill run": 1_500_000,
    "recover": 1_500_000,
}
"""Bytes after which a command is in the middle of a listing, a file or a base backup."""
A_PAID_ORDER = """
SELECT o.id, o.tenant_id, i.print_ready_file, (now() - interval '1 second')::text
FROM orders o JOIN order_items i ON i.order_id = o.id
WHERE o.status = 'paid' AND o.deleted_at IS NULL AND i.print_ready_file IS NOT NULL ORDER BY o.id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and how long it went on after the server had fallen silent, or after Ctrl-C."""

    exit_code: int
    said: str
    seconds: float


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def start(backed_up: StackSandbox, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts a command, with arguments that make sense in the sandbox."""
    with connect(backed_up.settings.cluster_named("live_db")) as connection:
        row = connection.execute(A_PAID_ORDER).fetchone()
    assert row is not None
    names = dict(zip(("order", "tenant", "key", "moment"), map(str, row), strict=True))
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / "composer.json").write_text('{"require": {"laravel/framework": "^11.0"}}', encoding="utf-8")
    names |= {"home": str(backed_up.home.root), "moment": names["moment"].replace(" ", "T"), "checkout": str(checkout)}

    def started(command: str, config: Path = backed_up.config) -> "subprocess.Popen[str]":
        arguments = [argument.format(**names) for argument in ARGUMENTS.get(command, ())]
        argv = [str(Path(sys.executable).with_name("printflow")), "--config", str(config), *command.split(), *arguments]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")

    return started


def ended(process: "subprocess.Popen[str]", since: float, seconds: float) -> Outcome:
    """Wait for a command that should end within so many seconds."""
    try:
        stdout, stderr = process.communicate(timeout=max(since + seconds - time.monotonic(), 1))
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
    return Outcome(process.returncode, stdout + stderr, time.monotonic() - since)


def in_turn(run: Callable[[str], Outcome], commands: list[str]) -> Mapping[str, Outcome]:
    """What comes of each; those of one noun follow each other, since some of them exclude each other."""
    nouns: dict[str, list[str]] = {}
    for command in commands:
        nouns.setdefault("drill" if command in ("recover", "tenant restore") else command.split()[0], []).append(
            command
        )
    with ThreadPoolExecutor(max_workers=4) as pool:
        done = pool.map(lambda group: [(command, run(command)) for command in group], nouns.values())
        return {command: outcome for group in done for command, outcome in group}


@pytest.fixture(scope="module")
def silent_from_the_start(backed_up: StackSandbox, start: Start) -> Mapping[tuple[str, str], Outcome]:
    """Every command, with a real server frozen."""
    limit = SECONDS + max(BESIDES.values()) + 2 * SLACK_SECONDS

    def run(command: str) -> Outcome:
        began = time.monotonic()
        return ended(start(command), began, limit)

    outcomes: dict[tuple[str, str], Outcome] = {}
    for server, commands in FROZEN.items():
        with planted(backed_up.home, "object_deleted"), backed_up.frozen(server):
            outcomes |= {(server, command): outcome for command, outcome in in_turn(run, list(commands)).items()}
    return outcomes


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("server", "command"), [(server, command) for server in FROZEN for command in FROZEN[server]])
def test_a_server_that_is_silent_from_the_start_is_told_within_a_minute(
    server: str, command: str, silent_from_the_start: Mapping[tuple[str, str], Outcome], backed_up: StackSandbox
) -> None:
    outcome = silent_from_the_start[server, command]
    assert outcome.seconds < SLACK_SECONDS + SECONDS + BESIDES.get(command, 0), outcome.said
    assert "Traceback" not in outcome.said
    if command not in WITHOUT_S3 or server != "primary":
        codes = {1, 2} if command in OF_EVERYTHING else {1} if command in CERTAIN else {2}
        if server == "system_db" and command in WITHOUT_RECORDS:
            codes = {0, 1}
        assert outcome.exit_code in codes, outcome.said
        assert re.search(SAID.get(server, f"localhost:{backed_up.home.port(server)}"), outcome.said), outcome.said


@contextmanager
def leading_through(sandbox: StackSandbox, way: LimitedProxy) -> Iterator[Path]:
    """The sandbox's configuration, with one of its S3 servers behind a limited proxy."""
    with ExitStack() as files:

        def changed(file: Path, *changes: tuple[str, str]) -> Path:
            text = file.read_text(encoding="utf-8")
            for old, new in changes:
                assert old in text
                text = text.replace(old, new)
            made = file.with_name(f"limited-{way.port}-{file.name}")
            made.write_text(text, encoding="utf-8")
            made.chmod(0o600)
            sandbox.settings.runner().own(made)
            files.callback(made.unlink)
            return made

        port = str(way.leads_to)
        confs = [
            changed(sandbox.home.path("pgbackrest", name), (f"storage-port={port}", f"storage-port={way.port}"))
            for name in ("pgbackrest.conf", "drill.conf")
        ]
        named = [(f'"pgbackrest/{conf.name.split("-", 2)[2]}"', f'"pgbackrest/{conf.name}"') for conf in confs]
        yield changed(sandbox.config, (f"localhost:{port}", f"localhost:{way.port}"), *named)


def silenced(
    sandbox: StackSandbox, start: Start, command: str, after: float, then: Callable[["subprocess.Popen[str]"], Outcome]
) -> Outcome:
    """Start a command, and wait until the server falls silent on it."""
    with limited_proxy(sandbox.home.port("primary"), after) as way, leading_through(sandbox, way) as config:
        process = start(command, config)
        deadline = time.monotonic() + 60
        while not way.closed.wait(0.1):
            if process.poll() is not None or time.monotonic() > deadline:
                outcome = ended(process, time.monotonic(), 1)
                return replace(outcome, said=f"the server did not fall silent on it: {outcome.said}", exit_code=-1)
        return then(process)


@pytest.fixture(scope="module")
def silent_midway(backed_up: StackSandbox, start: Start) -> Mapping[str, Outcome]:
    """Commands whose server falls silent in the middle of an answer."""

    def run(command: str) -> Outcome:
        return silenced(
            backed_up,
            start,
            command,
            MIDWAY[command],
            lambda process: ended(process, time.monotonic(), SECONDS + 2 * SLACK_SECONDS),
        )

    with planted(backed_up.home, "object_deleted"):
        return in_turn(run, list(MIDWAY))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", MIDWAY)
def test_a_server_that_falls_silent_midway_is_told_within_a_minute(
    command: str, silent_midway: Mapping[str, Outcome]
) -> None:
    outcome = silent_midway[command]
    assert outcome.seconds < SLACK_SECONDS + SECONDS, outcome.said
    assert outcome.exit_code == 2, outcome.said
    assert re.search(r"localhost:\d+", outcome.said), outcome.said
    assert "Traceback" not in outcome.said


@pytest.mark.timeout(300)
def test_a_replay_that_waits_for_a_silent_repository_is_no_recovery_that_fell_short(
    backed_up: StackSandbox, start: Start
) -> None:
    with limited_proxy(backed_up.home.port("primary"), float("inf")) as way, leading_through(backed_up, way) as config:
        process = start("drill run", config)
        place, deadline = backed_up.settings.drills.directory, time.monotonic() + 120
        while not any(running.program == "postgres" for running in processes.working_in(place)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        way.left = 0
        outcome = ended(process, time.monotonic(), SECONDS + 2 * SLACK_SECONDS)
    assert outcome.exit_code == 2, outcome.said
    assert outcome.seconds < SLACK_SECONDS + SECONDS
    assert re.search("waits for WAL|did not get it out of the repository in time", outcome.said), outcome.said


@pytest.fixture(scope="module")
def interrupted(backed_up: StackSandbox, start: Start) -> Mapping[str, Outcome]:
    """Commands that a person gives up while they wait for the silent server."""

    def interrupt(process: "subprocess.Popen[str]") -> Outcome:
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        return ended(process, time.monotonic(), INTERRUPT_SECONDS + 2 * SLACK_SECONDS)

    def run(command: str) -> Outcome:
        return silenced(backed_up, start, command, 0, interrupt)

    with planted(backed_up.home, "object_deleted"):
        return in_turn(run, INTERRUPTED)


INTERRUPTED = [command for command in COMMANDS if command not in {*WITHOUT_S3, *ELSEWHERE, *OFFSITE}]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", INTERRUPTED)
def test_ctrl_c_ends_a_command_that_waits_for_a_silent_server(command: str, interrupted: Mapping[str, Outcome]) -> None:
    outcome = interrupted[command]
    assert outcome.seconds < INTERRUPT_SECONDS + SLACK_SECONDS, outcome.said
    assert outcome.exit_code > 0, outcome.said
    assert "Traceback" not in outcome.said
