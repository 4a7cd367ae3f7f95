"""Every queued job is bounded: tries, backoff, timeout, what happens at its end, and that it runs once.

A job without a bound holds a worker for ever or is lost after its first failure; one whose `failed()` does nothing
loses a paid order without a word.
"""

from collections.abc import Callable, Iterator, Sequence

from printflow_reliability.checks import Outcome
from printflow_reliability.findings import Severity
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.job_settings import Job, JobSetting, is_unique, perhaps_queued, queued_jobs
from printflow_reliability.posture.php.syntax import NAMES, Unknown, called, child, text, walk
from printflow_reliability.posture.sources import PhpSource

CHECK = "posture.jobs"


def _rule(name: str, expected: str, why: str, plan: str = "P1-7", severity: Severity = Severity.ERROR) -> Rule:
    return Rule(name=name, check=CHECK, plan=(plan,), expected=expected, why=why, severity=severity)


PARSES = _rule("job_source", "PHP that parses", "What does not parse may hold jobs that nobody has looked at.")
TRIES = _rule(
    "job_tries", "$tries is 1 or more", "Without it the worker's own default decides: one failure is the end."
)
BACKOFF = _rule(
    "job_backoff",
    "backoff() returns seconds above 0 with a part that is random",
    "Jobs that failed together otherwise come back together, at once, to a service that is still down.",
)
TIMEOUT = _rule(
    "job_timeout",
    "public $timeout is above 0 and below the timeout of the worker",
    "A job that hangs otherwise holds its worker, or is killed by the worker and run a second time.",
)
FAIL_ON_TIMEOUT = _rule(
    "job_fail_on_timeout",
    "public $failOnTimeout is true",
    "A job that timed out is otherwise begun again, and again holds its worker for its whole time.",
)
FAILED = _rule(
    "job_failed",
    "failed() does something, such as holding the order",
    "Nobody otherwise hears that a job was given up: its order goes on without the file.",
    severity=Severity.CRITICAL,
)
UNIQUE = _rule(
    "job_unique",
    "the class implements ShouldBeUnique, or has an idempotency key",
    "A queue delivers at least once: the same job otherwise makes a second file or charge.",
    plan="P1-1",
)
THROTTLED = _rule(
    "job_throttled",
    "middleware() has ThrottlesExceptions",
    "A service that is down is otherwise asked by every job, and every job uses up its tries.",
)
OUTSIDE_FACADES = frozenset({"illuminate\\support\\facades\\http", "http", "soapclient"})
OUTSIDE_LIBRARIES = ("guzzlehttp\\", "stripe\\", "aws\\", "twilio\\")
OUTSIDE_FUNCTIONS = frozenset({"curl_exec", "curl_multi_exec"})
THROTTLES = ("throttlesexceptions", "throttlesexceptionswithredis")


def judge_jobs(
    source: PhpSource, framework: int | None, worker_timeout: Callable[[object], float | None]
) -> list[Item]:
    """The items of every queued class of an application, and of what may be one and cannot be read.

    Args:
        source: the application's PHP.
        framework: the major version of laravel/framework, where it is known.
        worker_timeout: the timeout in seconds of the worker of a queue, by the queue's name; None where not known.
    """
    judged = Judged()
    for file in source.unread:
        judged.add(PARSES, None, f"it {file.why}", subject=file.path, place=Place(file.path))
    for declared in perhaps_queued(source.classes):
        found = f"{declared.name} may be a queued job: its parent {declared.parent} is not in the checkout"
        judged.add(PARSES, None, found, subject=declared.name, place=Place(declared.path, declared.line))
    for job in queued_jobs(source.classes, framework):
        _judge(job, judged, worker_timeout)
    return judged.items


def timeouts(source: PhpSource, framework: int | None) -> Iterator[tuple[Job, JobSetting]]:
    """The timeout of each queued class."""
    for job in queued_jobs(source.classes, framework):
        yield job, job.setting("timeout")


def _judge(job: Job, judged: Judged, worker_timeout: Callable[[object], float | None]) -> None:
    name = job.declared.name

    def add(rule: Rule, outcome: Outcome | bool | None, found: str, place: Place | None = None) -> None:
        judged.add(rule, outcome, f"{name}: {found}", subject=name, place=place or job.place)

    tries = job.setting("tries")
    if job.does("retryUntil"):
        add(TRIES, True, "retryUntil() bounds it by time")
    else:
        add(TRIES, _whole(tries, above=0), _said("tries", tries), tries.place)
    backoff = job.setting("backoff")
    add(BACKOFF, _backoff(backoff), _said("backoff", backoff, chance=True), backoff.place)
    timeout = job.setting("timeout")
    outcome, found = _timeout(timeout, worker_timeout(job.setting("queue").value))
    add(TIMEOUT, outcome, found, timeout.place)
    fails = job.setting("failOnTimeout")
    add(FAIL_ON_TIMEOUT, None if not fails.known else fails.value is True, _said("failOnTimeout", fails), fails.place)
    _failed(job, add)
    _unique(job, add)
    _throttled(job, add)


