"""`printflow serve` as a process over real servers: who may go on hears so, and nobody else does, whatever is away."""

import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest
from psycopg import sql

from printflow_reliability.cli import run
from printflow_reliability.http.limits import WAITING
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import pdfs, postgres, seaweedfs
from printflow_reliability.sandbox.faults import planted
from printflow_reliability_tests import snippets
from printflow_reliability_tests.snippets import LANGUAGES, Language
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.serving import PROGRAM, Serving, serving

pytestmark = pytest.mark.stack

BUCKET = "print-files"
TABLES = ("accepted_files", "holds", "alerts", "known_orders")
PAID = """
SELECT o.id::text, o.tenant_id::text, min(i.print_ready_file) FROM orders o JOIN order_items i ON i.order_id = o.id
WHERE o.status = 'paid' AND o.deleted_at IS NULL GROUP BY 1, 2 HAVING count(*) = count(i.print_ready_file)
ORDER BY 1 DESC LIMIT 1"""
GIGABYTE = 10**9


class Order(NamedTuple):
    """A paid order whose artwork is as it should be."""

    order: str
    tenant: str
    key: str


@pytest.fixture(scope="module")
def server(sandbox: StackSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The server with the sandbox's own configuration."""
    log = tmp_path_factory.mktemp("serve") / "log"
    token = sandbox.home.secret("http.token")
    with serving([PROGRAM, "--config", str(sandbox.config), "serve"], log, token) as server:
        yield server


@pytest.fixture
def order(sandbox: StackSandbox) -> Iterator[Order]:
    """A ready order, of which nothing was accepted yet."""
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        row = connection.execute(PAID).fetchone()
    assert row is not None
    yield Order(*row)
    with open_records(sandbox.settings.records) as records:
        for table in TABLES:
            records.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def test_a_ready_order_may_go_on_and_its_file_is_accepted_once(server: Serving, order: Order) -> None:
    asked = server.get(f"/orders/{order.order}/artwork?tenant={order.tenant}")
    file = {"order": order.order, "version": 1, "key": order.key, "tenant": order.tenant}
    accepted, again = server.post(**file), server.post(**{**file, "key": "another.pdf"})

    assert (asked.status_code, asked.json()["ready"]) == (200, True)
    assert (accepted.status_code, accepted.json()["key"]) == (201, order.key)
    assert (again.status_code, again.json()["key"]) == (200, order.key)
    assert server.get("/livez").status_code == 200


def test_whatever_may_not_go_on_is_told_so(sandbox: StackSandbox, server: Serving, order: Order) -> None:
    stranger = "00000000-0000-0000-0000-000000000000"
    with planted(sandbox.home, "print_ready_link_lost") as there:
        held = server.get(f"/orders/{there.where['order']}/artwork")
    file = {"order": order.order, "version": 2, "key": order.key}

    assert (held.status_code, held.json()["reasons"]) == (409, ["print-ready file was never linked"])
    assert server.get("/orders/999999/artwork").status_code == 404
    assert server.get(f"/orders/{order.order}/artwork?tenant={stranger}").status_code == 404
    assert server.post(**{**file, "tenant": stranger}).status_code == 404
    assert server.post(**{**file, "order": "no such order"}).status_code == 404
    missing = server.post(**{**file, "key": order.key + ".pdf"})
    misplaced = server.post(**{**file, "key": order.key.replace(order.tenant, stranger)})
    assert (missing.status_code, missing.json()["verdict"]) == (409, "missing")
    assert (misplaced.status_code, misplaced.json()["verdict"]) == (409, "misplaced")


def test_of_two_files_at_once_one_is_accepted(sandbox: StackSandbox, server: Serving, order: Order) -> None:
    client = seaweedfs.client(sandbox.home, BUCKET)
    keys = [f"{order.key}-{number}.pdf" for number in range(2)]
    for number, key in enumerate(keys):
        client.put_object(Bucket=BUCKET, Key=key, Body=pdfs.print_pdf(number))
    try:
        with ThreadPoolExecutor(max_workers=8) as pool:
            answers = list(pool.map(lambda key: server.post(order=order.order, version="3", key=key), keys * 4))
    finally:
        for key in keys:
            client.delete_object(Bucket=BUCKET, Key=key)

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["key"] for answer in answers}) == 1


