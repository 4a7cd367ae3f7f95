"""Trying with a repository's own S3 credentials whether they can write: the requests that pgBackRest would send.

Signed here rather than by a client, since pgBackRest may connect to another host than the one that it asks for.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from printflow_reliability.backups.configuration import RepositoryOptions
from printflow_reliability.backups.s3_endpoint import S3Endpoint, as_url
from printflow_reliability.errors import CouldNotTell

RETRIES = urllib3.Retry(connect=1, read=0, status=2, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)
NOT_KNOWN = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "TokenRefreshRequired",
    "RequestTimeTooSkewed",
    "AuthorizationHeaderMalformed",
)
"""Codes that come with status 403, and say nothing of what the credentials may do."""
CODE = re.compile(r"<Code>(\w+)</Code>")


@dataclass(frozen=True)
class S3Repository:
    """A repository in S3, as its options in pgBackRest's configuration say.

    Attributes:
        options: those of the repository.
        file: the configuration, for messages.
    """

    options: RepositoryOptions
    file: Path

    def can_put(self, key: str) -> bool:
        """Write an empty object, and remove it again if that succeeded.

        Raises:
            CouldNotTell: it did not fail because it is forbidden.
        """
        if not self._allowed("PUT", key, self._encryption()):
            return False
        self._remove(key)
        return True

    def can_delete(self, key: str) -> bool:
        """Delete an object that does not exist.

        Raises:
            CouldNotTell: as `can_put`.
        """
        if not self._allowed("DELETE", key):
            return False
        self._remove(key)
        return True

    def _allowed(self, method: str, key: str, headers: Mapping[str, str] | None = None) -> bool:
        response = self._send(method, key, headers or {})
        if response.status < 300:
            return True
        found = CODE.search(response.data.decode(errors="replace"))
        code = found[1] if found else f"HTTP status {response.status}"
        if response.status == 403 and code not in NOT_KNOWN:
            return False
        raise CouldNotTell(
            f"S3 at {self._endpoint.address} answered {code} to an attempt to write into repo{self.options.number}",
            f"check repo{self.options.number}-s3-* in {self.file}",
        )

    def _remove(self, key: str) -> None:
        """Remove an object and, in a versioned bucket, the marker that this leaves; as far as it is allowed."""
        marker = self._send("DELETE", key, {}).headers.get("x-amz-version-id")
        if marker:
            self._send("DELETE", key, {}, query=f"?versionId={quote(marker, safe='')}")

    def _send(self, method: str, key: str, headers: Mapping[str, str], *, query: str = "") -> urllib3.BaseHTTPResponse:
        bucket, endpoint = self._require("s3-bucket"), urlsplit(as_url(self._require("s3-endpoint"))).netloc
        by_path = self.options.get("s3-uri-style") == "path"
        path = quote(f"/{bucket}/{key}" if by_path else f"/{key}", safe="/~")
        url = f"{self._endpoint.address}{path}{query}"
        host = endpoint if by_path else f"{bucket}.{endpoint}"
        request = AWSRequest(method, url, headers={"Host": host, **headers}, data=b"")
        if self.options.is_on("s3-requester-pays", default=False):
            request.headers["x-amz-request-payer"] = "requester"
        credentials = Credentials(self._require("s3-key"), self._require("s3-key-secret"), self.options.get("s3-token"))
        S3SigV4Auth(credentials, "s3", self._require("s3-region")).add_auth(request)
        with self._connections() as pool:
            return pool.request(method, url, headers=dict(request.headers.items()), body=b"", redirect=False)

    @contextmanager
    def _connections(self) -> Iterator[urllib3.PoolManager]:
        try:
            with self._endpoint.connections(RETRIES) as pool:
                yield pool
        except (urllib3.exceptions.HTTPError, OSError) as failed:
            reason = getattr(failed, "reason", None) or failed
            raise CouldNotTell(
                f"S3 at {self._endpoint.address} does not answer: {' '.join(str(reason).split())[:300]}",
                f"is its server running, and are repo{self.options.number}-s3-* right in {self.file}?",
            ) from None

    @property
    def _endpoint(self) -> S3Endpoint:
        return S3Endpoint(self.options, self.file)

    def _encryption(self) -> dict[str, str]:
        """The headers of pgBackRest's own writes: a bucket may refuse what is not encrypted."""
        if key := self.options.get("s3-kms-key-id"):
            return {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": key,
            }
        if key := self.options.get("s3-sse-customer-key"):
            digest = hashlib.md5(base64.b64decode(key), usedforsecurity=False).digest()
            return {
                "x-amz-server-side-encryption-customer-algorithm": "AES256",
                "x-amz-server-side-encryption-customer-key": key,
                "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(digest).decode(),
            }
        return {}

    def _require(self, name: str) -> str:
        return self.options.require(name, self.file)
