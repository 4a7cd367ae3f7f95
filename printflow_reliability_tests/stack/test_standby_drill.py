"""Drills of which the files come from a real standby: what they prove, what they do not, and what refuses them."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from printflow_reliability.backups.window.proofs import drilled
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.commands import show
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.history import list_drills, list_drills_of_backups, show_drill
from printflow_reliability.drills.report import CHECKS, DrillReport
from printflow_reliability.overview.facts import read_facts
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import programs
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import detail, left_behind, outcomes
from printflow_reliability_tests.stack.standbys import caught_up, replication_let_in, streaming_standby

pytestmark = pytest.mark.stack

CLUSTER = "live_db"
REPLICATION = "host replication printflow 127.0.0.1/32 scram-sha-256\n"
HBA = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
SLOTS = "SELECT slot_name FROM pg_replication_slots"
JUDGED = [name for name in CHECKS if name != "drill.objectives"]


@dataclass(frozen=True)
class Pair:
    """The sandbox with a standby of live_db; printflow.toml names it."""

    sandbox: StackSandbox
    settings: Settings
    place: Path
    port: int

    @contextmanager
    def standby(self) -> Iterator[psycopg.Connection]:
        """A superuser's connection to the standby."""
        door = f"host={self.place} port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(door, autocommit=True) as connection:
            yield connection

    def let_in(self, hba: str) -> None:
        """Change whom the standby lets in."""
        (self.place / "data" / "pg_hba.conf").write_text(hba, encoding="utf-8")
        with self.standby() as connection:
            connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def pair(backed_up: StackSandbox) -> Iterator[Pair]:
    home, run = backed_up.home, programs()
    place = Path(tempfile.mkdtemp(prefix="pf-", dir="/tmp"))
    run.own(place)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = f"host={home.path('sockets')} port={home.port(CLUSTER)} user=postgres"
    hba = home.path("postgres", CLUSTER, "pg_hba.conf")
    try:
        with (
            postgres.superuser(home, CLUSTER) as primary,
            replication_let_in(primary, hba, "local replication postgres trust"),
            streaming_standby(
                lambda argv: run.run(argv, timeout=120), run, place, source=source, port=port, hba=HBA + REPLICATION
            ),
        ):
            url = postgres.url(home, CLUSTER, "printflow").replace(f":{home.port(CLUSTER)}/", f":{port}/")
            clusters = tuple(
                cluster.model_copy(update={"standby": url}) if cluster.name == CLUSTER else cluster
                for cluster in backed_up.settings.cluster
            )
            yield Pair(backed_up, backed_up.settings.model_copy(update={"cluster": clusters}), place, port)
    finally:
        shutil.rmtree(place)


@pytest.fixture
def may_copy(pair: Pair) -> Iterator[None]:
    """The role of the standby's url has REPLICATION, for one test."""
    with postgres.superuser(pair.sandbox.home, CLUSTER) as primary, pair.standby() as standby:
        primary.execute("ALTER ROLE printflow REPLICATION")
        caught_up(primary, standby)
        try:
            yield
        finally:
            primary.execute("ALTER ROLE printflow NOREPLICATION")


def refused(pair: Pair) -> str:
    """Why nothing could be told, which is all that is left of the drill."""
    report = run_drill(pair.settings, from_standby=True)
    assert report.exit_code == 2
    assert left_behind(pair.sandbox) == []
    return detail(report, "drill.recovery")


def slots(pair: Pair) -> list[object]:
    """The replication slots of both servers."""
    with postgres.superuser(pair.sandbox.home, CLUSTER) as primary, pair.standby() as standby:
        return [*primary.execute(SLOTS), *standby.execute(SLOTS)]


