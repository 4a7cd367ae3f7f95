"""A small SMTP server, with the faults that mail servers have; it keeps the messages that it took."""

import socketserver
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any


class MailServer(socketserver.ThreadingTCPServer):
    """Answers each command, by its first word, as `answers` says, and otherwise as a healthy server does.

    An answer of "hang" is none; "drip" sends a byte at a time and never ends.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext | None, answers: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.tls = tls
        self.answers = answers
        self.mails: list[str] = []
        self.commands: list[str] = []
        self.over = Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what is tested."""


class Session(socketserver.StreamRequestHandler):
    """One client."""

    server: MailServer

    def handle(self) -> None:
        """Greet, then answer line by line."""
        if not self._say("greeting", "220 ready"):
            return
        while line := self.rfile.readline():
            text = line.decode("utf-8", "replace").strip()
            command = text.upper().partition(" ")[0]
            self.server.commands.append(text)
            if not self._answer(command, text):
                return

    def finish(self) -> None:
        """Close what TLS has put around the socket, too."""
        with suppress(OSError):
            super().finish()
        with suppress(OSError):
            self.connection.close()

    def _answer(self, command: str, text: str) -> bool:
        match command:
            case "EHLO":
                offers = ["250-STARTTLS"] if self.server.tls else []
                return self._say(command, "\r\n".join(["250-here", *offers, "250-AUTH PLAIN", "250 8BITMIME"]))
            case "STARTTLS":
                self._say(command, "220 go on")
                assert self.server.tls is not None
                self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
                self.rfile.close()
                self.wfile.close()
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
                return True
            case "AUTH":
                return self._say(command, "235 welcome")
            case "DATA":
                return self._data()
            case "RCPT":
                address = text.partition("<")[2].partition(">")[0]
                return self._say(address if address in self.server.answers else command, "250 ok")
            case "QUIT":
                self._say(command, "221 bye")
                return False
        return self._say(command, "250 ok")

    def _data(self) -> bool:
        if not self._say("DATA", "354 go on"):
            return False
        if "DATA" in self.server.answers:
            return True
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        if self.server.answers.get("message", "250").startswith("250"):
            self.server.mails.append(b"".join(lines).decode())
        return self._say("message", "250 taken")

    def _say(self, what: str, usual: str) -> bool:
        answer = self.server.answers.get(what, usual)
        if answer == "hang":
            self.server.over.wait()
            return False
        if answer == "drip":
            for _ in range(10_000):
                if self.server.over.wait(0.05):
                    return False
                self.wfile.write(b"2")
                self.wfile.flush()
            return False
        self.wfile.write(answer.encode() + b"\r\n")
        self.wfile.flush()
        return True


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, answers: Mapping[str, str] | None = None) -> Iterator[MailServer]:
    """A mail server that answers so; with `tls` it offers STARTTLS."""
    with MailServer(tls, answers or {}) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
