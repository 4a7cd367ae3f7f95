"""The JavaScript and TypeScript of an application, parsed once."""

from collections.abc import Sequence
from dataclasses import dataclass

from printflow_reliability.posture.applications import Application, Platform
from printflow_reliability.posture.checkout import NotRead, Unreadable
from printflow_reliability.posture.dotenv import Environment
from printflow_reliability.posture.node.syntax import ENDINGS, NodeFile, parse

NOT_THE_PLATFORM = ("test", "tests", "__tests__", "spec", "e2e", "public", "static", "build", "coverage", "fixtures")
"""Directories of what serves no customer, or was not written here."""


@dataclass(frozen=True)
class NodeSource:
    """The files of an application that parse, and those of which nothing is known."""

    application: Application
    files: Sequence[NodeFile]
    unread: tuple[NotRead, ...]


def node_source(platform: Platform, application: Application, environment: Environment) -> NodeSource:
    """The source of an application, as it runs in that environment."""
    files: list[NodeFile] = []
    unread: list[NotRead] = []
    depth = len(application.path(""))
    for path in platform.sources(application, *ENDINGS):
        parts = path[depth:].split("/")
        if (
            set(parts[:-1]) & set(NOT_THE_PLATFORM)
            or ".min." in parts[-1]
            or ".test." in parts[-1]
            or ".spec." in parts[-1]
        ):
            continue
        try:
            tree = parse(path, platform.checkout.content(path))
        except Unreadable as refused:
            unread.append(NotRead(path, str(refused)))
            continue
        if tree.has_error:
            unread.append(NotRead(path, "does not parse as JavaScript or TypeScript"))
        else:
            files.append(NodeFile(path, tree, environment))
    return NodeSource(application, files, tuple(unread))
