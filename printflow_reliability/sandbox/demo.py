"""`printflow demo`: a new sandbox, one cycle of everything as Dagster runs, and whether planted faults were found.

The runs go through Dagster's daemon, as in production; what was found is read from where people would see it: the
runs' checks, the records, and the receiver that stands for the person on call.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from printflow_reliability.errors import PrintflowError
from printflow_reliability.sandbox import dagster_services
from printflow_reliability.sandbox.evidence import Found
from printflow_reliability.sandbox.faults import Planted
from printflow_reliability.sandbox.faults import plant as plant_fault
from printflow_reliability.sandbox.graphql import Ended, Webserver
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.services import Server, await_ready, start_service

log = logging.getLogger(__name__)

RUN_SECONDS = 240.0


class Watch(Protocol):
    """Hears of each stage as it begins and as it ends."""

    def began(self, name: str) -> None:
        """A stage begins."""

    def ended(self, stage: "Stage") -> None:
        """A stage ended."""


@dataclass
class Stage:
    """One stage of the demo; `ok` says whether it did what it should, which for a planted fault is to be found."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    summary: str = ""

    def as_json(self) -> dict[str, Any]:
        """As `demo --json` shows it."""
        return {"name": self.name, "ok": self.ok, "seconds": round(self.seconds, 1), "summary": self.summary}


@dataclass
class Demo:
    """One demo: its stages so far, the faults planted so far, and what was found of them."""

    home: SandboxHome
    watch: Watch
    stages: list[Stage] = field(default_factory=list)
    planted: dict[str, Planted] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    complete: bool = False
    schedules: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether every stage did what it should and every planted fault was found."""
        return self.complete and all(stage.ok for stage in self.stages) and all(fault.found for fault in self.faults)

    @property
    def faults(self) -> Sequence[Found]:
        """Every planted fault, and whether it was found."""
        nothing = "nobody looked: an earlier stage failed"
        return [
            self.found.get(name) or Found(name, fault.expected, False, nothing) for name, fault in self.planted.items()
        ]

    @property
    def ui(self) -> str:
        """Where Dagster's web interface answers."""
        return self.web.endpoint

    @cached_property
    def web(self) -> Webserver:
        """Dagster's webserver, once it is up."""
        return Webserver(self.webserver.endpoint)

    @cached_property
    def webserver(self) -> Server:
        """Dagster's webserver as a server of the sandbox."""
        return dagster_services.webserver(self.home, dagster_services.free_port())

    def keep_running(self) -> None:
        """Leave everything up for people: schedules run again as they would in production."""
        self.web.start_schedules(self.schedules)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """A stage, from its beginning to its end; the block says whether it did what it should."""
        stage = Stage(name)
        self.stages.append(stage)
        self.watch.began(name)
        began = time.monotonic()
        try:
            yield stage
        except PrintflowError as error:
            stage.ok, stage.summary = False, str(error)
            raise
        except KeyboardInterrupt:
            stage.ok, stage.summary = False, "interrupted"
            raise
        finally:
            stage.seconds = time.monotonic() - began
            self.watch.ended(stage)

    def plant(self, *names: str) -> None:
        """Plant faults."""
        for name in names:
            self.planted[name] = plant_fault(self.home, name)

    def start(self, server: Server) -> None:
        """Start a server and wait until it answers."""
        start_service(self.home, server)
        await_ready(self.home, server)

    def materialize(self, asset: str, **config: Any) -> Ended:
        """Materialize an asset as a person does in the UI, and wait for the run's end."""
        given = {"ops": {asset: {"config": config}}} if config else None
        return self.web.wait(self.web.materialize(asset, config=given), timeout=RUN_SECONDS)

    def explain_failure(self, stage: Stage, ended: Ended) -> None:
        """Say why a stage that should have passed did not."""
        if not stage.ok:
            said = "; ".join(f"{name}: {text}" for name, text in ended.failed_checks.items())
            stage.summary = f"{ended.status} {said or self.web.run_url(ended.run_id)}"
