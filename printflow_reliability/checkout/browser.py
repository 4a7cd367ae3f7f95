"""The process of the browser: requests as lines of JSON on its input, an answer to each on its output.

When its input ends, whoever started it is gone: it then ends the browser, everything of it, removes the directory and
ends. Run as `python -I -m printflow_reliability.checkout.browser`.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ViewportSize, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from printflow_reliability.checkout.page import Dead, ShopPage
from printflow_reliability.checkout.reaper import end_processes, remove

ARGUMENTS = ("--headless=new", "--disable-breakpad", "--disable-crash-reporter", "--no-first-run", "--disable-gpu")
START_MS = 30_000
VIEW = ViewportSize(width=1280, height=900)


def main() -> None:
    """Answer until the input ends."""
    requests: queue.Queue[Mapping[str, Any]] = queue.Queue()
    first = json.loads(sys.stdin.readline())
    directory = Path(first["directory"])
    alone = threading.Event()
    threading.Thread(target=_read, args=(requests, directory, alone), daemon=True).start()
    try:
        _serve(first, directory, requests)
    except (Dead, PlaywrightError) as gone:
        said = [line for line in str(gone).splitlines() if line.strip()]
        _answer({"dead": _cause(said)})
    finally:
        end_processes(directory)  # its owner still wants the pictures
        if alone.is_set():
            remove(directory)
        os._exit(0)


def _serve(first: Mapping[str, Any], directory: Path, requests: "queue.Queue[Mapping[str, Any]]") -> None:
    """Raises:
    Dead, PlaywrightError: the browser does not start, or lives no more.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=first["browser"],
            args=list(ARGUMENTS),
            chromium_sandbox=first["sandbox"],
            timeout=START_MS,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
        context = browser.new_context(viewport=VIEW, locale="en-GB", timezone_id="UTC", service_workers="block")
        page = ShopPage(context, directory, first["proof"], first["reach"])
        _answer({"ready": True, "version": browser.version})
        while True:
            _answer(_done(browser, page, _next(page, requests)))


def _next(page: ShopPage, requests: "queue.Queue[Mapping[str, Any]]") -> Mapping[str, Any]:
    """The next request; until it comes the page goes on, as a customer's would while its order is looked up.

    Raises:
        PlaywrightError: the page lives no more.
    """
    while True:
        try:
            return requests.get_nowait()
        except queue.Empty:
            page.stay()


def _done(browser: Browser, page: ShopPage, request: Mapping[str, Any]) -> dict[str, Any]:
    """Raises:
    Dead: the browser does not live any more.
    """
    answer = page.prove() if request["do"] == "prove" else page.carry_out(request["step"])
    if not answer["ok"]:
        # With a browser that hangs, every step of a good shop ends too late: it must answer first.
        if not browser.is_connected() or page.page.is_closed():
            raise Dead("the browser has ended")
        browser.new_browser_cdp_session().send("Browser.getVersion")
    return answer


def _cause(said: list[str]) -> str:
    """The line that says why a browser did not start, among all that it wrote."""
    telling = (line for line in said if "No usable sandbox" in line or "cannot open" in line or "error while" in line)
    return next(telling, said[0] if said else "it gave no reason").strip()[:300]


def _read(requests: "queue.Queue[Mapping[str, Any]]", directory: Path, alone: threading.Event) -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    alone.set()
    remove(directory)
    os._exit(1)


def _answer(document: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
