"""Places of the platform's PHP that pass over a missing file without a word: how paid orders lost their artwork.

A `continue` or an empty return after an existence test, an `if` for what exists without an `else` inside a loop, a
`catch` around a storage call or the update of a file link that neither throws nor does anything about it.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from printflow_reliability.checks import Outcome
from printflow_reliability.findings import Severity
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.php.syntax import arguments, called, child, line, statements, text, walk
from printflow_reliability.posture.sources import PhpSource

CHECK = "posture.skips"
SKIP = Rule(
    name="silent_skip",
    check=CHECK,
    plan=("P0-5",),
    expected="an exception where the file is missing, so that the order stops",
    why="The order otherwise goes to print without its artwork, and nobody hears of it.",
    severity=Severity.CRITICAL,
)
SWALLOWED = Rule(
    name="swallowed_error",
    check=CHECK,
    plan=("P0-5",),
    expected="a catch that throws, fails the job or tries again",
    why="The file or its link is otherwise lost at the first error of the store or the database.",
    severity=Severity.CRITICAL,
)
READ = Rule(
    name="skip_source",
    check=CHECK,
    plan=("P0-5",),
    expected="PHP that parses and passes over no missing file",
    why="What cannot be read may pass over missing files.",
    severity=Severity.CRITICAL,
)
CALLS = (
    "function_call_expression",
    "scoped_call_expression",
    "member_call_expression",
    "nullsafe_member_call_expression",
)
ACCESSES = ("member_access_expression", "nullsafe_member_access_expression")
LOOPS = ("foreach_statement", "for_statement", "while_statement", "do_statement")
FUNCTIONS = ("function_definition", "method_declaration", "anonymous_function", "arrow_function")
EXISTS = frozenset({"exists", "fileexists", "file_exists", "is_file", "is_readable", "doesobjectexist", "has"})
MISSING = frozenset({"missing", "filemissing", "doesntexist"})
STORES = re.compile(r"\\?(?:[A-Za-z]+\\)*(Storage|File)::|(?i:->\s*(?:disk|storage|filesystem|bucket|s3)\b)")
STORAGE_FUNCTIONS = frozenset({"file_get_contents", "file_put_contents", "fopen", "copy", "rename", "readfile"})
STORAGE_METHODS = frozenset(
    {
        *("putobject", "getobject", "headobject", "copyobject", "readstream", "writestream", "putfile", "putfileas"),
        *("storeas", "storepubliclyas", "addmedia", "addmediafromdisk", "temporaryurl"),
    }
)
UPDATES = frozenset(
    {"update", "save", "saveorfail", "updateorcreate", "create", "insert", "upsert", "forcefill", "fill"}
)
FILE_LINK = re.compile(r"print_?ready|artwork|pdf|proof|design|file|path|object_?key|s3_?key|attachment", re.IGNORECASE)
LOGS = re.compile(r"\\?(?:[A-Za-z]+\\)*Log::|logger\(|\$this->logger->|error_log\(|info\(", re.IGNORECASE)
RAISES = frozenset({"fail", "release", "abort", "throw", "throwif", "throw_if", "throw_unless", "abort_if"})
REPORTS = frozenset({"report", "captureexception", "capturemessage"})


def judge_skips(source: PhpSource) -> list[Item]:
    """The places of an application that pass over what is missing; one item that all is well where there are none."""
    judged = Judged()
    for file in source.unread:
        judged.add(READ, None, f"it {file.why}", subject=file.path, place=Place(file.path))
    for path, tree in source.trees.items():
        for node in walk(tree, "if_statement", "catch_clause", "error_suppression_expression"):
            place = Place(path, line(node))
            if node.type == "if_statement":
                if found := _skipped(node):
                    judged.add(SKIP, False, found, subject=str(place), place=place)
            elif node.type == "catch_clause":
                outcome, found = _swallowed(node)
                if found:
                    judged.add(SWALLOWED, outcome, found, subject=str(place), place=place)
            elif _storage_call(node):
                judged.add(SWALLOWED, False, "@ hides the error of a storage call", subject=str(place), place=place)
    if not judged.items and source.trees:
        found = f"{len(source.trees)} PHP files pass over no missing file that is seen"
        judged.add(READ, True, found, subject=source.application.name, place=Place(source.application.root))
    return judged.items


def _skipped(node: Node) -> str:
    """What an `if` passes over; empty if it does not."""
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    if condition is None or body is None:
        return ""
    absent, present = _tests(condition)
    if absent and (left := _leaves_quietly(body)) and (left != "return null" or _is_each(node)):
        return f"{absent}, and the code goes on with {left}"
    positive = present and not absent and node.child_by_field_name("alternative") is None
    if positive and _in_loop(node) and (_stores(body) or "zip" in text(body).lower()):
        return f"{present} has no else: in this loop, what is missing is left out"
    return ""


def _tests(condition: Node) -> tuple[str, str]:
    """What a condition says is absent, and what it says is there; empty where it says neither."""
    absent = present = ""
    for call in walk(condition, *CALLS):
        name = called(call).lower()
        about_files = bool(STORES.search(text(call))) or "_" in name or FILE_LINK.search(text(call)) is not None
        if name in EXISTS and about_files:
            if _negated(call, condition):
                absent = absent or "a file is found missing"
            else:
                present = present or "the test that a file exists"
        elif name in MISSING and about_files and not _negated(call, condition):
            absent = absent or "a file is found missing"
        elif name in ("empty", "is_null", "blank") and FILE_LINK.search(text(call)):
            absent = absent or "a file link is empty"
    for negation in walk(condition, "unary_op_expression"):
        operand = negation.named_children[-1] if negation.named_children else None
        negated = operand is not None and operand.type in ACCESSES and text(negation).startswith("!")
        if negated and operand is not None and FILE_LINK.search(text(operand.child_by_field_name("name"))):
            absent = absent or "a file link is empty"
    for comparison in walk(condition, "binary_expression"):
        sides = [text(comparison.child_by_field_name(side)) for side in ("left", "right")]
        equal = text(comparison.child_by_field_name("operator")) in ("===", "==")
        if equal and "null" in (side.lower() for side in sides) and FILE_LINK.search(" ".join(sides)):
            absent = absent or "a file link is empty"
    return absent, present


def _negated(call: Node, condition: Node) -> bool:
    negations, node = 0, call
    while node != condition and node.parent is not None:
        node = node.parent
        compared = node.type == "binary_expression" and "false" in text(node).lower().split()
        negations += compared or (node.type == "unary_op_expression" and text(node).startswith("!"))
    return negations % 2 == 1


def _leaves_quietly(body: Node) -> str:
    """How a block goes on without a word, or with a line of a log; empty if it does not.

    "return null" stands for every value that says to the caller that there is nothing: it may look at that.
    """
    held = [body] if body.type in ("continue_statement", "return_statement") else list(statements(body))
    if not held or any(_acts(statement) for statement in held[:-1]):
        return ""
    last = held[-1]
    if last.type == "continue_statement":
        return "continue"
    if last.type == "return_statement" and not any(_acts(part) for part in last.named_children):
        return "return null" if last.named_children and not _is_void(last) else "return"
    return ""


def _acts(node: Node) -> bool:
    """Whether something is done about it: anything but to log, to go on and to return nothing."""
    if node.type in ("continue_statement", "break_statement", "comment", "empty_statement"):
        return False
    plain = node.type in ("return_statement", "boolean", "null", "array_creation_expression", "integer", "name")
    if plain or node.type in ("string", "encapsed_string"):
        return any(_acts(part) for part in node.named_children)
    return LOGS.match(text(node).strip()) is None


def _swallowed(clause: Node) -> tuple[Outcome, str]:
    tried = clause.parent.child_by_field_name("body") if clause.parent is not None else None
    body = clause.child_by_field_name("body")
    if tried is None or body is None or not (what := _stores(tried) or _updates_link(tried)):
        return Outcome.PASS, ""
    if next(walk(body, "throw_expression", "throw_statement"), None) is not None:
        return Outcome.PASS, ""
    names = {called(call).lower() for call in walk(body, *CALLS)}
    if names & RAISES:
        return Outcome.PASS, ""
    if names & REPORTS:
        return Outcome.WARN, f"an error of {what} is reported, and the code goes on as if there were none"
    if any(_acts(statement) for statement in statements(body)):
        return Outcome.PASS, ""
    how = "only logged" if statements(body) and names else "swallowed"
    return Outcome.FAIL, f"an error of {what} is {how}"


def _stores(block: Node) -> str:
    return "a storage call" if any(_storage_call(call) for call in _own_calls(block)) else ""


def _own_calls(block: Node) -> Iterator[Node]:
    """The calls of a block; those within a `try` inside of it are that one's."""
    return walk(block, *CALLS, into=lambda node: node.type not in ("try_statement", *FUNCTIONS))


