"""Places of the platform's JavaScript that pass over a missing file or an error of the store: as in silent_skips.py."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from printflow_reliability.posture.items import Item, Judged, Place
from printflow_reliability.posture.node.sources import NodeSource
from printflow_reliability.posture.node.syntax import FUNCTIONS, NodeFile, arguments, called, line, text, walk
from printflow_reliability.posture.silent_skips import READ, SKIP, SWALLOWED

EXISTS = frozenset({"existsSync", "exists", "pathExists", "fileExists", "objectExists"})
STORES = frozenset(
    {
        *("getObject", "putObject", "headObject", "upload", "download", "readFile", "readFileSync", "writeFile"),
        *("writeFileSync", "createReadStream", "createWriteStream", "uploadFile", "downloadFile", "copyFile", "stat"),
    }
)
COMMANDS = re.compile(r"\b(?:Get|Put|Head|Copy)ObjectCommand\b")
QUIET = re.compile(r"(?:console|log|logger|this\.logger|this\.log)\.\w+\(")
LEAVES = ("continue_statement", "return_statement")


def judge_node_skips(source: NodeSource) -> list[Item]:
    """The places of an application; one item that all is well where there are none and there is source."""
    judged = Judged()
    for unread in source.unread:
        judged.add(READ, None, f"it {unread.why}", subject=unread.path, place=Place(unread.path))
    for file in source.files:
        for node, found in _places(file):
            place = Place(file.path, line(node))
            rule = SKIP if node.type == "if_statement" else SWALLOWED
            judged.add(rule, False, found, subject=str(place), place=place)
    if not judged.items and source.files:
        found = f"{len(source.files)} files pass over no missing file that is seen"
        place = Place(source.application.root)
        judged.add(READ, True, found, subject=source.application.name, place=place)
    return judged.items


def _places(file: NodeFile) -> Iterator[tuple[Node, str]]:
    for node in walk(file.tree, "if_statement", "catch_clause", "call_expression"):
        if node.type == "if_statement":
            if _finds_missing(node) and (body := node.child_by_field_name("consequence")) and _leaves_quietly(body):
                yield node, "a file is found missing, and the code goes on"
        elif node.type == "catch_clause":
            tried = node.parent.child_by_field_name("body") if node.parent is not None else None
            body = node.child_by_field_name("body")
            if tried is not None and body is not None and _stores(tried) and _is_quiet(body):
                yield node, "an error of a storage call is swallowed"
        elif called(node).endswith(".catch") and _stores(node.child_by_field_name("function")):
            handler = arguments(node)[:1]
            body = handler[0].child_by_field_name("body") if handler else None
            if body is not None and (
                _is_quiet(body) if body.type == "statement_block" else body.type in ("null", "undefined")
            ):
                yield node, "an error of a storage call is swallowed"


def _finds_missing(node: Node) -> bool:
    condition = node.child_by_field_name("condition")
    for negation in walk(condition, "unary_expression") if condition is not None else ():
        operand = negation.child_by_field_name("argument")
        if text(negation).startswith("!") and operand is not None:
            inner = (
                operand.named_children[-1]
                if operand.type in ("await_expression", "parenthesized_expression")
                else operand
            )
            for call in walk(inner, "call_expression"):
                if called(call).rpartition(".")[2] in EXISTS:
                    return True
    return False


def _leaves_quietly(body: Node) -> bool:
    held = [body] if body.type in LEAVES else _statements(body)
    if not held or held[-1].type not in LEAVES or held[-1].named_children:
        return False
    return all(_is_log(statement) for statement in held[:-1])


def _is_quiet(body: Node) -> bool:
    """Whether a block does nothing but log, go on and return nothing."""
    return all(
        _is_log(statement)
        or statement.type in ("continue_statement", "empty_statement")
        or (
            statement.type == "return_statement"
            and all(value.type in ("null", "undefined", "false") for value in statement.named_children)
        )
        for statement in _statements(body)
    )


def _is_log(statement: Node) -> bool:
    return statement.type == "expression_statement" and QUIET.match(text(statement)) is not None


def _statements(body: Node) -> list[Node]:
    return [node for node in body.named_children if node.type != "comment"]


def _stores(block: Node | None) -> bool:
    if block is None:
        return False
    for call in walk(block, "call_expression", into=lambda node: node.type not in ("try_statement", *FUNCTIONS)):
        name = called(call).rpartition(".")[2]
        if name in STORES or (name == "send" and COMMANDS.search(text(call))):
            return True
    return False
