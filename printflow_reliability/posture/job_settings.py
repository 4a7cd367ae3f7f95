"""What a queued class says about how it is run, as Laravel's queue reads it from an object of the class.

Laravel reads a setting from a public property, whoever in the lineage declares it; tries and backoff also from a method
of that name; from version 13 on also from an attribute. A timeout that is a method, a property that is not public or
static, and an attribute under an older framework are read by nobody.
"""

from dataclasses import dataclass

from tree_sitter import Node

from printflow_reliability.posture.items import Place
from printflow_reliability.posture.php.classes import ClassIndex, Lineage, PhpClass
from printflow_reliability.posture.php.syntax import (
    UNKNOWN,
    Unknown,
    called,
    evaluate,
    line,
    statements,
    text,
    walk,
)

QUEUED = frozenset(
    {"illuminate\\contracts\\queue\\shouldqueue", "illuminate\\contracts\\queue\\shouldqueueaftercommit"}
)
UNIQUE = frozenset(
    {
        "illuminate\\contracts\\queue\\shouldbeunique",
        "illuminate\\contracts\\queue\\shouldbeuniqueuntilprocessing",
    }
)
ATTRIBUTES = "illuminate\\queue\\attributes\\"
ATTRIBUTES_SINCE = 13
"""The major version of laravel/framework that reads attributes of jobs."""
METHODS = frozenset({"tries", "backoff"})
"""What a method may say; of anything else the queue asks the property only."""
RANDOM = frozenset(
    {"rand", "mt_rand", "random_int", "lcg_value", "array_rand", "shuffle", "getint", "random", "jitter"}
)


@dataclass(frozen=True)
class JobSetting:
    """One setting of a job.

    Attributes:
        value: what it is; None where nothing sets it, UNKNOWN where only a running program knows.
        place: where it is set, or the class where nothing does.
        random: whether chance is a part of it.
        ignored: what looks like the setting and is not read by the queue; empty if there is none.
    """

    value: object
    place: Place
    random: bool = False
    ignored: str = ""

    @property
    def known(self) -> bool:
        """Whether the value, or that there is none, can be told."""
        return not isinstance(self.value, Unknown)


@dataclass(frozen=True)
class Job:
    """A queued class with what it inherits; `framework` is the major version of Laravel, None if not known."""

    declared: PhpClass
    lineage: Lineage
    index: ClassIndex
    framework: int | None

    @property
    def place(self) -> Place:
        """Where the class is declared."""
        return Place(self.declared.path, self.declared.line)

    def setting(self, name: str) -> JobSetting:
        """What the job says of `tries`, `backoff`, `timeout`, `failOnTimeout` or the like."""
        ignored = ""
        for declared in self.lineage.classes:
            assigned = declared.assigned.get(name)
            if assigned is not None and self._property(name) is not None:
                return self._worth(assigned, declared)
        for declared in self.lineage.classes:
            held = declared.properties.get(name)
            if held is None:
                continue
            place = Place(declared.path, line(held.node))
            if not held.public:
                ignored = f"${name} is not public, so the queue does not see it"
                break
            if held.default is not None:
                worth = self._worth(held.default, declared)
                if worth.value is not None:
                    return worth
            elif held.promoted:
                return JobSetting(UNKNOWN, place)
            break
        for declared in self.lineage.classes:
            if method := declared.methods.get(name.lower()):
                if name in METHODS:
                    return self._returned(method, declared)
                ignored = ignored or f"{name}() is a method, and the queue reads the property only"
        return self._by_attribute(name, ignored)

    def method(self, name: str) -> tuple[PhpClass, Node] | None:
        """A method of the job, and the class of the lineage that has it."""
        for declared in self.lineage.classes:
            if method := declared.methods.get(name.lower()):
                return declared, method
        return None

    def does(self, name: str) -> bool:
        """Whether the job has that method and it does something."""
        found = self.method(name)
        body = found[1].child_by_field_name("body") if found else None
        return body is not None and bool(statements(body))

    def _property(self, name: str) -> object:
        return next((kept for declared in self.lineage.classes if (kept := declared.properties.get(name))), None)

    def _by_attribute(self, name: str, ignored: str) -> JobSetting:
        for declared in self.lineage.classes:
            given = declared.attributes.get(ATTRIBUTES + name.lower())
            if given is None:
                continue
            if self.framework is None:
                return JobSetting(UNKNOWN, Place(declared.path, declared.line), ignored=ignored)
            if self.framework < ATTRIBUTES_SINCE:
                ignored = f"Laravel {self.framework} does not read the attribute {name[0].upper()}{name[1:]}"
                continue
            place = Place(declared.path, declared.line)
            if not given:
                return JobSetting(True, place)
            worths = [self._worth(argument, declared).value for argument in given]
            return JobSetting(worths[0] if len(worths) == 1 else worths, place)
        return JobSetting(UNKNOWN if self.lineage.unseen and not ignored else None, self.place, ignored=ignored)

    def _returned(self, method: Node, declared: PhpClass) -> JobSetting:
        body = method.child_by_field_name("body")
        returns = list(walk(body, "return_statement")) if body is not None else []
        place = Place(declared.path, line(method))
        random = body is not None and any(
            called(call).lower() in RANDOM
            for call in walk(body, "function_call_expression", "scoped_call_expression", "member_call_expression")
        )
        if len(returns) != 1 or not returns[0].named_children:
            return JobSetting(UNKNOWN if returns else None, place, random)
        return JobSetting(self._worth(returns[0].named_children[0], declared).value, place, random)

    def _worth(self, node: Node, declared: PhpClass) -> JobSetting:
        def resolve(part: Node) -> object:
            if part.type == "class_constant_access_expression" and len(part.named_children) == 2:
                return self._constant(text(part.named_children[0]), text(part.named_children[1]), declared)
            return UNKNOWN

        return JobSetting(evaluate(node, resolve), Place(declared.path, line(node)))

    def _constant(self, holder: str, name: str, declared: PhpClass) -> object:
        holders: tuple[PhpClass, ...]
        if holder.lower() in ("self", "static", "parent"):
            holders = self.lineage.classes
        else:
            known = self.index.find(declared.imports.full(holder))
            holders = (known,) if known else ()
        return next((evaluate(held.constants[name]) for held in holders if name in held.constants), UNKNOWN)


def queued_jobs(index: ClassIndex, framework: int | None) -> list[Job]:
    """Every class of which objects are queued: jobs, listeners, notifications and mails."""
    found = []
    for declared in index:
        lineage = index.lineage(declared)
        if declared.concrete and _interfaces(lineage) & QUEUED:
            found.append(Job(declared, lineage, index, framework))
    return found


def perhaps_queued(index: ClassIndex) -> list[PhpClass]:
    """Classes made to be queued whose parent is not in the checkout: it may say that they are, or not."""
    return [
        declared
        for declared in index
        if declared.concrete
        and "handle" in declared.methods
        and any(trait.lower().startswith("illuminate\\") and "queue" in trait.lower() for trait in declared.traits)
        and (lineage := index.lineage(declared)).unseen
        and not _interfaces(lineage) & QUEUED
    ]


def is_unique(job: Job) -> bool:
    """Whether Laravel keeps a second job of the same key out of the queue."""
    return bool(_interfaces(job.lineage) & UNIQUE)


def _interfaces(lineage: Lineage) -> frozenset[str]:
    return lineage.interfaces
