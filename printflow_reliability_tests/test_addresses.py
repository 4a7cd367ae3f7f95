"""A malformed address names its key, and never shows any of itself."""

from pathlib import Path

import pytest

from printflow_reliability import addresses
from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import load
from printflow_reliability_tests.minimal_configuration import CONFIG

PASSWORD = "Pa55word"
MALFORMED = {
    "not a url": f"postgresql//user:{PASSWORD}@host/records",
    "a percent sign": f"postgresql://user:{PASSWORD}%zz@host/records",
    "an at sign": f"postgresql://user:x@{PASSWORD}@host/records",
    "a slash": f"postgresql://user:{PASSWORD}/x@host/records",
    "digits, then a slash": f"postgresql://user:55/{PASSWORD}@host/records",
    "an unknown option": f"postgresql://user:{PASSWORD}@host/records?sslmod=x",
    "an open quote": f"host=db password='{PASSWORD}",
    "words": f"{PASSWORD} and nothing else",
}
SOUND = (
    "postgresql://user:p%40ss@host:5432/records",
    "postgresql:///records?host=/var/run/postgresql",
    "postgresql://user:secret@[::1]:5432/records",
    "postgresql://user:secret@one:5432,two:5433/records?target_session_attrs=read-write",
    "postgresql://user:p?a#ss@host/a@b",
    "host=/run/postgresql dbname='Shop \"Main\"' user='Shop Admin' password=a@b/c",
    "service=records",
)
KEYS = {
    "records.url": ('url = "postgresql://localhost/records"', 'url = "{}"'),
    "cluster[0].url": ('url = "postgresql://localhost/live_db"', 'url = "{}"'),
    "orders.repair.url": (
        "[runbook]",
        '[orders.repair]\nurl = "{}"\nlink = "UPDATE i SET f = %(key)s WHERE o = %(order)s AND f = %(was)s"\n[runbook]',
    ),
    "tenancy.restore_url": ('tenants = "SELECT 1"', 'tenants = "SELECT 1"\nrestore_url = "{}"'),
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("url", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_connection_string_names_its_key_and_shows_nothing_of_itself(
    key: str, url: str, tmp_path: Path
) -> None:
    there, instead = KEYS[key]
    assert there in CONFIG
    file = tmp_path / "printflow.toml"
    file.write_text(CONFIG.replace(there, instead.format(url), 1))
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert f"{key}: " in str(refused.value)
    assert PASSWORD not in repr(refused.value) + str(refused.value)


@pytest.mark.parametrize("url", SOUND)
def test_what_libpq_understands_is_left_as_it_is(url: str) -> None:
    assert addresses.postgres_url(url) == url


@pytest.mark.parametrize("url", ["ftp://h", "https://", "h:9", "https://h:x", "https://h:99999", "https://h\n/", ""])
def test_what_no_http_client_can_use_is_refused_in_time(url: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        addresses.http_url(url)
    assert addresses.http_url("https://s3.eu-west-1.amazonaws.com") == "https://s3.eu-west-1.amazonaws.com"
