"""BullMQ in the pdf-service: how often a job is tried, what is kept of its failure, how a worker ends.

A worker that is ended without `close()` leaves its job active without a lock; a job whose failure is removed is gone
without a trace.
"""

from collections.abc import Iterator

from tree_sitter import Node

from printflow_reliability.checks import Outcome
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.node.sources import NodeSource
from printflow_reliability.posture.node.syntax import NodeFile, arguments, called, line, text, walk
from printflow_reliability.posture.php.syntax import Unknown

CHECK = "posture.queues"
KEPT_SECONDS = 7 * 24 * 3600
"""How long a failed job is kept at least: long enough for a person who was away."""


def _rule(name: str, expected: str, why: str, plan: str = "P1-7") -> Rule:
    return Rule(name=name, check=CHECK, plan=(plan,), expected=expected, why=why)


READ = _rule("bullmq_source", "source that shows the queues and workers", "What is not seen may be without any bound.")
ATTEMPTS = _rule(
    "bullmq_attempts", "attempts is 2 or more", "The first failure is otherwise the end of the print file."
)
BACKOFF = _rule(
    "bullmq_backoff", "backoff with a delay and jitter", "Jobs that failed together otherwise come back together."
)
KEPT = _rule(
    "bullmq_remove_on_fail",
    "removeOnFail keeps failed jobs for 7 days or more",
    "A failure that is removed leaves no trace, and nobody can try the job again.",
)
LOCK = _rule(
    "bullmq_lock_duration",
    "lockDuration of 30 s or more is set for what its jobs take",
    "A long render otherwise loses its lock, and another worker begins it a second time.",
)
CLOSE = _rule(
    "bullmq_close",
    "SIGTERM closes the workers",
    "A deployment otherwise cuts jobs off, and they stay active without a lock.",
)


def judge_bullmq(source: NodeSource) -> list[Item]:
    """The items of every queue and worker of a pdf-service."""
    judged = Judged()
    for unread in source.unread:
        judged.add(READ, None, f"it {unread.why}", subject=unread.path, place=Place(unread.path))
    queues = [(file, call) for file in source.files for call in file.calls("Queue") if call.type == "new_expression"]
    workers = [(file, call) for file in source.files for call in file.calls("Worker") if _is_worker(file, call)]
    if not queues and not workers:
        found = f"no Queue and no Worker is seen in {source.application.name}"
        judged.add(READ, None, found, subject="BullMQ", place=Place(source.application.manifest))
        return judged.items
    for file, call in queues:
        _queue(source, file, call, judged)
    for file, call in workers:
        _worker(file, call, judged)
    if workers:
        _close(source, judged)
    return judged.items


def _is_worker(file: NodeFile, call: Node) -> bool:
    """Whether a `new Worker` is BullMQ's and not a thread of Node."""
    imported = text(file.tree)
    return call.type == "new_expression" and "worker_threads" not in imported and len(arguments(call)) > 1


def _place(file: NodeFile, node: Node) -> Place:
    return Place(file.path, line(node))


def _name(call: Node) -> str:
    given = arguments(call)
    return text(given[0]).strip("'\"`") if given else "?"


def _queue(source: NodeSource, file: NodeFile, call: Node, judged: Judged) -> None:
    given = arguments(call)
    options, whole = file.members(given[1]) if len(given) > 1 else ({}, True)
    defaults, known = file.members(options.get("defaultJobOptions")) if "defaultJobOptions" in options else ({}, whole)
    subject = f"queue {_name(call)}"
    place = _place(file, options.get("defaultJobOptions") or call)
    jobs = list(_added(source))

    def setting(name: str) -> tuple[object, bool, Node | None, NodeFile]:
        """The value of an option, whether it can be told, and where it is; each job's own where none is the default."""
        if (node := defaults.get(name)) is not None:
            return file.worth(node), True, node, file
        own = [members[name] for members, _, _ in jobs if name in members]
        if jobs and len(own) == len(jobs):
            return jobs[0][2].worth(own[0]), True, own[0], jobs[0][2]
        return None, known and all(all_known for _, all_known, _ in jobs), None, file

    attempts, told, node, where = setting("attempts")
    at = _place(where, node) if node is not None else place
    outcome: bool | None = (
        None if not told or isinstance(attempts, Unknown) else isinstance(attempts, int) and attempts > 1
    )
    judged.add(ATTEMPTS, outcome, f"{subject}: attempts {_said(attempts, told)}", subject=subject, place=at)
    _, told, node, where = setting("backoff")
    at = _place(where, node) if node is not None else place
    judged.add(BACKOFF, *_backoff(where, node, told, subject), subject=subject, place=at)
    _, told, node, where = setting("removeOnFail")
    at = _place(where, node) if node is not None else place
    judged.add(KEPT, *_kept(where, node, told, subject), subject=subject, place=at)


