"""E-mail: the mail server's own 250 after the message is what counts."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from printflow_reliability.alarm import Alarm
from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.routes.answer import Refusal, unspeakable
from printflow_reliability.alerts.routes.http import trusting
from printflow_reliability.posting import CONNECT_SECONDS
from printflow_reliability.settings import AlertRouteSettings
from printflow_reliability.text import counted, printable

PORTS = {"starttls": 587, "tls": 465, "none": 25}


class _Shown(smtplib.SMTP):
    """Shows its connection to the alarm before the server has said anything."""

    def __init__(self, alarm: Alarm, seconds: float) -> None:
        super().__init__(timeout=min(CONNECT_SECONDS, seconds))
        self._alarm, self._seconds = alarm, seconds

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout)
        # The alarm rings first: of a timeout smtplib says that the server has gone.
        connection.settimeout(self._seconds + 1)
        self._alarm.show(connection)
        return connection


class _ShownTls(_Shown):
    """The same, encrypted from the start."""

    def __init__(self, alarm: Alarm, seconds: float, trust: ssl.SSLContext | None) -> None:
        super().__init__(alarm, seconds)
        self._trust = trust or ssl.create_default_context()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = super()._get_socket(host, port, timeout)
        try:
            return self._trust.wrap_socket(connection, server_hostname=host)
        except OSError:
            connection.close()
            raise


def send(route: AlertRouteSettings, message: Message, seconds: float, now: datetime) -> Refusal | None:
    """Send one alert; None if the server took it for everybody."""
    alarm = Alarm()
    try:
        with alarm.set_to(seconds), _session(route, seconds, alarm) as server:
            refused = server.send_message(written(route, message, now), route.sender, route.recipients)
    except Exception as error:
        if alarm.over.is_set() or isinstance(error, TimeoutError):
            return Refusal(f"route {route.name} did not answer within {seconds:g} s", stops=True)
        if isinstance(error, UnicodeError):
            return unspeakable(route.name, "host, user or password")
        if not isinstance(error, OSError):  # as those of smtplib are
            raise
        return _refusal(route.name, error)
    finally:
        alarm.forget()
    if not refused:
        return None
    whom = counted(len(refused), "recipient")
    return Refusal(f"route {route.name} refused {whom} of {len(route.recipients)}", reached_some=True)


def written(route: AlertRouteSettings, message: Message, now: datetime) -> EmailMessage:
    """The alert as a message, in one thread with what was said of it before."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = printable(f"[{message.environment}] {message.severity}: {message.headline}")[:500]
    mail["From"] = route.sender
    mail["To"] = ", ".join(route.recipients)
    mail["Date"] = format_datetime(now)
    thread = sha256(f"{message.dedup_key} {message.raised_at.isoformat()}".encode()).hexdigest()[:32]
    domain = (route.sender or "").rpartition("@")[2]
    mail["Message-ID"] = f"<{thread}.{message.why}.{message.count}@{domain}>"
    mail["References"] = f"<{thread}.trigger@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{message.headline}\n\n{message.text}\n")
    return mail


@contextmanager
def _session(route: AlertRouteSettings, seconds: float, alarm: Alarm) -> Iterator[smtplib.SMTP]:
    """A connection that is encrypted and logged in."""
    host, port = route.host or "", route.port or PORTS[route.tls]
    trust = None if route.tls == "none" else trusting(route)
    server: smtplib.SMTP = _Shown(alarm, seconds)
    if route.tls == "tls":
        server = _ShownTls(alarm, seconds, trust)
    server._host = host  # type: ignore[attr-defined]  # what TLS asks for by name
    try:
        code, said = server.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        if route.tls == "starttls":
            server.starttls(context=trust)
        if route.user is not None:
            server.login(route.user, route.password or "")
        yield server
        with suppress(OSError):
            server.quit()
    finally:
        server.close()


def _refusal(name: str, error: OSError) -> Refusal:
    """What smtplib says of the server's answer, without its text, which may hold addresses."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({code for code, _ in error.recipients.values()})
            return Refusal(f"route {name} refused every recipient ({codes[0]})", stops=True, blames=False)
        case smtplib.SMTPAuthenticationError():
            return Refusal(f"route {name} refused the login ({error.smtp_code})", stops=True, blames=False)
        case smtplib.SMTPNotSupportedError():
            said = f"route {name} offers no STARTTLS or no login that is supported; nothing was sent"
            return Refusal(said, stops=True, blames=False)
        case smtplib.SMTPDataError():
            return Refusal(f"route {name} answered {error.smtp_code} to the message", stops=error.smtp_code < 500)
        case smtplib.SMTPResponseException():
            return Refusal(f"route {name} answered {error.smtp_code}", stops=True, blames=False)
        case ssl.SSLCertVerificationError():
            return Refusal(f"route {name} cannot be reached: its certificate is not trusted", stops=True, blames=False)
    return Refusal(f"route {name} cannot be reached ({type(error).__name__})", stops=True, blames=False)
