"""[config_backup] takes what can be used, and shows no secret of what cannot."""

from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import Settings, load, origins
from printflow_reliability_tests.dumps.keys import PUBLIC, SECRET
from printflow_reliability_tests.minimal_configuration import CONFIG

DUMPS = f'[dumps]\nbucket = "print-files"\nrecipients = ["{PUBLIC}"]\n'
SECTION = '[config_backup]\nfingerprint_secret = "env:FINGERPRINTS"\n'
ENVIRON = {"FINGERPRINTS": "0123456789abcdef", "UNUSED": "x", "REDIS": "rediss://:hunter2@localhost/0"}


def loaded(tmp_path: Path, more: str) -> Settings:
    file = tmp_path / "printflow.toml"
    file.write_text(CONFIG + more)
    return load(file, ENVIRON)


def test_paths_start_from_the_files_folder_and_the_secret_is_never_shown(tmp_path: Path) -> None:
    section = f'{SECTION}paths = ["nginx", "/etc/app"]\n[[config_backup.redis]]\nname = "jobs"\nurl = "env:REDIS"\n'
    settings = loaded(tmp_path, f'{DUMPS}{section}ca_file = "ca.pem"')
    assert settings.config_backup is not None
    assert settings.config_backup.paths == (tmp_path / "nginx", Path("/etc/app"))
    assert settings.config_backup.redis[0].ca_file == tmp_path / "ca.pem"
    assert settings.redact("0123456789abcdef, hunter2") == "[secret], [secret]"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (SECTION, r"config_backup: needs \[dumps\]"),
        (f'{DUMPS}{SECTION}bucket = "nowhere"', r'config_backup\.bucket: nothing is named "nowhere"'),
        (f'{DUMPS}{SECTION}recipients = ["{SECRET}"]', r"config_backup\.recipients\[0\]: is a secret key of age"),
        (f'{DUMPS}[config_backup]\nfingerprint_secret = "hunter2"', r"config_backup\.fingerprint_secret"),
        (f"{DUMPS}[config_backup]", r"config_backup\.fingerprint_secret: is missing"),
        (f'{DUMPS}{SECTION}daily_at = "24:00"', r"config_backup\.daily_at"),
        (
            f'{DUMPS}{SECTION}[[config_backup.redis]]\nname = "a/b"\nurl = "env:REDIS"',
            r"config_backup\.redis\[0\]\.name",
        ),
        (
            f'{DUMPS}{SECTION}[[config_backup.redis]]\nname = "a"\nurl = "http://hunter2"',
            r"config_backup\.redis\[0\]\.url: is not the address of a Redis",
        ),
        (
            f"{DUMPS}{SECTION}" + '[[config_backup.redis]]\nname = "a"\nurl = "env:REDIS"\n' * 2,
            r'config_backup\.redis: the name "a" is given twice',
        ),
        (
            '[[cluster]]\nname = "printflow-records"\nurl = "postgresql://localhost/x"\npgbackrest_config = "x"',
            r"cluster\[1\]\.name: is what dumps of the records",
        ),
    ],
)
def test_what_cannot_be_is_named_and_never_shown(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        loaded(tmp_path, more)
    assert "hunter2" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_what_a_configuration_is_made_of_is_known_and_the_identity_is_not_among_it(tmp_path: Path) -> None:
    for name in ("secret", "pgbackrest.conf", "identity", "root.crt"):
        (tmp_path / name).write_text("0123456789abcdef0")
    more = f'{DUMPS}identity_file = "identity"\n[config_backup]\nfingerprint_secret = "file:secret"\n'
    more += f'[dagster]\nstorage_url = "postgresql://localhost/x?sslrootcert={tmp_path}/root.crt"\n'
    more += '[[config_backup.redis]]\nname = "jobs"\nurl = "env:REDIS"\n'
    settings = loaded(tmp_path, more)
    found = origins(settings, tmp_path / "printflow.toml", ENVIRON)
    assert {path.name for path in found.files} == {"printflow.toml", "secret", "pgbackrest.conf", "root.crt"}
    assert found.variables == {"REDIS": ENVIRON["REDIS"]}
    assert "hunter2" not in repr(found)
