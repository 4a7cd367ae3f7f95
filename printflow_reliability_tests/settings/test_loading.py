"""Every mistake in printflow.toml ends with one message that names the key and says what would be right."""

from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import find_config, load
from printflow_reliability_tests.settings.good_configuration import ENVIRON, GOOD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/live_db").write_text("postgresql://printflow:s3cret@localhost/live_db\n")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "printflow.toml"
    path.write_text(text)
    return path


def test_a_good_file_is_read_with_its_defaults_secrets_and_absolute_paths(folder: Path) -> None:
    settings = load(written(folder, GOOD), ENVIRON)
    cluster = settings.cluster_named("live_db")
    assert cluster.stanza == "live_db"
    assert cluster.url == "postgresql://printflow:s3cret@localhost/live_db"
    assert cluster.pgbackrest_config == folder / "pgbackrest.conf"
    assert cluster.drill_pgbackrest_config == folder / "pgbackrest.conf"
    assert settings.drills.directory == folder / "drills"


def test_secrets_and_the_passwords_inside_urls_are_known_for_redaction(folder: Path) -> None:
    settings = load(written(folder, GOOD), ENVIRON)
    text = settings.redact("cannot log in with s3cret or postgresql://printflow:hunter2@localhost/records")
    assert text == "cannot log in with [secret] or [secret]"


def test_redaction_needs_neither_the_user_nor_any_program_of_the_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    file = GOOD + '[programs]\nrun_as = "nobody-of-this-name"\npostgres_bin = "nowhere"\n'
    settings = load(written(folder, file), ENVIRON)
    monkeypatch.delattr(type(settings), "runner")
    assert settings.redact("s3cret, hunter2 and no more") == "[secret], [secret] and no more"


def test_a_secret_that_is_part_of_another_leaves_nothing_of_it(folder: Path) -> None:
    settings = load(written(folder, GOOD), ENVIRON).with_secrets({"key", "key-2", "my-key-2"})
    assert settings.redact("my-key-2 key-2 key") == "[secret] [secret] [secret]"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "live_db"', 'name = "live_db"\nstanzza = "x"', r'cluster\[0\]\.stanzza: unknown key.*"stanza"'),
        ("[tenancy]", "[tenanci]", r'tenanci: unknown key; did you mean "tenancy"\?'),
        (
            'url = "env:RECORDS_URL"',
            'url = "env:NOT_SET"',
            r"records\.url: the environment variable NOT_SET is not set",
        ),
        ('"file:secrets/live_db"', '"file:secrets/none"', r"cluster\[0\]\.url: the secret file .*none cannot be read"),
        (
            'bucket = "print-files"\nkind',
            'bucket = "prints"\nkind',
            r"reference\[0\]\.bucket: nothing is named .prints.",
        ),
        ('kind = "print-ready"', 'kind = "poster"', r"reference\[0\]\.kind: .*print-ready"),
        ('bucket = "printflow360"', "", r"bucket\[0\]\.bucket: is missing"),
        (
            'paid = "SELECT 1"',
            'paid = "SELECT 1"\ngrace_seconds = -1',
            r"orders\.grace_seconds: .*greater than or equal",
        ),
        ("[platform]", "[platform", r"is not TOML.*line 2"),
        *(
            ('"file:secrets/live_db"', f'"file:secrets/live_db"\nrepositories = {numbers}', rf"cluster\[0\]\.{said}")
            for numbers, said in (
                ("[]", r"repositories: .*at least 1"),
                ("[1, 0]", r"repositories\[1\]: .*greater than or equal"),
                ("[2, 2]", "repositories: .*named twice"),
            )
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_would_be_right(folder: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        load(written(folder, GOOD.replace(old, new)), ENVIRON)


def test_no_message_shows_a_secret(folder: Path) -> None:
    broken = GOOD.replace('url = "env:RECORDS_URL"', 'url = "env:RECORDS_URL"\nextra = "env:RECORDS_URL"')
    with pytest.raises(ConfigError) as error:
        load(written(folder, broken), ENVIRON)
    assert "hunter2" not in str(error.value)


def test_two_clusters_of_one_name_are_refused(folder: Path) -> None:
    cluster = GOOD[GOOD.index("[[cluster]]") : GOOD.index("[[bucket]]")]
    with pytest.raises(ConfigError, match=r'the name "live_db" is given twice'):
        load(written(folder, GOOD + cluster), ENVIRON)


def test_a_missing_file_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load(tmp_path / "none.toml")


def test_the_file_is_the_one_given_then_the_environments_then_the_sandboxs(tmp_path: Path) -> None:
    (tmp_path / "printflow.toml").touch()
    environ = {"PRINTFLOW_CONFIG": "/etc/printflow.toml", "PRINTFLOW_HOME": str(tmp_path)}
    assert find_config(Path("given.toml"), environ) == Path("given.toml")
    assert find_config(None, environ) == Path("/etc/printflow.toml")
    assert find_config(None, {"PRINTFLOW_HOME": str(tmp_path)}) == tmp_path / "printflow.toml"
    with pytest.raises(ConfigError, match="no configuration"):
        find_config(None, {"PRINTFLOW_HOME": str(tmp_path / "elsewhere")})
