"""The foreign platform is what it says: each difference to the sandbox that a test may rely on."""

import pytest

from printflow_reliability_tests.stack.foreign.platform import DATABASE, SUPERUSER, ForeignPlatform

pytestmark = pytest.mark.stack

SETTINGS = """
SELECT name, setting FROM pg_settings WHERE name IN
('wal_segment_size', 'data_checksums', 'max_connections', 'password_encryption', 'archive_timeout')
"""


def test_its_cluster_differs_from_the_sandboxs_in_everything_that_initdb_decides(foreign: ForeignPlatform) -> None:
    with foreign.connect() as connection:
        settings = dict(connection.execute(SETTINGS).fetchall())
        superuser = connection.execute("SELECT rolname FROM pg_authid WHERE oid = 10").fetchone()
        provider = connection.execute(
            "SELECT datlocprovider FROM pg_database WHERE datname = %s", (DATABASE,)
        ).fetchone()
        encodings = connection.execute("SELECT DISTINCT pg_encoding_to_char(encoding) FROM pg_database").fetchall()
    assert settings == {
        "wal_segment_size": str(64 * 1024**2),
        "data_checksums": "off",
        "max_connections": "20",
        "password_encryption": "scram-sha-256",
        "archive_timeout": "300",
    }
    assert superuser == (SUPERUSER,)
    assert provider == ("i",)
    assert {name for (name,) in encodings} == {"UTF8", "LATIN1", "SQL_ASCII"}


def test_nobody_signs_in_without_a_password(foreign: ForeignPlatform) -> None:
    hba = (foreign.root / "pg data" / "pg_hba.conf").read_text()
    assert {line.split()[-1] for line in hba.splitlines()} == {"scram-sha-256"}


@pytest.mark.parametrize("by", ["owner", "reader"])
def test_its_commands_run_by_a_plain_user(foreign: ForeignPlatform, by: str) -> None:
    script = "import os; print(os.getuid(), os.geteuid(), open('/proc/self/status').read())"
    ended = foreign.python("-c", script, by=getattr(foreign, by))
    assert ended.exit_code == 0, ended.stderr
    uids, status = ended.stdout.split("Name:", 1)
    assert "0" not in uids.split()
    assert "CapEff:\t0000000000000000" in status


def test_the_reader_cannot_write_what_the_owner_has(foreign: ForeignPlatform) -> None:
    if foreign.reader == foreign.owner:
        pytest.skip("a second user needs root: there is only the one that runs these tests")
    script = "import os; print([os.access(place, os.W_OK) for place in ('repository', 'pg data', 'fast disk')])"
    assert foreign.python("-c", script, by=foreign.reader).stdout == "[False, False, False]\n"
