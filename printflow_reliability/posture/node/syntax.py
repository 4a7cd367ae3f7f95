"""The syntax of a JavaScript or TypeScript file, and what single expressions of it are worth where that can be told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from printflow_reliability.posture.dotenv import Environment
from printflow_reliability.posture.php.syntax import DEEPEST, UNKNOWN, Unknown, line, text, walk

ENDINGS = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx")
FUNCTIONS = ("arrow_function", "function_expression", "function_declaration", "method_definition", "generator_function")
__all__ = ["ENDINGS", "FUNCTIONS", "NodeFile", "arguments", "called", "line", "parse", "text", "walk"]


@cache
def _languages() -> Mapping[str, Language]:
    return {
        "javascript": Language(tree_sitter_javascript.language()),
        "typescript": Language(tree_sitter_typescript.language_typescript()),
        "tsx": Language(tree_sitter_typescript.language_tsx()),
    }


def parse(path: str, content: bytes) -> Node:
    """The tree of a file; `has_error` where a part of it cannot be read."""
    name = "tsx" if path.endswith(".tsx") else "typescript" if path.endswith((".ts", ".mts", ".cts")) else "javascript"
    return Parser(_languages()[name]).parse(content).root_node


@dataclass(frozen=True)
class NodeFile:
    """A parsed file, with the environment that it runs in."""

    path: str
    tree: Node
    environment: Environment

    def calls(self, *names: str) -> Iterator[Node]:
        """Calls by the last part of what is called: "init" is `Sentry.init()` too; `new` counts as a call."""
        for node in walk(self.tree, "call_expression", "new_expression"):
            if called(node).rpartition(".")[2] in names:
                yield node

    def constant(self, name: str) -> Node | None:
        """What a `const` of that name is set to, wherever in the file; None if there is none, or more than one."""
        found = [
            node.child_by_field_name("value")
            for node in walk(self.tree, "variable_declarator")
            if text(node.child_by_field_name("name")) == name and node.parent and text(node.parent).startswith("const")
        ]
        return found[0] if len(found) == 1 else None

    def literal(self, node: Node | None, depth: int = 0) -> Node | None:
        """An expression as it is written where its name was given: constants are followed, types are left out."""
        while node is not None and depth < DEEPEST:
            depth += 1
            if node.type in ("identifier", "shorthand_property_identifier"):
                node = self.constant(text(node))
            elif node.type in (
                "as_expression",
                "satisfies_expression",
                "parenthesized_expression",
                "non_null_expression",
            ):
                node = node.named_children[0] if node.named_children else None
            else:
                return node
        return None

    def members(self, node: Node | None, depth: int = 0) -> tuple[dict[str, Node], bool]:
        """The members of an object literal by name, and whether those are all that it has."""
        held = self.literal(node)
        if held is None or held.type != "object" or depth > DEEPEST:
            return {}, False
        members: dict[str, Node] = {}
        whole = True
        for part in held.named_children:
            if part.type == "pair":
                value = part.child_by_field_name("value")
                if value is not None:
                    members[text(part.child_by_field_name("key")).strip("'\"")] = value
            elif part.type == "shorthand_property_identifier":
                members[text(part)] = part
            elif part.type == "method_definition":
                members[text(part.child_by_field_name("name"))] = part
            elif part.type == "spread_element":
                inner, known = self.members(part.named_children[0] if part.named_children else None, depth + 1)
                members |= inner
                whole = whole and known
        return members, whole

    def worth(self, node: Node | None, depth: int = 0) -> object:
        """What an expression is worth; `process.env` is the application's own `.env`."""
        held = self.literal(node)
        if held is None or depth > DEEPEST:
            return UNKNOWN

        def inner(part: Node | None) -> object:
            return self.worth(part, depth + 1)

        match held.type:
            case "number":
                return _number(text(held))
            case "string":
                return text(held)[1:-1]
            case "true" | "false":
                return held.type == "true"
            case "null" | "undefined":
                return None
            case "unary_expression":
                value = inner(held.child_by_field_name("argument"))
                negative = isinstance(value, int | float) and text(held).startswith("-")
                return -value if negative and isinstance(value, int | float) else UNKNOWN
            case "binary_expression":
                return _binary(held, inner)
            case "member_expression" if text(held).startswith(("process.env.", "import.meta.env.")):
                return self._variable(text(held).rpartition(".")[2])
            case "call_expression" if called(held) in ("Number", "parseInt", "Number.parseInt", "parseFloat"):
                given = arguments(held)
                value = inner(given[0]) if given else UNKNOWN
                return _number(value) if isinstance(value, str) else value
            case _:
                return UNKNOWN

    def _variable(self, name: str) -> object:
        if self.environment.why_unknown:
            return UNKNOWN
        variable = self.environment.get(name)
        return None if variable is None else variable.value


def called(node: Node) -> str:
    """What a call or a `new` calls, as it is written: "Sentry.init", "Worker"."""
    return text(node.child_by_field_name("function") or node.child_by_field_name("constructor")).replace("?.", ".")


def arguments(call: Node) -> list[Node]:
    """The arguments of a call or a `new`."""
    held = call.child_by_field_name("arguments")
    return [part for part in held.named_children if part.type != "comment"] if held is not None else []


def _number(digits: str) -> object:
    plain = digits.replace("_", "").strip()
    try:
        return int(plain, 0) if not any(mark in plain.lower() for mark in ".e") else float(plain)
    except ValueError:
        return UNKNOWN


def _binary(node: Node, inner: Callable[[Node | None], object]) -> object:
    left, right = inner(node.child_by_field_name("left")), inner(node.child_by_field_name("right"))
    operator = text(node.child_by_field_name("operator"))
    if operator == "??" and not isinstance(left, Unknown):
        return right if left is None else left
    if operator == "||" and not isinstance(left, Unknown):
        return left or right
    if isinstance(left, int | float) and isinstance(right, int | float):
        products: dict[str, object] = {"*": left * right, "+": left + right, "-": left - right}
        return products.get(operator, UNKNOWN)
    return UNKNOWN
