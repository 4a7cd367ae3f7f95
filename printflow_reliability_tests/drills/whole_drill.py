"""A drill carried out in the fake world, what it says of each check, and what it says where all is well."""

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.conduct import conduct
from printflow_reliability.drills.report import DrillReport
from printflow_reliability.drills.stages.drill import Drill
from printflow_reliability.restore.interrupts import Interrupts
from printflow_reliability_tests.drills.fake_world import FakeWorld
from printflow_reliability_tests.drills.two_clusters import BEGAN

FIRST_FENCE = "no fence was recorded before this one, so there is nothing to compare with yet"
MET = "RTO 8.0 s, target 3600 s; RPO 2.0 s, target 300 s"
RECOVERED = (
    "replayed to the end of WAL (live_db to 0/6000200, admin_db to 0/6000200), promoted, written to",
    Outcome.PASS,
)
AT_FENCE = {
    "drill.links": ("drill.links is well", Outcome.PASS),
    "drill.inventory": ("drill.inventory is well", Outcome.PASS),
    "drill.shrinkage": (FIRST_FENCE, Outcome.PASS),
    "drill.fence": ("drill.fence is pass", Outcome.PASS),
    "drill.checksums": ("drill.checksums is well", Outcome.PASS),
}
IN_DATA = {
    f"drill.{name}": (f"drill.{name} is well", Outcome.PASS)
    for name in ("indexes", "foreign_keys", "constraints", "sequences")
}
AT_END = {
    "drill.smoke": ("drill.smoke is well", Outcome.PASS),
    "drill.files": ("drill.files is well", Outcome.PASS),
    "drill.rollback": ("drill.rollback is well", Outcome.PASS),
    "drill.printable": ("drill.printable is well", Outcome.PASS),
    "drill.tenant": ("drill.tenant is well", Outcome.PASS),
    "drill.objectives": (MET, Outcome.PASS),
}
ISOLATED = {"drill.isolation": ("drill.isolation is well", Outcome.PASS)}
WELL = {**AT_FENCE, "drill.recovery": RECOVERED, **IN_DATA, **AT_END, **ISOLATED}
Answers = dict[str, tuple[str, Outcome]]


def answers_of(report: DrillReport) -> Answers:
    return {check.check: (check.detail, check.outcome) for check in report.checks}


def carried_out(world: FakeWorld, drill: Drill | None = None) -> DrillReport:
    signals = Interrupts()
    with signals.obeyed():
        return conduct(drill or world.drill(), BEGAN, signals)


def recorded(world: FakeWorld) -> Answers:
    """What the last record of the drill says, once it has ended."""
    ended, document = world.records.recorded[-1]
    assert ended
    return {check["name"]: (check["detail"], Outcome(check["outcome"])) for check in document["checks"]}
