"""The restore_command that reads WAL first, called as PostgreSQL calls it, on a real server's WAL."""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from printflow_reliability.backups.segment import Segment, parse_lsn, parse_segment
from printflow_reliability.programs import ProgramFailed
from printflow_reliability.restore.wal_inspection import RefusedWal, inspecting, refused_wal
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

MEGABYTE = 1024**2
ENDED = 200
"""The exit code that PostgreSQL takes for the end of the recovery."""


@dataclass(frozen=True)
class Wal:
    """A server, and what it wrote: a tablespace is made in `made`, and in the record that begins in `crossing`."""

    cluster: PlainCluster
    start: int
    made: str
    path: Path
    at: int
    crossing: str
    long_path: Path
    after: datetime

    @property
    def archive(self) -> Path:
        return self.cluster.home / "data" / "pg_wal"

    def following(self, name: str) -> str:
        segment = parse_segment(name, MEGABYTE)
        return Segment(segment.timeline, segment.number + 1).name(MEGABYTE)


@pytest.fixture(scope="module")
def wal() -> Iterator[Wal]:
    with plain_cluster() as cluster:
        cluster.execute("ALTER SYSTEM SET wal_keep_size = '1GB'")
        cluster.execute("SELECT pg_reload_conf()")
        cluster.execute("CREATE TABLE ticks (n int)")
        cluster.execute("SELECT pg_switch_wal()")
        start = parse_lsn(str(cluster.execute("SELECT pg_current_wal_lsn()")[0][0]))
        path, long_path = cluster.home / "made", cluster.home / ("long" * 55) / ("path" * 55)
        for directory in (path, long_path):
            directory.mkdir(parents=True, mode=0o700)
            cluster.programs.own(directory)
        cluster.execute("INSERT INTO ticks VALUES (1)")
        before = records(cluster, start)
        cluster.execute(f"CREATE TABLESPACE made LOCATION '{path}'")
        (at,) = (lsn for lsn in records(cluster, start) if lsn not in before)
        made = segment_at(cluster, at)
        cluster.execute("INSERT INTO ticks VALUES (2)")
        after = cluster.execute("SELECT clock_timestamp()")[0][0]
        assert isinstance(after, datetime)
        cluster.execute("SELECT pg_switch_wal()")
        crossing = make_across_a_border(cluster, long_path)
        cluster.execute("INSERT INTO ticks VALUES (3)")
        cluster.execute("SELECT pg_switch_wal()")
        cluster.execute("INSERT INTO ticks VALUES (4)")
        yield Wal(cluster, start, made, path, at, crossing, long_path, after)


def records(cluster: PlainCluster, start: int) -> list[int]:
    """Where records that make a tablespace begin."""
    argv = [cluster.programs.postgres("pg_waldump"), "--rmgr=Tablespace", f"--path={cluster.home}/data/pg_wal"]
    try:
        said = cluster.programs.run([*argv, f"--start={lsn(start)}"], timeout=30, accept=(0, 1)).stdout
    except ProgramFailed:
        return []
    lines = [line for line in said.splitlines() if "desc: CREATE" in line]
    return [parse_lsn(line.partition("lsn: ")[2].partition(",")[0]) for line in lines]


