"""The PHP of the platform, parsed once: its classes by name, and the tree of each file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from printflow_reliability.posture.applications import Application, Kind, Platform
from printflow_reliability.posture.checkout import NotRead, Unreadable
from printflow_reliability.posture.php.classes import ClassIndex

NOT_THE_PLATFORM = ("tests/", "storage/", "bootstrap/cache/")
"""Directories of a Laravel application whose PHP does not serve customers: tests, and what is compiled."""


@dataclass(frozen=True)
class PhpSource:
    """The PHP of a Laravel application.

    Attributes:
        application: the application.
        classes: its classes.
        trees: by path, the tree of each file that parses.
        unread: files that cannot be read or do not parse: nothing is known of them.
    """

    application: Application
    classes: ClassIndex
    trees: Mapping[str, Node] = field(default_factory=dict)
    unread: tuple[NotRead, ...] = ()

    def below(self, directory: str) -> Iterator[tuple[str, Node]]:
        """The files of a directory of the application, with their trees."""
        prefix = self.application.path(f"{directory}/" if directory else "")
        return ((path, tree) for path, tree in self.trees.items() if path.startswith(prefix))


def php_sources(platform: Platform) -> list[PhpSource]:
    """The PHP of every Laravel application of the platform."""
    return [_source(platform, application) for application in platform.of(Kind.LARAVEL)]


def _source(platform: Platform, application: Application) -> PhpSource:
    classes = ClassIndex()
    trees: dict[str, Node] = {}
    unread: list[NotRead] = []
    skipped = tuple(application.path(directory) for directory in NOT_THE_PLATFORM)
    for path in platform.sources(application, ".php"):
        if path.startswith(skipped) or path.endswith(".blade.php"):
            continue
        try:
            tree = classes.add(path, platform.checkout.content(path))
        except Unreadable as refused:
            unread.append(NotRead(path, str(refused)))
            continue
        if tree.has_error:
            unread.append(NotRead(path, "does not parse as PHP"))
        else:
            trees[path] = tree
    unread += [
        file
        for file in platform.checkout.not_read
        if file.path.startswith(application.path("")) and file.path.endswith(".php")
    ]
    return PhpSource(application, classes, trees, tuple(unread))
