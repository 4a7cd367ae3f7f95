"""Alerts by e-mail: encrypted unless the server is on this machine, and taken only when the server says so."""

import email
import email.policy
import ssl
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.alerts.routes import sending
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.alerts.routes.sending import send
from printflow_reliability.settings import AlertRouteSettings
from printflow_reliability_tests.alerts.mail_server import MailServer, mail_server
from printflow_reliability_tests.alerts.messages import message
from printflow_reliability_tests.ports import closed_port

PASSWORD = "a-password-nobody-may-see"
ON_CALL = "on-call@example.org"
SECOND = "second@example.org"


def route_to(port: int, tls: str = "none", recipients: tuple[str, ...] = (ON_CALL,), **more: Any) -> AlertRouteSettings:
    given = {"host": "127.0.0.1", "port": port, "tls": tls, "sender": "alerts@example.org", "recipients": recipients}
    return AlertRouteSettings(**{"name": "mail", "kind": "email", **given, **more})


def refusal_of(server: MailServer, tls: str = "none", **more: Any) -> Refusal:
    """Why it was not sent; the reason never holds an address or a password."""
    refusal = send(route_to(server.port, tls, **more), message())
    assert refusal is not None
    assert "@" not in refusal.reason
    assert PASSWORD not in refusal.reason
    assert "127.0.0.1" not in refusal.reason
    return refusal


def test_a_mail_is_sent_encrypted_and_logged_in(certified: tuple[ssl.SSLContext, Path]) -> None:
    with mail_server(certified[0]) as server:
        route = route_to(server.port, "starttls", ca_file=certified[1], user="printflow", password=PASSWORD)
        assert send(route, message(title="Größe\r\nBcc: x@example.org")) is None
    assert [command.partition(" ")[0] for command in server.commands[:4]] == ["ehlo", "STARTTLS", "ehlo", "AUTH"]
    (text,) = server.mails
    mail = email.message_from_string(text, policy=email.policy.default)
    assert mail["To"] == ON_CALL
    assert mail["Bcc"] is None
    assert mail["Subject"] == r"[staging] critical: Größe\r\nBcc: x@example.org"
    assert "Next: printflow orders check 10482" in mail.get_content()
    assert "Acknowledge: printflow alerts ack order:10482" in mail.get_content()


def test_what_is_said_of_one_alert_is_one_thread() -> None:
    with mail_server() as server:
        for why in ("trigger", "escalate", "resolve"):
            assert send(route_to(server.port), message(why=why)) is None
    mails = [email.message_from_string(text, policy=email.policy.default) for text in server.mails]
    assert {str(mail["References"]) for mail in mails} == {str(mails[0]["Message-ID"]).replace(".1@", "@")}
    assert len({str(mail["Message-ID"]) for mail in mails}) == 3


def test_without_starttls_nothing_is_sent() -> None:
    with mail_server() as server:
        refusal = refusal_of(server, "starttls", user="printflow", password=PASSWORD)
    assert "offers no STARTTLS" in refusal.reason
    assert not any(command.upper().startswith(("AUTH", "MAIL")) for command in server.commands)


def test_a_certificate_of_an_unknown_authority_is_refused(certified: tuple[ssl.SSLContext, Path]) -> None:
    with mail_server(certified[0]) as server:
        refusal = refusal_of(server, "starttls")
    assert refusal.reason == "route mail cannot be reached: its certificate is not trusted"
    assert server.mails == []


@pytest.mark.parametrize(
    ("answers", "reason", "stops"),
    [
        ({"greeting": "421 too busy for on-call@example.org"}, "answered 421", True),
        ({"MAIL": "550 no alerts@example.org here"}, "answered 550", True),
        ({"RCPT": "550 on-call@example.org is unknown"}, "refused every recipient (550)", True),
        ({"message": "554 looks like spam"}, "answered 554 to the message", False),
        ({"message": "451 later"}, "answered 451 to the message", True),
        ({"DATA": "503 not now"}, "answered 503 to the message", False),
    ],
)
def test_what_the_server_refuses_is_said_in_its_numbers(answers: dict[str, str], reason: str, stops: bool) -> None:
    with mail_server(answers=answers) as server:
        refusal = refusal_of(server)
    assert refusal.reason == f"route mail {reason}"
    assert refusal.stops == stops
    assert server.mails == []


def test_a_wrong_password_is_said() -> None:
    with mail_server(answers={"AUTH": "535 no"}) as server:
        refusal = refusal_of(server, user="printflow", password=PASSWORD)
    assert refusal.reason == "route mail refused the login (535)"


def test_of_several_recipients_those_that_the_server_takes_are_told_once() -> None:
    answers = {SECOND: "550 unknown"}
    with mail_server(answers=answers) as server:
        refusal = refusal_of(server, recipients=(ON_CALL, SECOND))
    assert refusal.reason == "route mail refused 1 recipient of 2"
    assert refusal.reached_some
    assert len(server.mails) == 1


def test_a_server_that_is_encrypted_from_the_start(certified: tuple[ssl.SSLContext, Path]) -> None:
    with mail_server() as server:
        server.socket = certified[0].wrap_socket(server.socket, server_side=True)
        assert send(route_to(server.port, "tls", ca_file=certified[1]), message()) is None
        refusal = refusal_of(server, "tls")
    assert len(server.mails) == 1
    assert refusal.reason == "route mail cannot be reached: its certificate is not trusted"


@pytest.mark.parametrize("where", ["greeting", "EHLO", "MAIL", "message"])
@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_server_that_never_comes_to_an_end_is_left(where: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.3)
    with mail_server(answers={where: fault}) as server:
        refusal = refusal_of(server)
    assert refusal.stops
    assert refusal.reason == "route mail did not answer within 0.3 s"


def test_a_hang_within_tls_is_left_too(certified: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.3)
    with mail_server(certified[0], {"MAIL": "drip"}) as server:
        refusal = refusal_of(server, "starttls", ca_file=certified[1])
    assert refusal.reason == "route mail did not answer within 0.3 s"


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    with closed_port() as port:
        refusal = send(route_to(port), message())
    assert refusal is not None
    assert refusal.reason == "route mail cannot be reached (ConnectionRefusedError)"
    assert refusal.stops


@pytest.mark.parametrize(
    "odd",
    [{"user": "printflow", "password": f"{PASSWORD}ü"}, {"tls": "tls", "host": "no..host"}],
    ids=["password", "host"],
)
def test_what_cannot_be_sent_at_all_is_that_routes_trouble(odd: dict[str, str]) -> None:
    with mail_server() as server:
        refusal = send(route_to(server.port).model_copy(update=odd), message())
    assert refusal is not None
    said = "route mail cannot be spoken to: its host, user or password in printflow.toml cannot be sent as it is"
    assert (refusal.reason, refusal.stops, refusal.blames) == (said, True, False)
