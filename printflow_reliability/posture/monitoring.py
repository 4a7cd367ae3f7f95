"""Error monitoring of every application: that it is there at all, what it sends, and that one error is one story.

An application without it fails in silence; one that sends personal data makes a second leak of the first fault.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from tree_sitter import Node

from printflow_reliability.findings import Severity
from printflow_reliability.posture.applications import Application, Kind, Platform
from printflow_reliability.posture.checkout import Unreadable
from printflow_reliability.posture.dotenv import Environment
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.node.sources import NodeSource
from printflow_reliability.posture.node.syntax import NodeFile
from printflow_reliability.posture.node.syntax import arguments as node_arguments
from printflow_reliability.posture.node.syntax import called as node_called
from printflow_reliability.posture.php.configuration import Configuration, Setting
from printflow_reliability.posture.php.syntax import (
    Unknown,
    arguments,
    array_entries,
    called,
    evaluate,
    line,
    text,
    walk,
)
from printflow_reliability.posture.sources import PhpSource

CHECK = "posture.monitoring"


def _rule(name: str, expected: str, why: str, severity: Severity = Severity.ERROR) -> Rule:
    return Rule(name=name, check=CHECK, plan=("P1-2",), expected=expected, why=why, severity=severity)


MONITORED = _rule(
    "monitored", "Sentry is installed, has a DSN and is given every exception", "Its errors reach nobody."
)
READ = _rule("monitoring_source", "source that can be read", "What is not seen may send anything, or nothing.")
RELEASE = _rule("release", "a release is named", "Nobody otherwise knows which deployment brought an error.")
ONE_STORY = _rule(
    "one_release",
    "the same release and environment in every application",
    "One deployment otherwise looks like several.",
)
PII = _rule("pii", "personal data is not sent", "Every error otherwise hands customers' data to a third party.")
SCRUBBED = _rule("scrubbed", "a hook scrubs each event before it is sent", "Messages hold addresses, tokens and names.")
SAMPLER = _rule(
    "sampler",
    "a sampler that keeps checkout and admin whole and drops health checks",
    "One rate for all loses traces of paid orders, or drowns them in health checks.",
    Severity.WARNING,
)
IGNORED = _rule("ignored", "expected exceptions are ignored", "Expected ones hide the others.", Severity.WARNING)
PROPAGATED = _rule(
    "propagated",
    "traces go on to the pdf-service",
    "An error of a print file cannot be led back to its order.",
    Severity.WARNING,
)
REPLAY = _rule(
    "replay", "no session replay on checkout, cart and profile", "A replay records what customers type there."
)
SOURCE_MAPS = _rule(
    "source_maps", "the production build uploads source maps", "Errors otherwise name no line.", Severity.WARNING
)
TAGS = _rule("tags", "tags and users are UUIDs only", "Names and addresses otherwise leave with every error.")
REQUEST_ID = _rule(
    "request_id",
    "a request id in the context of every log line",
    "Lines of one request cannot be found.",
    Severity.WARNING,
)
PERSONAL = frozenset({"email", "name", "username", "ip_address", "phone", "first_name", "last_name", "address"})
SAMPLED = (re.compile(r"checkout"), re.compile(r"admin"), re.compile(r"health|live|ready|['\"/]up\b"))
UPLOADS = re.compile(r"sentryVitePlugin\(|sourceMapsUploadOptions|sentry-cli\s+sourcemaps|@sentry/nuxt/module")
CONTEXT = re.compile(
    r"(?:Log::(?:withContext|shareContext)|Context::add|->withContext)\s*\([^;]*(?:request|correlation|trace).?id", re.I
)
PRIVATE_PAGES = ("checkout", "cart", "profile")


def judge_monitoring(
    platform: Platform,
    php: Sequence[PhpSource],
    node: Sequence[NodeSource],
    environments: Mapping[str, Environment],
) -> list[Item]:
    """The items of every application's monitoring."""
    judged = Judged()
    for source in php:
        _laravel(platform, source, environments[source.application.root], judged)
    for script in node:
        _node(platform, script, judged)
    _one_story(platform, environments, judged)
    return judged.items


