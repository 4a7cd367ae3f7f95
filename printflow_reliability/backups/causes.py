"""Why pgBackRest cannot read a repository, out of what it says: one sentence and the next command, never a secret.

The same text comes from a failed command and from the status that `info` prints. Exit codes alone mislead: an
untrusted certificate and a wrong passphrase are both 95, and a restore calls every trouble "no backup set" (75).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

_SHOWN = 300
"""Characters shown of what is not known here: pgBackRest prints whole files and HTTP requests."""


@dataclass(frozen=True)
class AskedRepository:
    """Whose repository is asked, for messages; `repository` is "repo1", or "the repository" if all are asked."""

    cluster: str
    stanza: str
    config: str
    repository: str


class Kind(StrEnum):
    """Whether the way to the repository is in trouble, what is stored there, or nothing is there."""

    UNREACHABLE = "unreachable"
    UNDECIPHERABLE = "undecipherable"
    MISSING = "missing"


@dataclass(frozen=True)
class Cause:
    """What is wrong, and what comes next."""

    what: str
    next_step: str
    kind: Kind = Kind.UNREACHABLE


_SERVER = "is its server running, and are {repo}-s3-endpoint and {repo}-storage-* right in {config}?"
_KEY = "correct it in {config}, then: printflow backup list {cluster}"
_CAUSES = (
    (
        r"timeout after \d+ ?ms waiting for read from '(.+?)'",
        "the server at {0} takes connections and does not answer",
        _SERVER,
    ),
    (r"unable to connect to '(.+?)': (?:\[\d+\] )?(.*)", "{0} cannot be reached: {1}", _SERVER),
    (r"timeout connecting to '(.+?)'", "{0} does not answer", _SERVER),
    (r"unable to get address for '(.+?)'", "the host name {0} is not known", _SERVER),
    (
        r"unable to verify certificate presented by '(.+?)': (?:\[\d+\] )?(.*)",
        "the certificate of {0} is not trusted: {1}",
        "set {repo}-storage-ca-file in {config} to the authority that signed it",
    ),
    (
        r"unable to find hostname '(.+?)' in certificate",
        "the server's certificate is not for the host name {0}",
        "set {repo}-s3-endpoint in {config} to a name in the certificate",
    ),
    (
        r"unable to set user-defined CA certificate location",
        "the file of {repo}-storage-ca-file cannot be read, or holds no certificate",
        _KEY,
    ),
    (r"<Code>InvalidAccessKeyId<", "S3 does not know the access key in {repo}-s3-key", _KEY),
    (r"<Code>SignatureDoesNotMatch<", "S3 refuses the secret in {repo}-s3-key-secret: it does not fit the key", _KEY),
    (r"<Code>(?:ExpiredToken|InvalidToken)<", "S3 refuses the token in {repo}-s3-token: it has expired", _KEY),
    (r"<Code>RequestTimeTooSkewed<", "S3 says that the clock here is wrong", "set the clock of this machine"),
    (r"<Code>NoSuchBucket<", "there is no bucket as {repo}-s3-bucket says", _KEY),
    (
        r"HTTP request failed with 403",
        "S3 denies access: the key may not read the bucket in {repo}-s3-bucket, or there is no such bucket",
        "check {repo}-s3-bucket and {repo}-s3-key in {config}, and what the key may do",
    ),
    (
        r"HTTP request failed with (\d+ \([^)]*\))",
        "S3 answered {0}",
        "try again; if it stays so, look at the S3 server",
    ),
)
_UNDECIPHERABLE = re.compile(
    r"key/value found outside of section|unable to flush|cipher header invalid|unable to decrypt|bad decrypt"
)
_MISSING = re.compile(r"\[FileMissingError\] unable to load info file|missing stanza (?:path|data)")
_DENIED = re.compile(r"unable to (?:open|list|read|get)[^'\n]*'(.+?)'.*\[13\] Permission denied")


def find_cause(said: str, where: AskedRepository) -> Cause | None:
    """The cause that pgBackRest's words tell; None if it is none of those known here."""
    names = {"repo": where.repository, "config": where.config, "cluster": where.cluster}
    for pattern, what, next_step in _CAUSES:
        if found := re.search(pattern, said):
            groups = [(group or "").strip() for group in found.groups()]
            return Cause(what.format(*groups, **names), next_step.format(**names))
    if found := _DENIED.search(said):
        return Cause(
            f"the user that pgBackRest runs as may not read {found[1]}",
            f"check its owner and mode, and programs.run_as (who may read {where.config} and the repository?)",
        )
    if _UNDECIPHERABLE.search(said):
        return Cause(
            f"{where.repository} cannot be decrypted: {where.repository}-cipher-pass or -cipher-type in {where.config} "
            "is not what it was made with, or its files are damaged",
            f"compare the passphrase with the one that is kept safe, then: printflow backup list {where.cluster}",
            Kind.UNDECIPHERABLE,
        )
    if _MISSING.search(said):
        return Cause(
            f"there is no stanza {where.stanza} in {where.repository}",
            f"check {where.repository}-path and `stanza`; if there never was one: "
            f"pgbackrest --stanza={where.stanza} stanza-create",
            Kind.MISSING,
        )
    return None


def shortened(said: str) -> str:
    """What is shown of words that are not known here: their first line."""
    first = next((line.strip() for line in said.splitlines() if line.strip()), "it said nothing")
    return first if len(first) <= _SHOWN else f"{first[:_SHOWN]}..."
