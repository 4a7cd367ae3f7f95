"""Tablespaces that a base backup does not know: nothing is ever written through them, whoever notices first."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from printflow_reliability.checks import Outcome, exit_code
from printflow_reliability.drills import canaries, page_lsns
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.fences.nightly import record_fence
from printflow_reliability.errors import ConfigError, Refused
from printflow_reliability.programs import Programs
from printflow_reliability.records.migration import migrate
from printflow_reliability.recovery.recover import Recovered, recover, recovered_aside
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.clone import CloneEnded
from printflow_reliability.restore.clones.confinement import Confinement
from printflow_reliability.restore.link_watch import LinkWatch
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.targets import Target
from printflow_reliability_tests.stack.drilling import detail, outcomes, without_production
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster
from printflow_reliability_tests.stack.plain_settings import settings_of

pytestmark = pytest.mark.stack

ROWS = "CREATE TABLE {table} TABLESPACE {space} AS SELECT generate_series(1, {rows}) AS id"


@pytest.fixture(scope="module")
def production() -> Iterator[PlainCluster]:
    """A cluster with a tablespace and rows in it, and an old backup."""
    with plain_cluster() as cluster:
        # Whoever changes its files here is a clone.
        cluster.execute("ALTER SYSTEM SET autovacuum = off")
        cluster.execute("SELECT pg_reload_conf()")
        cluster.execute("CREATE TABLE heartbeats AS SELECT clock_timestamp() AS at")
        cluster.command("--start-fast", "backup", "--type=full")
        make(cluster, "known")
        cluster.execute(ROWS.format(table="kept", space="known", rows=100))
        yield cluster


def unconfined(programs: Programs, *_: object, **__: object) -> Confinement:
    return Confinement(programs, "nothing")


@pytest.fixture
def shop(production: PlainCluster) -> PlainCluster:
    """The same, with an incremental backup that knows all tablespaces so far."""
    production.command("--start-fast", "backup", "--type=incr")
    return production


def directory(cluster: PlainCluster, name: str) -> Path:
    path = cluster.home / name
    path.mkdir(mode=0o700)
    cluster.programs.own(path)
    return path


def query_recovered(done: Recovered, query: str) -> tuple[object, ...] | None:
    """What the recovered cluster answers."""
    (restored,) = done.clusters
    with psycopg.connect(
        host=str(restored.sockets), port=restored.port, user=restored.superuser, dbname=restored.database
    ) as clone:
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
        yield recover(
            settings, target or Target("latest"), into, repository=1, tell=discard_progress, allow_tablespaces=allowed
        )
    finally:
        if into.exists():
            reaper.remove(into)


def replay_into_production(cluster: PlainCluster) -> None:
    """What a clone does that nothing holds back; it may die of it, since production works on the same files."""
    with suppress(CloneEnded), recovering(cluster):
        pass


def refusal(cluster: PlainCluster, *allowed: Path) -> Refused:
    """What a recovery says that is refused; nothing of it is left."""
    with pytest.raises(Refused) as refused, recovering(cluster, *allowed):
        pass
    assert not (cluster.home / "recovered").exists()
    return refused.value


@contextmanager
def archiving_stopped(cluster: PlainCluster) -> Iterator[None]:
    """What is not in the archive is not replayed: a clone's files are then older than production's."""
    cluster.execute("ALTER SYSTEM SET archive_command = 'false'")
    cluster.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        cluster.execute("ALTER SYSTEM RESET archive_command")
        cluster.execute("SELECT pg_reload_conf()")


def discard_progress(_phase: object, _what: str) -> None:
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
        assert query_recovered(done, "SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM within)") == (150, 10)
    # pgBackRest cannot back up a cluster that has one.
    shop.execute("DROP TABLE within")
    shop.execute("DROP TABLESPACE inside")


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
    aside = settings_of(shop, directory=str(shop.home / "drills"))
    with (
        pytest.raises(Refused, match=f'has a tablespace at "{later}"') as for_a_tenant,
        recovered_aside(aside, Target("time", moment), repository=1, tell=discard_progress),
    ):
        pass
    assert f"--allow-tablespace {later} --to {moment.isoformat()}" in for_a_tenant.value.next_step
    assert list(aside.drills.directory.iterdir()) == []
    with recovering(shop, later, target=Target("time", moment)) as done:
        assert query_recovered(done, "SELECT count(*) FROM new") == (3000,)
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
    monkeypatch.setattr("printflow_reliability.restore.clones.fetch.inspecting", lambda fetch, *_, **__: fetch)
    monkeypatch.setattr("printflow_reliability.restore.clones.clone.confine", unconfined)
    elsewhere, link = directory(shop, "elsewhere"), shop.home / "recovered-looks-inside"
    link.symlink_to(elsewhere)
    shop.execute(f"CREATE TABLESPACE linked LOCATION '{link}'")
    shop.execute(ROWS.format(table="behind", space="linked", rows=1000))
    for _ in range(5):
        shop.execute("INSERT INTO behind SELECT generate_series(1, 10000)")
    shop.execute("TRUNCATE heartbeats")
    shop.switch_wal()
    shop.execute("CHECKPOINT")
    before = content(elsewhere)

    refused = refusal(shop)
    assert f'at "{link}"' in refused.what
    assert "replay made pg_tblspc/" in refused.what
    assert content(elsewhere) == before
    shop.restart()
    assert shop.execute("SELECT count(*) FROM behind") == [(51_000,)]
    # pgBackRest refuses a link to a link.
    shop.execute("DROP TABLE behind")
    shop.execute("DROP TABLESPACE linked")


def test_a_clone_cannot_make_a_tablespace_outside_though_nobody_watched(
    shop: PlainCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printflow_reliability.restore.clones.fetch.inspecting", lambda fetch, *_, **__: fetch)
    monkeypatch.setattr(LinkWatch, "start", lambda _: None)
    monkeypatch.setattr(LinkWatch, "end", lambda _: None)
    path = make(shop, "unwatched")
    shop.execute(ROWS.format(table="beyond", space="unwatched", rows=1000))
    shop.switch_wal()
    shop.execute("CHECKPOINT")
    before = content(path)
    refused = refusal(shop)
    assert f'at "{path}"' in refused.what
    assert "replay ended where WAL makes it" in refused.what
    assert content(path) == before
    shop.execute("DROP TABLE beyond")
    shop.execute("DROP TABLESPACE unwatched")


def test_what_a_clone_that_nothing_holds_back_does_to_production_is_seen_in_productions_data(
    shop: PlainCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original harm: a clone on production's host replays into production's tablespace."""
    monkeypatch.setattr("printflow_reliability.restore.clones.fetch.inspecting", lambda fetch, *_, **__: fetch)
    monkeypatch.setattr("printflow_reliability.restore.clones.clone.confine", unconfined)
    monkeypatch.setattr(LinkWatch, "start", lambda _: None)
    monkeypatch.setattr(LinkWatch, "end", lambda _: None)
    monkeypatch.setattr(canaries, "STATISTICS_SECONDS", 1)
    make(shop, "harmed")
    shop.execute(ROWS.format(table="overwritten", space="harmed", rows=1000))
    shop.switch_wal()
    with archiving_stopped(shop):
        shop.execute("INSERT INTO overwritten SELECT generate_series(1001, 3000)")
        # What the clone writes over is older pages: rows that went since are there again.
        shop.execute("DELETE FROM overwritten WHERE id <= 10")
        shop.execute("VACUUM (FREEZE)")
        shop.execute("CHECKPOINT")
        before = canaries.read_canaries(shop.settings)
        assert canaries.compare(shop.settings, before).harm == ()
        replay_into_production(shop)
    (phrase,) = canaries.compare(shop.settings, before).harm
    assert phrase.startswith('plain: table public.overwritten of database "postgres": page ')
    assert "on disk is older than it was" in phrase
    # A role that may not look at files sees it once the page is no longer in production's memory.
    shop.restart()
    monkeypatch.setattr(page_lsns, "MAY_READ", "SELECT false")
    (phrase,) = canaries.compare(shop.settings, before).harm
    assert 'table public.overwritten of database "postgres" has other rows than before, and nobody wrote' in phrase