Add = Callable[..., None]


def _failed(job: Job, add: Add) -> None:
    if job.does("failed"):
        add(FAILED, True, "failed() does something")
    elif job.method("failed"):
        add(FAILED, False, "failed() is empty")
    elif job.lineage.unseen:
        add(FAILED, None, f"no failed() is seen; {', '.join(job.lineage.unseen)} may have it")
    else:
        add(FAILED, False, "there is no failed()")


def _unique(job: Job, add: Add) -> None:
    keyed = any(
        name.lower() == "idempotencykey"
        for declared in job.lineage.classes
        for name in (*declared.properties, *declared.methods)
    )
    if is_unique(job):
        add(UNIQUE, True, "it is unique")
    elif keyed:
        add(UNIQUE, True, "it has an idempotency key")
    elif job.lineage.unseen:
        add(UNIQUE, None, f"nothing makes it unique here; {', '.join(job.lineage.unseen)} may")
    elif job.method("uniqueId") or job.setting("uniqueId").value is not None:
        add(UNIQUE, False, "uniqueId is given, but the class does not implement ShouldBeUnique, so nobody asks for it")
    else:
        add(UNIQUE, False, "it may be queued and run twice")


def _throttled(job: Job, add: Add) -> None:
    if not (call := _outside_call(job)):
        return  # a call that another class makes for the job is not seen here
    found = job.method("middleware")
    names: Sequence[str] = ()
    if found is not None:
        declared, method = found
        names = [
            declared.imports.full(text(child(made, *NAMES))).lower()
            for made in walk(method, "object_creation_expression")
        ]
    if any(name.rpartition("\\")[2] in THROTTLES for name in names):
        add(THROTTLED, True, f"it calls {call}, behind ThrottlesExceptions")
    elif job.lineage.unseen:
        add(THROTTLED, None, f"it calls {call}; {', '.join(job.lineage.unseen)} may throttle that")
    else:
        add(THROTTLED, False, f"it calls {call}, and no ThrottlesExceptions is around that")


def _outside_call(job: Job) -> str:
    """What of the outside the job calls itself; empty if nothing is seen."""
    for declared in job.lineage.classes:
        for method in declared.methods.values():
            for node in walk(
                method, "scoped_call_expression", "object_creation_expression", "function_call_expression"
            ):
                if node.type == "function_call_expression":
                    if called(node).lower() in OUTSIDE_FUNCTIONS:
                        return called(node)
                    continue
                written = text(child(node, *NAMES))
                full = declared.imports.full(written).lower() if written else ""
                if full in OUTSIDE_FACADES or full.startswith(OUTSIDE_LIBRARIES):
                    return written
    return ""


def _whole(setting: JobSetting, above: int) -> bool | None:
    if not setting.known:
        return None
    value = setting.value
    return isinstance(value, int) and not isinstance(value, bool) and value > above


def _backoff(setting: JobSetting) -> Outcome | None:
    if setting.random:
        return Outcome.PASS
    if not setting.known:
        return None
    values = setting.value if isinstance(setting.value, list) else [setting.value]
    if any(isinstance(value, Unknown) for value in values):
        return None
    bounded = [isinstance(value, int | float) and not isinstance(value, bool) and value > 0 for value in values]
    return Outcome.WARN if bounded and all(bounded) else Outcome.FAIL


def _timeout(setting: JobSetting, worker: float | None) -> tuple[bool | None, str]:
    said = _said("timeout", setting)
    bounded = _whole(setting, above=0)
    if not bounded or not isinstance(setting.value, int):
        return bounded, said
    if worker is None:
        return None, f"{said} s, and the timeout of its worker is not known"
    return setting.value < worker, f"{said} s; its worker ends after {worker:g} s"


def _said(name: str, setting: JobSetting, *, chance: bool = False) -> str:
    if setting.ignored:
        return f"{name} is not set: {setting.ignored}"
    if not setting.known:
        return f"{name} is decided while the program runs, or by a class that is not in the checkout"
    if setting.value is None:
        return f"{name} is not set"
    if chance:
        return "backoff has a part that is random" if setting.random else "backoff is the same for every job"
    shown = {True: "true", False: "false"}.get(setting.value) if isinstance(setting.value, bool) else setting.value
    return f"{name} is {shown}"
