"""What a registered check is: see register.py for those that there are."""

from dataclasses import dataclass

from printflow_reliability.findings import Severity


@dataclass(frozen=True)
class Check:
    """A registered check: a stable name, the question it answers, the severity of its failure, what to do then."""

    name: str
    question: str
    severity: Severity
    remedy: str
