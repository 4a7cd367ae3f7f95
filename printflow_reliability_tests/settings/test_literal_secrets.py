"""A secret that is written literally into printflow.toml is known as one, and so is each part that is secret itself."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from printflow_reliability.settings import Settings
from printflow_reliability.settings.section import SECRET
from printflow_reliability_tests.alerts.sentry.configured import SECRETS, configured

LOOKS_SECRET = re.compile(r"token|secret|password|key|dsn|credential|(^|_)url$")
NO_SECRET = {
    ("CopiesSettings", "probe_key"),  # of an object
    ("WorkerSettings", "key"),  # of a Redis
    ("ReadinessSettings", "probe_key"),  # of an object
    ("CopiesSettings", "probe_key"),  # and of another
    ("BucketSettings", "endpoint_url"),  # refused with a user or a query in it
    ("DrillsSettings", "reports_url"),  # people open it
    ("DagsterSettings", "url"),  # and this
    ("CheckoutSettings", "base_url"),  # people open it, and it is refused with a user or a query in it
    ("PdfServiceSettings", "url"),  # its token is a key of its own
}


def fields(model: type[BaseModel]) -> Iterator[tuple[str, str, bool]]:
    """Every key of the file: its section, its name, and whether it is marked as secret."""
    for name, field in model.model_fields.items():
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        found = [each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)]
        for section in found:
            yield from fields(section)
        if not found:
            yield model.__name__, name, field.json_schema_extra == SECRET


def test_every_key_that_may_hold_a_secret_is_marked() -> None:
    suspicious = {
        (section, name) for section, name, marked in fields(Settings) if LOOKS_SECRET.search(name) and not marked
    }
    assert suspicious == NO_SECRET


@pytest.mark.parametrize("secret", SECRETS)
def test_a_literal_secret_is_never_shown(secret: str) -> None:
    settings = configured("https://0123456789abcdef@sentry.example/3")
    assert settings.redact(f"cannot use {secret}!") == "cannot use [secret]!"


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("postgresql://app:p%40ss-word@db.example/x", "p@ss-word"),
        ("host=db.example user=app password='pass word'", "pass word"),
    ],
)
def test_the_password_within_an_address_is_one_in_both_its_forms(url: str, hidden: str) -> None:
    more = f'[[cluster]]\nname = "third"\nurl = "{url}"\npgbackrest_config = "x"\n'
    settings = configured("https://0123456789abcdef@sentry.example/3", more=more)
    assert settings.redact(f"no: {hidden}") == "no: [secret]"


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("https://hooks.slack.com/services/T024BE7LD/B0AB12CD3/9aXk2mNq7pQr5tUv8wYz", "9aXk2mNq7pQr5tUv8wYz"),
        ("https://prod-1.logic.example/workflows/a1?sp=run&sig=0aB1cD2eF3gH4iJ5kL6m", "0aB1cD2eF3gH4iJ5kL6m"),
        ("https://pager.example/hook/0123456789abcdef0123#x", "0123456789abcdef0123"),
    ],
)
def test_a_part_of_an_address_that_nobody_could_guess_is_a_secret_by_itself(url: str, hidden: str) -> None:
    settings = configured(
        "https://0123456789abcdef@sentry.example/3", more=f'[[alert_route]]\nname = "p"\nurl = "{url}"\n'
    )
    assert settings.redact(f"POST /{hidden} was refused") == "POST /[secret] was refused"
    assert settings.redact("POST /services and workflows was refused") == "POST /services and workflows was refused"


def test_the_key_of_a_dsn_is_a_secret() -> None:
    settings = configured("https://0123456789abcdef@sentry.example/3")
    assert "0123456789abcdef" in settings.secrets


@pytest.mark.parametrize("dsn", ["https://sentry.example/3", "https://key@sentry.example/", "https://key@h/3?x=1", "x"])
def test_what_is_no_dsn_is_refused_without_being_shown(dsn: str) -> None:
    with pytest.raises(Exception, match=r"sentry\.dsn") as refused:
        configured(dsn)
    assert "key@" not in str(refused.value)


@pytest.mark.parametrize("release", ["a/b", "..", " ", "a\\\\b"])
def test_what_sentry_takes_for_no_release_is_refused(release: str) -> None:
    with pytest.raises(Exception, match=r"sentry\.release"):
        configured("https://key@sentry.example/3", f'release = "{release}"')
