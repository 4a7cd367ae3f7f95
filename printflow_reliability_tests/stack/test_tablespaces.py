"""Tablespaces that a base backup does not know: nothing is ever written through them, whoever notices first."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from printflow_reliability.checks import Outcome, exit_code
from printflow_reliability.drills.clones import reaper
from printflow_reliability.drills.clones.link_watch import Link, may_lead
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.fences.nightly import record_fence
from printflow_reliability.drills.phases import Phase
from printflow_reliability.drills.targets import Target
from printflow_reliability.errors import ConfigError, Refused
from printflow_reliability.records.database import migrate
from printflow_reliability.recovery.recover import Recovered, recover
from printflow_reliability_tests.stack.drilling import detail, outcomes, without_production
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster
from printflow_reliability_tests.stack.test_recover import settings_of

pytestmark = pytest.mark.stack

ROWS = "CREATE TABLE {table} TABLESPACE {space} AS SELECT generate_series(1, {rows}) AS id"


@pytest.fixture
def shop() -> Iterator[PlainCluster]:
    """A cluster with a tablespace and rows in it, backed up."""
    with plain_cluster() as cluster:
        cluster.execute("CREATE TABLE heartbeats AS SELECT clock_timestamp() AS at")
        make(cluster, "known")
        cluster.execute(ROWS.format(table="kept", space="known", rows=100))
        cluster.command("--start-fast", "backup", "--type=full")
        yield cluster


def directory(cluster: PlainCluster, name: str) -> Path:
    path = cluster.home / name
    path.mkdir(mode=0o700)
    cluster.programs.own(path)
    return path


def asked(done: Recovered, query: str) -> tuple[object, ...] | None:
    """What the recovered cluster answers."""
    (one,) = done.clusters
    with psycopg.connect(host=str(one.sockets), port=one.port, user=one.superuser, dbname=one.database) as clone:
        return clone.execute(query.encode()).fetchone()


def make(cluster: PlainCluster, name: str) -> Path:
    """A tablespace of production."""
    path = directory(cluster, name)
    cluster.execute(f"CREATE TABLESPACE {name} LOCATION '{path}'")
    return path


@contextmanager
def recovering(cluster: PlainCluster, *allowed: Path, target: Target | None = None) -> Iterator[Recovered]:
    into = cluster.home / "recovered"
    try:
        settings = settings_of(cluster, phase_timeout_seconds=60)
        yield recover(settings, target or Target("latest"), into, repository=1, tell=_nobody, allow_tablespaces=allowed)
    finally:
        if into.exists():
            reaper.remove(into)


def refusal(cluster: PlainCluster, *allowed: Path) -> Refused:
    """What a recovery says that is refused; nothing of it is left."""
    with pytest.raises(Refused) as refused, recovering(cluster, *allowed):
        pass
    assert not (cluster.home / "recovered").exists()
    return refused.value


def _nobody(_phase: object, _what: str) -> None:
    """Tell nobody."""


def content(path: Path) -> dict[str, bytes]:
    """Every file below a directory, as it lies on disk."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_tablespace_that_the_backup_knows_comes_back_inside_of_the_clone(shop: PlainCluster) -> None:
    shop.execute("INSERT INTO kept SELECT generate_series(101, 150)")
    shop.execute("ALTER ROLE postgres SET allow_in_place_tablespaces = on")
    shop.execute("CREATE TABLESPACE inside LOCATION ''")
    shop.execute(ROWS.format(table="within", space="inside", rows=10))
    shop.switch_wal()
    with recovering(shop) as done:
        assert asked(done, "SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM within)") == (150, 10)


