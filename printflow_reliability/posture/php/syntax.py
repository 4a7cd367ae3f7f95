"""The syntax of a PHP file, and what single expressions of it are worth where that can be told without running them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache

import tree_sitter_php
from tree_sitter import Language, Node, Parser

DEEPEST = 40
"""Levels of an expression that are followed; nobody writes more by hand."""
NAMES = ("name", "qualified_name", "relative_name")


class Unknown(Enum):
    """The value of an expression that only a running program knows."""

    VALUE = "unknown"


UNKNOWN = Unknown.VALUE
Value = None | bool | int | float | str | list[object] | dict[object, object] | Unknown
Resolver = Callable[[Node], object]
"""What a call, a constant or a variable is worth; UNKNOWN where it cannot be told."""
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", '\\"': '"', "\\\\": "\\", "\\$": "$", "\\'": "'"}
_WORDS: Mapping[str, object] = {"true": True, "false": False, "null": None}


@cache
def _language() -> Language:
    return Language(tree_sitter_php.language_php())


def parse(content: bytes) -> Node:
    """The tree of a file; `has_error` where a part of it is no PHP."""
    return Parser(_language()).parse(content).root_node


def text(node: Node | None) -> str:
    """The source of a node; empty for none."""
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


def line(node: Node) -> int:
    """The line that a node begins on, from 1."""
    return node.start_point[0] + 1


def walk(node: Node, *types: str, into: Callable[[Node], bool] = lambda _node: True) -> Iterator[Node]:
    """The node and everything below it in the order of the text; where given, of these types only.

    `into` says of each node but the first whether to look into it.
    """
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if not types or current.type in types:
            yield current
        if current is node or into(current):
            waiting.extend(reversed(current.children))


def child(node: Node, *types: str) -> Node | None:
    """The first child of one of these types."""
    return next((found for found in node.children if found.type in types), None)


def arguments(call: Node) -> list[Node]:
    """The expressions that a call, a creation or an attribute is given, in order."""
    held = call.child_by_field_name("arguments") or child(call, "arguments")
    found = held.named_children if held is not None else []
    return [
        argument.named_children[-1] for argument in found if argument.type == "argument" and argument.named_children
    ]


def called(call: Node) -> str:
    """The name that a call has: "exists" of `Storage::disk('s3')->exists($key)`, "env" of `env('A')`."""
    name = call.child_by_field_name("name") or call.child_by_field_name("function")
    return text(name).removeprefix("\\")


def evaluate(node: Node | None, resolve: Resolver = lambda _node: UNKNOWN, depth: int = 0) -> object:
    """What an expression is worth: a scalar, a list, a mapping of what is known, or UNKNOWN."""
    if node is None or depth > DEEPEST:
        return UNKNOWN

    def inner(part: Node | None) -> object:
        return evaluate(part, resolve, depth + 1)

    match node.type:
        case "integer":
            return _integer(text(node))
        case "float":
            return float(text(node).replace("_", ""))
        case "boolean" | "null":
            return _WORDS.get(text(node).lower(), UNKNOWN)
        case "string" | "encapsed_string":
            return _string(node)
        case "name":
            return _WORDS.get(text(node).lower(), UNKNOWN)
        case "parenthesized_expression":
            return inner(node.named_children[0] if node.named_children else None)
        case "unary_op_expression":
            return _unary(node, inner)
        case "binary_expression":
            return _binary(node, inner)
        case "cast_expression":
            return _cast(node, inner)
        case "array_creation_expression":
            return _array(node, inner)
        case _:
            return resolve(node)


def array_entries(array: Node) -> Iterator[tuple[Node | None, Node]]:
    """Key and value of each element of an array; without a key None."""
    for element in array.named_children:
        if element.type == "array_element_initializer" and element.named_children:
            parts = [part for part in element.named_children if part.type != "comment"]
            if len(parts) > 1:
                yield parts[0], parts[-1]
            elif parts and parts[0].type != "variadic_unpacking":
                yield None, parts[0]


def _integer(digits: str) -> object:
    plain = digits.replace("_", "").lower()
    try:
        return int(plain, 8) if len(plain) > 1 and plain[0] == "0" and plain.isdigit() else int(plain, 0)
    except ValueError:
        return UNKNOWN


def _string(node: Node) -> object:
    found = []
    for part in node.named_children:
        if part.type == "string_content":
            found.append(text(part))
        elif part.type == "escape_sequence":
            found.append(_ESCAPES.get(text(part), text(part)))
        else:  # a variable in double quotes
            return UNKNOWN
    return "".join(found)


def _unary(node: Node, inner: Callable[[Node | None], object]) -> object:
    value = inner(node.named_children[-1] if node.named_children else None)
    sign = text(node)[:1]
    if sign == "!":
        return UNKNOWN if isinstance(value, Unknown) else not value
    if isinstance(value, int | float):
        return -value if sign == "-" else value
    return UNKNOWN


def _binary(node: Node, inner: Callable[[Node | None], object]) -> object:
    left, right = inner(node.child_by_field_name("left")), inner(node.child_by_field_name("right"))
    operator = text(node.child_by_field_name("operator"))
    if operator == "??":
        return right if left is None else left
    if operator == "?:" and not isinstance(left, Unknown):
        return left or right
    if operator == "." and isinstance(left, str | int) and isinstance(right, str | int):
        return f"{left}{right}"
    if isinstance(left, int | float) and isinstance(right, int | float):
        if operator == "*":
            return left * right
        if operator == "+":
            return left + right
        if operator == "-":
            return left - right
    return UNKNOWN


def _cast(node: Node, inner: Callable[[Node | None], object]) -> object:
    value = inner(node.child_by_field_name("value"))
    kind = text(node.child_by_field_name("type")).strip().lower()
    if isinstance(value, Unknown):
        return UNKNOWN
    try:
        if kind in ("int", "integer") and isinstance(value, str | int | float | None):
            return int(value or 0)
        if kind in ("bool", "boolean"):
            return bool(value) and value != "0"
        if kind == "string" and isinstance(value, str | int | None):
            return "" if value is None else str(value)
    except ValueError:
        return UNKNOWN
    return UNKNOWN


def _array(node: Node, inner: Callable[[Node | None], object]) -> object:
    entries = list(array_entries(node))
    if all(key is None for key, _ in entries):
        return [inner(value) for _, value in entries]
    known: dict[object, object] = {}
    for number, (key, value) in enumerate(entries):
        name = number if key is None else inner(key)
        if isinstance(name, str | int):
            known[name] = inner(value)
    return known


def statements(body: Node) -> Sequence[Node]:
    """What a block does; comments and empty statements do nothing."""
    return [node for node in body.named_children if node.type not in ("comment", "empty_statement")]
