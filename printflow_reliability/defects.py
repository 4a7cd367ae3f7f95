"""What an unexpected error says, in the program's own words: everything else in it may be somebody's name or data.

The words of a message that stand in the code of the functions it came through are the program's; what was put
between them is data, and is left out. So a defect can be told to anybody, and its place is in its traceback.
"""

import re
import traceback
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from printflow_reliability.personal_data import UUID, without_personal_data

Redact = Callable[[str], str]
WORD = re.compile(r"[^\W_]+(?:[_'][^\W_]+)*", re.UNICODE)
LEFT_OUT = "[\N{HORIZONTAL ELLIPSIS}]"
PLACEHOLDER = r"\[(?:secret|credentials|token|e-mail address|personal|values|[a-z]+ number|bank account|address)\]"
TOKEN = re.compile(rf"{PLACEHOLDER}|{UUID.pattern}|{WORD.pattern}", re.IGNORECASE)
GAP = re.compile(rf"{re.escape(LEFT_OUT)}(?:[^\w\n:;(){{}}\[\]]*{re.escape(LEFT_OUT)})+")
LONGEST = 2_000
INTERPRETER = frozenset(
    [
        "a",
        "an",
        "and",
        "argument",
        "arguments",
        "at",
        "attribute",
        "base",
        "be",
        "by",
        "bytes",
        "can",
        "cannot",
        "character",
        "codec",
        "concatenate",
        "could",
        "decode",
        "dictionary",
        "division",
        "does",
        "encode",
        "empty",
        "end",
        "exceeded",
        "expected",
        "for",
        "found",
        "from",
        "get",
        "got",
        "has",
        "have",
        "in",
        "index",
        "input",
        "int",
        "integer",
        "invalid",
        "is",
        "it",
        "iterable",
        "iteration",
        "key",
        "keyword",
        "list",
        "literal",
        "maximum",
        "missing",
        "module",
        "must",
        "name",
        "named",
        "no",
        "not",
        "object",
        "of",
        "on",
        "only",
        "operand",
        "operation",
        "or",
        "out",
        "positional",
        "range",
        "recursion",
        "required",
        "sequence",
        "set",
        "size",
        "str",
        "string",
        "subscriptable",
        "supported",
        "takes",
        "than",
        "that",
        "the",
        "to",
        "too",
        "tuple",
        "type",
        "types",
        "unexpected",
        "unpack",
        "unsupported",
        "utf",
        "value",
        "values",
        "was",
        "were",
        "with",
        "zero",
        "NoneType",
        "None",
        "True",
        "False",
    ]
)
"""The words of the interpreter's own messages, which stand in no function."""
CONTAINERS = (tuple, frozenset)


def described(error: BaseException, redact: Redact = without_personal_data) -> str:
    """The kind of an unexpected error, and what it says in the program's own words; `redact` knows secrets too."""
    said = own_words(str(error), error, redact)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def own_words(text: str, error: BaseException, redact: Redact = without_personal_data) -> str:
    """The text with whatever is no word of the code that the error came through left out; UUIDs and few digits stay."""
    known = vocabulary(error)
    text = redact(text[:LONGEST])

    def kept(found: "re.Match[str]") -> str:
        word = found[0]
        escape = found.string[: found.start()].endswith(("#", "%", "\\"))
        small = word.isascii() and word.isdigit() and len(word) <= 3 and not escape
        ours = small or word in known or word.startswith("[") or UUID.fullmatch(word)
        return word if ours else LEFT_OUT

    return GAP.sub(LEFT_OUT, TOKEN.sub(kept, text))


def traced(error: BaseException, redact: Redact = without_personal_data) -> str:
    """The traceback of an error and of its causes, as Python shows it, in the program's own words."""
    lines = []
    for number, each in enumerate(reversed(list(chain(error)))):
        if number:
            lines.append("\nand then\n\n")
        lines += traceback.format_tb(each.__traceback__)
        lines.append(f"{described(each, redact)}\n")
    return "".join(lines).rstrip("\n")


def vocabulary(error: BaseException) -> frozenset[str]:
    """The words of the code that an error and its causes came through."""
    words: set[str] = set(INTERPRETER)
    for each in chain(error):
        words.add(type(each).__name__)
        for frame, _ in traceback.walk_tb(each.__traceback__):
            words.update(_words_of(frame.f_code))
    return frozenset(words)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from or while, and the members of a group; each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop(0)
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, None if found.__suppress_context__ else found.__context__]
        if isinstance(found, BaseExceptionGroup):
            waiting += found.exceptions


def _words_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from code.co_varnames
    for constant in code.co_consts:
        yield from _words_in(constant)


def _words_in(constant: Any) -> Iterator[str]:
    if isinstance(constant, str):
        yield from WORD.findall(constant)
    elif isinstance(constant, CodeType):
        yield from _words_of(constant)
    elif isinstance(constant, CONTAINERS):
        for part in constant:
            yield from _words_in(part)
