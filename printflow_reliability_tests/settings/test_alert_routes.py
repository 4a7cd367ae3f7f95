"""[[alert_route]] and [alerts]: each kind has its keys, and a mistake names the key without any secret."""

from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import Settings, load
from printflow_reliability_tests.settings.good_configuration import ENVIRON, GOOD

SECRET = "xoxb-nobody-may-see"
GOOD_ROUTES = """
[[alert_route]]
name = "hook"
url = "https://hooks.example.org/x"
token = "t"
secret = "s"
expect = "taken"
[[alert_route]]
name = "pager"
kind = "pagerduty"
token = "r"
[[alert_route]]
name = "chat"
kind = "slack"
url = "https://hooks.slack.com/services/x"
[[alert_route]]
name = "teams"
kind = "teams"
url = "https://teams.example.org/x"
[[alert_route]]
name = "am"
kind = "alertmanager"
url = "http://alertmanager:9093"
ca_file = "ca.pem"
[[alert_route]]
name = "mail"
kind = "email"
host = "mail.example.org"
sender = "a@example.org"
recipients = ["b@example.org"]
[alerts]
escalate_minutes = 5
"""


def loaded(folder: Path, text: str) -> Settings:
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets/live_db").write_text("postgresql://printflow:s3cret@localhost/live_db\n")
    path = folder / "printflow.toml"
    path.write_text(GOOD + text)
    return load(path, ENVIRON)


def test_a_route_of_every_kind(tmp_path: Path) -> None:
    settings = loaded(tmp_path, GOOD_ROUTES)
    assert [route.kind for route in settings.alert_route] == [
        *("webhook", "pagerduty", "slack", "teams", "alertmanager", "email")
    ]
    assert settings.alert_route[4].ca_file == tmp_path / "ca.pem"
    assert settings.alert_route[5].tls == "starttls"
    assert settings.alerts.escalate_minutes == 5
    assert loaded(tmp_path, "").alerts.escalate_minutes == 15


MAIL = 'kind = "email"\nhost = "h"\nsender = "a@b.org"\nrecipients = ["c@d.org"]\n'


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", r"alert_route\[0\]: a route of kind \"webhook\" needs the key url"),
        (f'kind = "pagerduty"\nurl = "https://h/{SECRET}"', r'"pagerduty" needs the key token'),
        (f'kind = "slack"\nurl = "https://h/{SECRET}"\ntoken = "{SECRET}"', r'"slack" has no key token'),
        (f'kind = "teams"\nurl = "https://h/{SECRET}"\nsecret = "{SECRET}"', r'"teams" has no key secret'),
        (f'url = "https://h/{SECRET}"\nrecipients = ["a@b.org"]', r'"webhook" has no key recipients'),
        (MAIL.replace("host", "#"), r'"email" needs the key host'),
        (MAIL.replace('["c@d.org"]', "[]"), r'"email" needs the key recipients'),
        (MAIL + 'tls = "none"', r"only for a mail server on this machine"),
        (MAIL + 'user = "u"', r"user and password belong together"),
        (MAIL + "port = 0", r"alert_route\[0\].port: "),
        (MAIL.replace("c@d.org", f"{SECRET} <c@d.org>"), r"alert_route\[0\].recipients\[0\]: is not an e-mail address"),
        (MAIL.replace("a@b.org", r"a@b.org\r\nBcc: x@y.org"), r"alert_route\[0\].sender: is not an e-mail address"),
        ('kind = "pigeon"', r"alert_route\[0\].kind: "),
    ],
)
def test_a_mistake_names_the_key_and_no_secret(tmp_path: Path, keys: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        loaded(tmp_path, f'[[alert_route]]\nname = "r"\n{keys}\n')
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_a_mail_server_on_this_machine_needs_no_encryption(tmp_path: Path, host: str) -> None:
    keys = MAIL.replace('"h"', f'"{host}"') + 'tls = "none"'
    assert loaded(tmp_path, f'[[alert_route]]\nname = "r"\n{keys}\n').alert_route[0].tls == "none"


def test_two_routes_have_two_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'alert_route: the name "pager" is given twice'):
        loaded(tmp_path, '[[alert_route]]\nname = "pager"\nkind = "pagerduty"\ntoken = "t"\n' * 2)


@pytest.mark.parametrize("minutes", ["0", "-1", "inf"])
def test_escalation_takes_some_time(tmp_path: Path, minutes: str) -> None:
    with pytest.raises(ConfigError, match=r"alerts\.escalate_minutes: "):
        loaded(tmp_path, f"[alerts]\nescalate_minutes = {minutes}\n")
