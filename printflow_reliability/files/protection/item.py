"""One item of a bucket's protection: what was found, and the exact command that mends it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from printflow_reliability.checks import Outcome
from printflow_reliability.settings import BucketSettings
from printflow_reliability.text import printable, shell_word

BYTES_OF_A_COMMAND = 4000
"""What is longer cannot be typed or read; the configuration is then to be edited."""


@dataclass(frozen=True)
class Item:
    """What was found of one kind of protection.

    Attributes:
        name: its stable name, such as object_lock.
        outcome: unknown where the store did not tell, never a pass.
        detail: a sentence for a person, without its full stop.
        command: what mends it, complete; empty where nothing has to be done or no command does.
        lacking: the store has no such feature, so that nobody will ever know more; a person may accept that.
    """

    name: str
    outcome: Outcome
    detail: str
    command: str = ""
    lacking: bool = False

    @property
    def words(self) -> str:
        """Its name as people say it."""
        return self.name.replace("_", " ").replace("mfa", "MFA")

    @property
    def counts_as(self) -> Outcome:
        """What it is for the check: what a store can never tell warns, until a person accepts it with a reason."""
        return Outcome.WARN if self.lacking else self.outcome

    def as_json(self) -> dict[str, Any]:
        """As `files protect --json` shows it."""
        return {"name": self.name, "outcome": self.outcome, "detail": self.detail, "command": self.command}


def s3api(bucket: BucketSettings, verb: str, *arguments: str) -> str:
    """A command of the AWS CLI for a bucket; `arguments` are its further words, unquoted."""
    where = ("--endpoint-url", bucket.endpoint_url) if bucket.endpoint_url else ("--region", bucket.region)
    return " ".join(map(shell_word, ("aws", "s3api", verb, "--bucket", bucket.bucket, *arguments, *where)))


def as_argument(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """A configuration as an argument of the AWS CLI."""
    return json.dumps(document, default=str, separators=(",", ":"))


def named(rule: Mapping[str, Any]) -> str:
    """A rule as a person knows it."""
    return f'rule "{printable(str(rule["ID"]))}"' if rule.get("ID") else "a rule without a name"
