"""A Laravel configuration file, such as config/queue.php: its keys, with what they are worth in an environment."""

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from printflow_reliability.posture.checkout import Checkout, Unreadable
from printflow_reliability.posture.dotenv import Environment
from printflow_reliability.posture.items import Place
from printflow_reliability.posture.php.syntax import (
    UNKNOWN,
    Unknown,
    arguments,
    array_entries,
    called,
    child,
    evaluate,
    line,
    parse,
    text,
)

CLOSURES = ("anonymous_function", "anonymous_function_creation_expression", "arrow_function")


@dataclass(frozen=True)
class Setting:
    """A key of a configuration file: what it is worth, or UNKNOWN, and where it stands; `source` is its expression."""

    value: object
    place: Place
    source: str = ""

    @property
    def known(self) -> bool:
        """Whether the value can be told."""
        return not isinstance(self.value, Unknown)

    @property
    def present(self) -> bool:
        """Whether something is set there, known or not."""
        return self.value not in (None, False, "", [])


class Configuration:
    """A configuration file that was read; `why_unknown` says why it was not.

    Attributes:
        path: the file in the checkout.
        missing: whether there is no such file.
    """

    def __init__(self, checkout: Checkout, path: str, environment: Environment) -> None:
        self.path = path
        self.missing = not checkout.has(path) and not checkout.why_not(path)
        self.why_unknown = ""
        self._environment = environment
        self._array: Node | None = None
        try:
            tree = parse(checkout.content(path))
        except Unreadable as refused:
            self.why_unknown = str(refused)
            return
        returned = next((node for node in tree.named_children if node.type == "return_statement"), None)
        self._array = child(returned, "array_creation_expression") if returned is not None else None
        if tree.has_error:
            self.why_unknown = "is no PHP that can be read"
        elif self._array is None:
            self.why_unknown = "returns no array"

    def get(self, *keys: str) -> Setting:
        """What a key is worth; None where the file does not have it, UNKNOWN where the file cannot tell."""
        if self.why_unknown:
            return Setting(UNKNOWN, Place(self.path))
        node = self._array
        place = Place(self.path)
        for key in keys:
            if node is None or node.type != "array_creation_expression":
                return Setting(UNKNOWN, place)  # merged or computed: what it holds is not known
            found = self._entry(node, key)
            if found is None:
                spread = any(element.type == "variadic_unpacking" for element in _elements(node))
                return Setting(UNKNOWN if spread else None, place)
            node, place = found, Place(self.path, line(found))
        assert node is not None  # noqa: S101 - there is an array, or it was said why not
        return Setting(self._worth(node), place, text(node))

    def keys(self, *keys: str) -> list[str]:
        """The keys of an array of the file, in order; none where it is no array that is written out."""
        node = self._array if not self.why_unknown else None
        for key in keys:
            node = self._entry(node, key) if node is not None else None
        if node is None or node.type != "array_creation_expression":
            return []
        return [str(name) for name, _ in self._named(node)]

    def find(self, wanted: str) -> Iterator[tuple[str, ...]]:
        """The whole path of every key of that name, wherever in the file it is."""
        if self.why_unknown or self._array is None:
            return
        waiting: list[tuple[tuple[str, ...], Node]] = [((), self._array)]
        while waiting:
            path, node = waiting.pop(0)
            for name, value in self._named(node):
                if name == wanted:
                    yield (*path, wanted)
                if value.type == "array_creation_expression" and len(path) < 10:
                    waiting.append(((*path, str(name)), value))

    def _entry(self, array: Node, key: str) -> Node | None:
        """The value of a key; of one that is given twice PHP keeps the last."""
        found = [value for name, value in self._named(array) if str(name) == key]
        return found[-1] if found else None

    def _named(self, array: Node) -> Iterator[tuple[object, Node]]:
        if array.type != "array_creation_expression":
            return
        for number, (key, value) in enumerate(array_entries(array)):
            name = number if key is None else self._worth(key)
            if isinstance(name, str | int):
                yield name, value

    def _worth(self, node: Node) -> object:
        try:
            return evaluate(node, self._resolve)
        except RecursionError:  # defaults of defaults of defaults
            return UNKNOWN

    def _resolve(self, node: Node) -> object:
        if node.type != "function_call_expression" or called(node).lower() != "env":
            return UNKNOWN
        given = arguments(node)
        name = self._worth(given[0]) if given else UNKNOWN
        if not isinstance(name, str) or self._environment.why_unknown:
            return UNKNOWN
        variable = self._environment.get(name)
        if variable is None:
            return self._worth(given[1]) if len(given) > 1 else None
        return laravel_value(variable.value)


def _elements(array: Node) -> Iterator[Node]:
    for element in array.named_children:
        yield from element.named_children


def laravel_value(value: str) -> object:
    """What Laravel's `env()` makes of the text of a variable."""
    words: dict[str, object] = {"true": True, "false": False, "null": None, "empty": ""}
    return words.get(value.strip().lower().strip("()"), value)
