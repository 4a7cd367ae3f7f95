"""PostgreSQL's own programs sign in without a secret in their arguments, or not at all."""

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.sign_in import NOWHERE_ELSE, SECRET, sign_in

URL = "postgresql://watcher:hunter2@db.example:5433/shop?sslmode=require&sslkey=/keys/watcher"
KNOWN = {option.keyword.decode() for option in Conninfo.get_defaults()}
"""The parts that the libpq of this system has."""


def test_a_password_goes_into_the_environment_and_everything_else_stays() -> None:
    conninfo, environment = sign_in(URL, dbname="other")
    assert "hunter2" not in conninfo
    assert environment == {"PGPASSWORD": "hunter2"}
    parts = conninfo_to_dict(conninfo)
    assert (parts["host"], parts["dbname"], parts["sslkey"]) == ("db.example", "other", "/keys/watcher")


@pytest.mark.parametrize("part", sorted(NOWHERE_ELSE.keys() & KNOWN))
def test_a_secret_that_only_an_argument_could_tell_is_refused_and_not_shown(part: str) -> None:
    with pytest.raises(ConfigError, match=f"to db.example has {part}") as refused:
        sign_in(f"{URL}&{part}=s3cret")
    assert f"take {part} out of that url in printflow.toml" in refused.value.next_step
    assert "s3cret" not in refused.value.sentence
    assert sign_in(f"{URL}&{part}=")[1] == {"PGPASSWORD": "hunter2"}


def test_every_secret_part_of_this_libpq_is_known() -> None:
    secret = {option.keyword.decode() for option in Conninfo.get_defaults() if option.dispchar == b"*"}
    assert {"password", "sslpassword"} <= secret <= SECRET.keys() | NOWHERE_ELSE.keys()
