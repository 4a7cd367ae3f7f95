"""A browser seen from the outside: its process is started, asked, waited for within limits, and ended with everything.

What does not answer in time is a dead browser, and never a shop that is down.
"""

import contextlib
import importlib.util
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from printflow_reliability.checkout import reaper
from printflow_reliability.checkout.steps import BrowserDead, Carried, Proof, Step
from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import CheckoutSettings, Settings

PROGRAM = (sys.executable, "-I", "-m", "printflow_reliability.checkout.browser")
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
"""What Chromium is called, in the order in which it is looked for."""
INSTALL = "apt-get install --no-install-recommends chromium, or name another in checkout.browser"
AMAZON = "https://amazonaws.com"
"""What the names of buckets end with that have no endpoint of their own."""
START_SECONDS = 60.0
SLACK_SECONDS = 15.0
"""What a step may take above its own limit: a proof, a picture, and a busy machine."""
LONGEST_LINE = 1024 * 1024


def installed(settings: Settings, checkout: CheckoutSettings) -> str:
    """The path of the browser.

    Raises:
        ConfigError: it, or the package that drives it, is not installed.
    """
    if importlib.util.find_spec("playwright") is None:
        raise ConfigError(
            "the synthetic checkout needs the Python package playwright, which is not installed here",
            "pip install 'printflow-reliability[checkout]'",
        )
    if checkout.browser is not None:
        if not os.access(checkout.browser, os.X_OK) or checkout.browser.is_dir():
            raise ConfigError(f"checkout.browser: {checkout.browser} is no program that can be run", INSTALL)
        return str(checkout.browser)
    path = settings.runner().path
    if found := next((there for name in NAMES if (there := shutil.which(name, path=path))), None):
        return found
    raise ConfigError("no browser is installed here: PATH has neither chromium nor google-chrome", INSTALL)


@contextmanager
def opened(settings: Settings, checkout: CheckoutSettings) -> Iterator["BrowserProcess"]:
    """A browser for the block; at its end, however it ends, no process of it is left.

    Raises:
        ConfigError: no browser is installed.
        BrowserDead: it does not start.
    """
    program = installed(settings, checkout)
    reaper.reap_abandoned()
    directory = reaper.make_directory()
    process = None
    try:
        process = BrowserProcess(directory)
        sandbox = checkout.browser_sandbox and os.geteuid() != 0
        process.begin(program, sandbox=sandbox, proof=Proof.of(checkout), reach=reach_of(settings, checkout))
        yield process
    finally:
        if process is not None:
            process.end()
        reaper.remove(directory)


def reach_of(settings: Settings, checkout: CheckoutSettings) -> Mapping[str, Any]:
    """Where a download may come from, at whatever address, and its largest size in bytes; as `downloads.Reach`."""
    places = [checkout.base_url, *(bucket.endpoint_url or AMAZON for bucket in settings.bucket)]
    return {"hosts": [urlsplit(place).hostname for place in places], "max_bytes": settings.pdf.max_bytes}


class BrowserProcess:
    """The process of one browser."""

    def __init__(self, directory: Path) -> None:
        # Not through the runner: this is our own code, and it is talked to, not run to its end.
        self._process = subprocess.Popen(
            PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(directory), "TMPDIR": str(directory)},
            cwd=directory,
            start_new_session=True,
            umask=0o077,
        )
        self._directory = directory
        self._rest = b""
        self.version = ""

    def begin(self, program: str, *, sandbox: bool, proof: Proof, reach: Mapping[str, Any]) -> None:
        """Start the browser.

        Raises:
            BrowserDead: it does not start.
        """
        first = {"directory": str(self._directory), "browser": program, "sandbox": sandbox}
        self.version = str(
            self._ask({**first, "proof": asdict(proof), "reach": reach}, START_SECONDS).get("version", "")
        )

    def prove(self) -> Carried:
        """Ask for the proof that needs no page.

        Raises:
            BrowserDead: the browser does not answer.
        """
        return Carried.from_json(self._ask({"do": "prove"}, SLACK_SECONDS))

    def carry_out(self, step: Step) -> Carried:
        """Do a step.

        Raises:
            BrowserDead: the browser does not answer.
        """
        return Carried.from_json(self._ask({"do": "step", "step": asdict(step)}, step.limit_seconds + SLACK_SECONDS))

    def end(self) -> None:
        """End the process; what else there is of the browser is the reaper's."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, request: Mapping[str, Any], limit_seconds: float) -> Mapping[str, Any]:
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise BrowserDead("the browser's process has ended", "printflow checkout") from None
        answer = self._read(time.monotonic() + limit_seconds)
        if "dead" in answer:
            raise BrowserDead(f"the browser is dead: {answer['dead']}", "printflow checkout")
        return answer

    def _read(self, deadline: float) -> Mapping[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise BrowserDead("the browser does not answer", "printflow checkout")
            part = os.read(pipe, 65536)
            self._rest += part
            if not part or len(self._rest) > LONGEST_LINE:
                raise BrowserDead("the browser's process has ended", "printflow checkout")
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            answer: Mapping[str, Any] = json.loads(line)
        except ValueError:
            raise BrowserDead("the browser's process gives no answer that can be read", "printflow checkout") from None
        return answer
