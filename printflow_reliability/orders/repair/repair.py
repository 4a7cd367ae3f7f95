"""Repairing a paid order: the plan, and each of its steps carried out once, recorded, and judged by the guard.

No step makes an order ready by itself: the guard looks at the database and the bucket again, and its answer is the
outcome. A repair that was killed is simply run again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files.new_objects import may_write
from printflow_reliability.orders.guard import check_order, check_paid_orders
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import REPAIRED, Problem, repair_command
from printflow_reliability.orders.repair import record
from printflow_reliability.orders.repair.plan import Choice, Found, Means, Status, Step, Way, plan_step
from printflow_reliability.orders.repair.record import Records
from printflow_reliability.orders.repair.search import Search
from printflow_reliability.orders.repair.steps import Repair, carry_out
from printflow_reliability.pdf.ledger import Ledger
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.order_writes import SECTION
from printflow_reliability.records import erasures
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, shell_word, storable


@dataclass(frozen=True)
class RepairReport:
    """What is planned for an order, what was done, and the guard's answer after it.

    Attributes:
        plan: a step for each item whose artwork is wrong.
        done: the steps that were carried out, those that failed among them; empty for a plan alone.
    """

    order: str
    applied: bool
    answer: OrderAnswer
    plan: Sequence[Step] = ()
    done: Sequence[Step] = ()

    @property
    def exit_code(self) -> int:
        """0 if nothing is left to do, 1 if something is."""
        return 0 if self.answer.ready else 1

    def as_json(self) -> dict[str, Any]:
        """As `orders repair` prints it."""
        return {
            "order": self.order,
            "applied": self.applied,
            "ready": self.answer.ready,
            "reasons": [problem.text for problem in self.answer.problems],
            "plan": [step.as_json() for step in self.plan],
            "done": [step.as_json() for step in self.done if step.status is Status.DONE],
            "failed": [step.as_json() for step in self.done if step.status is Status.FAILED],
        }


def repair(
    settings: Settings, order: str, choice: Choice | None = None, *, apply: bool = False, person: str = ""
) -> RepairReport:
    """Plan what brings an order's artwork back, and do it.

    Args:
        settings: the whole file.
        order: its number.
        choice: what a person chose; None to have the plan choose.
        apply: do it; otherwise only plan.
        person: who does it, for the record.

    Raises:
        ConfigError: there is no such paid order, or the choice is wrong.
        CouldNotTell: a database or the bucket does not answer.
        LockHeld: somebody else repairs the order.
    """
    choice = choice or Choice()
    if choice.ways > 1:
        raise ConfigError("a key, a file, regenerate and ask exclude one another", "choose one of them")
    if choice.key == "" or choice.item == "":  # as a variable of the shell that is not set
        raise ConfigError("the chosen key or item is empty", "name it, or leave the choice out")
    if not apply:
        with open_records(settings.records) as records, InspectionWorker(settings.pdf) as worker:
            answer, plan, _ = _planned(settings, records, worker, order, choice)
        return RepairReport(order, False, answer, plan)
    if not person.strip():
        raise ConfigError("a repair needs a person", "--by NAME")
    with (
        open_records(settings.records) as records,
        exclusive(records, f"repair of order {storable(order)}"),
        InspectionWorker(settings.pdf) as worker,
    ):
        _, plan, search = _planned(settings, records, worker, order, choice)
        ready = [step for step in plan if step.status is Status.PLANNED]
        work = Repair(settings, records, worker, search, order, person)
        done = [carry_out(work, step) for step in ready]
        record.close(records, order)
    return RepairReport(order, True, _judged_again(settings, order), plan, done)


def _judged_again(settings: Settings, order: str) -> OrderAnswer:
    """The guard's answer; where the order is ready, its hold is lifted.

    Raises:
        CouldNotTell: it cannot be judged; then nothing of the repair is called a success.
    """
    try:
        answer = check_order(settings, order)
        settled = check_paid_orders(settings, orders=[order]).checks[0] if answer.ready else None
    except CouldNotTell as away:
        raise CouldNotTell(
            f"what was done is recorded, but order {order} cannot be judged again: {away.what}"
        ) from None
    if settled is not None and settled.outcome is Outcome.UNKNOWN:
        raise CouldNotTell(f"order {order} may go to print, but its hold could not be lifted: {settled.detail}")
    return answer


def _planned(
    settings: Settings, records: Records, worker: InspectionWorker, order: str, choice: Choice
) -> tuple[OrderAnswer, list[Step], Search | None]:
    answer = check_order(settings, order, worker=worker)
    problems = _chosen(order, answer.problems, choice)
    if not problems:
        return answer, [], None
    search = None
    if not choice.ask and (choice.made or any(problem.kind in REPAIRED for problem in problems)):
        ledger = Ledger(records, settings.orders.bucket, worker.rules.fingerprint)
        search = Search(settings, ledger, worker, erasures.in_force(records))
    means = means_of(settings)
    found = [search.found(problem, choice) if search else Found() for problem in problems]
    steps = [plan_step(order, problem, there, means, choice) for problem, there in zip(problems, found, strict=True)]
    if answer.waiting and not choice.made:
        steps = [_patient(order, step) for step in steps]
    return answer, steps, search


def _patient(order: str, step: Step) -> Step:
    """Nobody asks for another file while the platform may be making the first."""
    if step.way is not Way.REGENERATE:
        return step
    again = repair_command(
        order, *([f"--item={shell_word(step.item)}"] if step.item else []), "--regenerate", "--apply"
    )
    return replace(
        step,
        way=Way.PERSON,
        status=Status.NEEDS_PERSON,
        detail="the order was only just paid, and the platform may still be making its file (orders.grace_seconds)",
        options=(again, *step.options),
    )


def _chosen(order: str, problems: Sequence[Problem], choice: Choice) -> list[Problem]:
    """The problems that a choice is about, each item once.

    Raises:
        ConfigError: the choice names no item, and there are several; or one that has no problem.
    """
    found = [*dict.fromkeys(problems)]
    if choice.item is not None:
        named = [problem for problem in found if problem.item is not None and problem.item.item == choice.item]
        if found and not named:
            raise ConfigError(f"order {order} has no item {choice.item} with wrong artwork", repair_command(order))
        found = named
    if choice.ask:
        return found[:1]
    if choice.made and len(found) > 1:
        items = ", ".join(str(problem.item.item) for problem in found if problem.item and problem.item.item)
        raise ConfigError(
            f"order {order} has {counted(len(found), 'item')} with wrong artwork, and a choice is for one",
            f"--item=ID, one of: {items}" if items else "have orders.paid return a column item, then: --item=ID",
        )
    return found


def means_of(settings: Settings) -> Means:
    """What cannot be done in this installation, and what it lacks."""
    repairs, bucket = settings.orders.repair, settings.bucket_named(settings.orders.bucket)
    lacks = f"printflow.toml has no [{SECTION}]"
    return Means(
        link="" if repairs else f"no link can be written: {lacks}",
        store="" if may_write(bucket) else f'nothing can be stored: bucket "{bucket.name}" has no heal_access_key_id',
        generate="" if settings.pdf_service else "no file can be made: printflow.toml has no [pdf_service]",
        ask=""
        if repairs and repairs.ask
        else f"the customer cannot be asked: printflow.toml has no ask in [{SECTION}]",
    )