def test_wal_that_makes_a_tablespace_is_not_replayed_unless_a_person_allows_its_path(shop: PlainCluster) -> None:
    later = make(shop, "later")
    shop.execute("CREATE TABLE new AS SELECT generate_series(1, 3000) AS id")
    shop.execute("ALTER TABLE new SET TABLESPACE later")
    shop.execute("CREATE DATABASE beside TABLESPACE later")
    shop.switch_wal()
    shop.execute("CHECKPOINT")
    before = content(later)

    refused = refusal(shop)
    assert (
        f'cluster plain has a tablespace at "{later}" that the base backup does not know (WAL makes it at'
        in refused.what
    )
    assert f"--allow-tablespace {later}" in refused.next_step
    assert refusal(shop, directory(shop, "another")).what == refused.what
    with pytest.raises(ConfigError, match=f"--allow-tablespace: {later} is not empty"), recovering(shop, later):
        pass
    assert content(later) == before
    assert shop.execute("SELECT count(*) FROM new") == [(3000,)]

    # As on a host without production: the path is there, and nothing is in it.
    moment = shop.execute("SELECT clock_timestamp()")[0][0]
    assert isinstance(moment, datetime)
    time.sleep(1.1)
    shop.execute("DROP DATABASE beside")
    shop.execute("DROP TABLE new")
    shop.execute("DROP TABLESPACE later")
    shop.switch_wal()
    with recovering(shop, later, target=Target("time", moment)) as done:
        assert asked(done, "SELECT count(*) FROM new") == (3000,)
    shutil.rmtree(next(later.iterdir()))

    # Dropped and made again at the path of one that the backup knows.
    shop.execute("DROP TABLE kept")
    shop.execute("DROP TABLESPACE known")
    shop.execute(f"CREATE TABLESPACE again LOCATION '{shop.home / 'known'}'")
    shop.execute(ROWS.format(table="again", space="again", rows=10))
    shop.switch_wal()
    assert f'at "{shop.home / "known"}"' in refusal(shop, later).what
    assert list(later.iterdir()) == [], "what a refused recovery made in an allowed path is removed again"
    assert shop.execute("SELECT count(*) FROM again") == [(10,)]


def test_a_link_that_leads_out_ends_the_clone_though_nobody_read_the_wal(
    shop: PlainCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printflow_reliability.drills.clones.clone.inspecting", lambda fetch, *_, **__: fetch)
    elsewhere, link = directory(shop, "elsewhere"), shop.home / "recovered-looks-inside"
    link.symlink_to(elsewhere)
    shop.execute(f"CREATE TABLESPACE later LOCATION '{link}'")
    shop.execute(ROWS.format(table="new", space="later", rows=1000))
    for _ in range(5):
        shop.execute("INSERT INTO new SELECT generate_series(1, 10000)")
    shop.execute("TRUNCATE heartbeats")
    shop.switch_wal()
    shop.execute("CHECKPOINT")
    before = content(elsewhere)

    refused = refusal(shop)
    assert f'at "{link}"' in refused.what
    assert "replay made pg_tblspc/" in refused.what
    assert content(elsewhere) == before
    shop.restart()
    assert shop.execute("SELECT count(*) FROM new") == [(51_000,)]


def test_two_clusters_do_not_share_an_allowed_directory(shop: PlainCluster) -> None:
    allowed = {"/srv/space": "/srv/space"}
    taken: dict[str, str] = {}
    link = Link("16385", "/srv/space", "/srv/space")
    assert may_lead(link, "/drills/1/a", "a", allowed, taken)
    assert may_lead(link, "/drills/1/a", "a", allowed, taken)
    assert not may_lead(link, "/drills/1/b", "b", allowed, taken)


def test_a_drill_refuses_before_it_fetches_anything(shop: PlainCluster) -> None:
    shop.execute("CREATE DATABASE records")
    settings = settings_of(shop, directory=str(shop.home / "drills"))
    migrate(settings.records)
    later = make(shop, "later")
    for one in (settings, without_production(settings)):
        if not one.drills.ask_production:
            record_fence(settings)
        report = run_drill(one)
        assert outcomes(report)["drill.recovery"] is Outcome.FAIL
        said = detail(report, "drill.recovery")
        assert said.startswith(f'cluster plain has a tablespace at "{later}" that the base backup does not know')
        assert said.endswith("Next: printflow backup run plain")
        assert exit_code(check.outcome for check in report.checks) == 1
        assert Phase.FETCH not in report.phases
    assert shop.execute("SELECT spcname FROM pg_tablespace WHERE spcname = 'later'") == [("later",)]
