"""Probes of the platform: liveness that asks nothing, readiness that asks everything, somebody outside who asks.

A liveness probe that asks the database restarts every host when the database is slow.
"""

import re
from collections.abc import Iterator, Sequence

from printflow_reliability.posture.applications import Kind, Platform
from printflow_reliability.posture.checkout import Unreadable
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.node.sources import NodeSource
from printflow_reliability.posture.node.syntax import arguments as node_arguments
from printflow_reliability.posture.node.syntax import called as node_called
from printflow_reliability.posture.php.syntax import arguments, called, evaluate, line, text, walk
from printflow_reliability.posture.sources import PhpSource

CHECK = "posture.health"


def _rule(name: str, expected: str, why: str) -> Rule:
    return Rule(name=name, check=CHECK, plan=("P1-5",), expected=expected, why=why)


READINESS = _rule(
    "readiness",
    "a route such as /readyz that asks every dependency",
    "A host that cannot work is given orders all the same.",
)
GATED = _rule(
    "readiness_token", "readiness asks for a token", "Everybody otherwise learns what the platform is made of."
)
LIVENESS = _rule(
    "liveness", "a liveness probe that asks no dependency", "A slow database otherwise restarts every host at once."
)
WATCHED = _rule(
    "watched",
    "something outside that asks the readiness route",
    "Nobody hears of a platform that is down with its monitoring.",
)
READY_PATH = re.compile(r"^/?(?:[\w-]+/)*(?:readyz|ready|readiness)$")
LIVE_PATH = re.compile(r"^/?(?:[\w-]+/)*(?:livez|live|liveness|alive|ping|up|healthz)$")
DEPENDENCIES = re.compile(r"\b(?:DB|Redis|Storage|Cache|Queue|Http)::|\b(?:redis|prisma|pool|knex|s3|queue)\.\w+\(")
GATES = re.compile(r"middleware|bearer|token|auth", re.IGNORECASE)
OUTSIDE = (".yml", ".yaml", ".tf", ".json", ".toml", ".hcl")


def judge_health(platform: Platform, php: Sequence[PhpSource], node: Sequence[NodeSource]) -> list[Item]:
    """The items of the probes of Laravel and of the pdf-service, and of who asks them."""
    judged = Judged()
    paths: list[str] = []
    for source in php:
        routes = list(_php_routes(source))
        paths += _probes(routes, source.application.name, bool(source.unread), Place(source.application.root), judged)
        for path, tree in source.trees.items():
            for name in walk(tree, "name"):
                if text(name) == "DiagnosingHealth" and name.parent is not None and "use" not in name.parent.type:
                    place = Place(path, line(name))
                    found = "the probe /up asks what listens to DiagnosingHealth"
                    judged.add(LIVENESS, False, found, subject="/up", place=place)
    for script in node:
        if script.application.kind is Kind.PDF_SERVICE:
            place = Place(script.application.root)
            paths += _probes(list(_node_routes(script)), script.application.name, bool(script.unread), place, judged)
    _watched(platform, paths, judged)
    return judged.items


Route = tuple[str, Place, str]
"""A route's path, where it is, and its source."""


def _php_routes(source: PhpSource) -> Iterator[Route]:
    for path, tree in source.trees.items():
        for call in walk(tree, "scoped_call_expression", "member_call_expression"):
            if called(call).lower() not in ("get", "any", "match", "view", "withrouting"):
                continue
            outer = call
            while outer.parent is not None and outer.parent.type == "member_call_expression":
                outer = outer.parent
            for argument in arguments(call):
                value = evaluate(argument)
                if isinstance(value, str) and (READY_PATH.match(value) or LIVE_PATH.match(value)):
                    whole = text(outer) if called(call).lower() != "withrouting" else ""
                    yield value, Place(path, line(argument)), whole


def _node_routes(source: NodeSource) -> Iterator[Route]:
    for file in source.files:
        for call in file.calls("get", "use", "all"):
            given = node_arguments(call)
            value = file.worth(given[0]) if given else None
            if (
                isinstance(value, str)
                and (READY_PATH.match(value) or LIVE_PATH.match(value))
                and "." in node_called(call)
            ):
                yield value, Place(file.path, line(call)), text(call)


def _probes(routes: Sequence[Route], name: str, unread: bool, root: Place, judged: Judged) -> list[str]:
    """The items of an application's routes; the paths of its readiness are returned."""
    ready = [route for route in routes if READY_PATH.match(route[0])]
    alive = [route for route in routes if LIVE_PATH.match(route[0])]
    unseen = None if unread else False
    if not ready:
        judged.add(READINESS, unseen, f"{name} has no readiness route that is seen", subject=name, place=root)
    for path, place, source in ready:
        judged.add(READINESS, True, f"{path} is a readiness route", subject=path, place=place)
        gated = GATES.search(source) is not None
        judged.add(
            GATED, gated, f"{path} asks {'for a token' if gated else 'nobody who asks'}", subject=path, place=place
        )
    if not alive:
        judged.add(LIVENESS, unseen, f"{name} has no liveness route that is seen", subject=name, place=root)
    for path, place, source in alive:
        asks = DEPENDENCIES.search(source)
        found = f"{path} asks {asks[0].strip('(')}" if asks else f"{path} asks no dependency"
        judged.add(LIVENESS, not asks, found, subject=path, place=place)
    return [path for path, _, _ in ready]


def _watched(platform: Platform, ready: Sequence[str], judged: Judged) -> None:
    wanted = [path if path.startswith("/") else f"/{path}" for path in ready]
    for path in platform.checkout.below("", *OUTSIDE):
        if path.endswith(("package.json", "package-lock.json", "composer.json")):
            continue
        try:
            content = platform.checkout.text(path)
        except Unreadable:
            continue
        for name in wanted:
            if (at := content.find(name)) >= 0:
                place = Place(path, content.count("\n", 0, at) + 1)
                judged.add(WATCHED, True, f"it asks {name}", subject=name, place=place)
                return
    found = "nothing in the checkout asks the readiness route from outside" if wanted else "there is nothing to ask"
    judged.add(WATCHED, None if wanted else False, found, subject="readiness", place=Place())