def _added(source: NodeSource) -> Iterator[tuple[dict[str, Node], bool, NodeFile]]:
    """The options of each job that is added to a queue."""
    for file in source.files:
        for call in file.calls("add"):
            holder = called(call).rpartition(".")[0].lower()
            if "queue" in holder:
                given = arguments(call)
                members, whole = file.members(given[2]) if len(given) > 2 else ({}, True)
                yield members, whole, file


def _backoff(file: NodeFile, node: Node | None, told: bool, subject: str) -> tuple[Outcome | bool | None, str]:
    if node is None:
        return (False if told else None), f"{subject}: backoff {_said(None, told)}"
    members, whole = file.members(node)
    value = file.worth(node)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (Outcome.WARN if value > 0 else Outcome.FAIL), f"{subject}: backoff is the same for every job"
    if not whole:
        return None, f"{subject}: backoff {_said(None, False)}"
    kind = file.worth(members.get("type"))
    if "jitter" in members or kind not in ("exponential", "fixed"):
        return True, f"{subject}: backoff has jitter, or a strategy of its own"
    return Outcome.WARN, f"{subject}: backoff has no jitter"


def _kept(file: NodeFile, node: Node | None, told: bool, subject: str) -> tuple[Outcome | bool | None, str]:
    if node is None:
        return (
            True if told else None
        ), f"{subject}: removeOnFail {'is not set, so all are kept' if told else 'is not known'}"
    value = file.worth(node)
    if isinstance(value, bool):
        return not value, f"{subject}: removeOnFail is {'true' if value else 'false'}"
    if isinstance(value, int):
        return value > 0, f"{subject}: the last {value} failures are kept"
    members, whole = file.members(node)
    age = file.worth(members["age"]) if "age" in members else None
    if not whole or isinstance(age, Unknown):
        return None, f"{subject}: removeOnFail is not known"
    if isinstance(age, int | float):
        return age >= KEPT_SECONDS, f"{subject}: failures are kept for {age:g} s"
    return True, f"{subject}: failures are kept by their number"


def _worker(file: NodeFile, call: Node, judged: Judged) -> None:
    given = arguments(call)
    members, whole = file.members(given[2]) if len(given) > 2 else ({}, True)
    node = members.get("lockDuration")
    value = file.worth(node) if node is not None else None
    told = whole if node is None else not isinstance(value, Unknown)
    outcome = (isinstance(value, int | float) and value >= 30_000) if told else None
    found = f"worker {_name(call)}: lockDuration {_said(value, told)}"
    judged.add(LOCK, outcome, found, subject=f"worker {_name(call)}", place=_place(file, node or call))


def _close(source: NodeSource, judged: Judged) -> None:
    for file in source.files:
        for call in walk(file.tree, "call_expression"):
            given = [text(argument).strip("'\"`") for argument in arguments(call)]
            listens = called(call) in ("process.on", "process.once") and "SIGTERM" in given[:1]
            if not listens and called(call).rpartition(".")[2] not in ("closeWithGrace", "enableShutdownHooks"):
                continue
            closes = not listens or any(
                name.rpartition(".")[2] in ("close", "gracefulShutdown") for name in _names(file)
            )
            found = f"SIGTERM is heard{'' if closes else ', and nothing is closed'}"
            judged.add(CLOSE, closes, found, subject="workers", place=_place(file, call))
            return
    place = Place(source.application.manifest)
    judged.add(CLOSE, None if source.unread else False, "nothing hears SIGTERM", subject="workers", place=place)


def _names(file: NodeFile) -> Iterator[str]:
    return (called(call) for call in walk(file.tree, "call_expression"))


def _said(value: object, told: bool) -> str:
    if not told or isinstance(value, Unknown):
        return "is not known"
    return "is not set" if value is None else f"is {value}"