def _storage_call(node: Node) -> bool:
    for call in walk(node, *CALLS) if node.type not in CALLS else (node,):
        name = called(call).lower()
        if call.type == "function_call_expression" and name in STORAGE_FUNCTIONS:
            return True
        if STORES.match(text(call)) or name in STORAGE_METHODS:
            return True
        holder = call.child_by_field_name("object")
        if holder is not None and STORES.search(text(holder)):
            return True
    return False


def _updates_link(block: Node) -> str:
    assigned = any(
        (left := assignment.child_by_field_name("left")) is not None
        and left.type == "member_access_expression"
        and FILE_LINK.search(text(left.child_by_field_name("name")))
        for assignment in walk(block, "assignment_expression")
    )
    for call in _own_calls(block):
        name = called(call).lower()
        keyed = any(FILE_LINK.search(_keys(argument)) for argument in arguments(call))
        if name in UPDATES and (keyed or (assigned and name.startswith("save"))):
            return "the update of a file link"
    return ""


def _keys(argument: Node) -> str:
    keys = [
        text(element.named_children[0])
        for element in walk(argument, "array_element_initializer")
        if len(element.named_children) > 1
    ]
    return " ".join(keys)


def _in_loop(node: Node) -> bool:
    above = node.parent
    while above is not None and above.type not in FUNCTIONS:
        if above.type in LOOPS:
            return True
        above = above.parent
    return _is_each(node)


def _is_each(node: Node) -> bool:
    """Whether the function around it is called for each element of a collection, which is a loop too."""
    above = node.parent
    while above is not None and above.type not in FUNCTIONS:
        above = above.parent
    holder = above.parent.parent if above is not None and above.parent is not None else None
    call = holder.parent if holder is not None else None
    return call is not None and called(call).lower() in ("each", "map", "filter", "every", "eachbyid", "chunk")


def _is_void(node: Node) -> bool:
    """Whether the function around it returns nothing that could tell its caller."""
    above = node.parent
    while above is not None and above.type not in FUNCTIONS:
        above = above.parent
    if above is None:
        return False
    returned = above.child_by_field_name("return_type") or child(above, "primitive_type")
    return returned is not None and text(returned).lower().strip(" :") == "void"