def _laravel(platform: Platform, source: PhpSource, environment: Environment, judged: Judged) -> None:
    application = source.application
    place = Place(application.manifest)
    _request_id(source, judged)
    _php_tags(source, judged)
    if "sentry/sentry-laravel" not in application.requires:
        judged.add(MONITORED, False, _other(application), subject=application.name, place=place)
        return
    configuration = Configuration(platform.checkout, application.path("config/sentry.php"), environment)
    handled = any(
        called(call).lower() in ("handles", "captureunhandledexception", "captureexception")
        for _, tree in source.trees.items()
        for call in walk(tree, "scoped_call_expression", "function_call_expression", "member_call_expression")
        if "Integration" in text(call) or called(call).lower() == "captureexception"
    )
    dsn = configuration.get("dsn")
    if configuration.missing or not handled:
        found = "there is no config/sentry.php" if configuration.missing else "no exception handler calls Sentry"
        judged.add(
            MONITORED, None if source.unread and not handled else False, found, subject=application.name, place=place
        )
    else:
        told = None if not dsn.known else dsn.present
        found = f"Sentry is installed, and its DSN is {_worth(dsn, shown=False)}"
        judged.add(MONITORED, told, found, subject=application.name, place=dsn.place)
    if configuration.missing:
        return
    settings = {name: configuration.get(name) for name in ("release", "send_default_pii", "before_send")}
    ignored, targets = configuration.get("ignore_exceptions"), configuration.get("trace_propagation_targets")
    _set(RELEASE, settings["release"], "release", judged)
    pii = settings["send_default_pii"]
    off = None if not pii.known else pii.value in (False, None)
    judged.add(PII, off, f"send_default_pii is {_worth(pii)}", subject="send_default_pii", place=pii.place)
    _set(SCRUBBED, settings["before_send"], "before_send", judged)
    _set(IGNORED, ignored, "ignore_exceptions", judged)
    _php_sampler(source, configuration.get("traces_sampler"), judged)
    everywhere = targets.value is None or (
        isinstance(targets.value, list) and any("pdf" in str(name) for name in targets.value)
    )
    judged.add(
        PROPAGATED,
        None if not targets.known else everywhere,
        f"traces are propagated to {'the pdf-service' if everywhere else 'other hosts only'}",
        subject="trace_propagation_targets",
        place=targets.place,
    )


def _set(rule: Rule, setting: Setting, name: str, judged: Judged) -> None:
    """A key that must be set; an expression of which the value is not known is set all the same."""
    written = bool(setting.source) and not re.search(r"env\(", setting.source)
    outcome = setting.present if setting.known else True if written else None
    judged.add(rule, outcome, f"{name} is {_worth(setting, shown=False)}", subject=name, place=setting.place)


def _worth(setting: Setting, *, shown: bool = True) -> str:
    if not setting.known:
        return "set by an expression" if setting.source else "not known"
    if isinstance(setting.value, bool) and shown:
        return "true" if setting.value else "false"
    return "set" if setting.present else "not set"


def _php_sampler(source: PhpSource, setting: Setting, judged: Judged) -> None:
    if setting.known and not setting.present:
        judged.add(SAMPLER, False, "there is no traces_sampler", subject="traces_sampler", place=setting.place)
        return
    written = setting.source
    for name in re.findall(r"([A-Za-z_\\]+)::class", setting.source):
        short = name.rpartition("\\")[2].lower()
        written += "".join(text(kept.node) for kept in source.classes if kept.name.lower().rpartition("\\")[2] == short)
    judged.add(SAMPLER, *_sampled(written), subject="traces_sampler", place=setting.place)


def _sampled(written: str) -> tuple[bool | None, str]:
    if all(word.search(written) for word in SAMPLED):
        return True, "the sampler knows checkout, admin and health checks"
    return None, "the sampler does not name checkout, admin and health checks where it is seen"


def _php_tags(source: PhpSource, judged: Judged) -> None:
    for path, tree in source.trees.items():
        for call in walk(tree, "member_call_expression", "scoped_call_expression"):
            if called(call).lower() not in ("setuser", "settags", "settag"):
                continue
            keys = {
                str(evaluate(key)).lower()
                for argument in arguments(call)
                if argument.type == "array_creation_expression"
                for key, _ in array_entries(argument)
                if key is not None
            } | {str(evaluate(argument)).lower() for argument in arguments(call)[:1]}
            _personal(keys, Place(path, line(call)), judged)


def _personal(keys: Iterable[str], place: Place, judged: Judged) -> None:
    if named := sorted(set(keys) & PERSONAL):
        judged.add(TAGS, False, f"{', '.join(named)} of a person is sent", subject=str(place), place=place)


def _request_id(source: PhpSource, judged: Judged) -> None:
    for path, tree in source.trees.items():
        if match := CONTEXT.search(text(tree)):
            place = Place(path, text(tree).count("\n", 0, match.start()) + 1)
            judged.add(REQUEST_ID, True, "a request id is in the log's context", subject="request id", place=place)
            return
    place = Place(source.application.root)
    outcome = None if source.unread else False
    judged.add(REQUEST_ID, outcome, "no request id is put into the log's context", subject="request id", place=place)


