"""A connection string as an argument: by way of a variable or a file, or without a password."""

from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings.arguments import with_database_url
from printflow_reliability_tests.minimal_settings import minimal_settings

URL = "postgresql://me:opensesame@db.example/shop"


def test_a_variable_and_a_file_are_read_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text(URL)
    monkeypatch.chdir(tmp_path)
    for text in ("env:TARGET", "file:url"):
        settings, url = with_database_url(minimal_settings(), "--into", text, {"TARGET": URL})
        assert url == URL
        assert settings.redact("it was opensesame") == "it was [secret]"


def test_a_connection_string_without_a_password_is_taken_as_it_is() -> None:
    assert with_database_url(minimal_settings(), "--into", "host=db dbname=shop", {})[1] == "host=db dbname=shop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (URL, "a password in an argument"),
        ("host=db password=opensesame", "a password in an argument"),
        ("env:NOT_SET", "NOT_SET is not set"),
        ("file:not/there", "cannot be read"),
        ("shop", "is not a PostgreSQL connection string"),
    ],
)
def test_what_cannot_be_used_is_named_without_the_password(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        with_database_url(minimal_settings(), "--into", text, {})
    assert "opensesame" not in str(refused.value)
