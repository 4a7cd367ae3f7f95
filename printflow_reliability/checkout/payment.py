"""What keeps a page from paying in earnest: the proof of test mode, and a watch on every request that it sends.

Runs in the browser's own process, as `page.py` does.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import BrowserContext, Page, Request, Route
from playwright.sync_api import TimeoutError as PlaywrightTimeout

DOCUMENT_MS = 10_000
ELEMENT_MS = 5000


class NotProven(Exception):
    """Test mode was not proven; the message says why."""


class TestMode:
    """Whether the payment account of a shop is in test mode.

    Attributes:
        sent_live: why nothing more is believed of a step; empty unless it was about to send a key of live mode.
    """

    def __init__(self, context: BrowserContext, proof: Mapping[str, Any]) -> None:
        self._context = context
        self._proof = proof
        self._live = [live for live in proof["live_prefixes"] if live]
        self.sent_live = ""
        context.route("**/*", self._checked)

    def require_none_sent(self) -> None:
        """Raises:
        NotProven: the page was about to send a key of live mode since that was last told.
        """
        if self.sent_live:
            raise NotProven(self.sent_live)

    def told(self) -> str:
        """What `sent_live` says; it is told once, also where it came between two steps."""
        said, self.sent_live = self.sent_live, ""
        return said

    def prove_by_document(self) -> None:
        """Raises:
        NotProven: the document holds no key of test mode.
        PlaywrightError: it cannot be had.
        """
        proof = self._proof
        if not proof["address"]:
            return
        try:
            answer = self._context.request.get(proof["address"], timeout=DOCUMENT_MS)
        except PlaywrightTimeout:
            raise NotProven("test mode is not proven: its document does not come in time") from None
        try:
            found: Any = json.loads(answer.body())
            for name in proof["member"].split("."):
                found = found[name]
        except (ValueError, KeyError, TypeError):
            found = None
        if answer.status != 200 or not isinstance(found, str):
            raise NotProven(f"test mode is not proven: its document answers HTTP {answer.status} without a key")
        self._require_test(found, "the shop's document")

    def prove_by_page(self, page: Page) -> None:
        """Raises:
        NotProven: the page holds no key of test mode, or any of live mode.
        PlaywrightError: it cannot be read.
        """
        proof = self._proof
        if proof["selector"]:  # the payment's own script may still be at work
            with contextlib.suppress(PlaywrightTimeout):
                page.locator(proof["selector"]).first.wait_for(state="attached", timeout=ELEMENT_MS)
        content = page.content()
        if any(live in content for live in self._live):
            raise NotProven("the page that pays holds a key of live mode")
        if not proof["selector"]:
            return
        elements = page.locator(proof["selector"]).all()
        if not elements:
            raise NotProven("test mode is not proven: the page that pays does not show the key of its payment account")
        for element in elements:
            name = proof["attribute"]
            text = element.get_attribute(name, timeout=ELEMENT_MS) if name else element.text_content(timeout=ELEMENT_MS)
            self._require_test(text or "", "the page that pays")

    def _require_test(self, key: str, whose: str) -> None:
        if not key.strip().startswith(self._proof["prefix"]):
            raise NotProven(f"test mode is not proven: the key of {whose} does not begin with {self._proof['prefix']}")

    def _checked(self, route: Route, request: Request) -> None:
        """Let a request go unless it carries a key of live mode."""
        sent = [request.url.encode(), *(value.encode() for value in request.headers.values())]
        sent.append(request.post_data_buffer or b"")
        if any(live.encode() in part for live in self._live for part in sent):
            self.sent_live = "the page was about to send a key of live mode, and was kept from it"
            route.abort("blockedbyclient")
        else:
            route.continue_()
