"""Was a planted fault found? Looked up where people see it: findings, holds, alerts that arrived, checks of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.orders.holds import held
from printflow_reliability.records import passes
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import receiver
from printflow_reliability.sandbox.faults import Planted
from printflow_reliability.sandbox.home import SandboxHome

PASS_OF = {"pdf.integrity": "sweep"}
"""Which pass keeps the findings of a check; reconciliation keeps all others."""


@dataclass(frozen=True)
class Found:
    """Whether a planted fault was found, and the evidence in one sentence."""

    fault: str
    expected: str
    found: bool
    evidence: str

    def as_json(self) -> dict[str, Any]:
        """As `demo --json` shows it."""
        return {"fault": self.fault, "found": self.found, "expected": self.expected, "evidence": self.evidence}


def in_findings(home: SandboxHome, fault: Planted) -> Found:
    """Look for the fault's own finding, by kind and key, in the newest complete pass."""
    with open_records(home.settings().records) as connection:
        newest = passes.newest(connection, PASS_OF.get(fault.check, "reconcile"))
        if newest is None:
            return Found(fault.fault, fault.expected, False, "no complete pass over all tenants is recorded")
        for finding in passes.findings_of(connection, newest.id, [fault.kind]):
            if finding.key == fault.where["key"] and finding.bucket == fault.where["bucket"]:
                return Found(fault.fault, fault.expected, True, finding.detail)
    return Found(fault.fault, fault.expected, False, f"no finding {fault.kind} names {fault.where['key']}")


def in_checks(failed: Mapping[str, str], fault: Planted) -> Found:
    """Look for the fault's own check among those that a run saw fail, and for its place in what the check said."""
    said = failed.get(fault.check.replace(".", "__"))
    if said is None:
        return Found(fault.fault, fault.expected, False, f"{fault.check} did not fail")
    places = [fault.where[name] for name in ("segment", "label", "table") if name in fault.where]
    return Found(fault.fault, fault.expected, all(place in said for place in places), said)


def hold_and_alert(home: SandboxHome, fault: Planted) -> Found:
    """Look for the order's hold, and for the alert about it at the receiver."""
    order = fault.where["order"]
    reason = held_orders(home).get(order)
    told = alerts_received(home).get(f"order:{order}")
    if reason is None or told is None:
        missing = "held" if reason is None else "told to anybody"
        return Found(fault.fault, fault.expected, False, f"order {order} was not {missing}")
    return Found(fault.fault, fault.expected, True, f"order {order}: {reason}; alert: {told}")


def held_orders(home: SandboxHome) -> Mapping[str, str]:
    """The reason of each open hold, by order."""
    with open_records(home.settings().records) as connection:
        return {hold.order: hold.reason for hold in held(connection)}


def alerts_received(home: SandboxHome) -> Mapping[str, str]:
    """The title of each alert that the receiver took, by its key.

    Raises:
        CouldNotTell: the receiver does not answer.
    """
    try:
        answer = httpx.get(f"{receiver.server(home).endpoint}/received", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError) as away:
        raise CouldNotTell(f"the receiver does not answer: {type(away).__name__}") from None
    received: Sequence[Mapping[str, Any]] = [request["body"] for request in answer["received"]]
    return {alert["dedup_key"]: alert["title"] for alert in received if alert.get("event") == "trigger"}
