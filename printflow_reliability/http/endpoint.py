"""What an endpoint is, and what all of them work with."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from printflow_reliability.errors import PrintflowError
from printflow_reliability.http.health import Health
from printflow_reliability.http.judging import Judgement, refusal_of
from printflow_reliability.http.limits import Threads
from printflow_reliability.settings import Scope, Settings

Result = TypeVar("Result")


@dataclass(frozen=True)
class Asked:
    """What endpoints work with.

    Attributes:
        settings: the newest.
        judgement: answers what is asked.
        threads: where it does so.
        health: what probes and Prometheus ask.
    """

    settings: Callable[[], Settings]
    judgement: Judgement
    threads: Threads
    health: Health

    async def of_judgement(self, ask: Callable[[Settings], Result]) -> Result:
        """What the judgement answers, in a thread.

        Raises:
            Refusal: the order is unknown, or nothing could be told.
        """
        settings = self.settings()
        try:
            return await self.threads.run(partial(ask, settings))
        except PrintflowError as error:
            raise refusal_of(error, settings) from None


@dataclass(frozen=True)
class Endpoint:
    """A method and a path of OpenAPI; `scope` is None where no token is needed, `document` the OpenAPI operation."""

    method: str
    path: str
    scope: Scope | None
    handle: Callable[[Request, Asked], Awaitable[Response]]
    document: Mapping[str, Any]
