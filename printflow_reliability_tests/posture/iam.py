"""Policies of IAM as AWS evaluates them: nothing is allowed but what a statement allows and none denies.

What this does not know (conditions, NotAction, principals) it refuses to judge.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Policy = Mapping[str, Any]
KNOWN = {"Sid", "Effect", "Action", "Resource"}


def policy(text: str) -> Policy:
    """A policy document; ValueError where it holds what is not understood here."""
    document: Policy = json.loads(text)
    for statement in document["Statement"]:
        if unknown := set(statement) - KNOWN:
            raise ValueError(f"the statement has {', '.join(sorted(unknown))}")
    return document


def allowed(document: Policy, action: str, resource: str) -> bool:
    """Whether the policy lets its identity do that; `resource` is an ARN without `arn:aws:s3:::`."""
    effects = {
        statement["Effect"]
        for statement in document["Statement"]
        if _matches(action, _listed(statement["Action"]), ignoring=re.IGNORECASE)
        and _matches(f"arn:aws:s3:::{resource}", _listed(statement["Resource"]))
    }
    return effects == {"Allow"}


def actions(path: Path) -> set[str]:
    """Every action that a policy names."""
    return {name for statement in json.loads(path.read_text())["Statement"] for name in _listed(statement["Action"])}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(name: str, patterns: Iterable[str], ignoring: int = 0) -> bool:
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), name, re.DOTALL | ignoring)
        for pattern in patterns
    )