@pytest.mark.usefixtures("may_copy")
def test_what_a_standby_holds_is_proven_and_no_backup_is(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    settings, newest = pair.settings, list_drills_of_backups(pair.settings)[:1]
    with open_records(settings.records) as records:
        proven, known = drilled(records, 1), read_facts(records).drills
    with postgres.superuser(pair.sandbox.home, CLUSTER, CLUSTER) as primary, pair.standby() as standby:
        primary.execute("UPDATE heartbeats SET at = clock_timestamp() WHERE id = 1")
        caught_up(primary, standby)
    report = run_drill(settings, from_standby=True)

    assert outcomes(report) == dict.fromkeys(JUDGED, Outcome.PASS), failures(report)
    assert left_behind(pair.sandbox) == []
    assert slots(pair) == []
    with pair.standby() as standby:
        assert standby.execute("SELECT pg_is_in_recovery()").fetchall() == [(True,)]
        assert standby.execute("SELECT status FROM pg_stat_wal_receiver").fetchall() == [("streaming",)]
    document = report.as_json()
    assert document == show_drill(settings, report.id) == list_drills(settings)[0]
    assert (document["from_standby"], document["rto_seconds"], document["rpo_seconds"]) == (True, None, None)
    assert document["report"] is not None
    labels = {part.name: part.backup for part in report.clusters}
    assert labels[CLUSTER] == "standby"
    assert str(labels["admin_db"])[0].isdigit()
    assert report.numbers["fetched_bytes"] > 0
    assert report.numbers["replayed_bytes"] > 0
    show(document, settings)
    assert "from the standby, WAL from repo1" in capsys.readouterr().out

    assert list_drills_of_backups(settings)[:1] == newest
    with open_records(settings.records) as records:
        assert (drilled(records, 1), read_facts(records).drills) == (proven, known)


def failures(report: DrillReport) -> list[str]:
    return [f"{check.check}: {check.detail}" for check in report.checks if check.outcome is not Outcome.PASS]


def test_a_role_that_may_not_replicate_is_told_before_anything_is_copied(pair: Pair) -> None:
    assert 'may not be copied by role "printflow": it has no REPLICATION' in refused(pair)
    assert slots(pair) == []


@pytest.mark.exhaustive
@pytest.mark.usefixtures("may_copy")
def test_a_standby_that_lets_nobody_replicate_names_the_line_that_its_pg_hba_lacks(pair: Pair) -> None:
    pair.let_in(HBA)
    try:
        told = refused(pair)
    finally:
        pair.let_in(HBA + REPLICATION)
    assert "its pg_hba.conf has no line for that" in told
    assert 'add a line such as "host replication printflow ADDRESS scram-sha-256"' in told


@pytest.mark.exhaustive
@pytest.mark.usefixtures("may_copy")
def test_a_page_that_is_damaged_on_the_standby_alone_fails_the_drill(pair: Pair) -> None:
    with pair.standby() as standby:
        ((path,),) = standby.execute("SELECT pg_relation_filepath('pg_depend')").fetchall()
    file = pair.place / "data" / str(path)
    with file.open("r+b") as page:
        page.seek(5000)
        before = page.read(100)
        page.seek(5000)
        page.write(bytes(byte ^ 0xFF for byte in before))
    try:
        report = run_drill(pair.settings, from_standby=True)
    finally:
        with file.open("r+b") as page:
            page.seek(5000)
            page.write(before)
    assert (report.exit_code, outcomes(report)["drill.recovery"]) == (1, Outcome.FAIL)
    assert f'is damaged, and would be promoted so: WARNING:  checksum verification failed in file "./{path}"' in detail(
        report, "drill.recovery"
    )
    assert left_behind(pair.sandbox) == []


@pytest.mark.exhaustive
def test_a_standby_that_says_nothing_is_told_with_its_address(pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        first, *others = pair.settings.cluster
        mute = first.model_copy(update={"standby": f"postgresql://printflow@127.0.0.1:{port}/{CLUSTER}"})
        report = run_drill(pair.settings.model_copy(update={"cluster": (mute, *others)}), from_standby=True)
    assert report.exit_code == 2
    told = f"cluster {CLUSTER} (standby) cannot be reached: 127.0.0.1:{port} did not answer"
    assert told in detail(report, "drill.recovery")
    assert left_behind(pair.sandbox) == []


def test_a_server_that_was_promoted_is_no_standby(pair: Pair) -> None:
    """The last test of this module: its standby is none any more."""
    with pair.standby() as standby:
        assert standby.execute("SELECT pg_promote()").fetchall() == [(True,)]
    assert "is none: it takes writes of its own" in refused(pair)
