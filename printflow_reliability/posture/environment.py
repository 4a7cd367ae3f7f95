"""The environment of the platform: its `.env` files, and the cached configuration that overrides them.

A platform that calls itself a development one while it holds live keys and takes live orders fails in ways that nobody
watches.
"""

import re
from collections.abc import Mapping

from printflow_reliability.checks import Outcome
from printflow_reliability.findings import Severity
from printflow_reliability.posture.applications import Application, Kind, Platform
from printflow_reliability.posture.dotenv import Environment, Variable, read_environment
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.php.configuration import Configuration

CHECK = "posture.environment"


def _rule(name: str, expected: str, why: str, severity: Severity = Severity.ERROR) -> Rule:
    return Rule(name=name, check=CHECK, plan=("P2-4",), expected=expected, why=why, severity=severity)


READABLE = _rule("environment_file", "an .env that can be read", "What runs is decided by what is not seen here.")
LINES = _rule(
    "environment_lines", "each variable once, on a line NAME=value", "Which value counts depends on the reader."
)
FILLED = _rule(
    "placeholder",
    "a value in place of each @PLACEHOLDER@",
    "Whatever is asked with a placeholder refuses it.",
)
APP_ENV = _rule(
    "app_env", "APP_ENV is production", "Development settings show errors to customers and skip safeguards."
)
APP_DEBUG = _rule(
    "app_debug", "APP_DEBUG is false", "A page of an error shows customers the platform's secrets.", Severity.CRITICAL
)
NODE_ENV = _rule(
    "node_env", "NODE_ENV is production", "Node libraries otherwise run slower and show errors to callers."
)
SESSIONS = _rule(
    "session_store", "SESSION_DRIVER is redis, database or another that all hosts share", "Customers lose carts."
)
CACHE = _rule(
    "cache_store", "the cache store is redis, database or another that all hosts share", "Locks hold on one host only."
)
STAND_INS = _rule("stand_in", "the real service", "A stand-in answers that all is well, and nothing happens.")
LIVE_KEYS = _rule(
    "live_keys",
    "live keys in production only",
    "A trial in an environment that calls itself development charges customers or deletes their files.",
    Severity.CRITICAL,
)
SHARED = _rule(
    "shared_secret",
    "the same value in Laravel and in the pdf-service",
    "Every internal call is otherwise refused with 401, and no PDF is made.",
    Severity.CRITICAL,
)
CACHED = _rule(
    "cached_configuration",
    "a cached configuration that says what .env says",
    "Laravel does not read .env where there is a cached configuration.",
)
SHARED_NAMES = ("APP_KEY", "INTERNAL_API_SECRET")
STAND_IN_WORDS = frozenset(
    {
        "dev",
        "development",
        "local",
        "test",
        "testing",
        "fake",
        "mock",
        "stub",
        "dummy",
        "sandbox",
        "demo",
        "log",
        "array",
    }
)
MODE = re.compile(r"(?:^|_)(?:MODE|MAILER|PAYMENT_DRIVER|SMS_DRIVER|PAYMENT_GATEWAY)$")
PLACEHOLDER = re.compile(r"@[A-Z][A-Z0-9_]*@")
"""As the templates of deploy/platform have them for fill.py."""
LIVE = re.compile(r"(?:sk|rk|pk)_live_[A-Za-z0-9]|AKIA[A-Z0-9]{12,}")
TRIAL = re.compile(r"(?:sk|rk|pk)_test_[A-Za-z0-9]")
ALONE = frozenset({"array", "file", "null", "apc"})
APPLICATION_NAMES = ("APP_ENV", "NODE_ENV")


def environments(platform: Platform) -> dict[str, Environment]:
    """The `.env` of every application, by the application's directory."""
    return {
        application.root: read_environment(platform.checkout, application.root) for application in platform.applications
    }


def judge_environment(platform: Platform, read: Mapping[str, Environment]) -> list[Item]:
    """The items of every application's environment."""
    judged = Judged()
    for application in platform.of(Kind.LARAVEL, Kind.PDF_SERVICE, Kind.NUXT):
        environment = read[application.root]
        if environment.why_unknown:
            found = f"the environment of {application.name} {environment.why_unknown}"
            judged.add(READABLE, None, found, subject=environment.path, place=Place(environment.path))
            continue
        judged.add(READABLE, True, "it was read", subject=environment.path, place=Place(environment.path))
        _lines(environment, judged)
        _stand_ins(environment, judged)
        _keys(environment, judged)
        if application.kind is Kind.LARAVEL:
            _laravel(environment, judged)
            _cached(platform, application, environment, judged)
        elif application.kind is Kind.PDF_SERVICE:
            _one(NODE_ENV, environment, "NODE_ENV", judged, good=("production",))
    _shared(platform, read, judged)
    return judged.items


