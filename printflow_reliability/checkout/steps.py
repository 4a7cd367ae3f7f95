"""What a browser is asked to do, and what it answers: frozen, so that the journey is tested without a browser."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import CheckoutActionSettings, CheckoutSettings, CheckoutStepSettings
from printflow_reliability.settings.checkout import ORDER

Answer = TypeVar("Answer")
POLL_SECONDS = 0.5


class BrowserDead(CouldNotTell):
    """The browser did not start, ended, or no longer answers: nothing follows from that for the shop."""


@dataclass(frozen=True)
class Step:
    """One step, with the whole address of what it opens.

    Attributes:
        masked: whether its value is a secret, which screenshots must not show.
        payment: whether it pays.
    """

    name: str
    kind: str
    address: str = ""
    selector: str = ""
    value: str = ""
    expect: str = ""
    expect_selector: str = ""
    limit_seconds: float = 15.0
    masked: bool = False
    payment: bool = False

    @classmethod
    def of(cls, settings: CheckoutActionSettings, base_url: str, secrets: tuple[str, ...]) -> "Step":
        """The step as printflow.toml has it."""
        return cls(
            name=settings.name,
            kind=settings.kind,
            address=base_url.rstrip("/") + settings.path if settings.path is not None else "",
            selector=settings.selector or "",
            value=settings.value or "",
            expect=settings.expect or "",
            expect_selector=settings.expect_selector or "",
            limit_seconds=settings.limit_seconds,
            masked=bool(settings.value) and settings.value in secrets,
            payment=isinstance(settings, CheckoutStepSettings) and settings.payment,
        )

    def of_order(self, order: str) -> "Step":
        """The step with the order's number in its place."""
        filled = {
            name: getattr(self, name).replace(ORDER, order)
            for name in ("address", "selector", "expect", "expect_selector")
        }
        return replace(self, **filled)


@dataclass(frozen=True)
class Proof:
    """What must be seen before anything is paid; as `[checkout.test_mode]` says, with the whole address."""

    selector: str
    attribute: str
    address: str
    member: str
    prefix: str
    live_prefixes: tuple[str, ...]

    @classmethod
    def of(cls, settings: CheckoutSettings) -> "Proof":
        """The proof as printflow.toml has it."""
        wanted = settings.test_mode
        address = settings.base_url.rstrip("/") + wanted.path if wanted.path is not None else ""
        return cls(
            *(wanted.selector or "", wanted.attribute or "", address),
            *(wanted.member, wanted.prefix, wanted.live_prefixes),
        )


@dataclass(frozen=True)
class Carried:
    """How a step went.

    Attributes:
        ok: whether it was done, and what it expects was seen.
        why: what went wrong, as the end of a sentence; empty if nothing did.
        unreached: the shop could not be reached from here, so that nothing is known of it.
        refused: test mode was not proven, and nothing was paid.
        seconds: how long it took.
        exceptions: what JavaScript threw and nobody caught.
        console_errors: what the page wrote as errors.
        screenshot: the picture of the page; None where there is none.
        download: the file that came; None where none did.
    """

    ok: bool
    why: str = ""
    unreached: bool = False
    refused: bool = False
    seconds: float = 0.0
    exceptions: tuple[str, ...] = ()
    console_errors: tuple[str, ...] = ()
    screenshot: Path | None = None
    download: Path | None = None

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> "Carried":
        """The answer of the browser's process."""
        paths = {name: Path(answer[name]) if answer.get(name) else None for name in ("screenshot", "download")}
        return cls(
            ok=bool(answer["ok"]),
            why=str(answer.get("why", "")),
            unreached=bool(answer.get("unreached")),
            refused=bool(answer.get("refused")),
            seconds=float(answer["seconds"]),
            exceptions=tuple(map(str, answer.get("exceptions", ()))),
            console_errors=tuple(map(str, answer.get("console_errors", ()))),
            screenshot=paths["screenshot"],
            download=paths["download"],
        )


class Browser(Protocol):
    """A browser with one page and one session of a customer."""

    def prove(self) -> Carried:
        """Ask for the proof that needs no page; `ok` where none is configured.

        Raises:
            BrowserDead: the browser does not answer.
        """

    def carry_out(self, step: Step) -> Carried:
        """Do a step; one that pays only after every proof was seen.

        Raises:
            BrowserDead: the browser does not answer.
        """


def awaited(
    look: Callable[[], Answer | None], limit: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Answer | None:
    """What a look finds, asked again until then; None if it finds nothing within the limit, in seconds."""
    until = clock() + limit
    while (found := look()) is None and clock() < until:
        sleep(POLL_SECONDS)
    return found
