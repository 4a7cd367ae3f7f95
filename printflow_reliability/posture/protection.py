"""Where the platform keeps its files: errors are thrown, tenants apart, the bucket versioned, deletes soft."""

import re
from collections.abc import Iterator, Sequence

from printflow_reliability.findings import Severity
from printflow_reliability.posture.applications import Platform
from printflow_reliability.posture.checkout import Unreadable
from printflow_reliability.posture.dotenv import Environment
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.php.classes import Lineage, PhpClass
from printflow_reliability.posture.php.configuration import Configuration
from printflow_reliability.posture.php.syntax import Unknown, evaluate, text, walk
from printflow_reliability.posture.silent_skips import FILE_LINK
from printflow_reliability.posture.sources import PhpSource

CHECK = "posture.files"


def _rule(name: str, plan: str, expected: str, why: str, severity: Severity = Severity.ERROR) -> Rule:
    return Rule(name=name, check=CHECK, plan=(plan,), expected=expected, why=why, severity=severity)


DISK = _rule("default_disk", "P0-3", "the default disk is on S3", "A file on one host's disk is lost with the host.")
THROWS = _rule(
    "disk_throws",
    "P0-5",
    "throw is true for each disk on S3",
    "Laravel otherwise answers false where the store refuses, and nobody looks at that.",
    Severity.CRITICAL,
)
ISOLATED = _rule(
    "tenant_disks",
    "P0-3",
    "a disk for each tenant: scoped, or built with its own root",
    "A path with a mistake in it otherwise reaches another tenant's files.",
)
VERSIONED = _rule(
    "versioned_bucket", "P0-3", "versioning is enabled for the bucket", "A file that is overwritten or deleted is gone."
)
SOFT = _rule(
    "soft_deletes", "P0-3", "models that name files use SoftDeletes", "With the row goes what knew where its file is."
)
MODEL = "illuminate\\database\\eloquent\\model"
SOFT_DELETES = "illuminate\\database\\eloquent\\softdeletes"
TENANT_DISKS = re.compile(
    r"FilesystemTenancyBootstrapper|Storage::(?:build|createScopedDriver)\(|'driver'\s*=>\s*'scoped'|new\s+PathPrefixedAdapter"
)
VERSIONING = re.compile(
    r"aws_s3_bucket_versioning\"[^}]*?\{[^}]*?versioning_configuration\s*\{[^}]*?status\s*=\s*\"(\w+)\"", re.DOTALL
)
VERSIONING_ELSEWHERE = re.compile(r"VersioningConfiguration:\s*\n\s*Status:\s*(\w+)|versioned:\s*(true|false)")


def judge_protection(platform: Platform, source: PhpSource, environment: Environment) -> list[Item]:
    """The items of how a Laravel application keeps its files."""
    judged = Judged()
    _disks(platform, source, environment, judged)
    _tenants(source, judged)
    _versioned(platform, judged)
    _soft_deletes(source, judged)
    return judged.items


def _disks(platform: Platform, source: PhpSource, environment: Environment, judged: Judged) -> None:
    path = source.application.path("config/filesystems.php")
    configuration = Configuration(platform.checkout, path, environment)
    default = configuration.get("default")
    driver = configuration.get("disks", default.value, "driver") if isinstance(default.value, str) else default
    outcome = None if not default.known or not driver.known else driver.value == "s3"
    named = default.value if isinstance(default.value, str) else "not known"
    judged.add(DISK, outcome, f"the default disk is {named}", subject="default disk", place=default.place)
    for name in configuration.keys("disks"):
        if configuration.get("disks", name, "driver").value != "s3":
            continue
        throws = configuration.get("disks", name, "throw")
        told = None if isinstance(throws.value, Unknown) else throws.value is True
        said = "is not known" if told is None else "is true" if told else "is not true"
        judged.add(THROWS, told, f"throw of the disk {name} {said}", subject=f"disk {name}", place=throws.place)


def _tenants(source: PhpSource, judged: Judged) -> None:
    for path, tree in source.trees.items():
        if match := TENANT_DISKS.search(text(tree)):
            place = Place(path, text(tree).count("\n", 0, match.start()) + 1)
            judged.add(ISOLATED, True, "disks of tenants are apart", subject="tenants", place=place)
            return
    found = "no disk of a tenant's own is seen; tenants share a disk, apart by their paths only"
    place = Place(source.application.path("config/filesystems.php"))
    judged.add(ISOLATED, None if source.unread else False, found, subject="tenants", place=place)


def _versioned(platform: Platform, judged: Judged) -> None:
    states = list(_states(platform))
    for enabled, place in states:
        found = f"versioning is {'enabled' if enabled else 'not enabled'}"
        judged.add(VERSIONED, enabled, found, subject="bucket", place=place)
    if not states:
        found = "nothing in the checkout says whether the bucket is versioned: ask the store"
        judged.add(VERSIONED, None, found, subject="bucket", place=Place())


def _states(platform: Platform) -> Iterator[tuple[bool, Place]]:
    for path in platform.checkout.below("", ".tf", ".yml", ".yaml", ".ts"):
        try:
            content = platform.checkout.text(path)
        except Unreadable:
            continue
        for match in (VERSIONING if path.endswith(".tf") else VERSIONING_ELSEWHERE).finditer(content):
            word = next(group for group in match.groups() if group)
            yield word.lower() in ("enabled", "true"), Place(path, content.count("\n", 0, match.start()) + 1)


def _soft_deletes(source: PhpSource, judged: Judged) -> None:
    seen = False
    for declared in source.classes:
        lineage = source.classes.lineage(declared)
        if not declared.concrete or not _is_model(lineage) or not _names_files(lineage.classes):
            continue
        seen = True
        soft = any(trait.lower() == SOFT_DELETES for kept in lineage.classes for trait in kept.traits)
        outcome = True if soft else None if lineage.unseen else False
        found = f"{declared.name} names files and {'uses' if soft else 'does not use'} SoftDeletes"
        judged.add(SOFT, outcome, found, subject=declared.name, place=Place(declared.path, declared.line))
    if not seen:
        found = "no model that names files is seen"
        judged.add(SOFT, None, found, subject="models", place=Place(source.application.root))


def _is_model(lineage: Lineage) -> bool:
    return any(kept.parent.lower() == MODEL for kept in lineage.classes)


def _names_files(classes: Sequence[PhpClass]) -> bool:
    for kept in classes:
        for name in ("fillable", "casts", "attributes"):
            held = kept.properties.get(name)
            if held is not None and held.default is not None:
                words = [evaluate(node) for node in walk(held.default, "string", "encapsed_string")]
                if any(isinstance(word, str) and FILE_LINK.search(word) for word in words):
                    return True
        words = [evaluate(node) for node in walk(kept.methods["casts"], "string")] if "casts" in kept.methods else []
        if any(isinstance(word, str) and FILE_LINK.search(word) for word in words):
            return True
    return False
