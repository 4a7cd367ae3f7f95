"""Repairing a paid order on the foreign platform: its keys are computed, and its statements are its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

import pytest

from printflow_reliability.sandbox import pdfs
from printflow_reliability_tests.stack.foreign.build import BUCKET
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack

ITEMS = """
SELECT p.id::text, f.id, f.file_name, 'shops/' || m.slug || '/print/' || f.id || '/'
FROM purchases p JOIN purchase_lines l ON l.purchase = p.id JOIN media f ON f.id = l.medium
JOIN merchants m ON m.id = p.merchant WHERE p.state = 'bezahlt' ORDER BY p.id"""
NAME = "UPDATE media SET file_name = %s WHERE id = %s"
TOKEN = "the pdf-service's own"


class Sold(NamedTuple):
    """An item of a paid order, and where its file lies."""

    order: str
    medium: int
    name: str
    folder: str

    @property
    def key(self) -> str:
        """Its file's."""
        return self.folder + self.name


@pytest.fixture
def sold(foreign: ForeignPlatform) -> Iterator[list[Sold]]:
    """The items of paid orders; their rows and files are as they were afterwards."""
    with foreign.connect() as connection:
        items = [Sold(*row) for row in connection.execute(ITEMS).fetchall()]
        media = connection.execute("SELECT file_name, bytes, sha256, id FROM media").fetchall()
    bodies = {item.key: foreign.s3.get_object(Bucket=BUCKET, Key=item.key)["Body"].read() for item in items[:2]}
    yield items
    with foreign.connect() as connection, connection.cursor() as cursor:
        cursor.executemany("UPDATE media SET file_name = %s, bytes = %s, sha256 = %s WHERE id = %s", media)
    for item in items[:2]:
        erase(foreign, item.folder)
        foreign.s3.put_object(Bucket=BUCKET, Key=item.key, Body=bodies[item.key])


def erase(foreign: ForeignPlatform, folder: str) -> None:
    """Remove every version of everything in a folder."""
    listed = foreign.s3.list_object_versions(Bucket=BUCKET, Prefix=folder)
    for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        foreign.s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])


class Maker(BaseHTTPRequestHandler):
    """A pdf-service that puts a file into the folder of the order that it is asked for."""

    server: "MakerServer"

    def do_POST(self) -> None:
        """Make the file."""
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (item,) = [item for item in self.server.items if item.order == wanted["order"]]
        key = f"{item.folder}neu {wanted['version']}.pdf"
        allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
        if allowed:
            self.server.platform.s3.put_object(Bucket=BUCKET, Key=key, Body=pdfs.print_pdf(4711))
        body = json.dumps({"key": key}).encode()
        self.send_response(201 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class MakerServer(ThreadingHTTPServer):
    """The service and the platform that it works for."""

    def __init__(self, platform: ForeignPlatform, items: list[Sold]) -> None:
        super().__init__(("127.0.0.1", 0), Maker)
        self.platform, self.items = platform, items


@contextmanager
def pdf_service(foreign: ForeignPlatform, items: list[Sold]) -> Iterator[None]:
    """The platform has a pdf-service, and printflow.toml names it."""
    text = foreign.config.read_text(encoding="utf-8")
    with MakerServer(foreign, items) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        section = f'\n[pdf_service]\nurl = "http://127.0.0.1:{server.server_port}/"\ntoken = "{TOKEN}"\n'
        foreign.config.write_text(text + section, encoding="utf-8")
        try:
            yield
        finally:
            foreign.config.write_text(text, encoding="utf-8")
            server.shutdown()


def test_a_ready_order_needs_no_repair(foreign: ForeignPlatform, sold: list[Sold]) -> None:
    ended = foreign.run("orders", "repair", sold[0].order, "--json")
    assert ended.exit_code == 0, ended
    assert (ended.document["plan"], ended.document["done"], ended.document["ready"]) == ([], [], True)


def test_a_name_in_another_spelling_is_written_back_by_its_own_statement(
    foreign: ForeignPlatform, sold: list[Sold]
) -> None:
    item = sold[0]
    with foreign.connect() as connection:
        connection.execute(NAME, (item.name.upper(), item.medium))
    ended = foreign.run("orders", "repair", item.order, "--apply", "--json")
    assert ended.exit_code == 0, ended
    assert [(step["way"], step["key"]) for step in ended.document["done"]] == [("relink", item.key)]
    with foreign.connect() as connection:
        row = connection.execute("SELECT file_name FROM media WHERE id = %s", (item.medium,)).fetchone()
    assert row == (item.name,)


def test_a_lost_file_is_made_again_and_named_in_the_row(foreign: ForeignPlatform, sold: list[Sold]) -> None:
    item = sold[1]
    erase(foreign, item.folder)
    ended = foreign.run("orders", "repair", item.order, "--apply", "--json")
    assert (ended.exit_code, ended.document["done"]) == (1, []), ended
    with pdf_service(foreign, sold):
        ended = foreign.run("orders", "repair", item.order, "--apply", "--json")
    assert ended.exit_code == 0, ended
    (step,) = ended.document["done"]
    assert (step["way"], step["key"].startswith(f"{item.folder}neu ")) == ("regenerate", True)
    assert foreign.run("orders", "check", item.order).exit_code == 0