def _node(platform: Platform, source: NodeSource, judged: Judged) -> None:
    application = source.application
    place = Place(application.manifest)
    for unread in source.unread:
        judged.add(READ, None, f"it {unread.why}", subject=unread.path, place=Place(unread.path))
    if not any(package.startswith("@sentry/") for package in application.requires):
        judged.add(MONITORED, False, _other(application), subject=application.name, place=place)
        return
    started = [
        (file, call) for file in source.files for call in file.calls("init") if "sentry" in node_called(call).lower()
    ]
    if not started:
        outcome = None if source.unread else False
        judged.add(MONITORED, outcome, "Sentry is installed and never started", subject=application.name, place=place)
    for file, call in started:
        _started(source, file, call, judged)
    for file in source.files:
        for call in file.calls("setUser", "setTags", "setTag"):
            given = node_arguments(call)
            keys = file.members(given[0])[0] if given else {}
            word = text(given[0]).strip("'\"") if given else ""
            _personal({*keys, word}, Place(file.path, line(call)), judged)
    if application.kind is not Kind.PDF_SERVICE:
        _source_maps(platform, source, judged)


def _started(source: NodeSource, file: NodeFile, call: Node, judged: Judged) -> None:
    given = node_arguments(call)
    members, whole = file.members(given[0]) if given else ({}, True)
    place = Place(file.path, line(call))
    subject = source.application.name

    def there(rule: Rule, name: str, *, otherwise: bool = False) -> None:
        node = members.get(name)
        found = f"{name} is {'set' if node is not None else 'not set'}"
        outcome = True if node is not None or otherwise else False if whole else None
        judged.add(
            rule, outcome, found, subject=subject, place=Place(file.path, line(node)) if node is not None else place
        )

    there(MONITORED, "dsn")
    there(SCRUBBED, "beforeSend")
    there(IGNORED, "ignoreErrors")
    there(RELEASE, "release", otherwise=_uploads(source))
    pii = file.worth(members["sendDefaultPii"]) if "sendDefaultPii" in members else None
    outcome = None if isinstance(pii, Unknown) or (pii is None and not whole) else pii is not True
    judged.add(PII, outcome, f"sendDefaultPii is {'true' if pii is True else 'not true'}", subject=subject, place=place)
    if "tracesSampler" in members:
        sampler = file.literal(members["tracesSampler"])
        judged.add(SAMPLER, *_sampled(text(sampler)), subject=subject, place=place)
    else:
        judged.add(SAMPLER, False if whole else None, "there is no tracesSampler", subject=subject, place=place)
    if source.application.kind is not Kind.PDF_SERVICE:
        rate = file.worth(members["replaysSessionSampleRate"]) if "replaysSessionSampleRate" in members else 0
        stops = all(page in text(file.tree) for page in PRIVATE_PAGES) and ".stop(" in text(file.tree)
        outcome = None if isinstance(rate, Unknown) and not stops else rate == 0 or stops
        found = "sessions are not recorded there" if outcome else "sessions are recorded on every page"
        judged.add(REPLAY, outcome, found, subject=subject, place=place)


def _uploads(source: NodeSource) -> bool:
    """Whether the build uploads source maps; it then names the release too."""
    return any(UPLOADS.search(text(file.tree)) for file in source.files)


def _source_maps(platform: Platform, source: NodeSource, judged: Judged) -> None:
    found = _uploads(source)
    for path in (source.application.manifest, *platform.checkout.below(".github", ".yml", ".yaml")):
        if not found:
            try:
                found = UPLOADS.search(platform.checkout.text(path)) is not None
            except Unreadable:
                continue
    said = f"source maps are {'uploaded' if found else 'not uploaded by anything that is seen'}"
    place = Place(source.application.manifest)
    judged.add(SOURCE_MAPS, found, said, subject=source.application.name, place=place)


def _one_story(platform: Platform, environments: Mapping[str, Environment], judged: Judged) -> None:
    for ending in ("SENTRY_RELEASE", "SENTRY_ENVIRONMENT"):
        seen: dict[bytes, Place] = {}
        lacking: list[str] = []
        for application in platform.applications:
            environment = environments[application.root]
            variables = [one for name, one in environment.variables.items() if name.endswith(ending) and one.value]
            if not variables:
                lacking.append(application.name)
            for variable in variables:
                seen.setdefault(variable.digest, Place(environment.path, variable.line))
        place = list(seen.values())[-1] if seen else Place()
        if len(seen) > 1:
            judged.add(ONE_STORY, False, f"{ending} differs between applications", subject=ending, place=place)
        elif lacking:
            found = f"{ending} is not set in the .env of {', '.join(lacking)}"
            unread = any(environments[application.root].why_unknown for application in platform.applications)
            judged.add(ONE_STORY, None if seen or unread else False, found, subject=ending, place=place)
        elif seen:
            judged.add(ONE_STORY, True, f"{ending} is the same everywhere", subject=ending, place=place)


def _other(application: Application) -> str:
    others = [name for name in application.requires if re.search(r"honeybadger|bugsnag|rollbar|raygun", name)]
    return f"{application.name} has no Sentry{f', only {others[0]}' if others else ''}"
