"""A drill from a standby of the foreign platform: a tablespace at a path with spaces, 64 MB segments, plain users."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from printflow_reliability.programs import Programs
from printflow_reliability.sandbox import ports
from printflow_reliability_tests.stack.foreign.changed import changed
from printflow_reliability_tests.stack.foreign.platform import SUPERUSER, ForeignPlatform
from printflow_reliability_tests.stack.foreign.servers import user_environment
from printflow_reliability_tests.stack.standbys import replication_let_in, streaming_standby

pytestmark = [pytest.mark.stack, pytest.mark.exhaustive]

LINE = "host replication all 127.0.0.1/32 scram-sha-256\n"
HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"


@pytest.fixture
def standby(foreign: ForeignPlatform) -> Iterator[Path]:
    """Its data directory; printflow.toml names it, and its role may replicate."""
    place = foreign.root / "replica"
    place.mkdir(mode=0o750)
    foreign.owner.own(place)
    port = next(port for port in range(ports.LOWEST, ports.HIGHEST) if ports.is_free(port))

    def run(argv: Sequence[str]) -> None:
        subprocess.run(
            foreign.owner.command(argv),
            cwd=foreign.root,
            env=user_environment(foreign.home(foreign.owner)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=120,
        )

    def to_standby(url: str) -> str:
        return url.replace(f":{foreign.ports['shop']}/", f":{port}/")

    key = foreign.root / "keys" / "replica"
    key.write_text(to_standby((foreign.root / "keys" / "watcher").read_text(encoding="utf-8")), encoding="utf-8")
    key.chmod(0o640)
    foreign.owner.own(key)
    source = f"host=127.0.0.1 port={foreign.ports['shop']} user='{SUPERUSER}'"
    with (
        foreign.connect() as primary,
        replication_let_in(primary, foreign.root / "pg data" / "pg_hba.conf", LINE),
        streaming_standby(
            run,
            Programs(foreign.owner.name),
            place,
            source=source,
            port=port,
            hba=HBA + LINE,
            tablespaces={str(foreign.root / "fast disk"): str(place / "fast = disk").replace("=", r"\=")},
        ) as data,
        changed(foreign, 'stanza = "print-shop"', 'stanza = "print-shop"\nstandby = "file:keys/replica"'),
    ):
        primary.execute("ALTER ROLE watcher REPLICATION")
        try:
            yield data
        finally:
            primary.execute("ALTER ROLE watcher NOREPLICATION")


def test_a_drill_from_a_standby_brings_its_tablespace_along_and_proves_no_backup(
    foreign: ForeignPlatform, standby: Path
) -> None:
    assert foreign.run("backup", "run", "--json").exit_code == 0
    foreign.beat()
    before = foreign.run("backup", "window", "--json").document["clusters"][0]["repositories"]
    ended = foreign.run("drill", "run", "--from-standby", "--json", by=foreign.reader)
    after = foreign.run("backup", "window", "--json").document["clusters"][0]["repositories"]

    checks = {check["name"]: check["outcome"] for check in ended.document["checks"]}
    assert {name for name, outcome in checks.items() if outcome != "pass"} == {"drill.fence", "drill.checksums"}, ended
    assert (ended.exit_code, ended.document["passed"], ended.document["fence"]["matched"]) == (1, True, True), ended
    assert (ended.document["from_standby"], ended.document["clusters"][0]["backup"]) == (True, "standby"), ended
    assert [found["proven_fraction"] for found in after] == [found["proven_fraction"] for found in before]
    assert foreign.run("drill", "objectives", "--json").document["drills"] == 0
    assert list((foreign.root / "clones").iterdir()) == []
    assert (standby / "standby.signal").exists()
