"""How the platform gets to its hosts: what is installed, described as code, and saved before a migration."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from printflow_reliability.findings import Severity
from printflow_reliability.posture.applications import Application, Kind, Platform
from printflow_reliability.posture.checkout import Checkout, Unreadable
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.php.syntax import called, line, text, walk
from printflow_reliability.posture.sources import PhpSource
from printflow_reliability.posture.versions import Locked, locked
from printflow_reliability.text import counted

CHECK = "posture.delivery"


def _rule(name: str, expected: str, why: str, severity: Severity = Severity.ERROR) -> Rule:
    return Rule(name=name, check=CHECK, plan=("P2-4",), expected=expected, why=why, severity=severity)


LOCK = _rule(
    "lock_file", "a lock file that names every required package", "A host gets other versions than were tried."
)
AS_CODE = _rule(
    "infrastructure_as_code", "the hosts described as code", "After a disaster nobody knows how they were made."
)
BEFORE_MIGRATE = _rule(
    "backup_before_migrate",
    "printflow backup before-migrate ahead of every migration",
    "A migration that drops or changes columns cannot be undone without a backup of the moment before.",
    Severity.CRITICAL,
)
NAMED = re.compile(
    r"^laravel/horizon$|sentry|spatie/laravel-(?:health|backup)$|^bullmq$|^laravel/framework$|^nuxt$", re.IGNORECASE
)
INFRASTRUCTURE = (".tf", "Pulumi.yaml", "cdk.json", "cloudformation.yml", "cloudformation.yaml", ".bicep")
PLAYBOOK = re.compile(r"^\s*-?\s*hosts:\s*\S", re.MULTILINE)
SCRIPTS = (
    ".sh",
    ".yml",
    ".yaml",
    "Makefile",
    "Envoy.blade.php",
    "deploy.php",
    "Dockerfile",
    "Jenkinsfile",
    "composer.json",
)
MIGRATES = re.compile(r"artisan\s+migrate(?!:(?:status|rollback|reset))|artisan:migrate\b|\"artisan\",\s*\"migrate\"")
SAVES = re.compile(
    r"printflow\b[^\n]*\bbackup\s+before-migrate|pg_dump\b|pgbackrest\b[^\n]*\bbackup\b|artisan\s+backup:run"
)
TESTS = re.compile(r"test|phpunit|pest|lint|(?:^|/)ci\.ya?ml$", re.IGNORECASE)
"""Scripts that migrate a database of their own, which holds nothing."""
COMMENT = re.compile(r"^\s*(?:#|//)")


def judge_delivery(platform: Platform, sources: list[PhpSource]) -> list[Item]:
    """The items of how the platform is delivered."""
    judged = Judged()
    for application in platform.applications:
        _lock(application, locked(platform, application), judged)
    _as_code(platform.checkout, judged)
    risky = [found for source in sources for found in risky_migrations(source)]
    _before_migrate(platform, risky, judged)
    return judged.items


def _lock(application: Application, lock: Locked, judged: Judged) -> None:
    place = Place(lock.path)
    if lock.missing:
        judged.add(LOCK, False, f"{application.name} has no lock file", subject=application.name, place=place)
        return
    if lock.why_unknown:
        judged.add(LOCK, None, f"the lock file {lock.why_unknown}", subject=application.name, place=place)
        return
    lacking = [
        package
        for package in application.requires
        if package.lower() not in lock.versions and ("/" in package or application.kind is not Kind.LARAVEL)
    ]
    known = ", ".join(f"{name} {version}" for name, version in sorted(lock.versions.items()) if NAMED.search(name))
    found = f"it lacks {', '.join(sorted(lacking))}" if lacking else f"it has every package ({known or 'none of note'})"
    judged.add(LOCK, not lacking, found, subject=application.name, place=place)


def _as_code(checkout: Checkout, judged: Judged) -> None:
    for path in checkout.paths:
        if path.endswith(INFRASTRUCTURE) or (path.endswith((".yml", ".yaml")) and _is_playbook(checkout, path)):
            judged.add(AS_CODE, True, "it describes infrastructure", subject="infrastructure", place=Place(path))
            return
    found = "no Terraform, Pulumi, CDK, CloudFormation or Ansible is in the checkout"
    judged.add(AS_CODE, False, found, subject="infrastructure", place=Place())


def _is_playbook(checkout: Checkout, path: str) -> bool:
    try:
        return PLAYBOOK.search(checkout.text(path)) is not None
    except Unreadable:
        return False


def risky_migrations(source: PhpSource) -> Iterator[tuple[Place, str]]:
    """What `up()` of each migration does that cannot be undone without a backup, and where."""
    for path, tree in source.below("database/migrations"):
        for method in walk(tree, "method_declaration"):
            if text(method.child_by_field_name("name")).lower() != "up":
                continue
            for call in walk(method, "member_call_expression", "scoped_call_expression"):
                if what := _risk(call):
                    yield Place(path, line(call)), what


def _risk(call: Node) -> str:
    name = called(call).lower()
    if name.startswith("drop") and name not in ("dropindex", "dropforeign", "dropunique", "dropprimary"):
        return "drops"
    if name.startswith("rename") and name != "renameindex":
        return "renames"
    if name == "change":
        return "changes a type"
    if name in ("statement", "unprepared") and re.search(
        r"\b(?:drop|alter|rename|truncate)\b", text(call), re.IGNORECASE
    ):
        return "runs SQL that drops or alters"
    return "adds a column that may not be null and has no default" if _needs_default(call) else ""


def _needs_default(call: Node) -> bool:
    """Whether a call is `$table->string('a')` within `Schema::table`, without nullable() or default()."""
    if text(call.child_by_field_name("object")) != "$table":
        return False
    if called(call).lower() not in (
        *("string", "text", "integer", "biginteger", "unsignedbiginteger", "foreignid", "boolean", "decimal", "uuid"),
        *("timestamp", "json", "jsonb", "date", "datetime", "float", "double", "char", "foreignuuid", "smallinteger"),
    ):
        return False
    names, chain = set[str](), call
    while chain.parent is not None and chain.parent.type == "member_call_expression":
        chain = chain.parent
        names.add(called(chain).lower())
    if names & {"nullable", "default", "usecurrent", "storedas", "virtualas", "generatedas", "change"}:
        return False
    above = chain.parent
    while above is not None:
        if above.type == "scoped_call_expression" and text(above.child_by_field_name("scope")).endswith("Schema"):
            return called(above).lower() == "table"
        above = above.parent
    return False


def _before_migrate(platform: Platform, risky: list[tuple[Place, str]], judged: Judged) -> None:
    if not platform.of(Kind.LARAVEL):
        return
    count = f"{counted(len(risky), 'step')} of migrations cannot be undone"
    if risky:
        place, what = risky[0]
        count += f", such as {place}, which {what}"
    seen = False
    for path in platform.checkout.below("", *SCRIPTS):
        if TESTS.search(path):
            continue
        try:
            lines = platform.checkout.text(path).splitlines()
        except Unreadable:
            continue
        saved = False
        for number, content in enumerate(lines, start=1):
            if COMMENT.match(content):
                continue
            saved = saved or SAVES.search(content) is not None
            if MIGRATES.search(content):
                seen = True
                found = f"it migrates {'after' if saved else 'without'} a backup; {count}"
                judged.add(BEFORE_MIGRATE, saved, found, subject=path, place=Place(path, number))
    if not seen:
        found = f"nothing in the checkout says how migrations are run; {count}"
        judged.add(BEFORE_MIGRATE, None, found, subject="migrations", place=Place())