@pytest.mark.parametrize("away", ["primary", "live_db", "system_db"])
def test_with_a_system_away_nobody_may_go_on_and_it_answers_again_afterwards(
    sandbox: StackSandbox, server: Serving, order: Order, away: str
) -> None:
    with sandbox.stopped(away):
        asked = server.get(f"/orders/{order.order}/artwork")
        offered = server.post(order=order.order, version=4, key=order.key)
        alive = server.get("/livez")
    afterwards = server.get(f"/orders/{order.order}/artwork")

    assert (asked.status_code, offered.status_code) == (503, 503)
    assert asked.headers["retry-after"]
    assert alive.status_code == 200
    assert afterwards.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (f"Content-Length: {GIGABYTE}", 413),
        ("Transfer-Encoding: chunked", 413),
        (f"Content-Length: {GIGABYTE}\r\nExpect: 100-continue", 413),
        (f"Content-Length: {GIGABYTE}\r\nAuthorization: none", 401),
    ],
)
def test_a_body_of_a_gigabyte_is_refused_without_being_read(server: Serving, headers: str, status: int) -> None:
    sent = 0
    part = b"x" * 65536
    if "chunked" in headers:
        part = b"10000\r\n" + part + b"\r\n"
    given = "" if "Authorization" in headers else f"Authorization: Bearer {server.token}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"POST /print-files HTTP/1.1\r\nHost: x\r\n{given}{headers}\r\n\r\n".encode())
        try:
            while sent < GIGABYTE and "Expect" not in headers:
                sent += connection.send(part)
        except OSError:
            pass
        answer = connection.recv(4096)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert sent < GIGABYTE / 50


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /orders/\xff\xfe/artwork HTTP/1.1\r\nHost: x\r\n",
        b"GET /orders/%ff/artwork HTTP/1.1\r\nHost: x\r\n",
        b"GET /orders/a%00b/artwork HTTP/1.1\r\nHost: x\r\n",
        b"GET /orders/" + b"a" * 300_000 + b"/artwork HTTP/1.1\r\nHost: x\r\n",
        b"GET /orders/../artwork HTTP/1.1\r\nHost: x\r\n",
        b"GET /orders/%2e%2e%2flivez/artwork HTTP/1.1\r\nHost: x\r\n",
        b"GET /orders/" + b"b" * 5_000 + b"/artwork HTTP/1.1\r\nHost: x\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2_000_000 + b"\r\n",
        b"POST /print-files HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=lambda head: re.sub(r"\W+", " ", head[:30].decode("latin-1")),
)
def test_whatever_is_sent_is_refused_and_never_a_defect(server: Serving, request_head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        try:
            connection.sendall(request_head + f"Authorization: Bearer {server.token}\r\n\r\n".encode())
            answer = connection.recv(65536)
        except ConnectionResetError:
            answer = b"HTTP/1.1 400"

    assert re.match(rb"HTTP/1\.1 (400|404) ?", answer), answer
    assert b"Traceback" not in answer
    assert server.get("/livez").status_code == 200


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_the_platforms_own_code_goes_on_with_a_clear_yes_alone(
    sandbox: StackSandbox, server: Serving, order: Order, tmp_path: Path, language: Language
) -> None:
    if why := snippets.lacking(language):
        pytest.skip(why)
    with planted(sandbox.home, "print_ready_link_lost") as there:
        calls = [
            ("artwork", order.order, order.tenant),
            ("artwork", there.where["order"], there.where["tenant"]),
            ("artwork", order.order, "somebody-else"),
            ("accept", order.order, "1", order.key, order.tenant),
            ("accept", order.order, "1", "another.pdf", order.tenant),
            ("accept", order.order, "2", "nowhere.pdf", order.tenant),
        ]
        told = snippets.told(language, tmp_path, calls, server.url, server.token)
    away = snippets.told(language, tmp_path, calls, "http://127.0.0.1:1", server.token)
    strange = snippets.told(language, tmp_path, calls, server.url, "x" * 40)

    assert told == ["yes", "OrderHeld", "OrderHeld", order.key, order.key, "OrderHeld"]
    assert {*away, *strange} == {"GuardUnavailable"}


def test_a_port_that_is_taken_is_said(
    sandbox: StackSandbox, server: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(sandbox.config), "serve"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"printflow: http.host, http.port: 127.0.0.1 port {server.port} cannot be listened on: ")


def test_no_secret_is_in_its_log_and_no_query(sandbox: StackSandbox, server: Serving) -> None:
    server.get("/orders/7/artwork?tenant=hunter2")
    server.get("/hunter2")
    log = server.log.read_text(encoding="utf-8")

    assert "GET /orders/" in log
    assert "Traceback" not in log
    assert [secret for secret in (*sandbox.settings.secrets, "hunter2") if secret in log] == []


def test_while_a_database_hangs_others_are_answered_and_a_signal_ends_it_in_good_order(
    sandbox: StackSandbox, order: Order, tmp_path: Path
) -> None:
    config = sandbox.config.with_name("serve.toml")
    text = re.sub(r"\[http\]\nport = \d+", "[http]\nport = 0", sandbox.config.read_text(encoding="utf-8"))
    config.write_text(text, encoding="utf-8")
    argv = [PROGRAM, "--config", str(config), "serve"]
    try:
        with (
            serving(argv, tmp_path / "log", sandbox.home.secret("http.token")) as server,
            sandbox.frozen("live_db"),
            ThreadPoolExecutor(max_workers=60) as pool,
        ):
            asked = [pool.submit(server.get, f"/orders/{order.order}/artwork") for _ in range(60)]
            too_many = [answer.result() for answer in islice(as_completed(asked), 60 - 4 * (1 + WAITING))]
            alive = server.get("/livez").status_code
            server.process.send_signal(signal.SIGTERM)
            code = server.process.wait(30)
            log = server.log.read_text(encoding="utf-8")
    finally:
        config.unlink()

    assert {answer.status_code for answer in too_many} == {503}
    assert alive == 200
    assert code == 0, log
    assert "ended in good order" in log
    assert "Traceback" not in log
    assert all(answer.exception() or answer.result().status_code == 503 for answer in asked)
