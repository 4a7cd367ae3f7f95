"""What the platform asks before it goes on, on the foreign platform: the healthy case of each."""

import secrets
from pathlib import Path

import pytest

from printflow_reliability_tests.stack.foreign.platform import PROGRAM, ForeignPlatform
from printflow_reliability_tests.stack.foreign.servers import user_environment
from printflow_reliability_tests.stack.serving import serving

pytestmark = pytest.mark.stack

PAID = """
SELECT p.id, p.merchant::text, 'shops/' || m.slug || '/print/' || f.id || '/' || f.file_name
FROM purchases p JOIN merchants m ON m.id = p.merchant JOIN purchase_lines l ON l.purchase = p.id
JOIN media f ON f.id = l.medium WHERE p.state = 'bezahlt' AND m.slug LIKE 'o''%' ORDER BY p.id LIMIT 1"""

SERVE = ("serve",)
HTTP = """
[http]
port = 0
[[http.token]]
name = "shop"
token = "{token}"
scopes = ["orders:read", "files:accept"]
"""


def test_a_print_file_is_accepted_once_whatever_its_key_is_made_of(foreign: ForeignPlatform) -> None:
    with foreign.connect() as connection:
        number, merchant, key = connection.execute(PAID).fetchone() or (0, "", "")
    accepted = foreign.run("pdf", "accept", str(number), "1", f"s3://media/{key}", "--tenant", merchant, "--json")
    again = foreign.run("pdf", "accept", str(number), "1", "s3://media/another.pdf", "--json")

    assert (accepted.exit_code, again.exit_code) == (0, 0), (accepted, again)
    assert (accepted.document["key"], accepted.document["verdict"]) == (key, "good")
    assert (accepted.document["new"], again.document["new"]) == (True, False)
    assert again.document["key"] == key


def test_orders_may_go_on_and_files_are_accepted_over_http(foreign: ForeignPlatform, tmp_path: Path) -> None:
    with foreign.connect() as connection:
        number, merchant, key = connection.execute(PAID).fetchone() or (0, "", "")
    token = secrets.token_hex(32)
    config = foreign.root / "serve.toml"
    config.write_text(foreign.config.read_text(encoding="utf-8") + HTTP.format(token=token), encoding="utf-8")
    config.chmod(0o644)
    argv = foreign.owner.command(["python", PROGRAM, "--config", str(config), *SERVE])
    environment = user_environment(foreign.home(foreign.owner))
    try:
        with serving(argv, tmp_path / "log", token, environment=environment, cwd=foreign.root) as server:
            asked = server.get(f"/orders/{number}/artwork?tenant={merchant}")
            accepted = server.post(order=number, version="over HTTP", key=key, tenant=merchant)
            again = server.post(order=str(number), version="over HTTP", key=key)
    finally:
        config.unlink()

    assert (asked.status_code, asked.json()["ready"]) == (200, True)
    assert (accepted.status_code, again.status_code) == (201, 200)
    assert accepted.json()["key"] == again.json()["key"] == key
    assert token not in (tmp_path / "log").read_text(encoding="utf-8")
