"""The applications of a checkout, found by what their manifests say and not by the names of their directories."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from printflow_reliability.posture.checkout import Checkout, NotRead, Unreadable


class Kind(StrEnum):
    """What an application is to the platform."""

    LARAVEL = "Laravel application"
    PDF_SERVICE = "pdf-service"
    NUXT = "Nuxt application"
    VUE = "Vue application"
    DOCS = "documentation site"


QUEUE_LIBRARY = "bullmq"
PDF_LIBRARIES = frozenset({"pdf-lib", "pdfkit", "puppeteer", "puppeteer-core", "pdfmake", "playwright", "muhammara"})
SERVERS = frozenset({"express", "fastify", "koa", "@nestjs/core", "hono", "@hapi/hapi"})
DOCS_LIBRARIES = frozenset({"vitepress", "vuepress", "@docusaurus/core", "docsify", "docus"})


@dataclass(frozen=True)
class Application:
    """An application.

    Attributes:
        kind: what it is.
        root: its directory in the checkout; "" is the checkout itself.
        manifest: its composer.json or package.json.
        requires: the packages that the manifest asks for, with their version ranges.
    """

    kind: Kind
    root: str
    manifest: str
    requires: Mapping[str, str] = field(default_factory=dict)

    def path(self, below: str) -> str:
        """A path below the application's directory, as the checkout has it."""
        return f"{self.root}/{below}" if self.root else below

    @property
    def name(self) -> str:
        """The application as a sentence calls it."""
        return f"the {self.kind} in {self.root or 'the root'}"


@dataclass(frozen=True)
class Platform:
    """A checkout and its applications; `unreadable` are manifests that say nothing."""

    checkout: Checkout
    applications: Sequence[Application]
    unreadable: Sequence[NotRead] = ()

    def of(self, *kinds: Kind) -> list[Application]:
        """The applications of these kinds."""
        return [application for application in self.applications if application.kind in kinds]

    def sources(self, application: Application, *endings: str) -> list[str]:
        """The files of an application, without those of applications below it."""
        inner = [
            other.root
            for other in self.applications
            if other.root != application.root
            and (not application.root or other.root.startswith(f"{application.root}/"))
        ]
        return [
            path
            for path in self.checkout.below(application.root, *endings)
            if not any(path.startswith(f"{root}/") for root in inner)
        ]


def find_applications(checkout: Checkout) -> Platform:
    """The applications of this checkout."""
    found: list[Application] = []
    unreadable: list[NotRead] = []
    laravel_roots: set[str] = set()
    for manifest in sorted(checkout.paths, key=lambda path: path.endswith("package.json")):
        name = PurePosixPath(manifest).name
        if name not in ("composer.json", "package.json"):
            continue
        root = "" if (parent := str(PurePosixPath(manifest).parent)) == "." else parent
        try:
            document = read_json(checkout, manifest)
        except Unreadable as refused:
            unreadable.append(NotRead(manifest, str(refused)))
            continue
        if name == "composer.json":
            requires = _ranges(document, "require")
            if "laravel/framework" in requires:
                laravel_roots.add(root)
                found.append(Application(Kind.LARAVEL, root, manifest, requires))
        elif root not in laravel_roots:  # a Laravel application builds its own assets with npm
            requires = _ranges(document, "dependencies") | _ranges(document, "devDependencies")
            if kind := _node_kind(requires):
                found.append(Application(kind, root, manifest, requires))
    return Platform(checkout, found, unreadable)


def read_json(checkout: Checkout, path: str) -> Mapping[str, Any]:
    """The JSON object of a file.

    Raises:
        Unreadable: it cannot be read, or is no JSON object.
    """
    try:
        document = json.loads(checkout.text(path))
    except (ValueError, RecursionError):
        raise Unreadable("is not JSON") from None
    if not isinstance(document, dict):
        raise Unreadable("is not a JSON object")
    return document


def _ranges(document: Mapping[str, Any], key: str) -> dict[str, str]:
    ranges = document.get(key)
    if not isinstance(ranges, dict):
        return {}
    return {name: version for name, version in ranges.items() if isinstance(version, str)}


def _node_kind(requires: Iterable[str]) -> Kind | None:
    packages = set(requires)
    if QUEUE_LIBRARY in packages or (packages & PDF_LIBRARIES and packages & SERVERS):
        return Kind.PDF_SERVICE
    if packages & DOCS_LIBRARIES:
        return Kind.DOCS
    if packages & {"nuxt", "nuxt3"}:
        return Kind.NUXT
    return Kind.VUE if "vue" in packages else None
