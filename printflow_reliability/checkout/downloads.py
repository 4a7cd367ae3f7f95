"""A download that a page leads to, fetched with the customer's cookies: bounded in bytes, in time and in where it lies.

What a page says is not trusted: it may lead into this host's own network, or to a stream without an end. Runs in the
browser's own process, as `page.py` does.
"""

import errno
import http.client
import ipaddress
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

PART_BYTES = 65536
UNREACHED = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL)
NO_ISSUER = 20
"""OpenSSL: this machine does not know who issued the certificate."""


class NotDone(Exception):
    """A step did not go as it should; the message says why.

    Attributes:
        unreached: the trouble may be this machine's, or the network's in between.
    """

    def __init__(self, why: str, *, unreached: bool = False) -> None:
        super().__init__(why)
        self.unreached = unreached


@dataclass(frozen=True)
class Reach:
    """What a download may be.

    Attributes:
        hosts: the shop's host and those of the buckets, at whatever address; a name below one of them is like it.
        max_bytes: its largest size.
        live_prefixes: what no address that is asked may contain.
    """

    hosts: Sequence[str]
    max_bytes: int
    live_prefixes: Sequence[str] = ()

    def require(self, host: str, address: str) -> None:
        """Raises:
        NotDone: the address is one of an inner network, and the host is not the platform's.
        """
        host = host.casefold().rstrip(".")
        if any(host == known or host.endswith(f".{known}") for known in self.hosts):
            return
        found = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(found, "ipv4_mapped", None) or found
        if not mapped.is_global or mapped.is_multicast:
            raise NotDone(f'the download leads to "{host}", an address of an inner network, and was not fetched')


def begin(
    address: str, cookies: Sequence[Mapping[str, Any]], agent: str, target: Path, until: float, reach: Reach
) -> "Future[None]":
    """Fetch it beside the page, which must not stand still meanwhile; the future raises as `fetch`."""
    future: Future[None] = Future()

    def work() -> None:
        try:
            fetch(address, cookies, agent, target, until, reach)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=work, daemon=True).start()
    return future


def fetch(
    address: str, cookies: Sequence[Mapping[str, Any]], agent: str, target: Path, until: float, reach: Reach
) -> None:
    """Write what an address answers into a file.

    Args:
        address: http or https.
        cookies: the browser's, as Playwright gives them.
        agent: what the browser calls itself.
        target: the file.
        until: when it must be over, by the monotonic clock.
        reach: what it may be.

    Raises:
        NotDone: it cannot be had, is too large, takes too long or may not be asked for.
    """
    request = urllib.request.Request(address, headers={"User-Agent": agent, "Accept-Encoding": "identity"})  # noqa: S310
    try:
        left = max(until - time.monotonic(), 0.1)
        with _opener(cookies, reach).open(request, timeout=left) as answer, target.open("wb") as file:
            size = 0
            while part := answer.read1(PART_BYTES):
                size += len(part)
                if size > reach.max_bytes:
                    raise NotDone(f"the download is larger than pdf.max_bytes ({reach.max_bytes} bytes)")
                if time.monotonic() >= until:
                    raise TimeoutError
                file.write(part)
    except HTTPError as refused:
        refused.close()
        raise NotDone(f"the download answers HTTP {refused.code}") from None
    except URLError as error:
        raise _of_reason(error.reason) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _of_reason(error) from None


def _of_reason(reason: object) -> NotDone:
    if isinstance(reason, TimeoutError):
        return NotDone("the download did not come in time")
    unreached = (
        isinstance(reason, socket.gaierror)
        or (isinstance(reason, ssl.SSLCertVerificationError) and reason.verify_code == NO_ISSUER)
        or (isinstance(reason, OSError) and reason.errno in UNREACHED)
    )
    return NotDone(f"the download cannot be had: {str(reason) or type(reason).__name__}", unreached=unreached)


class _Plain(http.client.HTTPConnection):
    def __init__(self, reach: Reach, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._reach = reach

    def connect(self) -> None:
        super().connect()
        self._reach.require(self.host, self.sock.getpeername()[0])  # of this very connection: a name may change


class _Tls(http.client.HTTPSConnection):
    def __init__(self, reach: Reach, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._reach = reach

    def connect(self) -> None:
        super().connect()
        self._reach.require(self.host, self.sock.getpeername()[0])


class _Connects(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens connections that are looked at before anything is asked on them, after each redirect too."""

    def __init__(self, reach: Reach) -> None:
        super().__init__()
        self._reach = reach
        self._trusted = ssl.create_default_context()

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        self._require_no_live_key(req)
        return self.do_open(partial(_Plain, self._reach), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        self._require_no_live_key(req)
        return self.do_open(partial(_Tls, self._reach), req, context=self._trusted)

    def _require_no_live_key(self, request: urllib.request.Request) -> None:
        if any(live in request.full_url for live in self._reach.live_prefixes):
            raise NotDone("the download's address holds a key of live mode, and was not asked")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, fp: Any, *said: Any) -> urllib.request.Request | None:
        fp.close()  # its caller would read whatever comes with the redirect
        return super().redirect_request(req, fp, *said)


def _opener(cookies: Sequence[Mapping[str, Any]], reach: Reach) -> urllib.request.OpenerDirector:
    """Without proxies, files and FTP, which the standard opener would serve."""
    jar = CookieJar(DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain))
    for cookie in cookies:
        jar.set_cookie(_cookie(cookie))
    opener = urllib.request.OpenerDirector()
    for handler in (
        _Connects(reach),
        urllib.request.HTTPCookieProcessor(jar),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _cookie(cookie: Mapping[str, Any]) -> Cookie:
    domain = str(cookie["domain"])
    local = domain if "." in domain or ":" in domain else f"{domain}.local"  # what a cookie jar calls such a host
    return Cookie(
        version=0,
        name=str(cookie["name"]),
        value=str(cookie["value"]),
        port=None,
        port_specified=False,
        domain=local,
        domain_specified=domain.startswith("."),
        domain_initial_dot=domain.startswith("."),
        path=str(cookie["path"]),
        path_specified=True,
        secure=bool(cookie["secure"]),
        expires=None,
        discard=True,
        comment=None,
        comment_url=None,
        rest={},
    )
