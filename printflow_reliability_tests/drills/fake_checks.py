# ruff: noqa: ARG002 - the fakes take what the protocols say
"""What clones of the fake world answer when they are asked, and the script that hears every call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.validation.recovered_files import RecoveredFiles
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.restore.fence import Fence
from printflow_reliability_tests.drills.two_clusters import passed

RESTORABLE = Finding(kind="missing_restorable", severity=Severity.ERROR, detail="gone", action="copy it", key="a.pdf")


@dataclass
class Script:
    """What was called so far, and what happens in which call."""

    planted: dict[str, Callable[[], None]] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)

    def heard(self, method: str) -> None:
        self.called.append(method)
        if act := self.planted.get(method):
            act()


@dataclass
class FakeChecks:
    script: Script
    rows_outcome: Outcome = Outcome.PASS

    def links(self) -> CheckResult:
        self.script.heard("links")
        return passed("drill.links")

    def inventory(self, fences: Mapping[str, Fence]) -> CheckResult:
        self.script.heard("inventory")
        return passed("drill.inventory")

    def rows(self, fences: Mapping[str, Fence]) -> CheckResult:
        self.script.heard("rows")
        return CheckResult("drill.fence", self.rows_outcome, f"drill.fence is {self.rows_outcome}")

    def pages(self) -> CheckResult:
        self.script.heard("pages")
        return passed("drill.checksums")

    def data(self) -> Sequence[CheckResult]:
        self.script.heard("data")
        return [passed(f"drill.{name}") for name in ("indexes", "foreign_keys", "constraints", "sequences")]

    def smoke(self) -> CheckResult:
        self.script.heard("smoke")
        return passed("drill.smoke")

    def files(self, moment: datetime | None) -> RecoveredFiles:
        self.script.heard("files")
        return RecoveredFiles(passed("drill.files"), [RESTORABLE])

    def rollback(self, found: RecoveredFiles, moment: datetime | None, recovered_at: datetime | None) -> CheckResult:
        self.script.heard("rollback")
        return passed("drill.rollback")

    def printable(self, moment: datetime | None, recovered_at: datetime | None) -> CheckResult:
        self.script.heard("printable")
        return passed("drill.printable")

    def tenant(self) -> CheckResult:
        self.script.heard("tenant")
        return passed("drill.tenant")
