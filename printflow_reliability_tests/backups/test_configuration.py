from pathlib import Path

import pytest

from printflow_reliability.backups.configuration import repository_options
from printflow_reliability.errors import ConfigError

FILE = """\
# production's
[global]
repo-path=/old/style
repo1-s3-bucket = backups
repo2-path=/second
repo10-path=/tenth
repo1-cipher-pass=a=b#c
[global:archive-push]
repo1-s3-region=eu-west-1
repo1-s3-key=of all that push
[shop]
repo1-s3-key=of the stanza
[shop:archive-push]
repo1-s3-token=t
[shop:backup]
repo1-s3-key=of backups alone
[other]
repo1-s3-key=of another stanza
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "pgbackrest.conf").write_text(FILE)
    return tmp_path / "pgbackrest.conf"


def test_a_stanzas_own_options_come_before_global_ones_and_a_commands_before_both(file: Path) -> None:
    options = repository_options(file, "shop", 1)

    assert options.get("path") == "/old/style"
    assert options.get("s3-bucket") == "backups"
    assert options.get("s3-region") == "eu-west-1"
    assert options.get("s3-key") == "of the stanza"
    assert options.get("s3-token") == "t"
    assert options.get("cipher-pass") == "a=b#c"
    assert repository_options(file, "nobody", 1).get("s3-key") == "of all that push"


def test_repositories_are_told_apart_and_have_pgbackrests_defaults(file: Path) -> None:
    assert repository_options(file, "shop", 2).get("path") == "/second"
    assert repository_options(file, "shop", 3).get("path") == "/var/lib/pgbackrest"
    assert repository_options(file, "shop", 3).get("type") == "posix"


def test_secrets_are_not_shown(file: Path) -> None:
    assert "stanza" not in repr(repository_options(file, "shop", 1))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        repository_options(tmp_path, "shop", 1)
    with pytest.raises(ConfigError, match="No such file"):
        repository_options(tmp_path / "none", "shop", 1)
