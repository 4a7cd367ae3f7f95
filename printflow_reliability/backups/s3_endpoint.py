"""Where a repository in S3 is, and whether anybody answers there.

pgBackRest waits for a silent server four times its io-timeout, and does so anew for each file that it wants: a restore
or a verification would take hours to give up. So whoever runs one of them looks meanwhile whether the server answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from printflow_reliability.absence import Absence
from printflow_reliability.backups.configuration import RepositoryOptions, repository_options
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.programs import Watches
from printflow_reliability.storage import pace
from printflow_reliability.storage.refusals import timed_out

CONNECT_SECONDS = 5
READ_SECONDS = 10
LOOKS = 2
"""So many looks in a row without an answer mean that the server is silent."""

pace.install()


@dataclass(frozen=True)
class S3Endpoint:
    """The S3 server of a repository, as the options in pgBackRest's configuration say.

    Attributes:
        options: those of the repository.
        file: the configuration, for messages.
    """

    options: RepositoryOptions
    file: Path

    @property
    def address(self) -> str:
        """Scheme, host and port to connect to."""
        endpoint = self.options.require("s3-endpoint", self.file)
        split = urlsplit(as_url(self.options.get("storage-host", "s3-host") or self._default_host(endpoint)))
        port = (
            split.port
            or urlsplit(as_url(endpoint)).port
            or self.options.get("s3-port")
            or self.options.get("storage-port")
        )
        return f"{split.scheme}://{split.hostname}:{port}"

    @contextmanager
    def connections(self, retries: urllib3.Retry) -> Iterator[urllib3.PoolManager]:
        """Connections that trust whom pgBackRest would trust."""
        verified = self.options.is_on("storage-verify-tls", "s3-verify-tls", "s3-verify-ssl", default=True)
        pool = urllib3.PoolManager(
            cert_reqs="CERT_REQUIRED" if verified else "CERT_NONE",
            ca_certs=self.options.get("storage-ca-file", "s3-ca-file") if verified else None,
            ca_cert_dir=self.options.get("storage-ca-path", "s3-ca-path") if verified else None,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=retries,
        )
        try:
            yield pool
        finally:
            pool.clear()

    def require_answer(self, absence: Absence) -> None:
        """Look whether anybody answers; called now and then, with the same absence.

        Raises:
            CouldNotTell: the server takes connections and does not answer, or could not be reached for long. Every
                other trouble is pgBackRest's to tell.
        """
        for _ in range(LOOKS):
            try:
                with self.connections(urllib3.Retry(False)) as pool:
                    pool.request("HEAD", self.address, redirect=False)
            except (urllib3.exceptions.HTTPError, OSError) as failed:
                if isinstance(failed, urllib3.exceptions.NewConnectionError) and not timed_out(failed):
                    if absence.not_reached():
                        raise self._away(f"could not be reached for {absence.seconds:.0f} s") from None
                    return
                if timed_out(failed):
                    continue
            absence.reached()
            return
        raise self._away("takes connections and does not answer")

    def _away(self, what: str) -> CouldNotTell:
        return CouldNotTell(
            f"the server at {self.address} {what}",
            f"is its server running, and are repo{self.options.number}-s3-* right in {self.file}?",
        )

    def _default_host(self, endpoint: str) -> str:
        if self.options.get("s3-uri-style") == "path":
            return endpoint
        split = urlsplit(as_url(endpoint))
        return f"{split.scheme}://{self.options.require('s3-bucket', self.file)}.{split.netloc}"


def silence_watches(config: Path, stanza: str, repository: int) -> Watches:
    """What raises a CouldNotTell when a repository's server is silent or long away; nothing where it is not in S3.

    Args:
        config: pgBackRest's configuration.
        stanza: whose repository.
        repository: its number.
    """
    try:
        options = repository_options(config, stanza, repository)
    except ConfigError:
        return ()  # pgBackRest says what is wrong with it
    if options.get("type") != "s3" or options.get("host") or not options.get("s3-endpoint"):
        return ()
    return (partial(S3Endpoint(options, config).require_answer, Absence()),)


def as_url(endpoint: str) -> str:
    """An endpoint, which may be given without its scheme, as a URL."""
    return endpoint if "://" in endpoint else f"https://{endpoint}"