def _lines(environment: Environment, judged: Judged) -> None:
    for name, line in environment.duplicates.items():
        place = Place(environment.path, line)
        judged.add(LINES, False, f"{name} is given twice, with different values", subject=name, place=place)
    for variable in environment.variables.values():
        if PLACEHOLDER.search(variable.value):
            place = Place(environment.path, variable.line)
            judged.add(FILLED, False, f"{variable.name} still is a placeholder", subject=variable.name, place=place)
    for line in environment.malformed:
        judged.add(
            LINES, False, "the line is no assignment", subject=environment.path, place=Place(environment.path, line)
        )


def _laravel(environment: Environment, judged: Judged) -> None:
    _one(APP_ENV, environment, "APP_ENV", judged, good=("production",))
    debug = environment.get("APP_DEBUG")
    if debug is None:
        judged.add(
            APP_DEBUG,
            True,
            "APP_DEBUG is not set, and is then false",
            subject="APP_DEBUG",
            place=Place(environment.path),
        )
    else:
        place = Place(environment.path, debug.line)
        judged.add(APP_DEBUG, debug.flag is False, f"APP_DEBUG is {debug.shown}", subject="APP_DEBUG", place=place)
    _one(SESSIONS, environment, "SESSION_DRIVER", judged, bad=ALONE)
    cache = "CACHE_STORE" if environment.get("CACHE_STORE") else "CACHE_DRIVER"
    _one(CACHE, environment, cache, judged, bad=ALONE)


def _one(
    rule: Rule,
    environment: Environment,
    name: str,
    judged: Judged,
    *,
    good: tuple[str, ...] = (),
    bad: frozenset[str] = frozenset(),
) -> None:
    variable = environment.get(name)
    if variable is None or not variable.value:
        outcome = None if bad else False
        found = f"{name} is not set{', and the default of the application is not known here' if bad else ''}"
        judged.add(rule, outcome, found, subject=name, place=Place(environment.path))
        return
    value = variable.value.strip().lower()
    right = value in good if good else value not in bad
    place = Place(environment.path, variable.line)
    judged.add(rule, right, f"{name} is {variable.shown}", subject=name, place=place)


def _stand_ins(environment: Environment, judged: Judged) -> None:
    for variable in environment.variables.values():
        if MODE.search(variable.name):
            real = variable.value.strip().lower() not in STAND_IN_WORDS
            place = Place(environment.path, variable.line)
            judged.add(STAND_INS, real, f"{variable.name} is {variable.shown}", subject=variable.name, place=place)


def _keys(environment: Environment, judged: Judged) -> None:
    production = any(
        (variable := environment.get(name)) is not None and variable.value.strip().lower() == "production"
        for name in APPLICATION_NAMES
    )
    for variable in environment.variables.values():
        if kind := _wrong_key(variable, production):
            place = Place(environment.path, variable.line)
            judged.add(LIVE_KEYS, False, f"{variable.name} is {kind}", subject=variable.name, place=place)


def _wrong_key(variable: Variable, production: bool) -> str:
    if not production and LIVE.match(variable.value):
        return "a live key, in an environment that does not call itself production"
    if production and TRIAL.match(variable.value):
        return "a key of the test mode, in production"
    return ""


def _shared(platform: Platform, read: Mapping[str, Environment], judged: Judged) -> None:
    for service in platform.of(Kind.PDF_SERVICE):
        for laravel in platform.of(Kind.LARAVEL):
            left, right = read[laravel.root], read[service.root]
            for name in SHARED_NAMES:
                outcome, found, place = _compared(name, left, right)
                judged.add(SHARED, outcome, found, subject=name, place=place)


def _compared(name: str, left: Environment, right: Environment) -> tuple[bool | None, str, Place]:
    for side in (left, right):
        if side.why_unknown:
            return None, f"{name} cannot be compared: {side.path} {side.why_unknown}", Place(side.path)
        variable = side.get(name)
        if variable is None or not variable.value:
            return False, f"{name} is not set in {side.path}", Place(side.path, variable.line if variable else 0)
    ours, theirs = left.variables[name], right.variables[name]
    same = ours.digest == theirs.digest
    return same, f"{name} is {'the same' if same else 'another'} in {left.path}", Place(right.path, theirs.line)


def _cached(platform: Platform, application: Application, environment: Environment, judged: Judged) -> None:
    path = application.path("bootstrap/cache/config.php")
    cached = Configuration(platform.checkout, path, environment)
    if cached.missing:
        return
    for keys, name in (
        (("app", "env"), "APP_ENV"),
        (("app", "debug"), "APP_DEBUG"),
        (("queue", "default"), "QUEUE_CONNECTION"),
    ):
        setting, variable = cached.get(*keys), environment.get(name)
        if not setting.known:
            why = cached.why_unknown or f"does not say what {'.'.join(keys)} is"
            judged.add(CACHED, None, f"the cached configuration {why}", subject=name, place=setting.place)
        elif variable is not None:
            same = (
                variable.flag is setting.value if isinstance(setting.value, bool) else variable.value == setting.value
            )
            outcome = Outcome.PASS if same else Outcome.FAIL
            found = f"{'.'.join(keys)} is {'as' if same else 'not what'} {environment.path} has {name}"
            judged.add(CACHED, outcome, found, subject=name, place=setting.place)
