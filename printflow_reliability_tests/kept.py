"""A pytest plugin: the authorities that the system trusts are read once, and not anew for every request of a test."""

import os
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _trust_read_once() -> Iterator[None]:
    import httpx

    read, known = httpx.create_ssl_context, dict[tuple[str | None, ...], Any]()

    def kept(*given: Any, **more: Any) -> Any:
        if given or more:
            return read(*given, **more)
        named = tuple(map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")))
        if named not in known:
            known[named] = read()
        return known[named]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", kept)
        yield