def lsn(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def segment_at(cluster: PlainCluster, position: int) -> str:
    return Segment(1, position // MEGABYTE).name(MEGABYTE)


def position(cluster: PlainCluster) -> int:
    return parse_lsn(str(cluster.execute("SELECT pg_current_wal_insert_lsn()")[0][0]))


def make_across_a_border(cluster: PlainCluster, path: Path) -> str:
    """Write WAL until the record that makes a tablespace lies across the end of a segment; the segment's name."""
    create = f"CREATE TABLESPACE crossing LOCATION '{path}'"
    for _ in range(5):
        began = position(cluster)
        cluster.execute(create)
        (made,) = records(cluster, began)
        if made // MEGABYTE != (made + 200) // MEGABYTE:
            return segment_at(cluster, made)
        cluster.execute("DROP TABLESPACE crossing")
        cluster.execute("SELECT pg_switch_wal()")
        target = (position(cluster) // MEGABYTE + 1) * MEGABYTE - 200 - (made - began)
        while (left := target - position(cluster)) > 0:
            cluster.execute(
                f"SELECT pg_logical_emit_message(false, '', repeat('x', {max(0, min(left, 100_000) - 200)}))"
            )
    raise AssertionError("no record came to lie across the end of a segment")


@dataclass(frozen=True)
class Server:
    """A clone's directory, and what its PostgreSQL would ask for."""

    wal: Wal
    place: Path
    command: str

    def asks_for(self, name: str) -> int:
        """Fetch a file; the exit code. PostgreSQL keeps what it was given under its name."""
        given = self.place / "data" / "pg_wal" / "RECOVERYXLOG"
        placed = {"%f": name, "%p": "pg_wal/RECOVERYXLOG", "%%": "%"}
        shell = re.sub("%[fp%]", lambda found: placed[found[0]], self.command)
        try:
            self.wal.cluster.programs.run(["/bin/sh", "-c", shell], timeout=30, cwd=self.place / "data")
        except ProgramFailed as failed:
            return failed.exit_code
        given.rename(given.with_name(name))
        return 0

    @property
    def refused(self) -> RefusedWal | None:
        return refused_wal(self.place)


@pytest.fixture
def place(wal: Wal) -> Iterator[Path]:
    place = wal.cluster.home / "a clone's 100% $HOME"
    for directory in (place, place / "data", place / "data" / "pg_wal", place / "archive"):
        directory.mkdir()
        wal.cluster.programs.own(directory)
    yield place
    shutil.rmtree(place)


def server(
    wal: Wal, place: Path, *, floor: int = 0, until: datetime | None = None, allowed: Sequence[Path] = ()
) -> Server:
    for file in wal.archive.glob("0*"):
        shutil.copy(file, place / "archive")
        wal.cluster.programs.own(place / "archive" / file.name)
    command = inspecting(
        'cp ../archive/%f "%p"', place, wal.cluster.programs, floor=floor, until=until, allowed=allowed
    )
    return Server(wal, place, command)


def test_a_segment_that_makes_a_tablespace_ends_the_recovery(wal: Wal, place: Path) -> None:
    clone = server(wal, place)
    assert clone.asks_for(wal.made) == ENDED
    assert clone.refused == RefusedWal(str(wal.path), f"{wal.at >> 32:X}/{wal.at & 0xFFFFFFFF:08X}")
    assert [file.name for file in place.glob("wal.*")] == []


def test_an_allowed_path_passes_and_no_other_one(wal: Wal, place: Path) -> None:
    assert (
        server(wal, place, allowed=[wal.path.parent, Path(f"{wal.path}/x"), wal.long_path]).asks_for(wal.made) == ENDED
    )
    (place / "wal_refused").unlink()
    assert server(wal, place, allowed=[Path("/else"), wal.path]).asks_for(wal.made) == 0


def test_a_record_that_crosses_the_end_of_a_segment_is_read_with_the_next_one(wal: Wal, place: Path) -> None:
    clone = server(wal, place, allowed=[wal.path])
    assert clone.asks_for(wal.crossing) == 0, "the record is not complete yet, so it cannot be replayed"
    assert clone.asks_for(wal.following(wal.crossing)) == ENDED
    assert clone.refused is not None
    assert clone.refused.tablespace == str(wal.long_path)


@pytest.mark.parametrize(("exit_code", "ends"), [(1, 1), (82, ENDED)], ids=["is not there", "does not come in time"])
def test_wal_that_does_not_come_in_time_is_not_taken_for_the_end_of_wal(
    wal: Wal, place: Path, exit_code: int, ends: int
) -> None:
    command = inspecting(f"(exit {exit_code})", place, wal.cluster.programs, floor=0, until=None, allowed=())
    clone = Server(wal, place, command)
    for name in (wal.made, "00000002.history"):
        assert clone.asks_for(name) == ends
    assert (clone.refused is not None) == (ends == ENDED)


def test_the_same_across_a_change_of_timelines(wal: Wal, place: Path) -> None:
    clone = server(wal, place, allowed=[wal.path])
    next_segment = "00000002" + wal.following(wal.crossing)[8:]
    (place / "archive" / wal.following(wal.crossing)).rename(place / "archive" / next_segment)
    (place / "archive" / "00000003.history").write_text("2\t0/1\tno reason\n")
    assert clone.asks_for("00000003.history") == 0
    assert clone.asks_for(wal.crossing) == 0
    # What another timeline left in pg_wal was not what was replayed.
    (place / "data" / "pg_wal" / ("00000003" + wal.crossing[8:])).write_bytes(b"\0" * MEGABYTE)
    assert clone.asks_for(next_segment) == ENDED


def test_wal_that_the_archive_lacks_and_pg_wal_has_is_read_there(wal: Wal, place: Path) -> None:
    clone = server(wal, place)
    shutil.move(place / "archive" / wal.made, place / "data" / "pg_wal" / wal.made)
    assert clone.asks_for(wal.made) == ENDED
    assert clone.refused is not None
    assert clone.refused.tablespace == str(wal.path)


def test_what_is_not_there_and_what_ends_early_is_left_to_postgresql(wal: Wal, place: Path) -> None:
    """Replay ends there by itself, and the drill says that WAL is missing or damaged."""
    clone = server(wal, place, allowed=[wal.path, wal.long_path])
    assert clone.asks_for("0000000100000F0000000001") == 1
    newest = max(file.name for file in wal.archive.glob("0*"))
    names = sorted(file.name for file in (place / "archive").iterdir() if file.name >= wal.made)
    assert [clone.asks_for(name) for name in names] == [0] * len(names), clone.refused
    (place / "archive" / newest).write_bytes(b"\0" * MEGABYTE)
    assert clone.asks_for(newest) == 0
    whole = (place / "archive" / wal.following(wal.crossing)).read_bytes()
    (place / "archive" / newest).write_bytes(whole[:8192] + b"\xff" * (MEGABYTE - 8192))
    assert clone.asks_for(newest) == 0


def test_a_tablespace_before_damage_in_the_same_segment_is_found(wal: Wal, place: Path) -> None:
    clone = server(wal, place)
    end = wal.at % MEGABYTE + 1000
    file = place / "archive" / wal.made
    file.write_bytes(file.read_bytes()[:end] + b"\xff" * (MEGABYTE - end))
    assert clone.asks_for(wal.made) == ENDED
    assert clone.refused is not None
    assert clone.refused.tablespace == str(wal.path)


def test_what_cannot_be_read_is_not_replayed(wal: Wal, place: Path) -> None:
    clone = server(wal, place)
    (place / "archive" / wal.made).write_bytes(b"short")
    assert clone.asks_for(wal.made) == ENDED
    assert clone.refused == RefusedWal(None, wal.made, "it has 5 bytes")
    script = place / "restore_wal.sh"
    script.write_text(script.read_text().replace("pg_waldump", "pg_no_waldump", 1))
    assert clone.asks_for(wal.following(wal.made)) == ENDED
    assert clone.refused is not None
    assert "not found" in clone.refused.detail


def test_what_replay_does_not_come_to_does_not_matter(wal: Wal, place: Path) -> None:
    """A tablespace made before the backup began, or after a commit that is later than the target time."""
    assert server(wal, place, floor=wal.at + 8).asks_for(wal.made) == 0
    # The newest commit before the record is the one of "INSERT INTO ticks VALUES (1)".
    assert server(wal, place, until=datetime(2020, 1, 1, tzinfo=UTC)).asks_for(wal.made) == 0
    assert server(wal, place, until=wal.after + timedelta(hours=1)).asks_for(wal.made) == ENDED
