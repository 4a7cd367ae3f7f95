"""A synthetic checkout on the foreign platform, by a plain user and in Chromium's own sandbox: healthy, and not."""

import json
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import node_pdf_service, ports
from printflow_reliability_tests.stack.foreign.build import BUCKET, REPORTS
from printflow_reliability_tests.stack.foreign.platform import DATABASE, Ended, ForeignPlatform
from printflow_reliability_tests.stack.foreign.servers import start

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(bool(node_pdf_service.missing()), reason=node_pdf_service.missing()),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: make setup"),
]
TENANT = "0ddba11e-0000-4000-8000-00000000c4ec"
PROGRAM = Path(__file__).parent / "foreign" / "shop.js"
CHECKOUT = """
[checkout]
tenant = "{tenant}"
base_url = "http://127.0.0.1:{port}"
orders = '''
SELECT p.id AS "order", p.state AS status, p.settled_at AS paid_at,
       'shops/' || m.slug || '/print/' || f.id || '/' || f.file_name AS key
FROM purchases p JOIN merchants m ON m.id = p.merchant JOIN purchase_lines l ON l.purchase = p.id
LEFT JOIN media f ON f.id = l.medium WHERE p.merchant::text = %(tenant)s'''

[checkout.test_mode]
selector = "#payment[data-key]"
attribute = "data-key"

[[checkout.step]]
name = "anmelden"
kind = "open"
path = "/sign-in"

[[checkout.step]]
name = "kennwort"
kind = "fill"
selector = "#password"
value = "file:keys/shop-front"

[[checkout.step]]
name = "produkt"
kind = "click"
selector = "#sign-in"
expect = "Business cards"

[[checkout.step]]
name = "in den warenkorb"
kind = "click"
selector = "#add"
expect = "1 item in the cart"

[[checkout.step]]
name = "warenkorb"
kind = "open"
path = "/cart"

[[checkout.step]]
name = "zur kasse"
kind = "click"
selector = "text=Checkout"
expect_selector = "#pay"

[[checkout.step]]
name = "karte"
kind = "fill"
selector = "#card"
value = "4242424242424242"

[[checkout.step]]
name = "bezahlen"
kind = "click"
selector = "#pay"
expect = "Thank you"
payment = true

[[checkout.step]]
name = "bestellung"
kind = "open"
path = "/orders/{{order}}"
expect = "Ready to print"

[[checkout.step]]
name = "herunterladen"
kind = "download"
selector = "#download"

[[checkout.cancel]]
name = "stornieren"
kind = "open"
path = "/orders/{{order}}"

[[checkout.cancel]]
name = "wirklich stornieren"
kind = "click"
selector = "#cancel"
expect = "is cancelled"
"""
FORGET = (
    "DELETE FROM purchases WHERE merchant = %s",
    "DELETE FROM media WHERE merchant = %s",
    "DELETE FROM merchants WHERE id = %s",
    'DELETE FROM "Audit"."Trail" WHERE "row" ->> \'merchant\' = %s',
)
ANSWERS = "DELETE FROM check_results WHERE check_name LIKE 'checkout.%'"


@dataclass(frozen=True)
class Front:
    """The shop's front, and the configuration that knows it."""

    platform: ForeignPlatform
    port: int
    config: Path

    def run(self, *arguments: str) -> Ended:
        """Run a command of the product with that configuration, as the owner."""
        return self.platform.run("--config", str(self.config), *arguments)

    def misbehave(self, *faults: str) -> None:
        """Have it go wrong in these ways from now on; none ends it."""
        url = f"http://127.0.0.1:{self.port}/behave"
        httpx.post(url, json={"shop": list(faults)}, timeout=10, trust_env=False).raise_for_status()


@pytest.fixture(scope="module")
def front(foreign: ForeignPlatform) -> Iterator[Front]:
    """The shop's front in front of the foreign platform; what was ordered there is gone afterwards."""
    port = next(number for number in range(ports.HIGHEST, ports.LOWEST, -1) if ports.is_free(number))
    password = secrets.token_hex(16)
    url = f"postgresql://storefront:{quote(foreign.passwords['storefront'], safe='')}@127.0.0.1:{foreign.ports['shop']}"
    own = {
        "port": port,
        "tenant": TENANT,
        "password": password,
        "database": f"{url}/{quote(DATABASE, safe='')}",
        "s3": {
            "endpoint": f"http://127.0.0.1:{foreign.ports['s3']}",
            "bucket": BUCKET,
            "key": "storefront",
            "secret": foreign.passwords["s3-storefront"],
        },
    }
    config = foreign.root / "with a checkout.toml"
    written = {
        foreign.root / "keys" / "shop-front": password,
        foreign.root / "keys" / "shop-front.json": json.dumps(own),
        config: foreign.config.read_text(encoding="utf-8") + CHECKOUT.format(tenant=TENANT, port=port),
    }
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
        path.chmod(0o640)
        foreign.owner.own(path)
    node = [shutil.which("node") or "node", str(PROGRAM), str(foreign.root / "keys" / "shop-front.json")]
    program = ["env", f"NODE_PATH={node_pdf_service.LIBRARIES}", *node, str(node_pdf_service.PROGRAM.parent)]
    server = start(foreign.owner, "shop-front", program, root=foreign.root)
    try:
        server.await_ready(lambda: httpx.get(f"http://127.0.0.1:{port}/sign-in", timeout=5, trust_env=False))
        yield Front(foreign, port, config)
    finally:
        server.stop()
        with foreign.connect() as connection:
            for statement in FORGET:
                connection.execute(statement, (TENANT,))
        with open_records(foreign.settings.records) as records:
            records.execute(ANSWERS)
        for bucket, prefix in ((BUCKET, "shops/probe-bestellung/"), (REPORTS, "checkout/")):
            listed = foreign.s3.list_object_versions(Bucket=bucket, Prefix=prefix)
            for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
                foreign.s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        for path in written:
            path.unlink()


def test_a_customer_of_the_foreign_shop_can_order(front: Front) -> None:
    ended = front.run("checkout", "--json")

    assert ended.exit_code == 0, ended
    assert ended.document["ok"], ended
    assert ended.stderr == ""
    assert {row["outcome"] for row in ended.document["steps"]} == {"pass"}
    assert ended.document["numbers"]["cancelled_orders"] == 1
    checked = front.run("orders", "check", ended.document["order"])
    assert (checked.exit_code, "synthetic checkout" in checked.stdout) == (1, True), checked


def test_javascript_that_throws_in_the_foreign_shop_is_told(front: Front) -> None:
    text = front.config.read_text(encoding="utf-8")
    expected = 'expect = "1 item in the cart"\n'
    front.config.write_text(text.replace(expected, f"{expected}limit_seconds = 3\n"), encoding="utf-8")
    front.misbehave("javascript_throws")
    ended = front.run("checkout", "--json")

    assert ended.exit_code == 1, ended
    (journey, _) = ended.document["checks"]
    assert 'step "in den warenkorb"' in journey["detail"]
    assert "JavaScript threw" in journey["detail"]
    (row,) = [row for row in ended.document["steps"] if row["step"] == "produkt"]
    assert row["exceptions"], "the page threw as it was opened"
