"""The webhook receiver keeps what arrives, and fails when told to."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from printflow_reliability.sandbox.receiver import Receiver

TOKEN = "the-token"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a receiver on a free port, with its token."""
    receiver = Receiver(0, tmp_path / "received.jsonl", TOKEN)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{receiver.server_port}", headers={"Authorization": f"Bearer {TOKEN}"}
    ) as client:
        yield client
    receiver.shutdown()
    receiver.server_close()
    thread.join()


def test_what_arrives_is_listed_without_the_token(client: httpx.Client) -> None:
    assert client.post("/alerts", json={"dedup_key": "check:files.missing"}).status_code == 202
    (request,) = client.get("/received").json()["received"]
    assert request["body"] == {"dedup_key": "check:files.missing"}
    assert TOKEN not in str(request)


def test_it_fails_as_often_as_told_and_keeps_nothing_of_that(client: httpx.Client) -> None:
    client.post("/behave", json={"status": 503, "times": 2})
    answers = [client.post("/alerts", json={"n": n}).status_code for n in range(3)]
    assert answers == [503, 503, 202]
    assert [request["body"] for request in client.get("/received").json()["received"]] == [{"n": 2}]


@pytest.mark.parametrize("header", [{"Authorization": "Bearer wrong"}, {"Authorization": ""}])
def test_a_wrong_token_is_refused(client: httpx.Client, header: dict[str, str]) -> None:
    assert client.post("/alerts", json={}, headers=header).status_code == 401
    assert client.get("/received").json() == {"received": []}


def test_a_body_that_is_not_json_is_refused(client: httpx.Client) -> None:
    assert client.post("/alerts", content=b"{").status_code == 400