def test_an_index_alone_that_a_clone_wrote_over_is_seen(shop: PlainCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other original harm: the index no longer finds what it was told of after the archive's end."""
    monkeypatch.setattr("printflow_reliability.restore.clones.fetch.inspecting", lambda fetch, *_, **__: fetch)
    monkeypatch.setattr("printflow_reliability.restore.clones.clone.confine", unconfined)
    monkeypatch.setattr(LinkWatch, "start", lambda _: None)
    monkeypatch.setattr(LinkWatch, "end", lambda _: None)
    monkeypatch.setattr(canaries, "STATISTICS_SECONDS", 1)
    make(shop, "indexes")
    shop.execute("CREATE TABLE indexed AS SELECT generate_series(1, 1000) AS id")
    shop.execute("CREATE INDEX alone ON indexed (id) TABLESPACE indexes")
    shop.switch_wal()
    with archiving_stopped(shop):
        shop.execute("INSERT INTO indexed SELECT generate_series(1001, 3000)")
        shop.execute("CHECKPOINT")
        before = canaries.read_canaries(shop.settings)
        assert canaries.compare(shop.settings, before).harm == ()
        replay_into_production(shop)
    harm = canaries.compare(shop.settings, before).harm
    assert harm
    assert all(phrase.startswith('plain: index public.alone of database "postgres"') for phrase in harm), harm
    shop.execute("DROP TABLE indexed")
    shop.execute("DROP TABLESPACE indexes")


def test_production_at_work_raises_no_alarm(shop: PlainCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canaries, "STATISTICS_SECONDS", 3)
    names = ("idle", "inserted", "deleted", "vacuumed", "altered", "dropped", "truncated", "rewritten", "open")
    for name in names:
        shop.execute(f"CREATE TABLE {name} AS SELECT generate_series(1, 5000) AS id")
    shop.execute("DELETE FROM vacuumed WHERE id > 10")
    before = canaries.read_canaries(shop.settings)
    with psycopg.connect(shop.settings.url) as uncommitted:
        uncommitted.execute("INSERT INTO open SELECT generate_series(1, 5000)")
        shop.execute("INSERT INTO inserted VALUES (1)")
        shop.execute("DELETE FROM deleted WHERE id = 1")
        shop.execute("VACUUM vacuumed")
        shop.execute("ALTER TABLE altered ADD COLUMN more int DEFAULT 7")
        shop.execute("DROP TABLE dropped")
        shop.execute("TRUNCATE truncated")
        shop.execute("VACUUM FULL rewritten")
        uncommitted.execute("LOCK idle")
        began = time.monotonic()
        compared = canaries.compare(shop.settings, before)
        assert compared.harm == ()
        assert compared.tables >= 1
        assert time.monotonic() - began < 30, "nobody waits for a lock"


def test_a_drill_refuses_before_it_fetches_anything(shop: PlainCluster) -> None:
    shop.execute("CREATE DATABASE records")
    settings = settings_of(shop, directory=str(shop.home / "drills"))
    migrate(settings.records)
    later = make(shop, "newest")
    for drilled in (settings, without_production(settings)):
        if not drilled.drills.ask_production:
            record_fence(settings)
        report = run_drill(drilled)
        assert outcomes(report)["drill.recovery"] is Outcome.FAIL
        said = detail(report, "drill.recovery")
        assert said.startswith(f'cluster plain has a tablespace at "{later}" that the base backup does not know')
        assert said.endswith("Next: printflow backup run plain")
        assert exit_code(check.outcome for check in report.checks) == 1
        assert Phase.FETCH not in report.phases
    assert shop.execute("SELECT spcname FROM pg_tablespace WHERE spcname = 'newest'") == [("newest",)]
