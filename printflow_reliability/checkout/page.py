"""One page of the browser: steps are carried out on it, and what its JavaScript complains of is listened to.

Runs in the browser's own process (`browser.py`), which knows nothing of the configuration.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Frame,
    Locator,
    Page,
    Response,
)
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from printflow_reliability.checkout import downloads
from printflow_reliability.checkout.downloads import NotDone, Reach
from printflow_reliability.checkout.payment import NotProven, TestMode

MOST_SAID = 20
"""Errors of one step that are kept."""
LONGEST = 300
"""Characters of an error that are kept."""
SCREENSHOT_MS = 5000
STAY_MS = 50.0
"""How long a page is let go on before something else is looked at."""
LATE_SECONDS = 1.0
LOOK_MS = 500.0
"""How often a page that is waited for is looked at."""
UNREACHED = (
    *("ERR_NAME_NOT_RESOLVED", "ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED", "ERR_ADDRESS_UNREACHABLE"),
    *("ERR_CONNECTION_TIMED_OUT", "ERR_PROXY_CONNECTION_FAILED", "ERR_NETWORK_ACCESS_DENIED", "ERR_NAME_RESOLUTION"),
    *("ERR_INSUFFICIENT_RESOURCES", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"),
)
"""What Chromium and Playwright say where the trouble may be this machine's or the network's in between."""
DEAD = ("Target closed", "Target page, context or browser has been closed", "Target crashed", "Page crashed")
"""What Playwright says where the browser is gone."""


class Dead(Exception):
    """The browser is gone, or its page is."""


class Heard:
    """What a page says of itself: its answers' status, what its JavaScript throws, and the errors of its console."""

    def __init__(self, page: Page) -> None:
        self.status = 0
        self.exceptions: list[str] = []
        self.of_this_page: list[str] = []
        self.console: list[str] = []
        self._page = page
        page.on("pageerror", self._thrown)
        page.on("framenavigated", self._navigated)
        page.on("console", self._written)
        page.on("response", self._answered)

    def taken(self) -> dict[str, list[str]]:
        """What was said since this was asked last."""
        said = {"exceptions": _short(self.exceptions), "console_errors": _short(self.console)}
        self.exceptions.clear()
        self.console.clear()
        return said

    def _thrown(self, error: PlaywrightError) -> None:
        self.exceptions.append(str(error))
        self.of_this_page.append(str(error))

    def _navigated(self, frame: Frame) -> None:
        if frame == self._page.main_frame:
            self.of_this_page.clear()

    def _written(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console.append(message.text)

    def _answered(self, response: Response) -> None:
        request = response.request
        if request.is_navigation_request() and request.frame == self._page.main_frame:
            self.status = response.status


class ShopPage:
    """A page of the shop, in a session of its own."""

    def __init__(
        self, context: BrowserContext, directory: Path, proof: Mapping[str, Any], reach: Mapping[str, Any]
    ) -> None:
        self._context = context
        self._directory = directory
        self._masked: list[str] = []
        self._pictures = 0
        self.page: Page = context.new_page()
        self._test_mode = TestMode(context, proof)
        self._reach = Reach(reach["hosts"], reach["max_bytes"], [live for live in proof["live_prefixes"] if live])
        self._heard = Heard(self.page)
        self.page.on("dialog", _agreed)

    def prove(self) -> dict[str, Any]:
        """The proof that needs no page."""
        began = time.monotonic()
        answer: dict[str, Any] = {"ok": True}
        try:
            self._test_mode.prove_by_document()
        except NotProven as refused:
            answer = {"ok": False, "refused": True, "why": str(refused)}
        except PlaywrightError as error:
            answer = {"ok": False, **_of_error(error)}
        return {**answer, "seconds": time.monotonic() - began}

    def carry_out(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """Do a step and wait for what it expects; how that went, with a picture of the page.

        What the page did since the step before, such as an error that it threw, belongs to this one.
        """
        began = time.monotonic()
        if step["kind"] == "open":
            self._heard.status = 0  # otherwise it is that of the page which is still there
        answer: dict[str, Any] = {"ok": True}
        try:
            if step["payment"]:
                self._test_mode.require_none_sent()
                self._test_mode.prove_by_document()
                self._test_mode.prove_by_page(self.page)
            answer |= self._do(step, began + step["limit_seconds"])
        except NotProven as refused:
            answer = {"ok": False, "refused": True, "why": str(refused)}
        except NotDone as error:
            answer = {"ok": False, "why": str(error)[:LONGEST], "unreached": error.unreached}
        except PlaywrightTimeout:
            answer = {"ok": False, "why": self._too_late(step)}
        except PlaywrightError as error:
            answer = {"ok": False, **_of_error(error)}
        if sent := self._test_mode.told():
            answer = {"ok": False, "refused": True, "why": sent}
        took = time.monotonic() - began
        if step["masked"]:
            self._masked.append(step["selector"])
        return {**answer, **self._heard.taken(), "seconds": took, "screenshot": self._picture()}

    def _do(self, step: Mapping[str, Any], until: float) -> dict[str, Any]:
        page, kind, selector = self.page, step["kind"], step["selector"]
        done: dict[str, Any] = {}
        if kind == "open":
            page.goto(step["address"], timeout=_left(until), wait_until="domcontentloaded")
        elif kind == "click":
            page.locator(selector).click(timeout=_left(until))
        elif kind == "fill":
            page.locator(selector).fill(step["value"], timeout=_left(until))
        elif kind == "select":
            page.locator(selector).select_option(step["value"], timeout=_left(until))
        elif kind == "download":
            done["download"] = str(self._download(selector, until))
        self._require_page()
        if step["expect"]:
            self._see(page.get_by_text(step["expect"]).first, until)
        if step["expect_selector"]:
            self._see(page.locator(step["expect_selector"]).first, until)
        return done

    def _see(self, wanted: Locator, until: float) -> None:
        """Wait for an element; a page that answers with an error is not waited for."""
        while True:
            try:
                wanted.wait_for(state="visible", timeout=min(_left(until), LOOK_MS))
                return
            except PlaywrightTimeout:
                self._require_page()
                if time.monotonic() >= until:
                    raise

    def _require_page(self) -> None:
        if self._heard.status >= 400:
            raise NotDone(f"the page answers HTTP {self._heard.status}")

    def _download(self, selector: str, until: float) -> Path:
        """What a link leads to, fetched with the customer's session; all else, such as a blob, is clicked instead."""
        target = self._directory / f"download-{self._pictures}"
        element = self.page.locator(selector)
        element.wait_for(state="visible", timeout=_left(until))
        address = element.evaluate("element => typeof element.href === 'string' ? element.href : ''")
        elsewhere = urldefrag(address).url != urldefrag(self.page.url).url
        if address.startswith(("https://", "http://")) and elsewhere:
            self._fetch(urldefrag(address).url, target, until)
            return target
        with self.page.expect_download(timeout=_left(until)) as coming:
            element.click(timeout=_left(until))
        coming.value.save_as(target)
        if target.stat().st_size > self._reach.max_bytes:
            raise NotDone(f"the download is larger than pdf.max_bytes ({self._reach.max_bytes} bytes)")
        return target

    def _fetch(self, address: str, target: Path, until: float) -> None:
        agent = str(self.page.evaluate("navigator.userAgent"))
        coming = downloads.begin(address, self._context.cookies(), agent, target, until, self._reach)
        while not coming.done():
            if time.monotonic() >= until + LATE_SECONDS:  # such as a header that comes byte by byte
                raise NotDone("the download did not come in time")
            self.stay()
        coming.result()

    def stay(self) -> None:
        """Let the page go on with what it does, for a moment: its requests are answered in our own loop."""
        self.page.wait_for_timeout(STAY_MS)

    def _too_late(self, step: Mapping[str, Any]) -> str:
        """Why a step did not end in time, in the order of how much it explains."""
        wanted = f'"{step["expect"]}"' if step["expect"] else step["expect_selector"] or step["selector"] or "the page"
        said = f"{wanted} did not appear within {step['limit_seconds']:g} s"
        if self._heard.of_this_page:  # also before this step: a script that ends early never listens to a button
            return f"{said}; JavaScript threw: {_short(self._heard.of_this_page)[0]}"
        return said

    def _picture(self) -> str | None:
        self._pictures += 1
        target = self._directory / f"step-{self._pictures:02d}.png"
        covered = [self.page.locator(selector) for selector in self._masked]
        try:
            self.page.screenshot(path=target, timeout=SCREENSHOT_MS, mask=covered, animations="disabled")
        except PlaywrightError:
            return None
        return str(target)


def _agreed(dialog: Dialog) -> None:
    """A shop asks back before it cancels."""
    dialog.accept()


def _of_error(error: PlaywrightError) -> dict[str, Any]:
    """Raises:
    Dead: the browser is gone.
    """
    said = error.message.splitlines()[0] if error.message else "no reason"
    if any(word in error.message for word in DEAD):
        raise Dead(said)
    return {"why": said[:LONGEST], "unreached": any(word in error.message for word in UNREACHED)}


def _left(until: float) -> float:
    """Milliseconds that are left; Playwright takes 0 for no limit at all."""
    return max((until - time.monotonic()) * 1000, 1.0)


def _short(said: list[str]) -> list[str]:
    return [" ".join(text.split())[:LONGEST] for text in said[:MOST_SAID]]
