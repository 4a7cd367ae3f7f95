"""[dumps] refuses what is no public key, without showing it: it may be the secret one."""

from pathlib import Path

import pytest

from printflow_reliability.dumps.identity import identities
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.upload import MOST_PARTS, SMALLEST_PART, part_bytes
from printflow_reliability.settings import DumpsSettings, load
from printflow_reliability_tests.dumps.keys import PUBLIC, SECRET
from printflow_reliability_tests.settings.good_configuration import ENVIRON, GOOD


def loaded(tmp_path: Path, section: str) -> DumpsSettings | None:
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets" / "live_db").write_text("postgresql://localhost/live_db")
    file = tmp_path / "printflow.toml"
    file.write_text(f"{GOOD}\n{section}")
    return load(file, ENVIRON).dumps


def test_a_public_key_is_taken(tmp_path: Path) -> None:
    dumps = loaded(tmp_path, f'[dumps]\nbucket = "print-files"\nrecipients = ["{PUBLIC}"]')
    assert dumps is not None
    assert dumps.recipients == (PUBLIC,)
    assert dumps.directory == tmp_path / "dumps"


@pytest.mark.parametrize(
    ("recipients", "said"),
    [
        (f'["{SECRET}"]', "recipients[0]: is a secret key of age"),
        (f'["{SECRET.lower()}"]', "recipients[0]: is a secret key of age"),
        ('["age1nonsense"]', "recipients[0]: is not a public key of age"),
        (f'["{PUBLIC}", "{PUBLIC[:-1]}"]', "recipients[1]: is not a public key of age"),
        ('["ssh-ed25519 AAAA"]', "recipients[0]: is not a public key of age"),
        ("[]", "dumps.recipients"),
    ],
    ids=["secret", "secret in small letters", "nonsense", "cut off", "of ssh", "none"],
)
def test_what_is_no_public_key_is_named_and_never_shown(tmp_path: Path, recipients: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, f'[dumps]\nbucket = "print-files"\nrecipients = {recipients}')
    assert said in str(refused.value)
    assert SECRET.lower() not in str(refused.value).lower()


def test_a_missing_recipient_and_an_unknown_bucket_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dumps\.recipients: is missing"):
        loaded(tmp_path, '[dumps]\nbucket = "print-files"')
    with pytest.raises(ConfigError, match=r'dumps\.bucket: nothing is named "nowhere"'):
        loaded(tmp_path, f'[dumps]\nbucket = "nowhere"\nrecipients = ["{PUBLIC}"]')


def read(tmp_path: Path, text: str | None) -> int:
    file = tmp_path / "identity"
    if text is not None:
        file.write_text(text)
    return len(identities(DumpsSettings(bucket="dumps", recipients=(PUBLIC,), identity_file=file)))


def test_an_identity_file_may_hold_comments_and_several_keys(tmp_path: Path) -> None:
    assert read(tmp_path, f"# created: 2026-11-02\n# public key: {PUBLIC}\n{SECRET}\n\n{SECRET}\n") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("", "holds no secret key"),
        (PUBLIC, "holds no secret key"),
        (SECRET[:-1], "is damaged"),
    ],
    ids=["no file", "empty", "public", "cut off"],
)
def test_an_identity_file_that_cannot_be_used_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        read(tmp_path, text)
    assert SECRET[:-1] not in str(refused.value)


def test_without_an_identity_file_nothing_can_be_read() -> None:
    with pytest.raises(ConfigError, match="not set here"):
        identities(DumpsSettings(bucket="dumps", recipients=(PUBLIC,)))


@pytest.mark.parametrize("database_bytes", [0, 1, 8 * 1024**3, 100 * 1024**4])
def test_ten_thousand_parts_are_enough_for_twice_the_database(database_bytes: int) -> None:
    assert part_bytes(database_bytes) >= SMALLEST_PART
    assert part_bytes(database_bytes) * MOST_PARTS >= 2 * database_bytes
